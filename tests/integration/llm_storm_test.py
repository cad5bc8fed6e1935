"""A storm of faults: three providers of one model, each of which fails a third of its requests.

The providers' own log is the truth: a request may fail before its first token only if everybody who
was asked has failed it, an answer is what a provider said, and the books agree with the providers'.
"""

import collections
import concurrent.futures
import http.client
import json
import random
import threading
import unittest

import fake_models
import forms
from llm_clients_test import Alone, provider
from stack import StackTest, eventually

MODEL = "storm-model"
CLIENTS = 24
FAULTY = 0.3
# With the blank before it a word has four letters on average, as a token of English has.
WORDS = ("the of and to in is that it was for on are as with his they at be this from have by not "
         "but what all were when we an your said do how if will up out many then them so some her "
         "him time has look two more my go no day did get").split()
# (weight, fault)
FAULTS = [(20, {"status": 429}), (20, {"status": 500}), (10, {"status": 503}),
          (10, {"status": 529}), (4, {"fault": "hang"}), (4, {"fault": "hang", "after": "token"}),
          (15, {"fault": "reset"}), (15, {"fault": "reset", "after": "token"}),
          (15, {"fault": "cut"}), (15, {"fault": "cut", "after": "token"}),
          (10, {"fault": "garbage"}), (10, {"fault": "garbage", "after": "token"}),
          (10, {"fault": "error"}), (10, {"fault": "cut", "after": 9}),
          (10, {"fault": "reset", "after": 9}), (4, {"fault": "hang", "after": 9}),
          (10, {"fault": "garbage", "after": 9}), (10, {"fault": "error", "after": 9})]
# After these it is not asked for a while, whoever asks: so one provider alone has them.
AWAY, AWAY_FAULTS = "anthropic", [(3, {"status": 401}), (3, {"status": 429, "retry_after": 1})]
# Far more than a sound provider needs, on a machine that has other work as well.
PATIENCE_MS = 3_000


def text_of(draw, words):
    return " ".join(draw.choice(WORDS) for _ in range(words))


def number_of(asked):
    return int(fake_models.last_said(asked.body)[0].split()[0])


class Request:
    """One request of the storm, by its number: all about it follows from the seed."""

    def __init__(self, seed, number):
        draw = random.Random(f"{seed}/{number}")
        self.number = number
        self.dialect = draw.choice(("openai", "ollama", "anthropic"))
        self.streamed = draw.random() < 0.6
        self.abandoned = self.streamed and draw.random() < 0.05
        self.prompt = f"{number} {text_of(draw, draw.randrange(60, 200))}"
        self.status, self.text, self.complete, self.told = 0, "", False, False

    def play(self, seed, kind):
        draw = random.Random(f"{seed}/{self.number}/{kind}")
        text = f"{kind} {self.number} {text_of(draw, draw.randrange(12, 60))}"
        if self.abandoned:
            return fake_models.Play(text=text, fault="hang", after=9)
        if draw.random() >= FAULTY:
            return fake_models.Play(text=text)
        faults = FAULTS + (AWAY_FAULTS if kind == AWAY else [])
        (fault,) = draw.choices([fault for _, fault in faults], [weight for weight, _ in faults])
        return fake_models.Play(text=text, **fault)

    # --- the asker ------------------------------------------------------------------------------

    def send(self, connection):
        messages = [{"role": "user", "content": self.prompt}]
        path = {"openai": "/v1/chat/completions", "ollama": "/api/chat",
                "anthropic": "/v1/messages"}[self.dialect]
        body = {"model": MODEL, "messages": messages, "stream": self.streamed}
        if self.dialect == "anthropic":
            body["max_tokens"] = 1000
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        self.status = answer.status
        if self.status != 200 or not self.streamed:
            self.read_whole(json.loads(answer.read()))
        else:
            self.read_stream(answer)

    def read_whole(self, value):
        self.told = "error" in value
        self.complete = not self.told
        if self.complete:
            self.text = {"openai": lambda: value["choices"][0]["message"]["content"],
                         "ollama": lambda: value["message"]["content"],
                         "anthropic": lambda: value["content"][0]["text"]}[self.dialect]()

    def read_stream(self, answer):
        pieces = 0
        try:
            for line in answer:
                line = line.strip()
                if self.dialect != "ollama":
                    if not line.startswith(b"data: "):
                        continue
                    line = line[6:]
                if not line:
                    continue
                pieces += self.read_event(line)
                if self.abandoned and pieces == 9:
                    return
        except (http.client.HTTPException, OSError):
            pass  # the connection was cut, after the error that this must have been told

    def read_event(self, data):
        if data == b"[DONE]":
            self.complete = not self.told
            return 0
        value = json.loads(data)
        self.told |= "error" in value
        self.complete |= value.get("done") is True or value.get("type") == "message_stop"
        if self.dialect == "openai":
            choices = value.get("choices") or [{}]
            piece = choices[0].get("delta", {}).get("content") or ""
        elif self.dialect == "ollama":
            piece = value.get("message", {}).get("content", "")
        else:
            piece = value.get("delta", {}).get("text", "")
        self.text += piece
        return bool(piece)


class LlmStorm(StackTest):
    make = Alone

    @classmethod
    def settings(cls):
        cls.seed = forms.seed()
        cls.requests = [Request(cls.seed, number)
                        for number in range(forms.amount("llm storm requests"))]
        cls.fakes = {}
        for kind in fake_models.KINDS:
            fake = fake_models.FakeModels(kind, [MODEL], plays=lambda asked, kind=kind:
                                          cls.requests[number_of(asked)].play(cls.seed, kind))
            cls.addClassCleanup(fake.stop)
            cls.fakes[kind] = fake
        providers = [provider(kind, fake) for kind, fake in cls.fakes.items()]
        return {"llm": {"providers": providers, "chain": list(cls.fakes), "health_every_ms": 100,
                        "first_token_timeout_ms": PATIENCE_MS, "whole_timeout_ms": PATIENCE_MS,
                        "idle_timeout_ms": PATIENCE_MS}}

    def storm(self):
        """Sends all; what the process refuses of a connection is an error of the test."""
        address, local = self.stack.address("llm"), threading.local()

        def send(request):
            connection = getattr(local, "connection", None)
            if connection is None:
                connection = local.connection = http.client.HTTPConnection(*address, timeout=60)
            request.send(connection)
            if request.streamed and not (request.complete and request.status == 200):
                connection.close()  # abandoned or cut; it opens again by itself
        over = threading.Event()
        asker = threading.Thread(target=self.keep_asking_for_usage, args=(over,))
        asker.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(send, self.requests))
        finally:
            over.set()
            asker.join()

    def keep_asking_for_usage(self, over):
        """The books are read while they are written."""
        while not over.wait(0.05):
            self.usage_statuses.add(self.stack.get("llm", "/usage").status)

    def test_nothing_fails_that_a_provider_would_have_answered(self):
        self.usage_statuses = set()
        self.storm()
        self.assertEqual(self.usage_statuses, {200})
        asked = collections.defaultdict(list)
        for kind, fake in self.fakes.items():
            for one in fake.log:
                asked[number_of(one)].append((kind, one))
        outcomes = collections.Counter()
        for request in self.requests:
            with self.subTest(number=request.number, dialect=request.dialect,
                              streamed=request.streamed):
                outcomes[self.check(request, asked[request.number])] += 1
        print(dict(outcomes), flush=True)
        self.check_books()
        self.assertEqual(outcomes["nobody was asked"], 0)
        self.assertGreater(outcomes["answered"], len(self.requests) // 2)

    def check(self, request, asked):
        """What became of the request: a word for the count."""
        ends = [(kind, one.ended, one.sent) for kind, one in asked]
        # Who was so late that another one was asked has failed, though it does not know.
        late = [kind for kind, one in asked if one.took > PATIENCE_MS / 1000 * 0.9]
        whole = [kind for kind, one in asked if one.ended == "whole" and kind not in late]
        began = [kind for kind, one in asked if one.sent > 0 and one.ended != "whole"]
        if request.status != 200:
            self.assertEqual((whole, request.told), ([], True), ends)
            if request.streamed:
                self.assertEqual(began, [], "somebody had begun to answer")
            return "failed" if asked else "nobody was asked"
        expected = [request.play(self.seed, kind).text for kind, _, _ in ends]
        if request.complete:
            self.assertEqual((len(whole or late), request.told), (1, False), ends)
            self.assertIn(request.text,
                          [request.play(self.seed, kind).text for kind in whole + late])
            return "answered"
        self.assertTrue(request.streamed and request.text, ends)
        self.assertTrue(any(text.startswith(request.text) for text in expected), request.text)
        if request.abandoned:
            return "abandoned"
        self.assertTrue(request.told, "a stream was cut without a word")
        self.assertEqual(len(began), 1, ends)
        return "cut"

    # --- the books ------------------------------------------------------------------------------

    def truth(self, kind):
        """(tokens reported, tokens of what ended before they were) by the provider."""
        exact = estimated = 0
        for one in self.fakes[kind].log:
            if one.reported:
                exact += one.prompt + one.sent
            elif one.sent > 0 or one.prompt_reported:
                estimated += one.prompt + one.sent
        return exact, estimated

    def books(self, kind):
        total = self.ok(self.stack.get("llm", f"/usage?provider={kind}"))["total"]
        tokens = total["prompt_tokens"] + total["completion_tokens"]
        return tokens - total["estimated_tokens"], total["estimated_tokens"]

    def check_books(self):
        for kind in self.fakes:
            with self.subTest(provider=kind):
                exact, estimated = self.truth(kind)
                print(kind, "truth", (exact, estimated), "books", self.books(kind), flush=True)
                eventually(lambda: self.books(kind)[0] == exact, 10,
                           f"the books have the {exact} tokens that were reported, not "
                           f"{self.books(kind)[0]}")
                self.assertAlmostEqual(self.books(kind)[1], estimated, delta=0.02 * estimated)


if __name__ == "__main__":
    unittest.main()
