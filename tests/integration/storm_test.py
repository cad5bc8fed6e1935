"""A storm: 64 connections to all doors at once, good requests among slow, cut and hostile ones."""

import contextlib
import itertools
import json
import random
import re
import threading
import unittest
from pathlib import Path

import forms
import hostile_test
from stack import STAGE, StackTest
from wire import Cut, Wire, request

CONNECTIONS = 64
MEMORY_MAX = 256 * 1024 * 1024  # of one process, at its peak
DOORS = [door for door in hostile_test.DOORS if door.service in STAGE]


def body_of(door, draw):
    """What the door takes. A turn is Peter's: a guest with a card of one line has little to say."""
    if door.path == "/orchestrate":
        return {**door.body, "channel": f"storm-{draw.randrange(50)}", "character": "peter"}
    return door.body


class Storm(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}}

    def setUp(self):
        listed = self.ok(self.stack.get("watchdog", "/services"))["services"]
        self.names = ["watchdog", *(service["name"] for service in listed)]
        self.addresses = {name: self.stack.address(name) for name in self.names}
        self.pids = {name: self.stack.pid(name) for name in self.names}
        self.over = threading.Event()
        self.wrong, self.count = [], itertools.count()
        self.goal = forms.amount("storm requests")

    # --- what one connection does: each yields (what, expected statuses, answer) -----------------

    def good(self, draw, wire, door):
        """A body that the door takes."""
        wire.send(request(door.method, door.path, json.dumps(body_of(door, draw)).encode()))
        yield "good", {door.status}, wire.answer()

    def page(self, draw, wire, door):
        # While a new card's knowledge is on its way, its keeper is not ready.
        path, expected = draw.choice([("/health", {200}), ("/ready", {200, 503}),
                                      ("/metrics", {200}), ("/config", {200})])
        wire.send(request("GET", path))
        yield path, expected, wire.answer()

    def pipeline(self, draw, wire, door):
        """Several at once: the answers come in order."""
        paths = [draw.choice([("/health", 200), ("/no/such/door", 404)]) for _ in range(4)]
        wire.send(b"".join(request("GET", path) for path, _ in paths))
        for path, status in paths:
            yield f"pipelined {path}", {status}, wire.answer()

    def slow(self, draw, wire, door):
        """In small pieces, with other requests on other connections between them."""
        whole = request(door.method, door.path, json.dumps(body_of(door, draw)).encode())
        for at in range(0, len(whole), 23):
            wire.send(whole[at:at + 23])
            self.over.wait(0.002)
        yield "slow", {door.status}, wire.answer()

    def bad(self, draw, wire, door):
        """Bodies that are wrong in every way."""
        bodies = [
            (b"{", {400}), (b"", {400}), (b"[]", {400}), (b"\xff\xfe", {400}),
            (b"[" * 10_000, {400}), (b'{"a":1,"a":2}', {400}), (b'{"x":', {400})]
        if door.member:
            long = door.with_text("a" * (door.limit + 1))
            bodies += [(json.dumps(long).encode(), {400, 413}),
                       (json.dumps({**door.body, door.member: {"a": 1}}).encode(), {400})]
        body, expected = draw.choice(bodies)
        wire.send(request(door.method, door.path, body))
        yield f"bad {body[:30]!r}", expected, wire.answer()

    def refused(self, draw, wire, door):
        """Requests that no door answers with 200, on a connection that may live on."""
        data, expected = draw.choice([
            (request("GET", "/no/such/door"), {404}), (request("DELETE", "/health"), {405}),
            (request("GET", "/health", host="evil.example"), {421}),
            (request("GET", "/health", extra="Origin: https://evil.example\r\n"), {403}),
            (request("GET", "/health", extra="Sec-Fetch-Site: cross-site\r\n"), {403})])
        wire.send(data)
        yield f"refused {data[:60]!r}", expected, wire.answer()

    def noise(self, draw, wire, door):
        """What is no HTTP, or two readings of it: refused, and the connection ends."""
        data, expected = draw.choice([
            (b"GET / HTTP/9.9\r\n\r\n", {400, 505}),
            (b"\x16\x03\x01\x02\r\n\r\n", {400, 501}),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
             {400, 413, 414, 431}),
            (b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
            (b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", {400}),
            (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400})])
        with contextlib.suppress(OSError):  # it need not hear us out
            wire.send(data)
            yield f"noise {data[:40]!r}", expected, wire.answer()
        raise Cut("as it should be")

    def cut(self, draw, wire, door):
        """Half a request, and gone."""
        whole = request(door.method, door.path, json.dumps(body_of(door, draw)).encode())
        wire.send(whole[:draw.randrange(1, len(whole))])
        yield "cut", {0}, (0, b"")
        raise Cut("as it should be")

    def client(self, seed):
        draw = random.Random(seed)
        anywhere = [self.page, self.page, self.pipeline, self.refused, self.noise]
        posted = [self.good] * 4 + [self.slow, self.bad, self.bad, self.cut]
        while not self.over.is_set():
            door = draw.choice(DOORS)
            service, shapes = draw.choice([(door.service, anywhere + posted)] * 7 +
                                          [("watchdog", anywhere)])
            with Wire(self.addresses[service]) as wire:
                for _ in range(draw.randrange(1, 20)):
                    shape = draw.choice(shapes)
                    if not self.play(shape(draw, wire, door), door, seed) or wire.closing:
                        break

    def play(self, answers, door, seed):
        """Whether the connection is still good."""
        try:
            for what, expected, (status, body) in answers:
                if status not in expected:
                    self.wrong.append(f"{door}: {what}: {status} {body[:300]!r} (client {seed})")
                if next(self.count) >= self.goal:
                    self.over.set()
        except Cut as end:
            # Nothing else may end a connection without saying so.
            if answers.__name__ not in ("noise", "cut"):
                self.wrong.append(f"{door}: {answers.__name__}: cut off {end} (client {seed})")
            return False
        except Exception as error:  # noqa: BLE001: whatever it is, the test must hear of it
            self.wrong.append(f"{door}: {answers.__name__}: {error!r} (client {seed})")
            return False
        return True

    def watch(self):
        """Health, again and again, on connections of its own."""
        while not self.over.is_set():
            for name in self.names:
                try:
                    status = self.stack.get(name, "/health", timeout=10).status
                except OSError as error:
                    status = repr(error)
                if status != 200:
                    self.wrong.append(f"health of {name}: {status}")
            self.over.wait(0.1)

    def test_every_good_request_is_answered_and_every_bad_one_refused(self):
        seed = forms.seed()
        threads = [threading.Thread(target=self.watch)]
        threads += [threading.Thread(target=self.client, args=(seed * 1000 + i,))
                    for i in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.wrong[:10], [])
        for name in self.names:
            self.assertEqual(self.stack.pid(name), self.pids[name], f"{name} has fallen")
            status = Path(f"/proc/{self.pids[name]}/status").read_text(encoding="utf-8")
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
            self.assertLess(peak, MEMORY_MAX, name)
        self.assertTrue(self.ok(self.stack.say("c-after", "Peter, what is your favourite beer?"))
                        ["text"])


if __name__ == "__main__":
    unittest.main()
