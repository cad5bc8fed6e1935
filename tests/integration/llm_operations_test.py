"""The model proxy in its operators' hands: other settings while it runs, and its end."""

import contextlib
import http.client
import json
import signal
import threading
import unittest

import fake_models
from llm_clients_test import KINDS, PROVIDER_KEY, Alone, provider
from stack import Stack, StackTest, eventually

MODEL = "the-model"
LINE = "Holy crap, that is a long story about nachos."
PATHS = {"openai": "/v1/chat/completions", "ollama": "/api/chat", "anthropic": "/v1/messages"}


def body_of(text, stream=False, **more):
    return {"model": MODEL, "stream": stream, "max_tokens": 100,
            "messages": [{"role": "user", "content": text}], **more}


def paused(play_id, after=3):
    play = {"id": play_id, "text": LINE, "fault": "pause", "after": after}
    return f"Go on. <<{json.dumps(play)}>>"


def text_of(dialect, raw):
    """What a stream says, and whether it ends as a whole one does."""
    text, whole, told = "", False, False
    for line in raw.decode().splitlines():
        data = line.removeprefix("data: ")
        if dialect != "ollama" and data == line or not data:
            continue
        if data == "[DONE]":
            whole = True
            continue
        value = json.loads(data)
        told |= "error" in value
        whole |= value.get("done") is True or value.get("type") == "message_stop"
        if dialect == "openai":
            text += ((value.get("choices") or [{}])[0].get("delta") or {}).get("content") or ""
        elif dialect == "ollama":
            text += value.get("message", {}).get("content", "")
        else:
            text += value.get("delta", {}).get("text", "")
    return text, whole, told


class Streaming(threading.Thread):
    """A request on its way, in a thread of its own."""

    def __init__(self, stack, dialect, body):
        super().__init__(daemon=True)
        self.dialect, self.body = dialect, json.dumps(body)
        self.address = stack.address("llm")
        self.status, self.raw, self.headers = 0, b"", {}
        self.start()

    def run(self):
        with contextlib.closing(http.client.HTTPConnection(*self.address, timeout=60)) as connection:
            connection.request("POST", PATHS[self.dialect], self.body,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            self.status, self.headers = answer.status, answer.headers
            # A stream may be cut.
            with contextlib.suppress(http.client.HTTPException, OSError):
                for line in answer:
                    self.raw += line

    def result(self):
        self.join(60)
        return text_of(self.dialect, self.raw)


class Proxy(StackTest):
    """One proxy before a provider of each kind, all with the same model."""

    make = Alone

    @classmethod
    def settings(cls):
        cls.fakes = {}
        for kind in KINDS:
            cls.fakes[kind] = fake_models.FakeModels(kind, [MODEL], PROVIDER_KEY)
            cls.addClassCleanup(cls.fakes[kind].stop)
        cls.llm = {"providers": [provider(kind, fake) for kind, fake in cls.fakes.items()],
                   "chain": list(KINDS), "port": 0, **cls.more()}
        return {"llm": cls.llm}

    @classmethod
    def more(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        eventually(lambda: cls.states() == {"up"}, 20, "all providers are known")

    @classmethod
    def states(cls):
        return {one["state"] for one in cls.stack.get("llm", "/providers").json["providers"]}

    def ask(self, dialect, text, headers=(), **more):
        return self.stack.request("llm", "POST", PATHS[dialect], json.dumps(body_of(text, **more)),
                                  {"Content-Type": "application/json", **dict(headers)})

    def under_way(self, name):
        """A stream in each dialect, and an answer that is not begun."""
        streams = []
        for dialect in KINDS:
            play_id = f"{name}-{dialect}"
            streams.append(Streaming(self.stack, dialect, body_of(paused(play_id), True)))
            eventually(lambda: self.fakes["openai"].paused(play_id), 20, "it streams")
        whole = Streaming(self.stack, "openai", body_of(paused(f"{name}-whole", "head")))
        eventually(lambda: self.fakes["openai"].paused(f"{name}-whole"), 20, "it is asked")
        return streams, whole

    def said(self):
        return (self.stack.folder / "output").read_text(encoding="utf-8", errors="replace")

    def hang_up(self, text):
        """Gives it other settings, and waits until it has said what it makes of them."""
        self.stack.config.write_text(text if isinstance(text, str) else json.dumps({"llm": text}),
                                     encoding="utf-8")
        answers = ("settings were read again", "settings are refused")
        before = sum(map(self.said().count, answers))
        self.stack.process.send_signal(signal.SIGHUP)
        eventually(lambda: sum(map(self.said().count, answers)) > before, 20, "it has read them")
        return self.said().splitlines()[-1]


class OtherSettings(Proxy):
    def tearDown(self):
        self.hang_up(self.llm)

    def test_a_bad_file_is_refused_whole_and_the_log_names_the_member(self):
        price = {"model": MODEL, "prompt_per_million": 1, "completion_per_million": 1}
        for wrong, member in (
                ({**self.llm, "chain": ["openai", "nobody"], "prices": [price]}, "nobody"),
                ({**self.llm, "total_timeout_ms": "long"}, "llm.total_timeout_ms"),
                ({**self.llm, "first_tokn_timeout_ms": 1}, "first_tokn_timeout_ms"),
                ({**self.llm, "api_keys": [{"name": "a", "sha256": "x"}], "chain": ["ollama"]},
                 "api_keys: 'a'"),
                ("{", "config")):
            with self.subTest(member=member):
                line = self.hang_up(wrong)
                self.assertIn("refused", line)
                self.assertIn(member, line)
                shown = self.ok(self.stack.get("llm", "/config"))
                self.assertEqual((shown["chain"], shown["prices"], shown["api_keys"]),
                                 (list(KINDS), [], []))
                self.assertEqual(self.ask("openai", "Hi.").headers["x-troupe-provider"], "openai")

    def test_another_chain_answers_the_next_request_while_a_stream_goes_on(self):
        streams, waiting = self.under_way("r")
        self.hang_up({**self.llm, "providers": self.llm["providers"][1:],
                      "chain": ["anthropic", "ollama"]})
        self.assertEqual(self.ask("openai", "Hi.").headers["x-troupe-provider"], "anthropic")
        names = {one["name"] for one in self.ok(self.stack.get("llm", "/providers"))["providers"]}
        self.assertEqual(names, {"anthropic", "ollama"})
        self.assertNotIn("openai", self.ok(self.stack.get("llm", "/health"))["services"])
        for name in [*KINDS, "whole"]:
            self.fakes["openai"].go_on(f"r-{name}")
        for stream in streams:
            self.assertEqual(stream.result(), (LINE, True, False), stream.dialect)
            self.assertEqual(stream.headers["x-troupe-provider"], "openai")
        waiting.join(60)
        self.assertEqual(waiting.status, 200, waiting.raw)

    def test_keys_limits_and_prices_hold_from_then_on(self):
        self.assertEqual(self.ask("openai", "Hi.").status, 200)
        price = {"model": MODEL, "prompt_per_million": 1e6, "completion_per_million": 1e6}
        digest = "0" * 63 + "1"
        self.hang_up({**self.llm, "prices": [price], "api_keys": [
            {"name": "guest", "admin": True, "requests_per_hour": 3},
            {"name": "other", "sha256": digest}]})
        before = self.ok(self.stack.get("llm", "/usage"))["total"]["cost"]
        statuses = [self.ask("openai", "Hi.").status for _ in range(4)]
        self.assertEqual(statuses.count(429), 2, statuses)  # /usage was one of three
        self.hang_up(self.llm)
        self.assertEqual(self.ask("openai", "Hi.").status, 200)
        after = self.ok(self.stack.get("llm", "/usage"))["total"]["cost"]
        self.assertGreater(after, before + 2)

    def test_what_only_a_start_changes_is_named_and_shown_as_it_is(self):
        self.hang_up({**self.llm, "body_kib": 64, "total_timeout_ms": 77_000,
                      "lease_requests": 3})
        self.assertIn("body_kib, lease_requests", self.said().splitlines()[-2])
        shown = self.ok(self.stack.get("llm", "/config"))
        self.assertEqual((shown["body_kib"], shown["total_timeout_ms"], shown["lease_requests"]),
                         (16 * 1024, 77_000, 16))
        self.assertIn("limits", self.ok(self.stack.get("llm", "/health"))["services"])

    def test_no_request_fails_while_the_settings_are_read_again_and_again(self):
        failed, over = [], threading.Event()

        def keep_asking():
            address = self.stack.address("llm")
            with contextlib.closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
                while not over.is_set():
                    connection.request("POST", PATHS["openai"], json.dumps(body_of("Hi.")))
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 200:
                        failed.append(answer.status)
        askers = [threading.Thread(target=keep_asking) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            for number in range(10):
                chain = list(KINDS)[number % 3:] + list(KINDS)[:number % 3]
                self.hang_up({**self.llm, "chain": chain, "idle_timeout_ms": 9000 + number})
        finally:
            over.set()
            for asker in askers:
                asker.join()
        self.assertEqual(failed, [])


class AtTheEnd(Proxy):
    def setUp(self):
        if self.stack.process.poll() is not None:
            self.stack.start()
            eventually(lambda: self.states() == {"up"}, 20, "all providers are known")

    def end(self):
        self.stack.process.send_signal(signal.SIGTERM)
        eventually(lambda: not self.open(), 20, "the door is closed")

    def open(self):
        """Whether a new request is still served."""
        with contextlib.suppress(OSError, http.client.HTTPException, LookupError):
            return self.ask("openai", "Hi.").status == 200
        return False


class Ending(AtTheEnd):
    @classmethod
    def more(cls):
        return {"drain_timeout_ms": 20_000}

    def test_what_is_under_way_ends_whole_while_the_door_is_closed(self):
        streams, whole = self.under_way("d")
        self.end()
        self.assertIsNone(self.stack.process.poll())
        for name in [*KINDS, "whole"]:
            self.fakes["openai"].go_on(f"d-{name}")
        for stream in streams:
            self.assertEqual(stream.result(), (LINE, True, False), stream.dialect)
        whole.join(60)
        self.assertEqual(json.loads(whole.raw)["choices"][0]["message"]["content"], LINE)
        self.assertEqual(self.stack.process.wait(20), 0)


class EndingInTime(AtTheEnd):
    @classmethod
    def more(cls):
        return {"drain_timeout_ms": 1000}

    def test_what_has_no_end_is_cut_in_its_dialect_or_told_to_come_again(self):
        streams, whole = self.under_way("e")
        self.end()
        for stream in streams:
            text, complete, told = stream.result()
            self.assertEqual((complete, told), (False, True), stream.raw)
            self.assertTrue(text and LINE.startswith(text), text)
        whole.join(60)
        self.assertEqual(whole.status, 503, whole.raw)
        self.assertGreater(int(whole.headers["Retry-After"]), 0)
        self.assertEqual(self.stack.process.wait(20), 0)


class Others(unittest.TestCase):
    def test_a_service_that_does_not_read_its_settings_again_is_ended_as_ever(self):
        stack = Stack()
        self.addCleanup(stack.destroy)
        stack.launch("quality")
        eventually(lambda: stack.answers("quality", "/health"), 20, "it runs")
        stack.process.send_signal(signal.SIGHUP)
        self.assertEqual(stack.process.wait(20), -signal.SIGHUP)


if __name__ == "__main__":
    unittest.main()
