"""A cloud model behind the cast: attached with a key, and all that it may do wrong."""

import json
import os
import subprocess
import unittest

import fake_ollama
import fake_openai
from stack import BIN, Stack, StackTest, environment, eventually

BEER = "Peter, what is your favourite beer?"
KEY = "sk-test-4711-do-not-show"
VARIABLE = "CLOUD_MODEL_KEY"


class OpenAiProvider(StackTest):
    @classmethod
    def settings(cls):
        cls.cloud = fake_openai.FakeOpenAi(KEY)
        cls.addClassCleanup(cls.cloud.stop)
        os.environ[VARIABLE] = KEY
        cls.addClassCleanup(os.environ.pop, VARIABLE)
        return {"coordinator": {"weights": {"energy_budget": 0}},
                "llm": {"providers": [
                    {"name": "cloud", "kind": "openai", "url": cls.cloud.url, "key_env": VARIABLE},
                    {"name": "keyless", "kind": "openai", "key_env": "NO_SUCH_VARIABLE"}],
                    "embed_model": fake_openai.EMBED_MODEL, "first_token_timeout_ms": 300,
                    "idle_timeout_ms": 300, "health_every_ms": 200}}

    def setUp(self):
        self.cloud.key = KEY
        self.cloud.reset()
        eventually(lambda: self.said(f"warm-{id(self)}")["model"] == fake_openai.MODEL, 20,
                   "the model is asked")
        self.cloud.reset()

    def said(self, channel, message=BEER):
        reply = self.ok(self.stack.say(channel, message))
        self.assertTrue(reply["text"], reply)
        return reply

    def attempts(self, reply):
        return self.stack.turn(reply["turn_id"])["attempts"]

    def provider(self, name="cloud"):
        listed = self.ok(self.stack.get("llm", "/providers"))["providers"]
        return next(provider for provider in listed if provider["name"] == name)

    def failed_over(self, channel, *behaviour):
        """Asks; the understudy must have stood in, in the same attempt. The record's reason."""
        self.cloud.script.extend(behaviour)
        reply = self.said(channel)
        self.assertEqual(reply["model"], "understudy")
        attempt = self.attempts(reply)[0]
        self.assertEqual(attempt["provider"], "understudy")
        why, keyless = attempt["failovers"]
        self.assertEqual(keyless, "keyless: unavailable: NO_SUCH_VARIABLE is not set")
        self.assertTrue(why.startswith("cloud: "), why)
        return why

    # --- a model that works ---------------------------------------------------------------------

    def test_the_answer_is_the_models_and_says_so(self):
        line = "Holy crap, Pawtucket Patriot Ale, no contest! Freakin' sweet stuff!"
        self.cloud.script.append(fake_ollama.say(line))
        reply = self.said("c-good")
        self.assertEqual((reply["text"], reply["model"], reply["degraded"]),
                         (line, fake_openai.MODEL, False))
        (attempt,) = self.attempts(reply)
        self.assertEqual((attempt["model"], attempt["provider"], attempt["failovers"]),
                         (fake_openai.MODEL, "cloud", []))
        request = self.cloud.requests[-1]
        self.assertEqual((request["path"], request["stream"], request["stream_options"]),
                         ("/v1/chat/completions", True, {"include_usage": True}))
        self.assertGreater(request["max_tokens"], 0)
        self.assertTrue(request["messages"][0]["content"].startswith("You are Peter."))

    def test_a_completion_has_the_usage_that_the_provider_reports(self):
        self.cloud.script.append(fake_ollama.say("Hello there."))
        reply = self.ok(self.stack.post("llm", "/v1/chat/completions", {
            "model": fake_openai.MODEL, "messages": [{"role": "user", "content": "Hi"}]}))
        self.assertEqual(reply["choices"][0]["message"]["content"], "Hello there.")
        self.assertEqual(reply["usage"]["total_tokens"], 342)

    def test_texts_become_vectors(self):
        body = {"model": "auto", "input": ["banana", "a b"], "dimensions": 3}
        listed = self.ok(self.stack.post("llm", "/v1/embeddings", body))
        self.assertEqual([item["embedding"] for item in listed["data"]],
                         [fake_ollama.vector_of(text)[:3] for text in body["input"]])
        self.assertEqual(listed["usage"]["total_tokens"], 5)

    def test_the_key_is_sent_and_shown_nowhere(self):
        self.cloud.script.append(fake_openai.error_as_answer(f"I know your key: {KEY}"))
        why = self.failed_over("c-key")
        self.assertIn("(key)", why)
        self.assertEqual(self.cloud.keys, {f"Bearer {KEY}"})
        for service, path in (("llm", "/config"), ("llm", "/providers"), ("llm", "/metrics"),
                              ("llm", "/health"), ("router", "/turns?channel=c-key")):
            self.assertNotIn(KEY.encode(), self.stack.get(service, path).body, path)
        self.assertNotIn(KEY, self.stack.logs(100_000))
        self.assertIn(VARIABLE.encode(), self.stack.get("llm", "/config").body)

    def test_a_provider_without_its_key_says_so(self):
        keyless = self.provider("keyless")
        self.assertEqual((keyless["state"], keyless["last_error"]),
                         ("no_key", "NO_SUCH_VARIABLE is not set"))

    # --- a model that does not ------------------------------------------------------------------

    def test_the_understudy_stands_in_and_the_record_says_why(self):
        def cut_at_once(handler):
            handler.begin()
            handler.cut()
        for channel, behaviour, words in (
                ("c-stall", fake_ollama.stall, "deadline_exceeded: no first token in time"),
                ("c-500", fake_ollama.refuse_with(500), "HTTP 500: scripted 500"),
                ("c-404", fake_ollama.refuse_with(404), "it does not have the model 'fake-gpt'"),
                ("c-cut", cut_at_once, "unavailable"),
                ("c-error", fake_openai.error_after("", "out of GPUs"), "out of GPUs"),
                ("c-answer", fake_openai.error_as_answer("no more"), "no more"),
                ("c-401", fake_ollama.refuse_with(401), "HTTP 401: the key is refused")):
            with self.subTest(channel=channel):
                self.assertIn(words, self.failed_over(channel, behaviour))
                eventually(lambda: self.said("c-between")["model"] == fake_openai.MODEL, 20, "back")

    def test_garbage_is_never_said(self):
        def page(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/html")
            handler.send_header("Content-Length", "22")
            handler.end_headers()
            handler.wfile.write(b"<html>It works!</html>")
        self.assertIn("garbage in the stream: '<html>It works!</html>'",
                      self.failed_over("c-page", page))

    def test_a_rate_limit_is_waited_for_and_keeps_the_provider_in(self):
        self.assertIn("overloaded: HTTP 429: slow down",
                      self.failed_over("c-429", fake_openai.rate_limit(2)))
        arrived = self.cloud.arrived
        self.assertIn("it limits the rate for another", self.failed_over("c-429-b"))
        self.assertEqual(self.cloud.arrived, arrived, "it is left alone")
        self.assertEqual(self.provider()["breaker"], "closed")
        eventually(lambda: self.said("c-429-over")["model"] == fake_openai.MODEL, 20, "it is back")

    def test_a_key_that_is_taken_back_puts_the_provider_out_until_it_is_given_again(self):
        self.cloud.key = "another"
        eventually(lambda: self.provider()["state"] == "denied", 10, "the key is refused")
        arrived = self.cloud.arrived
        self.assertIn("HTTP 401: the key is refused", self.failed_over("c-denied"))
        self.assertEqual(self.cloud.arrived, arrived, "nothing is sent to it")
        self.cloud.key = KEY
        eventually(lambda: self.said("c-again")["model"] == fake_openai.MODEL, 20, "it is back")

    def test_the_understudy_stands_in_for_a_server_that_is_gone_and_leaves_when_it_is_back(self):
        with self.cloud.refusing():
            for i in range(4):
                self.failed_over(f"c-gone-{i}")
            self.assertEqual(self.provider()["breaker"], "open")
        eventually(lambda: self.said("c-back")["model"] == fake_openai.MODEL, 20, "it is back")

    def test_half_a_line_is_never_said(self):
        half = "Oh man, you know what? My favourite beer is"
        for channel, fault in (("c-half", fake_ollama.cut_after(half)),
                               ("c-idle", fake_ollama.stall_after(half)),
                               ("c-err", fake_openai.error_after(half, "out of GPUs"))):
            with self.subTest(channel=channel):
                self.cloud.script.append(fault)
                reply = self.said(channel)
                self.assertIn("cut", self.attempts(reply)[0]["fault"])
                self.assertNotEqual(reply["text"], half)
                self.assertEqual([line["text"] for line in self.stack.lines(channel)],
                                 [BEER, reply["text"]])


class Alone(Stack):
    """The llm service by itself, with variables of its own."""

    def __init__(self, variables):
        super().__init__({"llm": {"health_every_ms": 100}})
        self.variables = variables

    def launch(self, program="llm"):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [BIN / f"troupe-{program}", "--config", self.config, "--data", self.data,
                 "--run", self.run], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={**environment(), **self.variables})

    def ready(self):
        return self.is_ready("llm")


class KeyInTheEnvironment(unittest.TestCase):
    def setUp(self):
        self.cloud = fake_openai.FakeOpenAi(KEY)
        self.addCleanup(self.cloud.stop)

    def providers(self, **variables):
        """{name: state} of an llm service that was started with these variables."""
        stack = Alone({"OPENAI_API_KEY": KEY, "OPENAI_API_BASE_URL": self.cloud.url, **variables})
        self.addCleanup(stack.destroy)
        stack.start()

        def asked():
            listed = stack.get("llm", "/providers").json["providers"]
            return {provider["name"]: provider["state"] for provider in listed}
        eventually(lambda: "unknown" not in asked().values(), 10, "the providers are known")
        reply = stack.post("llm", "/v1/chat/completions", {
            "model": "auto", "messages": [{"role": "user", "content": "hello"}]})
        self.assertEqual(reply.status, 200, reply)
        self.assertNotIn(KEY, stack.logs(100_000))
        return asked(), json.loads(reply.body)["model"]

    def test_alone_sends_nothing_anywhere(self):
        self.assertEqual(self.providers(), ({"understudy": "up"}, "understudy"))
        self.assertEqual((self.cloud.keys, self.cloud.arrived), (set(), 0))

    def test_is_used_when_that_is_allowed(self):
        self.assertEqual(self.providers(TROUPE_LLM_ALLOW_CLOUD="1", DEFAULT_MODEL=fake_openai.MODEL),
                         ({"openai": "up", "understudy": "up"}, fake_openai.MODEL))
        self.assertEqual(self.cloud.keys, {f"Bearer {KEY}"})

    def test_that_is_no_switch_stops_the_start(self):
        done = subprocess.run([BIN / "troupe-llm", "--print-config"], capture_output=True,
                              text=True, timeout=30, check=False,
                              env={**environment(), "TROUPE_LLM_ALLOW_CLOUD": "maybe"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("TROUPE_LLM_ALLOW_CLOUD: cannot read 'maybe'", done.stderr)


if __name__ == "__main__":
    unittest.main()
