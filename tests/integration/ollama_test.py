"""A real model behind the cast: what it is asked, and what comes of all that it does wrong."""

import base64
import json
import struct
import subprocess
import unittest

import fake_ollama
from contracts_test import MODULES
from stack import ROOT, StackTest, eventually

BEER = "Peter, what is your favourite beer?"
USAGE = {"prompt_tokens": 321, "completion_tokens": 21, "total_tokens": 342,
         "prompt_tokens_details": {"cached_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 0}}
ASSISTANT = "As an AI language model I cannot have a favourite beer."


class Ollama(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"coordinator": {"weights": {"energy_budget": 0}},
                "llm": {"ollama_url": cls.ollama.url, "first_token_timeout_ms": 300,
                        "idle_timeout_ms": 300, "health_every_ms": 200, "num_ctx": 4096}}

    def setUp(self):
        self.ollama.reset()
        # What an earlier test broke has healed when the server is asked again.
        eventually(lambda: self.said(f"warm-{id(self)}")["model"] == fake_ollama.MODEL, 20,
                   "the model is asked")
        self.ollama.reset()

    def said(self, channel, message=BEER):
        reply = self.ok(self.stack.say(channel, message))
        self.assertTrue(reply["text"], reply)
        return reply

    def attempts(self, reply):
        return self.stack.turn(reply["turn_id"])["attempts"]

    def provider(self):
        listed = self.ok(self.stack.get("llm", "/providers"))["providers"]
        return next(provider for provider in listed if provider["name"] == "ollama")

    # --- a model that works ---------------------------------------------------------------------

    def test_the_answer_is_the_models_and_says_so(self):
        line = "Holy crap, Pawtucket Patriot Ale, no contest! Freakin' sweet stuff!"
        self.ollama.script.append(fake_ollama.say(line))
        reply = self.said("c-good")
        self.assertEqual((reply["text"], reply["model"]), (line, fake_ollama.MODEL))
        self.assertTrue(reply["passed"])
        self.assertFalse(reply["degraded"])
        (attempt,) = self.attempts(reply)
        self.assertEqual((attempt["model"], attempt["provider"], attempt["failovers"]),
                         (fake_ollama.MODEL, "ollama", []))

    def test_the_model_is_asked_with_the_character_his_knowledge_and_the_conversation(self):
        first = self.said("c-prompt")
        self.said("c-prompt", "Peter, and with what food?")
        request = self.ollama.requests[-1]
        self.assertEqual((request["path"], request["model"], request["stream"]),
                         ("/api/chat", fake_ollama.MODEL, True))
        self.assertEqual(request["options"]["num_ctx"], 4096)
        self.assertGreater(request["options"]["num_predict"], 0)
        system, *talk = request["messages"]
        self.assertEqual(system["role"], "system")
        self.assertTrue(system["content"].startswith("You are Peter."))
        for section in ("# Who you are", "# How you speak", "# Lines of yours",
                        "# Others on stage", "# Rules", "# Knowledge", "<<<KNOWLEDGE 1: ",
                        "KNOWLEDGE>>>"):
            self.assertIn(section, system["content"])
        self.assertEqual(talk, [{"role": "user", "content": "visitor: " + BEER},
                                {"role": "assistant", "content": first["text"]},
                                {"role": "user", "content": "visitor: Peter, and with what food?"}])

    def test_a_rejected_draft_is_drafted_again_with_what_was_wrong(self):
        self.ollama.script.append(fake_ollama.say(ASSISTANT))
        reply = self.said("c-redraft")
        self.assertEqual((reply["attempts"], reply["passed"]), (2, True))
        bad, good = self.attempts(reply)
        self.assertFalse(bad["assessment"]["passed"])
        self.assertIn("assistant_voice", [f["code"] for f in bad["assessment"]["findings"]])
        self.assertEqual(good["text"], reply["text"])
        prompts = [request["messages"][0]["content"] for request in self.ollama.requests]
        self.assertEqual(["# Notes for this draft" in prompt for prompt in prompts], [False, True])

    def test_a_prompt_that_does_not_fit_is_not_sent(self):
        reply = self.ok(self.stack.post("llm", "/chat", {"messages": [
            {"role": "user", "content": "word " * 4000}]}))
        self.assertEqual(reply["provider"], "understudy")
        self.assertIn("num_ctx is 4096", reply["failovers"][0])
        self.assertEqual(self.ollama.requests, [])

    # --- a model that does not ------------------------------------------------------------------

    def failed_over(self, channel):
        """Asks; the understudy must have stood in, in the same attempt. The reason why."""
        reply = self.said(channel)
        self.assertEqual(reply["model"], "understudy")
        attempt = self.attempts(reply)[0]
        self.assertEqual(attempt["provider"], "understudy")
        self.assertEqual(len(attempt["failovers"]), 1)
        self.assertTrue(attempt["failovers"][0].startswith("ollama: "), attempt["failovers"])
        return attempt["failovers"][0]

    def test_the_understudy_stands_in_for_a_model_that_says_nothing(self):
        self.ollama.script.append(fake_ollama.stall)
        self.assertIn("deadline_exceeded", self.failed_over("c-stall"))

    def test_the_understudy_stands_in_for_a_server_that_fails(self):
        self.ollama.script.append(fake_ollama.refuse_with(500))
        self.assertIn("500", self.failed_over("c-500"))

    def test_a_rate_limit_fails_over_and_keeps_the_provider_in(self):
        for i in range(4):  # more than the faults that would put it out
            self.ollama.script.append(fake_ollama.refuse_with(429))
            self.assertIn("429", self.failed_over(f"c-429-{i}"))
        self.assertEqual(self.provider()["breaker"], "closed")
        self.assertEqual(self.said("c-429-over")["model"], fake_ollama.MODEL)

    def test_the_understudy_stands_in_for_garbage(self):
        self.ollama.script.append(fake_ollama.garbage)
        self.assertIn("garbage", self.failed_over("c-garbage"))

    def test_the_understudy_stands_in_for_a_server_that_is_gone_and_leaves_when_it_is_back(self):
        with self.ollama.refusing():
            self.assertIn("unavailable", self.failed_over("c-gone"))
            for i in range(3):
                self.failed_over(f"c-gone-{i}")
            self.assertEqual(self.provider()["breaker"], "open")
            self.assertTrue(self.provider()["last_error"])
        eventually(lambda: self.said("c-back")["model"] == fake_ollama.MODEL, 20, "it is back")

    def test_half_a_line_is_never_said(self):
        half = "Oh man, you know what? My favourite beer is"
        for channel, fault in (("c-cut", fake_ollama.cut_after(half)),
                               ("c-idle", fake_ollama.stall_after(half))):
            with self.subTest(channel=channel):
                self.ollama.script.append(fault)
                reply = self.said(channel)
                broken, good = self.attempts(reply)
                self.assertIn("cut", broken["fault"])
                self.assertNotIn("fault", {k: v for k, v in good.items() if v})
                self.assertEqual(reply["text"], good["text"])
                self.assertNotEqual(reply["text"], half)
                self.assertTrue(reply["degraded"])
                self.assertEqual([line["text"] for line in self.stack.lines(channel)],
                                 [BEER, reply["text"]])

    def test_a_model_that_only_speaks_as_an_assistant_is_never_heard(self):
        self.ollama.default = fake_ollama.say(ASSISTANT)
        reply = self.said("c-assistant")
        self.assertEqual(reply["attempts"], 10)
        self.assertTrue(reply["degraded"])
        # The last draft is the understudy's, in the model's place.
        self.assertEqual(reply["model"], "understudy")
        self.assertIn("Pawtucket", reply["text"])
        self.assertNotIn("AI", reply["text"])
        self.assertEqual([attempt["band"] for attempt in self.attempts(reply)],
                         ["standard"] * 3 + ["tuned"] * 3 + ["guided"] * 4)

    def test_a_model_that_repeats_itself_is_not_repeated(self):
        self.ollama.default = fake_ollama.say("Holy crap, Pawtucket Patriot Ale, freakin' sweet!")
        texts = [self.said("c-repeat", f"Peter, what is your favourite beer number {i}?")["text"]
                 for i in range(5)]
        self.assertEqual(len(set(texts)), 5, texts)

    def test_a_model_that_never_stops_is_stopped(self):
        def flood(handler):
            handler.begin()
            while True:
                handler.text("blah " * 20_000)
        self.ollama.script.append(flood)
        reply = self.said("c-flood")
        self.assertTrue(self.attempts(reply)[0]["fault"])
        self.assertLess(len(reply["text"]), 4000)


class OpenAiDoor(StackTest):
    """POST llm /v1/chat/completions and GET /v1/models, as OpenAI's clients use them."""

    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"llm": {"ollama_url": cls.ollama.url, "idle_timeout_ms": 300,
                        "embed_model": "fake-embed", "health_every_ms": 200}}

    def setUp(self):
        self.ollama.reset()
        eventually(lambda: fake_ollama.MODEL in self.models(), 10, "the model is listed")

    def models(self):
        return [model["id"] for model in self.ok(self.stack.get("llm", "/v1/models"))["data"]]

    def complete(self, **more):
        return self.stack.post("llm", "/v1/chat/completions",
                               {"model": "auto", "messages": [{"role": "user", "content": "Hi"}],
                                **more})

    def pieces(self, reply):
        """The data of each server-sent event."""
        self.assertEqual(reply.status, 200, reply)
        self.assertTrue(reply.headers["Content-Type"].startswith("text/event-stream"))
        events = [event for event in reply.body.decode().split("\n\n") if event]
        self.assertTrue(all(event.startswith("data: ") for event in events), events)
        return [event[len("data: "):] for event in events]

    def test_the_models_are_listed(self):
        listed = self.ok(self.stack.get("llm", "/v1/models"))
        self.assertEqual(listed["object"], "list")
        self.assertEqual({model["object"] for model in listed["data"]}, {"model"})
        self.assertEqual(set(self.models()), {"auto", fake_ollama.MODEL, fake_ollama.EMBED_MODEL,
                                              "understudy"})

    def test_a_completion_comes_whole(self):
        self.ollama.script.append(fake_ollama.say("Hello there, friend."))
        reply = self.complete(model=fake_ollama.MODEL, temperature=0.5, max_tokens=50, seed=7)
        message = self.ok(reply)
        (choice,) = message["choices"]
        self.assertEqual((message["object"], message["model"]),
                         ("chat.completion", fake_ollama.MODEL))
        self.assertEqual(choice["message"], {"role": "assistant", "refusal": None,
                                             "content": "Hello there, friend."})
        self.assertEqual(choice["finish_reason"], "stop")
        self.assertEqual(message["usage"], USAGE)
        self.assertEqual(reply.headers["X-Troupe-Provider"], "ollama")
        options = self.ollama.requests[-1]["options"]
        self.assertEqual((options["temperature"], options["num_predict"], options["seed"]),
                         (0.5, 50, 7))

    def test_a_completion_comes_in_pieces(self):
        self.ollama.script.append(fake_ollama.say("Hello there, friend."))
        *pieces, last = self.pieces(self.complete(stream=True,
                                                  stream_options={"include_usage": True}))
        self.assertEqual(last, "[DONE]")
        *chunks, usage = [json.loads(piece) for piece in pieces]
        self.assertEqual({chunk["object"] for chunk in chunks}, {"chat.completion.chunk"})
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
        self.assertEqual(deltas[0]["role"], "assistant")
        self.assertEqual([delta["content"] for delta in deltas if delta.get("content")],
                         ["Hello", " there,", " friend."])
        self.assertEqual([chunk["choices"][0]["finish_reason"] for chunk in chunks],
                         [None] * (len(chunks) - 1) + ["stop"])
        self.assertEqual((usage["choices"], usage["usage"]["total_tokens"]), ([], 342))

    def test_a_stream_that_breaks_says_so_in_its_last_piece(self):
        self.ollama.script.append(fake_ollama.cut_after("Hello"))
        with self.stack.raw("llm") as sock:
            body = json.dumps({"model": "auto", "stream": True,
                               "messages": [{"role": "user", "content": "Hi"}]})
            sock.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                         f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                         f"{body}".encode())
            said = b""
            while piece := sock.recv(65536):
                said += piece
        self.assertIn(b'"content":"Hello"', said)
        self.assertIn(b'{"error":{', said)
        self.assertNotIn(b"[DONE]", said)
        self.assertFalse(said.endswith(b"0\r\n\r\n"), "a cut stream must not look whole")

    # --- embeddings -----------------------------------------------------------------------------

    def embed(self, texts, **more):
        return self.stack.post("llm", "/v1/embeddings", {"model": "auto", "input": texts, **more})

    def test_texts_become_vectors(self):
        reply = self.embed(["banana", "a b"])
        listed = self.ok(reply)
        self.assertEqual(reply.headers["X-Troupe-Provider"], "ollama")
        self.assertEqual((listed["object"], listed["model"]), ("list", "fake-embed"))
        self.assertEqual([(item["index"], item["embedding"]) for item in listed["data"]],
                         [(0, fake_ollama.vector_of("banana")), (1, fake_ollama.vector_of("a b"))])
        self.assertEqual(listed["usage"], {"prompt_tokens": 7, "total_tokens": 7})
        self.assertFalse(self.ollama.embeds[-1]["truncate"])
        self.assertEqual(self.ollama.embeds[-1]["options"]["num_ctx"], 8192)

    def test_vectors_come_as_bytes_too(self):
        (item,) = self.ok(self.embed("banana", encoding_format="base64"))["data"]
        numbers = struct.unpack(f"<{fake_ollama.DIMENSIONS}f", base64.b64decode(item["embedding"]))
        self.assertEqual(list(numbers), fake_ollama.vector_of("banana"))

    def test_a_model_that_does_not_embed_is_named(self):
        for model, words in (("no-such-model", "no provider here has"),
                             ("understudy", "no provider here has"),
                             (fake_ollama.MODEL, "it does not have the model")):
            reply = self.embed("a", model=model)
            self.assertEqual(reply.status, 404, reply)
            self.assertIn(words, reply.json["error"]["message"])
            self.assertIn(model, reply.json["error"]["message"])

    def test_openais_own_client_is_served(self):
        line = "Hello there, friend."
        # Its chats in their order: whole, streamed, then one that is cut.
        self.ollama.script.extend([fake_ollama.say(line), fake_ollama.say(line),
                                   fake_ollama.cut_after("Hello")])
        host, port = self.stack.address("llm")
        done = subprocess.run(
            ["node", ROOT / "tests/npm/openai_client.mjs", MODULES, f"http://{host}:{port}/v1"],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertIn(fake_ollama.MODEL, said["models"])
        self.assertEqual(said["chat"], {"text": line, "usage": USAGE})
        self.assertEqual(said["stream"], {"pieces": ["Hello", " there,", " friend."],
                                          "finish": "stop", "usage": USAGE})
        vectors = [fake_ollama.vector_of("banana"), fake_ollama.vector_of("a b")]
        self.assertEqual((said["packed"], said["plain"]), (vectors, vectors))
        missing = {"kind": "NotFoundError", "status": 404, "code": "model_not_found", "param": "model"}
        self.assertEqual((said["no_model"], said["no_embedder"]), (missing, missing))
        for name, param in (("bad", "temperature"), ("bad_input", "input")):
            self.assertEqual(said[name], {"kind": "BadRequestError", "status": 400, "code": None,
                                          "param": param})
        self.assertEqual(said["cut"]["kind"], "APIError", "a cut stream is an error to the client")

    def test_the_understudy_can_be_asked_for_by_name(self):
        message = self.ok(self.complete(model="understudy"))
        self.assertEqual(message["model"], "understudy")
        self.assertTrue(message["choices"][0]["message"]["content"])
        self.assertEqual(self.ollama.requests, [])

    def test_what_is_wrong_is_said_in_openais_form(self):
        for more, status, word in ((dict(model="no-such-model"), 404, "no-such-model"),
                                   (dict(messages=[]), 400, "messages"),
                                   (dict(messages=[{"role": "king", "content": "a"}]), 400, "role"),
                                   (dict(temperature=9), 400, "temperature"),
                                   (dict(max_tokens=0), 400, "max_tokens"),
                                   (dict(stream="yes"), 400, "stream")):
            with self.subTest(more=more):
                reply = self.complete(**more)
                self.assertEqual(reply.status, status, reply)
                error = reply.json["error"]
                self.assertIn(word, error["message"])
                self.assertEqual(set(error) & {"message", "type", "param", "code"},
                                 {"message", "type", "param", "code"})


if __name__ == "__main__":
    unittest.main()
