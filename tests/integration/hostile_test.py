"""What no friendly client sends: every door refuses it in words and stays up."""

import contextlib
import functools
import json
import re
import unittest
from dataclasses import dataclass
from pathlib import Path

import openapi
from stack import StackTest, eventually

LINE = {"author": "visitor", "text": "hello"}


@dataclass
class Door:
    """A door for JSON: a body that it takes, a required string of it if it has one, and the
    string's limit."""
    service: str
    path: str
    body: dict
    member: str = ""
    limit: int = 0
    dialect: str = "troupe"  # or openai, anthropic, ollama: how its errors look
    pattern: str = ""  # the path as the service registers it, when it has names in braces
    # The member's value when it is not the string itself but has it inside.
    wrap: object = lambda text: text
    method: str = "POST"
    status: int = 200  # of the answer to `body`: 404 without a model, 409 without the channel

    def __str__(self):
        return f"{self.service} {self.method} {self.path}"

    def with_text(self, text):
        return {**self.body, self.member: self.wrap(text)}


CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}

PROMPT = {"model": "auto", "prompt": "hello"}
EMBED = {"model": "auto", "input": "hello"}


def message_of(text):
    return [{"role": "user", "content": text}]


GUEST = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Guest"}}


def spoken(text):
    return [{"author": "visitor", "text": text}]


def named(text):
    return {"name": text}


def card_of(text):
    return {**GUEST, "data": named(text)}


DOORS = [
    Door("characters", "/prompt", {"character": "peter"}, "character", 64),
    Door("characters", "/preview", {"character": "peter", "talk": [LINE]}, "talk", 4000,
         wrap=spoken),
    Door("characters", "/characters/peter/preview", {"talk": [LINE]}, "talk", 4000, wrap=spoken,
         pattern="/characters/{id}/preview"),
    Door("characters", "/put", {"character": "guest", "card": GUEST}, "card", 128, wrap=card_of),
    Door("characters", "/lint-card", {"card": GUEST}, "card", 128, wrap=card_of),
    Door("characters", "/characters/guest", GUEST, "data", 128, wrap=named,
         pattern="/characters/{id}", method="PUT"),
    Door("characters", "/characters/import", GUEST, "data", 128, wrap=named),
    Door("characters", "/characters/lint", GUEST, "data", 128, wrap=named),
    Door("coordinator", "/observe", {"channel": "c", "message_id": "m", "line": LINE}, "channel",
         64),
    Door("coordinator", "/select", {"participants": ["peter"], "history": [LINE]}, "participants",
         64, wrap=lambda text: [text]),
    Door("coordinator", "/follow-up", {"channel": "c"}, "channel", 64),
    Door("coordinator", "/quiet", {"channel": "c"}, "channel", 64),
    Door("coordinator", "/history", {"channel": "c"}, "channel", 64),
    Door("coordinator", "/forget-lines", {"author_id": "1"}, "author_id", 64),
    Door("crawler", "/jobs", {"source": "."}, "source", 2000),
    Door("llm", "/chat", {"messages": message_of("hello")}, "messages", 256 * 1024,
         wrap=message_of),
    Door("llm", "/v1/chat/completions", CHAT, dialect="openai"),
    Door("llm", "/chat/completions", CHAT, dialect="openai"),
    Door("llm", "/v1/completions", PROMPT, "model", 256, "openai"),
    Door("llm", "/v1/generate", PROMPT, "model", 256, "openai"),
    Door("llm", "/v1/embeddings", EMBED, "model", 256, "openai", status=404),
    Door("llm", "/v1/messages", {**CHAT, "max_tokens": 20}, dialect="anthropic"),
    Door("llm", "/v1/messages/count_tokens", CHAT, "model", 256, "anthropic"),
    Door("llm", "/api/chat", CHAT, dialect="ollama"),
    Door("llm", "/api/generate", PROMPT, dialect="ollama"),
    Door("llm", "/api/embed", EMBED, "model", 256, "ollama", status=404),
    Door("llm", "/api/embeddings", PROMPT, "model", 256, "ollama", status=404),
    Door("llm", "/api/show", {"model": "understudy"}, "model", 256, "ollama"),
    Door("llm", "/api/pull", {"model": "llama3.2:3b"}, "model", 256, "ollama", status=404),
    Door("llm", "/models/pull", {"model": "llama3.2:3b"}, "model", 256, "ollama", status=404),
    Door("quality", "/assess", {"character": "peter", "line": "Holy crap!"}, "line", 16 * 1024),
    Door("quality", "/voice", {"line": "Holy crap!"}, "line", 4000),
    Door("quality", "/config", {"major_cap": 55}, method="PUT"),
    Door("router", "/regenerate", {"turn_id": "none", "author": "visitor"}, "author", 64,
         status=404),
    Door("retriever", "/rag/documents", {"content": "a fact"}, "content", 512 * 1024),
    Door("retriever", "/rag/query", {"query": "a fact"}, "query", 4000),
    Door("retriever", "/rag/documents/delete", {"id": "none"}, "id", 256),
    Door("retriever", "/rag/documents/get", {"id": "none"}, "id", 256, status=404),
    Door("retriever", "/collections/delete", {"collection": "none"}, "collection", 64, status=404),
    Door("retriever", "/settings/rag", {"top_k": 10}, method="PUT"),
    Door("retriever", "/settings/rag/test", {"query": "a fact"}, "query", 4000),
    Door("router", "/orchestrate", {"channel": "c", "author": "v", "message": "hi"}, "message",
         4000),
    Door("router", "/organic-notification",
         {"channel": "c", "character": "peter", "message": "hi"}, "message", 4000),
    Door("router", "/join", {"character": "peter", "user_id": "1", "guilds": []}, "user_id", 64),
    Door("router", "/forget", {"author_id": "1"}, "author_id", 64),
    Door("hub", "/bots", {"name": "Mybot"}, "name", 32),
    Door("peter", "/organic-message", {"channel": "1", "turn_id": "t", "text": "hi"}, "text",
         16 * 1024, status=409),
    Door("tuning", "/hints", {"character": "peter"}, "character", 64),
    Door("tuning", "/outcomes", {"outcomes": [{"turn_id": "t", "character": "peter"}]}, "outcomes",
         64, wrap=lambda text: [{"turn_id": text, "character": "peter"}]),
    Door("tuning", "/forget-outcomes", {"turn_ids": ["t"]}, "turn_ids", 64, wrap=lambda text: [text]),
    Door("tuning", "/feedback", {"turn_id": "t", "author": "v", "kind": "thumbs_up"}, "author", 64),
]


def bad_values(schema):
    """(value, words of its refusal) that a member with this JSON Schema must not take."""
    kind = schema.get("type", "string" if "enum" in schema else None)
    others = {"string": 7, "integer": "7", "number": "7", "boolean": "true", "array": {},
              "object": []}
    if kind in others:
        yield others[kind], ["must be"]
    if "enum" in schema:
        yield "no such word", ["must be one of", *schema["enum"]]
    if "minLength" in schema:
        yield "", ["must not be empty" if schema["minLength"] == 1 else "must have at least"]
    if "maxLength" in schema:
        yield "a" * (schema["maxLength"] + 1), [f"at most {schema['maxLength']} are allowed"]
    if "minimum" in schema:
        yield int(schema["minimum"]) - 1, [f"must be at least {schema['minimum']:g}"]
    if "maximum" in schema:
        yield int(schema["maximum"]) + 1, [f"must be at most {int(schema['maximum'])}"]
    if kind == "integer":
        yield 0.5, ["must be an integer"]
    if "maxItems" in schema:
        yield [0] * (schema["maxItems"] + 1), [f"at most {schema['maxItems']} are allowed"]
    if "maxProperties" in schema:
        yield ({str(number): 0 for number in range(schema["maxProperties"] + 1)},
               [f"at most {schema['maxProperties']} are allowed"])


def breaches(schema, value):
    """Every way in which `value`, which fits its schema, may stop to: (member, words, new value)."""
    for bad, words in bad_values(schema):
        yield "", words, bad
    if "properties" in schema and isinstance(value, dict):
        for name in schema["required"]:
            yield (name, ["is required"],
                   {key: part for key, part in value.items() if key != name})
        for name, part in schema["properties"].items():
            for member, words, bad in breaches(part, value.get(name)):
                dot = "." if member and member[0] != "[" else ""
                yield f"{name}{dot}{member}", words, {**value, name: bad}
    elif schema.get("type") == "array" and value:
        for member, words, bad in breaches(schema["items"], value[0]):
            yield f"[0]{'.' if member else ''}{member}", words, [bad, *value[1:]]


def head(sock):
    """The status line and headers of the answer on a raw connection, as far as they came."""
    data = b""
    with contextlib.suppress(OSError):
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    return data


def at_each_door(check, doors=DOORS):
    """Makes a test of check(self, door): every door is tried, whatever happened at the others."""
    @functools.wraps(check)
    def test(self):
        for door in doors:
            with self.subTest(door=str(door)):
                check(self, door)
    return test


def at_each_door_for_text(check):
    return at_each_door(check, [door for door in DOORS if door.member])


class Hostile(StackTest):
    services = openapi.SERVICES

    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.documents = openapi.documents(cls.stack)
        cls.names = list(cls.documents)
        cls.pids = {name: cls.stack.pid(name) for name in cls.names}

    def tearDown(self):
        for name in self.names:
            self.assertEqual(self.stack.pid(name), self.pids[name], f"{name} has fallen")
            self.assertEqual(self.stack.get(name, "/health", timeout=5).status, 200, name)

    def enter(self, door, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.stack.request(door.service, door.method, door.path, body,
                                  {"Content-Type": "application/json"})

    def refused(self, door, body, *words, statuses=(400,)):
        reply = self.enter(door, body)
        self.assertIn(reply.status, statuses, reply)
        self.assertEqual(reply.headers["Content-Type"], "application/json")
        error = reply.json["error"]
        if door.dialect != "ollama":
            self.assertIn("code" if door.dialect == "troupe" else "type", error)
        for word in words:
            self.assertIn(str(word), error if door.dialect == "ollama" else error["message"])
        return reply

    def test_the_table_above_names_every_door_that_takes_json(self):
        doors = {(name, method.upper(), path) for name, document in self.documents.items()
                 for method, path, operation in openapi.operations(document)
                 if "application/json" in operation.get("requestBody", {}).get("content", {})}
        self.assertEqual({(door.service, door.method, door.pattern or door.path)
                          for door in DOORS}, doors)

    @at_each_door
    def test_the_bodies_of_the_table_are_taken(self, door):
        reply = self.enter(door, door.body)
        self.assertEqual(reply.status, door.status, reply)

    @at_each_door
    def test_what_is_no_json_is_refused(self, door):
        for body in (b"hello", b"{", b'{"a":1}}', b"{'a':1}", b"\x00\x01\x02"):
            self.refused(door, body)

    @at_each_door
    def test_an_empty_body_is_refused(self, door):
        self.refused(door, b"")

    @at_each_door
    def test_json_that_is_no_object_is_refused(self, door):
        for body in (b"[]", b'["a"]', b"null", b"7", b'"text"'):
            self.refused(door, body)

    @at_each_door_for_text
    def test_a_missing_member_is_named(self, door):
        body = {key: value for key, value in door.body.items() if key != door.member}
        self.refused(door, body, door.member)

    @at_each_door_for_text
    def test_a_member_of_the_wrong_type_is_named(self, door):
        for wrong in (7, {"a": 1}, True, None):
            self.refused(door, {**door.body, door.member: wrong}, door.member)

    @at_each_door_for_text
    def test_a_long_string_is_refused_with_its_limit(self, door):
        self.refused(door, door.with_text("a" * (door.limit + 1)), door.member, door.limit,
                     statuses=(400, 413))

    @at_each_door_for_text
    def test_broken_utf8_is_refused(self, door):
        body = json.dumps(door.with_text("MARK")).encode()
        for broken in (b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"):
            self.refused(door, body.replace(b"MARK", broken))

    @at_each_door
    def test_deep_nesting_is_refused(self, door):
        self.refused(door, b"[" * 100_000)
        self.refused(door, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
        inside = json.dumps(door.body).encode()[:-1] + b',"more":' + b"[" * 100_000
        self.refused(door, inside + b"]" * 100_000 + b"}")

    @at_each_door_for_text
    def test_duplicate_members_are_refused(self, door):
        body = json.dumps(door.body)
        self.refused(door, f'{{"{door.member}":1,{body[1:]}'.encode(), door.member)

    def test_every_member_is_held_to_its_limits(self):
        tried = 0
        for door in DOORS:
            document = self.documents[door.service]
            operation = document["paths"][door.pattern or door.path][door.method.lower()]
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            if "$ref" not in schema:
                continue  # a foreign format
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            for member, words, body in breaches(schema, door.body):
                with self.subTest(door=str(door), member=member, words=words):
                    self.refused(door, body, member, *words)
                    tried += 1
        self.assertGreater(tried, 200)

    # --- HTTP -----------------------------------------------------------------------------------

    def memory_peak(self, name):
        status = Path(f"/proc/{self.pids[name]}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def flood(self, name, headers, frame):
        """Sends 100 MB to a service as `frame` makes them; what it says of it."""
        door = next((door for door in DOORS if door.service == name), None)
        entry = f"{door.method} {door.path}" if door else "POST /health"
        piece = frame(b"x" * 65536)
        with self.stack.raw(name) as sock:
            sock.sendall(f"{entry} HTTP/1.1\r\nHost: localhost\r\n"
                         f"Content-Type: application/json\r\n{headers}\r\n\r\n".encode())
            with contextlib.suppress(OSError):  # it need not hear us out
                for _ in range(1600):
                    sock.sendall(piece)
            return head(sock)

    def test_a_body_of_100_mb_is_refused_unread(self):
        ways = {"sized": (f"Content-Length: {1600 * 65536}", lambda data: data),
                "chunked": ("Transfer-Encoding: chunked",
                            lambda data: b"%x\r\n%s\r\n" % (len(data), data))}
        for name in self.names:
            for way, (headers, frame) in ways.items():
                with self.subTest(service=name, way=way):
                    before = self.memory_peak(name)
                    said = self.flood(name, headers, frame)
                    # A reset may overtake the answer; anything but 413 is wrong.
                    if said:
                        self.assertIn(b" 413 ", said.splitlines()[0])
                    self.assertLess(self.memory_peak(name) - before, 64 * 1024 * 1024)

    def test_web_pages_of_others_are_refused(self):
        for name in self.names:
            for headers, status in (({"Origin": "https://evil.example"}, 403),
                                    ({"Origin": "null"}, 403),
                                    ({"Sec-Fetch-Site": "cross-site"}, 403),
                                    ({"Host": "evil.example"}, 421)):
                with self.subTest(service=name, headers=headers):
                    reply = self.stack.request(name, "GET", "/health", headers=headers)
                    self.assertEqual(reply.status, status, reply)
                    self.assertIn("error", reply.json)

    @at_each_door
    def test_a_foreign_page_cannot_post(self, door):
        reply = self.stack.request(door.service, door.method, door.path, json.dumps(door.body),
                                   {"Origin": "https://evil.example"})
        self.assertEqual(reply.status, 403, reply)

    def test_unknown_paths_and_wrong_methods_are_told_apart(self):
        for name in self.names:
            with self.subTest(service=name):
                reply = self.stack.get(name, "/no/such/door")
                self.assertEqual((reply.status, reply.json["error"]["code"]), (404, "not_found"))
                reply = self.stack.request(name, "DELETE", "/health")
                self.assertEqual(reply.status, 405, reply)
                self.assertIn("GET", reply.headers["Allow"])

    @at_each_door
    def test_a_door_says_by_which_method_it_is_entered(self, door):
        reply = self.stack.request(door.service, "PATCH", door.path, "{}")
        self.assertEqual(reply.status, 405, reply)
        self.assertIn(door.method, reply.headers["Allow"])

    def test_what_is_no_http_is_cut_off(self):
        for name in self.names:
            for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
                          b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                          b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                          b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 1_000_000,
                          b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                          b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"):
                with self.subTest(service=name, noise=noise[:60]), self.stack.raw(name) as sock:
                    with contextlib.suppress(OSError):
                        sock.sendall(noise)
                    said = head(sock)
                    if said:
                        self.assertRegex(said, rb"^HTTP/1\.1 (4\d\d|501|505) ")

    def test_many_idle_connections_do_not_keep_health_waiting(self):
        with contextlib.ExitStack() as held:
            for name in self.names:
                for _ in range(64):
                    held.enter_context(self.stack.raw(name)).sendall(b"POST /orchestrate HTTP/1.1")
            for name in self.names:
                eventually(lambda: self.stack.get(name, "/health", timeout=5).status == 200, 10,
                           f"{name} is healthy")


if __name__ == "__main__":
    unittest.main()
