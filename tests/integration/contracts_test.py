"""What is written of the doors and messages is true: proto-json/ against the running stack.

Node with ajv and @redocly/cli judges (tests/npm); scripts/test installs them into $TROUPE_NPM.
"""

import copy
import difflib
import json
import os
import subprocess
import unittest
import urllib.parse
from pathlib import Path

import openapi
from stack import ROOT, StackTest

NPM = Path(os.environ.get("TROUPE_NPM", ROOT / "build/npm"))
MODULES = NPM / "node_modules"
SCHEMAS = ROOT / "proto-json"
CHANNEL = "c-contracts"

# Where a request cannot be made from an example of its schema: parts of the URL, and bodies of
# foreign formats, by operationId.
TEXTS = {
    "characters.card": {"id": "peter"},
    "characters.delete": {"id": "guest"},
    "characters.export": {"id": "peter"},
    "characters.lint": {"id": "peter"},
    "characters.preview_of": {"id": "peter"},
    "characters.put_card": {"id": "guest"},
    "characters.versions": {"id": "peter"},
    "crawler.upload": {"name": "clam.md", "collection": "uploads"},
    "coordinator.history": {"channel": CHANNEL, "limit": "5"},
    "llm.model": {"id": "understudy"},
    "retriever.delete.DELETE": {"id": "no-such-document"},
    "retriever.delete_collection": {"collection": "drafts"},
    "retriever.document": {"id": "clam-0"},
    "router.turns": {"channel": CHANNEL},
}
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
PROMPT = {"model": "auto", "prompt": "hello", "max_tokens": 20}
CARD = {"spec": "chara_card_v2", "spec_version": "2.0",
        "data": {"name": "Guest", "description": "Somebody who drops in."}}
BODIES = {
    "crawler.upload": "The Clam opens at noon.",
    "characters.import": CARD,
    "characters.lint_file": CARD,
    "characters.put_card": CARD,
    "llm.completions": CHAT,
    "llm.completions.POST": CHAT,
    "llm.count_tokens": CHAT,
    "llm.embeddings": {"model": "auto", "input": "hello"},
    "llm.generate": PROMPT,
    "llm.messages": CHAT,
    "llm.ollama_chat": CHAT,
    "llm.ollama_embed": {"model": "auto", "input": "hello"},
    "llm.ollama_embeddings": {"model": "auto", "prompt": "hello"},
    "llm.ollama_generate": PROMPT,
    "llm.ollama_show": {"model": "understudy"},
    "llm.pull": {"model": "llama3.2:3b"},
    "llm.pull.POST": {"model": "llama3.2:3b"},
    "llm.text_completions": PROMPT,
}
# Doors to what this stack has not: no model embeds here, and none can be fetched.
STATUSES = {"llm.embeddings": 404, "llm.ollama_embed": 404, "llm.ollama_embeddings": 404,
            "llm.pull": 404, "llm.pull.POST": 404, "bot.speak": 409}


def node(script, *arguments, text=None):
    assert MODULES.is_dir(), f"{MODULES} is missing: scripts/test installs it"
    return subprocess.run(["node", script, *arguments], input=text, capture_output=True, text=True,
                          timeout=120, check=False, cwd=NPM,
                          env={**os.environ, "REDOCLY_TELEMETRY": "off",
                               "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})


def closed(schema):
    """The same schema, forbidding members that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if result.get("type") == "object" and "properties" in result:
        result.setdefault("additionalProperties", False)
    return result


def in_files():
    """{name of a message: its schema}, as proto-json/ has them."""
    return {path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(SCHEMAS.glob("*.schema.json"))}


class Job:
    """Values to be judged by schemas, all at once: Node takes a while to start."""

    def __init__(self):
        self.schemas, self.checks = {}, []

    def check(self, what, name, schema, value):
        self.schemas[name] = schema
        self.checks.append({"what": what, "schema": name, "value": value})

    def faults(self):
        job = json.dumps({"schemas": self.schemas, "checks": self.checks})
        done = node(ROOT / "tests/npm/validate.mjs", MODULES, text=job)
        if done.returncode not in (0, 1) or done.stderr:
            raise AssertionError(done.stderr or done)
        return done.stdout.splitlines()


class Validator(unittest.TestCase):
    """The judge itself: one that finds nothing would let everything pass."""

    SCHEMA = closed({"type": "object", "properties": {"a": {"type": "integer", "maximum": 5}},
                     "required": ["a"]})

    def test_it_accepts_what_fits_and_names_what_does_not(self):
        job = Job()
        job.check("good", "thing", self.SCHEMA, {"a": 5})
        bad = [({"a": 6}, "/a must be <= 5"), ({}, "required property 'a'"),
               ({"a": 1, "b": 2}, "additional properties"), ([], "must be object")]
        for value, _ in bad:
            job.check("bad", "thing", self.SCHEMA, value)
        faults = job.faults()
        self.assertEqual(len(faults), len(bad), faults)
        for fault, (_, words) in zip(faults, bad):
            self.assertIn("bad: no thing: ", fault)
            self.assertIn(words, fault)

    def test_it_refuses_what_is_no_schema(self):
        job = Job()
        for name, schema in (("type", {"type": "text"}), ("keyword", {"maxLenght": 5}),
                             ("value", {"type": "integer", "minimum": "0"})):
            job.check("it", name, schema, 0)
        faults = job.faults()
        for name in ("type", "keyword", "value"):
            self.assertTrue([fault for fault in faults if fault.startswith(f"{name}: ")], faults)


class Files(unittest.TestCase):
    def test_every_schema_is_json_schema_and_its_examples_fit(self):
        job = Job()
        for name, schema in in_files().items():
            self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
            without = {key: value for key, value in schema.items() if key != "examples"}
            job.schemas[name] = schema
            for number, example in enumerate(schema.get("examples", [])):
                job.check(f"{name}: example {number}", f"{name}, closed", closed(without), example)
        self.assertEqual(job.faults(), [])

    def test_the_document_has_the_structs_that_the_files_have(self):
        files = in_files()
        shared = 0
        written = json.loads(openapi.FILE.read_text(encoding="utf-8"))["components"]["schemas"]
        for name, schema in written.items():
            if name in files:
                shared += 1
                expected = {key: value for key, value in files[name].items()
                            if key not in ("$schema", "examples")}
                self.assertEqual(schema, expected, name)
        self.assertGreater(shared, 20)

    def test_the_npm_packages_say_on_which_node_they_run_and_not_whence_they_come(self):
        for place in ("tests/npm", "libs/encoder/weights", "services/hub/page"):
            lock = json.loads((ROOT / place / "package-lock.json").read_text(encoding="utf-8"))
            for path, package in lock["packages"].items():
                self.assertNotIn("resolved", package, path)
                self.assertEqual(bool(path), "integrity" in package, path)


class Doors(StackTest):
    services = openapi.SERVICES

    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.documents = openapi.documents(cls.stack)
        cls.job_id = cls.stack.post("crawler", "/jobs", {"source": "."}).json["job_id"]
        for name, collection in (("clam-0", "bars"), ("draft", "drafts"), ("old", "archive")):
            cls.stack.post("retriever", "/rag/documents",
                           {"id": name, "collection": collection, "content": "A bar."})
        cls.turn_id = cls.stack.say(CHANNEL, "Peter, what is your favourite beer?").json["turn_id"]

    def test_the_document_of_the_stack_is_up_to_date(self):
        now = openapi.written(openapi.merged(self.documents)).splitlines()
        before = openapi.FILE.read_text(encoding="utf-8").splitlines()
        differences = list(difflib.unified_diff(before, now, "openapi.json", "the doors", n=8))
        self.assertFalse(differences, "\n".join(
            ["python3 tests/integration/openapi.py writes it anew", *differences[:60]]))

    def test_redocly_finds_no_fault_in_the_documents(self):
        files = [openapi.FILE]
        for name, document in self.documents.items():
            files.append(self.stack.folder / f"{name}.openapi.json")
            files[-1].write_text(json.dumps(document), encoding="utf-8")
        status, said = self.linted(*files)
        self.assertEqual(status, 0, said)

    def test_redocly_finds_a_fault_where_there_is_one(self):
        document = copy.deepcopy(self.documents["router"])
        del document["paths"]["/orchestrate"]["post"]["summary"]
        document["paths"]["/turns"]["get"]["parameters"].append({"name": "x", "in": "nowhere"})
        file = self.stack.folder / "faulty.openapi.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        status, said = self.linted(file)
        self.assertEqual(status, 1)
        self.assertIn("operation-summary", said)
        self.assertIn("parameters/3/in", said)

    def test_every_door_takes_and_gives_what_its_description_says(self):
        job = Job()
        for service, document in self.documents.items():
            for method, path, operation in openapi.operations(document):
                with self.subTest(door=f"{service} {method} {path}"):
                    for texts, body in self.requests(document, operation, job):
                        reply = self.enter(service, method, path, texts, body)
                        self.assertEqual(reply.status,
                                         STATUSES.get(operation["operationId"], 200), reply)
                        self.described(document, operation, reply, job)
        self.assertEqual(job.faults(), [])

    def test_every_refusal_has_the_shape_that_is_described(self):
        job = Job()
        for service, document in self.documents.items():
            for method, path, operation in openapi.operations(document):
                for texts, body in self.bad_requests(operation):
                    with self.subTest(door=f"{service} {method} {path}"):
                        reply = self.enter(service, method, path, texts, body)
                        self.assertIn(reply.status, range(400, 500), reply)
                        self.described(document, operation, reply, job)
            error = document["components"]["schemas"]["error"]
            for method, path, status in (("GET", "/none", 404), ("DELETE", "/health", 405)):
                reply = self.stack.request(service, method, path)
                self.assertEqual(reply.status, status, reply)
                job.check(f"{service} {path}", "error", closed(error), reply.json)
        self.assertGreater(len(job.checks), 40)
        self.assertEqual(job.faults(), [])

    def test_a_stream_has_the_type_that_is_described(self):
        for path in ("/v1/chat/completions", "/chat/completions"):
            operation = self.documents["llm"]["paths"][path]["post"]
            reply = self.stack.post("llm", path, {**CHAT, "stream": True})
            self.assertEqual(reply.headers["Content-Type"], "text/event-stream")
            self.assertIn("text/event-stream", operation["responses"]["200"]["content"])
            self.assertTrue(reply.body.endswith(b"data: [DONE]\n\n"), reply)

    # --------------------------------------------------------------------------------------------

    def linted(self, *files):
        """The exit status of redocly and what it says."""
        done = node(MODULES / "@redocly/cli/bin/cli.js", "lint", "--format=codeframe", "--config",
                    ROOT / "tests/npm/redocly.yaml", *files)
        return done.returncode, done.stdout + done.stderr

    def resolved(self, document, schema):
        """(name, schema) of a schema in a document, whether it stands there or is referred to."""
        if "$ref" not in schema:
            return json.dumps(schema), schema
        name = schema["$ref"].rsplit("/", 1)[1]
        return name, document["components"]["schemas"][name]

    def requests(self, document, operation, job):
        """Good requests for a door, as (parts of the URL, body); and holds them to its schemas."""
        name = operation["operationId"]
        of_job = dict.fromkeys(("crawler.job", "crawler.cancel", "crawler.retry"),
                               {"id": self.job_id})
        made = {"router.turn": {"turn_id": self.turn_id}, **of_job}
        bodies = {"router.regenerate": {"turn_id": self.turn_id, "author": "visitor"}, **BODIES}
        texts = made.get(name) or TEXTS.get(name, {})
        known = {parameter["name"]: parameter for parameter in operation["parameters"]}
        self.assertLessEqual(set(texts), set(known), "TEXTS names what the door does not take")
        for key, parameter in known.items():
            self.assertTrue(key in texts or not parameter["required"], f"TEXTS has no {key}")
        for key, text in texts.items():
            schema = known[key]["schema"]
            value = text if schema.get("type") == "string" else json.loads(text)
            job.check(f"{name}: {key}", f"{key} of {name}", schema, value)
        form = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if form is None:
            return [(texts, bodies.get(name))]
        what, schema = self.resolved(document, form["schema"])
        examples = [bodies[name]] if name in bodies else in_files()[what].get("examples", [])
        self.assertTrue(examples, f"proto-json/{what}.schema.json has no example to try")
        for example in examples:
            job.check(f"{name}: request", what, closed(schema), example)
        return [(texts, example) for example in examples]

    def bad_requests(self, operation):
        texts = {parameter["name"]: "none" for parameter in operation["parameters"]
                 if parameter["required"]}
        if "requestBody" in operation:
            yield texts, []
            yield texts, "text"
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            if schema.get("type") == "integer":
                yield {**texts, parameter["name"]: "many"}, None
                yield {**texts, parameter["name"]: str(schema["maximum"] + 1)}, None
            elif parameter["in"] == "query" and "maxLength" in schema:
                yield {**texts, parameter["name"]: "a" * (schema["maxLength"] + 1)}, None

    def enter(self, service, method, path, texts, body):
        texts = copy.copy(texts)
        for name in list(texts):
            if f"{{{name}}}" in path:
                value = urllib.parse.quote(texts.pop(name), safe="")
                path = path.replace(f"{{{name}}}", value)
        if texts:
            path += "?" + urllib.parse.urlencode(texts)
        if body is None:
            return self.stack.request(service, method.upper(), path)
        return self.stack.request(service, method.upper(), path, json.dumps(body),
                                  {"Content-Type": "application/json"})

    def described(self, document, operation, reply, job):
        """Holds a reply to what the document says of its status and type."""
        answers = operation["responses"]
        answer = answers.get(str(reply.status)) or answers[f"{reply.status // 100}XX"]
        if "$ref" in answer:
            answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
        kind = reply.headers["Content-Type"].split(";")[0]
        self.assertIn(kind, answer["content"])
        if kind == "application/json":
            name, schema = self.resolved(document, answer["content"][kind]["schema"])
            job.check(f"{operation['operationId']}: {reply.status}", f"{name}, closed",
                      closed(schema), reply.json)


if __name__ == "__main__":
    unittest.main()
