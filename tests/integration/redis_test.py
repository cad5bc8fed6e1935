"""The caches of a real stack before a real Redis: shared, frozen, killed, back, misnamed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import BIN, Stack, StackTest, environment, eventually

BEER = "Peter, what is your favourite beer?"
CACHES = {"llm": "answers", "quality": "assessments", "router": "repeats",
          "retriever": "queries", "characters": "prompts"}


class Redis:
    """A redis-server on a socket in a directory of its own."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="troupe-redis-", dir="/tmp"))
        self.socket = self.folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
             "--appendonly", "no", "--dir", self.folder], stdout=subprocess.DEVNULL)
        eventually(self.answers, 20, "redis answers")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.socket))
            sock.sendall(f"{command}\r\n".encode())
            return sock.recv(65536).decode()

    def answers(self):
        try:
            return self.ask("PING") == "+PONG\r\n"
        except OSError:
            return False

    def has(self, pattern):
        """Whether there is such a key: caches write behind whoever is answered."""
        return self.ask(f"KEYS troupe:{pattern}") != "*0\r\n"

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def destroy(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class BeforeRedis(StackTest):
    @classmethod
    def settings(cls):
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.destroy)
        sections = {name: {"redis_url": cls.redis.url} for name in CACHES}
        sections["coordinator"] = {"weights": {"energy_budget": 0}}
        return sections

    def state(self, service):
        return self.ok(self.stack.get(service, "/health"))["services"]["redis"]

    def becomes(self, state, services=tuple(CACHES)):
        for name in services:
            eventually(lambda: self.state(name) == state, 20, f"{name} finds redis {state}")

    def metric(self, service, what):
        text = self.stack.get(service, "/metrics").body.decode()
        name = f"troupe_{service}_cache_{CACHES[service]}_{what}"
        return [float(line.split()[1]) for line in text.splitlines()
                if line.split()[0] == name][0]

    def count(self, service, event):
        return sum(entry.get("event") == event for entry in self.stack.events(service))

    def setUp(self):
        self.becomes("connected")

    def test_a_router_that_was_restarted_answers_a_repeat_from_redis(self):
        first = self.ok(self.stack.say("c-repeat", BEER, message_id="m-1"))
        eventually(lambda: self.redis.has("turn:*c-repeat*"), 10, "the reply is written")

        def found():
            self.stack.replaced("router", self.stack.kill("router"))
            self.becomes("connected", ["router"])
            again = self.ok(self.stack.say("c-repeat", BEER, message_id="m-1"))
            self.assertEqual(again["turn_id"], first["turn_id"])
            self.assertEqual(again["text"], first["text"])
            return self.metric("router", "remote_hits_total") == 1
        eventually(found, 60, "Redis answers before its short deadline")

    def test_a_restarted_retriever_finds_its_replies_but_none_of_before_a_change(self):
        query = {"query": "zyzzyva quokkaberry", "collections": ["zoo"]}
        self.redis.ask("FLUSHALL")
        self.assertEqual(self.ok(self.stack.post("retriever", "/rag/query", query))["hits"], [])
        eventually(lambda: self.redis.has("rag:*"), 10, "the reply is written")

        def found():
            self.stack.replaced("retriever", self.stack.kill("retriever"))
            self.becomes("connected", ["retriever"])
            self.assertEqual(self.ok(self.stack.post("retriever", "/rag/query", query))["hits"], [])
            return self.metric("retriever", "remote_hits_total") == 1
        eventually(found, 60, "Redis answers before its short deadline")
        self.ok(self.stack.post("retriever", "/rag/documents",
                                {"id": "zoo", "collection": "zoo",
                                 "content": "A quokkaberry is no zyzzyva."}))
        hits = self.ok(self.stack.post("retriever", "/rag/query", query))["hits"]
        self.assertEqual([hit["document_id"] for hit in hits], ["zoo"])

    def test_a_frozen_redis_is_shown_and_the_stack_answers_on(self):
        known = self.ok(self.stack.say("c-frozen", BEER, message_id="m-1"))
        self.redis.freeze()
        try:
            # A repeat is looked for there: the router finds out by itself.
            self.ok(self.stack.say("c-frozen", "Hello, Peter!", message_id="m-2"))
            self.becomes("unavailable")
            self.ok(self.stack.say("c-frozen", "Brian, tell me about your novel."))
            again = self.ok(self.stack.say("c-frozen", BEER, message_id="m-1"))
            self.assertEqual(again["turn_id"], known["turn_id"])
            for name in CACHES:
                health = self.ok(self.stack.get(name, "/health"))
                self.assertTrue(health["ready"], name)
                self.assertEqual(health["status"], "degraded", name)
            self.assertGreater(self.metric("router", "remote_failures_total"), 0)
        finally:
            self.redis.thaw()
        self.becomes("connected")

    def test_a_killed_redis_is_one_line_in_the_log_and_its_return_another(self):
        lost = {name: self.count(name, "redis cannot be used") for name in CACHES}
        back = {name: self.count(name, "redis is back") for name in CACHES}
        self.redis.kill()
        for number in range(5):
            self.ok(self.stack.say("c-killed", f"{BEER} Number {number}."))
        self.becomes("unavailable")
        self.redis.start()
        self.becomes("connected")
        for name in CACHES:
            eventually(lambda: self.count(name, "redis is back") == back[name] + 1, 10,
                       f"{name} says that redis is back")
            self.assertEqual(self.count(name, "redis cannot be used"), lost[name] + 1, name)

    def test_the_address_of_redis_is_not_shown_for_it_may_hold_a_password(self):
        for name in CACHES:
            self.assertEqual(self.ok(self.stack.get(name, "/config"))["redis_url"], "(set)")


class Starting(unittest.TestCase):
    def test_an_address_that_cannot_be_read_stops_the_start_in_one_line(self):
        stack = Stack()
        self.addCleanup(stack.destroy)
        for variable in ("REDIS_URL", "TROUPE_REDIS_URL", "TROUPE_LLM_REDIS_URL"):
            with self.subTest(variable=variable):
                ended = subprocess.run(
                    [BIN / "troupe-llm", "--port", "0", "--data", stack.data, "--run", stack.run],
                    env=environment() | {variable: "http://:geheim@redis"}, capture_output=True,
                    text=True, timeout=30, check=False)
                self.assertEqual(ended.returncode, 2, ended)
                self.assertEqual(len(ended.stderr.splitlines()), 1, ended)
                self.assertTrue(ended.stderr.startswith("llm: redis_url: must be redis://"), ended)
                self.assertNotIn("geheim", ended.stderr)


if __name__ == "__main__":
    unittest.main()
