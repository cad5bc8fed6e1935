"""What the model proxy makes of an answer: kept, found again, counted, passed on, or stood in for."""

import hashlib
import json
import unittest

import fake_models
from llm_clients_test import KINDS, provider
from llm_operations_test import MODEL, PATHS, Proxy, Streaming, body_of, text_of
from redis_test import Redis
from stack import StackTest, eventually

FRANCE, SPAIN = "Paris, of course.", "Madrid."
SECRET = "sk-troupe-member"


def about(asked):
    """What a model says of a capital: `France` is in every wording of one of the questions."""
    text = fake_models.last_said(asked.body)[0]
    return fake_models.Play(text=FRANCE if "France" in text else SPAIN, cached=4)


def said_in(dialect, value):
    return {"openai": lambda: value["choices"][0]["message"]["content"],
            "ollama": lambda: value["message"]["content"],
            "anthropic": lambda: value["content"][0]["text"]}[dialect]()


def key(name, secret, **more):
    return {"name": name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), **more}


class Answers(Proxy):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for fake in cls.fakes.values():
            fake.plays = about

    def asked_count(self):
        return sum(len(fake.log) for fake in self.fakes.values())

    def still(self, dialect, text, **more):
        """A question at temperature 0."""
        cold = {"options": {"temperature": 0}} if dialect == "ollama" else {"temperature": 0}
        return self.ask(dialect, text, **cold, **more)

    def counted(self, ending):
        return self.ok(self.stack.get("llm", "/usage"))["total"][ending]


class Kept(Answers):
    @classmethod
    def more(cls):
        return {"semantic_cache": {"on": True}, "chain": ["openai"]}

    def test_a_question_in_other_words_is_answered_as_before_and_says_so(self):
        first = self.still("openai", "What is the capital of France?")
        self.assertEqual((first.status, first.headers["x-troupe-cache"]), (200, None))
        asked, cached = self.asked_count(), self.counted("cached")
        again = self.still("openai", "Tell me what the capital of France is.")
        self.assertEqual(again.headers["x-troupe-cache"], "semantic")
        self.assertEqual(said_in("openai", again.json), FRANCE)
        stream = self.still("openai", "What's the capital of France?", stream=True)
        self.assertEqual(stream.headers["x-troupe-cache"], "semantic")
        self.assertEqual(text_of("openai", stream.body), (FRANCE, True, False))
        exact = self.still("openai", "What is the capital of France?")
        self.assertEqual(exact.headers["x-troupe-cache"], "exact")
        self.assertEqual(self.asked_count(), asked)
        self.assertEqual(self.counted("cached"), cached + 3)

    def test_in_each_dialect_it_is_found_and_replayed_as_a_stream(self):
        for dialect in KINDS:
            with self.subTest(dialect=dialect):
                first = self.still(dialect, f"Name the capital of France, {dialect}.")
                self.assertEqual(said_in(dialect, first.json), FRANCE)
                asked = self.asked_count()
                again = self.still(dialect, f"Please name the capital of France, {dialect}!",
                                   stream=True)
                self.assertEqual(again.headers["x-troupe-cache"], "semantic", again)
                self.assertEqual(text_of(dialect, again.body), (FRANCE, True, False))
                self.assertEqual(self.asked_count(), asked)

    def test_another_question_or_another_setting_is_asked_anew(self):
        self.still("openai", "Which city is the capital of France?")
        for text, more in (("Which city is the capital of Spain?", {}),
                           ("Which city is not the capital of France?", {}),
                           ("Tell me which city is the capital of France.", {"max_tokens": 7})):
            with self.subTest(text=text):
                other = self.still("openai", text, **more)
                self.assertIsNone(other.headers["x-troupe-cache"])
        warm = self.ask("openai", "Which city is the capital of France?", temperature=0.7)
        self.assertIsNone(warm.headers["x-troupe-cache"])

    def test_a_stream_that_is_kept_passes_through_as_the_provider_has_written_it(self):
        first = self.still("openai", "And the capital of France, streamed?", stream=True)
        self.assertIn(b"chatcmpl-1", first.body)  # the provider's own id
        self.assertEqual(text_of("openai", first.body), (FRANCE, True, False))
        again = self.still("openai", "And the capital of France, streamed?", stream=True)
        self.assertEqual(again.headers["x-troupe-cache"], "exact")
        self.assertEqual(text_of("openai", again.body), (FRANCE, True, False))


class Again(Answers):
    """The same bytes again and again: nobody reads them any more, and all that holds still holds."""

    @classmethod
    def more(cls):
        return {"chain": ["openai"], "api_keys": [
            {"name": "guest", "admin": True},
            key("member", SECRET),
            key("hurried", SECRET + "-2", requests_per_minute=4)]}

    def as_key(self, secret, text, dialect="openai", **more):
        return self.still(dialect, text, headers={"Authorization": f"Bearer {secret}"}, **more)

    def test_each_answer_is_the_same_but_for_its_id_and_each_is_in_the_books(self):
        for dialect in KINDS:
            with self.subTest(dialect=dialect):
                text = f"The capital of France, {dialect}?"
                self.assertIsNone(self.still(dialect, text).headers["x-troupe-cache"])
                asked, cached = self.asked_count(), self.counted("cached")
                told = [self.still(dialect, text) for _ in range(4)]
                for one in told:
                    self.assertEqual(one.headers["x-troupe-cache"], "exact", one)
                    self.assertEqual(one.headers["x-troupe-provider"], "openai")
                    self.assertEqual(said_in(dialect, one.json), FRANCE)
                ids = {one.json.get("id") for one in told}
                self.assertEqual(len(ids), 1 if dialect == "ollama" else 4, ids)
                self.assertEqual(len({one.headers["x-request-id"] for one in told}), 4)
                self.assertEqual(self.asked_count(), asked)
                self.assertEqual(self.counted("cached"), cached + 4)

    def test_it_is_for_the_same_key_the_same_bytes_and_no_stream(self):
        text = "Once more, the capital of France?"
        for _ in range(3):
            self.as_key(SECRET, text)
        self.assertEqual(self.as_key(SECRET, text).headers["x-troupe-cache"], "exact")
        self.assertIsNone(self.still("openai", text).headers["x-troupe-cache"])
        self.assertIsNone(self.as_key(SECRET, text + " ").headers["x-troupe-cache"])
        stream = self.as_key(SECRET, text, stream=True)
        self.assertEqual(text_of("openai", stream.body), (FRANCE, True, False))

    def test_the_limits_of_a_key_are_kept(self):
        statuses = [self.as_key(SECRET + "-2", "Quick, the capital of France?").status
                    for _ in range(7)]
        self.assertEqual(statuses, [200] * 4 + [429] * 3)


class Embedded(Answers):
    """The semantic cache by a provider's embeddings, for one of two keys."""

    @classmethod
    def more(cls):
        return {"semantic_cache": {"embed_model": "embedder", "threshold": 0.9},
                "chain": ["openai"], "health_every_ms": 100, "api_keys": [
                    {"name": "guest", "admin": True},
                    key("member", SECRET, semantic_cache=True, models=[MODEL])]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fakes["openai"].models.append("embedder")
        eventually(lambda: "embedder" in cls.known(), 20, "the embedder is known")

    @classmethod
    def known(cls):
        (one,) = cls.stack.get("llm", "/providers").json["providers"]
        return one["models"]

    def as_member(self, text, **more):
        return self.still("openai", text, headers={"Authorization": f"Bearer {SECRET}"}, **more)

    def test_only_the_key_that_wants_it_has_it_and_a_lost_embedder_is_no_loss(self):
        for ask, kept in ((self.as_member, "semantic"),
                          (lambda text: self.still("openai", text), None)):
            self.assertEqual(ask("The capital of France?").status, 200)
            again = ask("The capital of the France?")
            self.assertEqual((again.status, again.headers["x-troupe-cache"]), (200, kept), again)
        self.fakes["openai"].models.remove("embedder")
        lost = self.as_member("Now, the capital of France?")
        self.assertEqual((lost.status, lost.headers["x-troupe-cache"]), (200, None))
        self.fakes["openai"].models.append("embedder")
        eventually(lambda: "embedder" in self.known(), 20, "the embedder is known again")

    def test_a_key_sees_the_models_that_it_may_use(self):
        headers = {"Authorization": f"Bearer {SECRET}"}

        def get(path, more=()):
            return self.ok(self.stack.request("llm", "GET", path, None, {**headers, **dict(more)}))
        self.assertEqual([one["id"] for one in get("/v1/models")["data"]], [MODEL])
        self.assertEqual([one["name"] for one in get("/api/tags")["models"]], [MODEL])
        versioned = get("/v1/models", {"anthropic-version": "2023-06-01"})
        self.assertEqual([one["id"] for one in versioned["data"]], [MODEL])
        hidden = self.stack.request("llm", "GET", "/v1/models/auto", None, headers)
        self.assertEqual(hidden.status, 404, hidden)
        embed = json.dumps({"model": "embedder", "input": "a"})
        refused = self.stack.request("llm", "POST", "/v1/embeddings", embed, headers)
        self.assertEqual(refused.status, 403, refused)


class Shared(Answers):
    """The answers of one instance are there for another, through Redis."""

    @classmethod
    def more(cls):
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.destroy)
        return {"redis_url": cls.redis.url, "chain": ["openai"]}

    def test_an_instance_that_was_restarted_replays_what_is_in_redis(self):
        first = self.still("openai", "What is the capital of France?")
        self.assertEqual(first.status, 200)
        eventually(lambda: self.redis.has("llm:*"), 20, "the answer is written")
        asked = self.asked_count()
        self.assertEqual(self.stack.stop(), (0, []))
        self.stack.start()
        eventually(lambda: self.ok(self.stack.get("llm", "/health"))["services"]["redis"] ==
                   "connected", 20, "redis is connected")
        for dialect in KINDS:
            with self.subTest(dialect=dialect):
                again = self.still("openai", "What is the capital of France?",
                                   stream=dialect != "openai")
                self.assertEqual(again.headers["x-troupe-cache"], "exact", again)
        self.assertEqual(self.asked_count(), asked)


class PassedOn(Answers):
    @classmethod
    def more(cls):
        return {"prices": [{"model": MODEL, "prompt_per_million": 1e6,
                            "completion_per_million": 2e6, "cached_per_million": 1e5}]}

    def of_kind(self, kind, **more):
        self.hang_up({**self.llm, "chain": [kind], **more})

    def test_anthropics_own_headers_reach_its_provider(self):
        self.of_kind("anthropic")
        headers = {"anthropic-version": "2024-10-22", "anthropic-beta": "a-beta,b-beta"}
        self.assertEqual(self.ask("anthropic", "Hi, France.", headers).status, 200)
        got = self.fakes["anthropic"].log[-1].headers
        self.assertEqual({name: got[name] for name in headers}, headers)
        self.assertEqual(self.ask("anthropic", "Hi, France.").status, 200)
        got = self.fakes["anthropic"].log[-1].headers
        self.assertEqual((got.get("anthropic-version"), got.get("anthropic-beta")),
                         ("2023-06-01", None))

    def test_a_provider_without_room_is_overloaded_in_each_dialect(self):
        said = f"Hi. <<{json.dumps({'status': 529})}>>"
        for kind in KINDS:
            self.of_kind(kind)
            for dialect, status in (("openai", 503), ("ollama", 503), ("anthropic", 529)):
                with self.subTest(kind=kind, dialect=dialect):
                    reply = self.ask(dialect, said)
                    self.assertEqual(reply.status, status, reply)
                    if dialect == "anthropic":
                        self.assertEqual(reply.json["error"]["type"], "overloaded_error")

    def test_several_choices_and_logprobs_pass_to_who_understands_them(self):
        for member, value in (("n", 2), ("logprobs", True)):
            for kind in KINDS:
                with self.subTest(member=member, kind=kind):
                    self.of_kind(kind)
                    reply = self.ask("openai", "Hi, France.", **{member: value})
                    if kind == "openai":
                        self.assertEqual(reply.status, 200, reply)
                        self.assertEqual(self.fakes[kind].log[-1].body[member], value)
                    else:
                        self.assertEqual(reply.status, 400, reply)
                        self.assertEqual(reply.json["error"]["param"], member)
            # Who is asked first does not understand it: the next one does.
            self.hang_up({**self.llm, "chain": ["ollama", "openai"]})
            reply = self.ask("openai", "Hi, France.", **{member: value})
            self.assertEqual((reply.status, reply.headers["x-troupe-provider"]), (200, "openai"))

    def test_what_the_provider_had_cached_costs_less(self):
        for kind in ("openai", "anthropic"):
            with self.subTest(kind=kind):
                self.of_kind(kind)

                def usage(kind=kind):
                    return self.ok(self.stack.get("llm", f"/usage?provider={kind}"))["total"]
                before = usage()
                self.assertEqual(self.ask("openai", "Hi, France.").status, 200)
                asked, after = self.fakes[kind].log[-1], usage()
                cost = asked.prompt - 4 + 0.4 + 2 * asked.sent
                self.assertEqual(after["cached_tokens"] - before["cached_tokens"], 4)
                self.assertAlmostEqual(after["cost"] - before["cost"], cost, places=6)

    def test_a_request_over_the_whole_budget_is_too_large_and_not_to_be_repeated(self):
        self.of_kind("openai", api_keys=[{"name": "guest", "admin": True, "tokens_per_day": 500}])
        for dialect in KINDS:
            with self.subTest(dialect=dialect):
                more = {"options": {"num_predict": 600}} if dialect == "ollama" else {}
                reply = self.ask(dialect, "Hi.", **{"max_tokens": 600, **more})
                self.assertEqual((reply.status, reply.headers["Retry-After"]), (413, None), reply)
                self.assertIn("500 tokens a day", reply.body.decode())
        self.assertEqual(self.ask("openai", "Hi.").status, 200)


class StoodInFor(Answers):
    """Nobody answers but the understudy."""

    @classmethod
    def more(cls):
        return {"chain": ["openai", "understudy"]}

    def test_in_each_dialect_the_understudy_answers_when_nobody_else_does(self):
        said = f"Hello there! <<{json.dumps({'status': 500})}>>"
        for dialect in KINDS:
            for model in ("auto", "understudy"):
                with self.subTest(dialect=dialect, model=model):
                    whole = self.ask(dialect, said, model=model)
                    self.assertEqual(whole.headers["x-troupe-provider"], "understudy", whole)
                    self.assertEqual(whole.json["model"], "understudy")
                    text = said_in(dialect, whole.json)
                    self.assertTrue(text)
                    stream = self.ask(dialect, said, model=model, stream=True)
                    self.assertEqual(text_of(dialect, stream.body), (text, True, False))


class Routed(StackTest):
    """"auto" by what the prompt wants, over the models that there are."""

    make = Proxy.make

    @classmethod
    def settings(cls):
        cls.fake = fake_models.FakeModels(
            "ollama", ["gemma:2b", "phi3:3.8b", "mistral:7b", "qwen2.5:3b"])
        cls.addClassCleanup(cls.fake.stop)
        one = {**provider("local", cls.fake), "num_ctx": 40_000}
        del one["key_env"]
        return {"llm": {"providers": [one], "chain": ["local"]}}

    def model_for(self, text, dialect="openai", **more):
        body = {**body_of(text), "model": "auto", **more}
        reply = self.stack.post("llm", PATHS[dialect], body)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.headers["x-troupe-model"], self.fake.log[-1].body["model"])
        return reply.headers["x-troupe-model"]

    def test_auto_finds_the_model_that_suits_the_prompt(self):
        eventually(lambda: len(self.stack.get("llm", "/api/tags").json["models"]) == 5, 20,
                   "its models are known")
        code = "Write a Python function that reverses a linked list, with unit tests."
        for dialect in KINDS:
            self.assertEqual(self.model_for(code, dialect), "mistral:7b")
        self.assertEqual(self.model_for("Hey, how are you today?"), "phi3:3.8b")
        self.assertEqual(self.model_for("Hey, how are you today?", latency_target="ultra_low"),
                         "gemma:2b")
        self.assertEqual(self.model_for("Hey!", model_hint="mistral:7b"), "mistral:7b")
        self.assertEqual(self.model_for("word " * 12_000), "qwen2.5:3b")


if __name__ == "__main__":
    unittest.main()
