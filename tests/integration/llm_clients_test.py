"""The official clients, unmodified, at the door to all models: each against each kind of provider."""

import itertools
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import fake_models
from stack import BIN, ROOT, Stack, StackTest, environment, eventually

NPM = Path(os.environ.get("TROUPE_NPM", ROOT / "build/npm"))
KEYS = {"GOOD_KEY": "sk-troupe-test", "POOR_KEY": "sk-troupe-poor"}  # by their variables
PROVIDER_KEY, PROVIDER_VARIABLE = "sk-provider-test", "FAKE_MODELS_KEY"
BODY_KIB = 64
KINDS = ("openai", "ollama", "anthropic")
CLIENTS = ("openai", "ollama", "anthropic", "vercel", "langchain")
NO_EMBEDDINGS, NO_MODELS = {"anthropic"}, {"vercel", "langchain"}
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
         "rkJggg==")
CALLS = [["weather", {"city": "Quahog"}], ["weather", {"city": "Zürich \"Nord\""}]]
PLACE = {"city": "Quahog"}
LINE = "Holy crap, nachos! Größe: 3 €, \"quoted\"\nand 🎭 done."

# What a client calls the reasons to finish: it has said all, it was cut short, it calls.
FINISHES = {"openai": ("stop", "length", "tool_calls"), "ollama": ("stop", "length", "stop"),
            "anthropic": ("end_turn", "max_tokens", "tool_use"),
            "vercel": ("stop", "length", "tool-calls"),
            "langchain": ("stop", "length", "tool_calls")}

_ids = itertools.count()


def said(**play):
    """A job's messages that make the model play so, and its id in the log."""
    play = {"id": f"p{next(_ids)}", **play}
    text = f"What is it? <<{json.dumps(play)}>>"
    return {"id": play["id"], "messages": [{"role": "user", "text": text}]}


def run_client(client, door, key, jobs, seconds=120):
    """{name: result} of the jobs, by an official client."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(jobs, file)
        file.flush()
        done = subprocess.run(
            ["node", ROOT / "tests/npm/llm_clients.mjs", NPM / "node_modules", client, door, key,
             file.name], capture_output=True, text=True, timeout=seconds, check=False, cwd=NPM,
            env=environment())
    if done.returncode != 0:
        raise AssertionError(done.stderr[-3000:])
    return json.loads(done.stdout)


def good_jobs(model, embed_model):
    """What a client asks of a model that works."""
    picture = said(text="A pixel.")
    picture["messages"][0]["image"] = PIXEL
    picture["messages"].insert(0, {"role": "system", "text": "You are Peter."})
    jobs = {
        "chat": {"do": "chat", **said(text=LINE, cached=3)},
        "stream": {"do": "stream", **said(text=LINE, cached=3)},
        "slow": {"do": "stream", **said(text=LINE, slice=7)},
        "short": {"do": "chat", **said(finish="length")},
        "short_stream": {"do": "stream", **said(finish="length")},
        "picture": {"do": "chat", **picture},
        "tools": {"do": "tools", **said(calls=CALLS, then="Sunny twice.")},
        "streamed_tools": {"do": "streamed_tools", **said(calls=CALLS, then="Sunny twice.")},
    }
    for job in jobs.values():
        job["model"] = model
    if embed_model:
        jobs["embed"] = {"do": "embed", "model": embed_model, "texts": ["banana", "a b"]}
    return jobs


class Checks(unittest.TestCase):
    """What must come of good_jobs(), whoever answers."""

    maxDiff = None

    def check_good(self, client, fake, jobs, results):
        stop, length, calling = FINISHES[client]
        for name in ("chat", "stream", "slow"):
            got, asked = results[name], fake.asked(jobs[name]["id"])
            self.assertNotIn("threw", got)
            self.assertEqual((got["text"], got["finish"], got["calls"]), (LINE, stop, []), name)
            self.check_usage(client, fake, asked, got["usage"], 3 if name != "slow" else 0)
        self.assertGreater(len(results["stream"]["pieces"]), 5, "it comes as it is said")
        for name in ("short", "short_stream"):
            self.assertEqual(results[name].get("finish"), length, results[name])
        self.assertEqual(results["picture"].get("text"), "A pixel.", results["picture"])
        sent = json.dumps(fake.asked(jobs["picture"]["id"]).body)
        self.assertIn(PIXEL, sent)
        self.assertIn("You are Peter.", sent)
        for name in ("tools", "streamed_tools"):
            self.check_tools(fake.asked(jobs[name]["id"]), results[name], calling, stop)
        if "embed" in jobs:
            self.assertEqual(results["embed"], [fake_models.vector_of(text)
                                                for text in jobs["embed"]["texts"]])

    def check_usage(self, client, fake, asked, usage, cached):
        self.assertEqual((usage["prompt"], usage["completion"]), (asked.prompt, asked.sent))
        if "ollama" not in (client, fake.kind):
            self.assertEqual(usage["cached"], cached)

    def check_tools(self, asked, result, calling, stop):
        self.assertNotIn("threw", result)
        called, told = result["called"], result["told"]
        self.assertEqual([[call["name"], call["arguments"]] for call in called["calls"]], CALLS)
        ids = {call.get("id") for call in called["calls"]}
        self.assertTrue(len(ids) == 2 or ids == {None}, ids)
        self.assertEqual((called["finish"], told["finish"]), (calling, stop))
        self.assertEqual((told["text"], told["calls"]), ("Sunny twice.", []))
        # The second round as the provider got it: it knows its tools, calls and their results.
        sent = json.dumps(asked.body, ensure_ascii=False)
        for part in ("Sunny in Quahog.", "Sunny in Zürich", "Tells the weather in a city."):
            self.assertIn(part, sent)


class Straight(Checks):
    """The fakes are what the clients take for a provider: else the rest would prove nothing."""

    def test_each_client_is_content_with_the_fake_of_its_own_kind(self):
        for client in CLIENTS:
            kind = client if client in KINDS else "openai"
            with self.subTest(client=client):
                fake = fake_models.FakeModels(kind, ["model", "embed"], PROVIDER_KEY)
                self.addCleanup(fake.stop)
                door = f"http://127.0.0.1:{fake.port}"
                jobs = good_jobs("model", None if client in NO_EMBEDDINGS else "embed")
                for streamed, mid in ((False, False), (True, False), (True, True)):
                    jobs[f"abort {streamed} {mid}"] = abort_job(fake, "model", streamed,
                                                                3 if mid else "head")
                jobs["cut"] = {"do": "refused_stream", "model": "model",
                               **said(fault="cut", after=2)}
                jobs["limit"] = {"do": "refused", "model": "model",
                                 **said(status=429, retry_after=7)}
                results = run_client(client, door, PROVIDER_KEY, jobs)
                self.check_good(client, fake, jobs, results)
                check_aborts(self, jobs, results)
                self.assertNotIn("answered", results["cut"])
                self.assertEqual(results["limit"]["status"], 429)


def abort_job(fake, model, streamed, after):
    return {"do": "aborted", "model": model, "streamed": streamed, "mid": isinstance(after, int),
            "control": f"http://127.0.0.1:{fake.port}", **said(fault="hang", after=after)}


def check_aborts(test, jobs, results):
    for name, job in jobs.items():
        if job["do"] == "aborted":
            with test.subTest(job=name):
                test.assertNotIn("threw", results[name])
                if not job["mid"]:  # of which one client says nothing
                    test.assertNotEqual(results[name]["outcome"], "answered")
                test.assertEqual((results[name]["reached"], results[name]["gone"]), (True, True))



class Alone(Stack):
    """The llm service by itself."""

    def launch(self, program="llm"):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [BIN / f"troupe-{program}", "--config", self.config, "--data", self.data,
                 "--run", self.run], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={**environment(), **KEYS, PROVIDER_VARIABLE: PROVIDER_KEY})

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}")
        return self.is_ready("llm")


def provider(name, fake):
    return {"name": name, "kind": fake.kind, "url": fake.url.removesuffix("/"),
            "key_env": PROVIDER_VARIABLE, "concurrency": 64}


class Door(StackTest, Checks):
    """One llm service in front of a provider of each kind, and of one that refuses our key."""

    make = Alone

    @classmethod
    def settings(cls):
        cls.fakes = {}
        providers = []
        for kind in KINDS:
            models = [f"{kind}-model", f"{kind}-embed"]
            cls.fakes[kind] = cls.fake(kind, models)
            limited = cls.fake(kind, [f"{kind}-limited"])
            denying = cls.fake(kind, [f"{kind}-denied"], "another key")
            providers += [provider(kind, cls.fakes[kind]), provider(f"{kind}-limiting", limited),
                          {**provider(f"{kind}-denying", denying), "models": [f"{kind}-denied"]}]
        return {"llm": {"providers": providers, "chain": [one["name"] for one in providers],
                        "health_every_ms": 200, "body_kib": BODY_KIB,
                        "api_keys": [{"name": "tests", "key_env": "GOOD_KEY"},
                                     {"name": "poor", "key_env": "POOR_KEY", "requests_per_hour": 1},
                                     {"name": "keyless", "admin": True}], **cls.limits()}}

    @classmethod
    def limits(cls):
        return {}

    @classmethod
    def fake(cls, kind, models, key=PROVIDER_KEY):
        fake = fake_models.FakeModels(kind, models, key)
        cls.addClassCleanup(fake.stop)
        return fake

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.done = {}
        eventually(lambda: set(cls.known()) >= {f"{kind}-model" for kind in KINDS}, 20,
                   "the providers' models are known")

    @classmethod
    def known(cls):
        return [model["id"] for model in cls.stack.get("llm", "/v1/models").json["data"]]

    def results(self, client):
        """{kind: (jobs, results)} of all that this class asks, which happens once."""
        if client not in self.done:
            jobs = {kind: self.jobs(client, kind) for kind in KINDS}
            flat = {f"{kind}/{name}": {**job, "group": kind}
                    for kind in KINDS for name, job in jobs[kind].items()}
            host, port = self.stack.address("llm")
            results = run_client(client, f"http://{host}:{port}", KEYS["GOOD_KEY"], flat)
            self.done[client] = {
                kind: (jobs[kind], {name: results[f"{kind}/{name}"] for name in jobs[kind]})
                for kind in KINDS}
        return self.done[client]

    def each_pair(self, check):
        """check(client, kind, jobs, results) for each of the pairs."""
        for client in CLIENTS:
            for kind, (jobs, results) in self.results(client).items():
                with self.subTest(client=client, kind=kind):
                    check(client, kind, jobs, results)

    def each_result(self, wanted, check):
        """check(client, name, result) for each job of each pair whose name is wanted."""
        def check_pair(client, _, jobs, results):
            for name in filter(wanted, jobs):
                with self.subTest(job=name):
                    check(client, name, results[name])
        self.each_pair(check_pair)


class Working(Door):
    @classmethod
    def limits(cls):
        return {"first_token_timeout_ms": 60_000, "idle_timeout_ms": 60_000}

    def jobs(self, client, kind):
        model = f"{kind}-model"
        can_embed = client not in NO_EMBEDDINGS and kind != "anthropic"
        jobs = good_jobs(model, f"{kind}-embed" if can_embed else None)
        fake = self.fakes[kind]
        for streamed, after in ((False, "head"), (False, "token"), (True, "head"),
                                (True, "token"), (True, 3)):
            jobs[f"abort {streamed} {after}"] = abort_job(fake, model, streamed, after)
        again = said(text="Once and for all.")
        for name, do in (("first", "stream"), ("again", "stream"), ("again, whole", "chat")):
            jobs[name] = {"do": do, "model": model, "manner": "still", **again}
        if client not in NO_MODELS:
            jobs["models"] = {"do": "models"}
            jobs["lookup"] = {"do": "lookup", "model": model}
        if client in ("openai", "ollama"):
            jobs["older"] = {"do": "older", "model": model, **said(text=LINE)}
            # Where JSON cannot be asked for, the model is given a tool to answer with.
            place = {"calls": [["json_answer", PLACE]]} if kind == "anthropic" else {
                "text": json.dumps(PLACE)}
            jobs["schema"] = {"do": "chat", "model": model, "manner": "schema", **said(**place)}
        if client == "anthropic":
            jobs["count"] = {"do": "count", "model": model, **said(text=LINE)}
        if client not in NO_EMBEDDINGS and kind == "anthropic":
            jobs["no embeddings"] = {"do": "refused_embed", "model": model, "texts": ["a"]}
        return jobs

    def test_each_client_is_served_by_each_kind_of_provider(self):
        self.each_pair(lambda client, kind, jobs, results: self.check_good(
            client, self.fakes[kind], jobs, results))

    def test_the_models_of_all_providers_are_listed(self):
        models = {f"{kind}-model" for kind in KINDS}
        self.each_result("models".__eq__, lambda client, name, result: self.assertLessEqual(
            models, set(result)))

    def test_a_model_is_looked_up(self):
        self.each_pair(lambda client, kind, jobs, results: self.assertEqual(
            results.get("lookup"), f"{kind}-model" if "lookup" in jobs else None))

    def test_the_older_doors_answer_too(self):
        self.each_result("older".__eq__, lambda client, name, result: self.assertEqual(
            result, {"text": LINE, "streamed": LINE}))

    def test_an_answer_has_the_schema_that_is_asked_for(self):
        def check(client, kind, jobs, results):
            if "schema" in jobs:
                self.assertEqual(json.loads(results["schema"].get("text", "0")), PLACE,
                                 results["schema"])
                sent = self.fakes[kind].asked(jobs["schema"]["id"]).body
                self.assertIn('"city": {"type": "string"}', json.dumps(sent))
        self.each_pair(check)

    def test_tokens_are_counted_before_they_are_sent(self):
        self.each_result("count".__eq__, lambda client, name, result: self.assertIn(
            result, range(10, 100)))

    def test_whoever_goes_takes_the_providers_request_along(self):
        self.each_pair(lambda client, kind, jobs, results: check_aborts(self, jobs, results))

    def test_an_answer_that_may_be_repeated_is_played_again_from_the_cache(self):
        def check(client, kind, jobs, results):
            for name in ("again", "again, whole"):
                got = {key: results[name].get(key) for key in ("text", "finish", "calls", "usage")}
                self.assertEqual(got, {key: results["first"].get(key) for key in got}, name)
            asked = [one for one in self.fakes[kind].log
                     if one.play and one.play.id == jobs["again"]["id"]]
            self.assertEqual(len(asked), 1)
        self.each_pair(check)

    def test_a_provider_without_embeddings_is_an_error(self):
        self.each_result("no embeddings".__eq__, lambda client, name, result: self.assertIn(
            result.get("status"), (400, 404, 501), result))


def breathe(model):
    """A good answer between the faults, so that the provider is not held for broken."""
    return {"do": "chat", "model": model, **said()}


class Refusing(Door):
    """All that may go wrong, whole and streamed, before the first token: it has a status."""

    # What the provider does, and what the client gets.
    FAULTS = {"500": ({"status": 500}, {502}), "503": ({"status": 503}, {502, 503, 529}),
              "529": ({"status": 529}, {429, 502, 503, 529}), "413": ({"status": 413}, {413}),
              "400": ({"status": 400, "message": "temperature: too hot"}, {400}),
              "reset": ({"fault": "reset"}, {502}), "no reply": ({"fault": "cut"}, {502}),
              "cut": ({"fault": "cut", "after": "token"}, {502}),
              "reset later": ({"fault": "reset", "after": "token"}, {502}),
              "garbage": ({"fault": "garbage"}, {502}),
              "error": ({"fault": "error"}, {429, 502, 503, 529})}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        poor = {"Authorization": f"Bearer {KEYS['POOR_KEY']}"}  # has had its one request
        assert cls.stack.request("llm", "GET", "/v1/models", None, poor).status == 200

    def jobs(self, client, kind):
        model = f"{kind}-model"
        jobs = {}
        for do in ("refused", "refused_stream"):
            for name, (play, _) in self.FAULTS.items():
                jobs[f"{do} {name}"] = {"do": do, "model": model, **said(**play)}
                jobs[f"{do} {name}, and then"] = breathe(model)
            jobs[f"{do} 404"] = {"do": do, "model": "no-such-model", **said()}
            jobs[f"{do} bad"] = {"do": do, "model": model, "manner": "bad", **said()}
            jobs[f"{do} limited"] = {"do": do, "model": f"{kind}-limited",
                                     **said(status=429, retry_after=30)}
            jobs[f"{do} wrong key"] = {"do": do, "model": model, "key": "sk-wrong", **said()}
            jobs[f"{do} poor"] = {"do": do, "model": model, "key": KEYS["POOR_KEY"], **said()}
            jobs[f"{do} long"] = {"do": do, "model": model, **said(text="a" * BODY_KIB * 1024)}
            jobs[f"{do} denied"] = {"do": do, "model": f"{kind}-denied", **said()}
        jobs["half"] = {"do": "refused_stream", "model": model, **said(fault="cut", after=3)}
        jobs["half, and then"] = breathe(model)
        jobs["told"] = {"do": "refused_stream", "model": model,
                        **said(fault="error", after=3, message="out of GPUs")}
        jobs["told, and then"] = breathe(model)
        return jobs

    def each_refusal(self, name, check):
        """check(client, result) for that job of each pair, whole and streamed."""
        self.each_result({f"refused {name}", f"refused_stream {name}"}.__contains__,
                         lambda client, _, result: check(client, result))

    def test_a_fault_before_the_first_token_has_a_status(self):
        for name, (_, statuses) in self.FAULTS.items():
            self.each_refusal(name, lambda client, result: self.assertIn(
                result.get("status"), statuses, result))

    def test_after_a_fault_all_is_as_before(self):
        self.each_result(lambda name: name.endswith("and then"),
                         lambda client, name, result: self.assertEqual(
                             result.get("text"), fake_models.Play.text, result))

    def test_an_unknown_model_is_not_found(self):
        codes = {"anthropic": "not_found_error", "ollama": None}

        def check(client, result):
            self.assertEqual((result.get("status"), result.get("code")),
                             (404, codes.get(client, "model_not_found")), result)
            self.assertIn("no-such-model", result["message"])
        self.each_refusal("404", check)

    def test_a_wrong_member_is_named(self):
        members = {"anthropic": "max_tokens", "ollama": "top_p"}

        def check(client, result):
            self.assertEqual(result.get("status"), 400, result)
            self.assertIn(members.get(client, "temperature"), result["message"])
        self.each_refusal("bad", check)

    def test_a_key_that_is_not_known_is_refused(self):
        codes = {"anthropic": "authentication_error", "ollama": None}
        self.each_refusal("wrong key", lambda client, result: self.assertEqual(
            (result.get("status"), result.get("code")),
            (401, codes.get(client, "invalid_api_key")), result))

    def test_a_body_over_the_limit_is_refused(self):
        self.each_refusal("long", lambda client, result: self.assertEqual(
            result.get("status"), 413, result))

    def test_a_key_that_has_used_up_what_it_may_hears_when_to_come_back(self):
        def check(client, result):
            self.assertEqual(result.get("status"), 429, result)
            if client != "ollama":
                self.assertGreater(int(result.get("retry_after") or 0), 0, result)
        self.each_refusal("poor", check)

    def test_a_rate_limit_says_when_to_come_back(self):
        def check(client, result):
            self.assertEqual(result.get("status"), 429, result)
            if client != "ollama":  # which keeps the headers to itself
                self.assertIn(int(result.get("retry_after") or 0), range(1, 31))
        self.each_refusal("limited", check)

    def test_our_own_key_refused_by_a_provider_is_not_the_clients_fault(self):
        self.each_refusal("denied", lambda client, result: self.assertEqual(
            result.get("status"), 502, result))

    def test_a_stream_that_breaks_never_ends_as_if_it_were_whole(self):
        def check(client, name, result):
            self.assertTrue(result.get("pieces"), result)
            self.assertIn("out of GPUs" if name == "told" else "the answer was cut",
                          result.get("message", ""), result)
        self.each_result({"half", "told"}.__contains__, check)


class Hanging(Door):
    @classmethod
    def limits(cls):
        return {"first_token_timeout_ms": 1000, "idle_timeout_ms": 1000, "whole_timeout_ms": 1000}

    def jobs(self, client, kind):
        model = f"{kind}-model"
        jobs = {}
        for name, do, after in (("whole", "refused", "head"), ("head", "refused_stream", "head"),
                                ("token", "refused_stream", "token"),
                                ("idle", "refused_stream", 3)):
            jobs[name] = {"do": do, "model": model, **said(fault="hang", after=after)}
            jobs[f"{name}, and then"] = breathe(model)
        return jobs

    def test_a_provider_that_says_nothing_is_a_timeout(self):
        self.each_result({"whole", "head", "token"}.__contains__,
                         lambda client, name, result: self.assertEqual(
                             result.get("status"), 504, result))

    def test_a_stream_that_stands_still_is_an_error(self):
        def check(client, name, result):
            self.assertTrue(result.get("pieces"), result)
            self.assertIn("the answer was cut", result.get("message", ""), result)
        self.each_result("idle".__eq__, check)

    def test_after_a_hang_all_is_as_before(self):
        self.each_result(lambda name: name.endswith("and then"),
                         lambda client, name, result: self.assertEqual(
                             result.get("text"), fake_models.Play.text, result))


if __name__ == "__main__":
    unittest.main()
