"""kill -9 at any moment, again and again, with turns in flight: what was acknowledged stays, and
no line is said twice; whoever asks meanwhile hears something clear."""

import random
import re
import signal
import time
import unittest

import fake_ollama
import forms
from ledger import Ledger
from stack import StackTest, eventually, kill

SERVICES = ["characters", "retriever", "crawler", "llm", "quality", "coordinator", "tuning",
            "router"]
IN_FLIGHT = 8
CLIENTS = 12
DEADLINE_MS = 8000
PAUSES = [0, 0.02, 0.1, 0.4]  # of the model before a line: turns fall at every stage


class SlowModel(fake_ollama.FakeOllama):
    """A good model that thinks for a while, and says no line twice in a conversation."""

    def __init__(self, draw):
        self.draw, self.busy = draw, 0
        super().__init__()
        self.server.handle_error = lambda *_: None  # a caller that was killed is part of the game

    def seen(self, path, body):
        told = {message["content"] for message in body["messages"]}
        with self.lock:
            line = self.draw.choice([line for line in fake_ollama.PETER_LINES if line not in told])
            pause = self.draw.choice(PAUSES)
            self.busy += 1

        def behave(handler):
            self.over.wait(pause)
            try:
                fake_ollama.say(line)(handler)
            finally:
                with self.lock:
                    self.busy -= 1
        return behave


class Kills(StackTest):
    @classmethod
    def settings(cls):
        cls.seed = forms.seed()
        cls.model = SlowModel(random.Random(cls.seed))
        cls.addClassCleanup(cls.model.stop)
        return {"coordinator": {"weights": {"energy_budget": 0}},
                "router": {"deadline_ms": DEADLINE_MS}, "llm": {"ollama_url": cls.model.url}}

    def status_of(self, service):
        listed = self.ok(self.stack.get("watchdog", "/services"))["services"]
        return next(status for status in listed if status["name"] == service)

    def order(self, draw):
        """Each service in turn, in ever another order: five ends in half a minute are a crash loop,
        which is healed more slowly and has a test of its own."""
        while True:
            yield from draw.sample(SERVICES, len(SERVICES))

    def in_flight(self):
        metrics = self.stack.get("router", "/metrics").body.decode()
        return int(re.search(r"^troupe_router_turns_open (\d+)", metrics, re.MULTILINE)[1])

    def fell(self, service):
        """How often the watchdog says that it was killed."""
        found = self.ok(self.stack.get("watchdog", f"/incidents?service={service}"))["incidents"]
        return sum(one["count"] for one in found
                   if one["kind"] == "fell" and "signal 9" in one["detail"])

    def kill_one(self, service, ledger, telling):
        eventually(lambda: self.in_flight() >= IN_FLIGHT, 60, f"{IN_FLIGHT} turns are in flight")
        began = time.monotonic()
        old = self.kill_while_telling(service) if telling else self.stack.kill(service)
        self.stack.replaced(service, old)
        if service == "router":
            ledger.gap(began)
        return time.monotonic() - began

    def kill_while_telling(self, service):
        """Kills it between the lines and their records: what the coordinator is told meanwhile it
        hears from a process that is no more."""
        frozen = self.stack.kill("coordinator", signal.SIGSTOP)
        try:
            eventually(lambda: self.model.busy == 0, 10, "no line is being drafted")
            return self.stack.kill(service)
        finally:
            kill(frozen, signal.SIGCONT)

    def test_what_was_acknowledged_survives_every_kill_and_is_said_once(self):
        draw = random.Random(self.seed)
        kills, slowest = dict.fromkeys(SERVICES, 0), 0.0
        with Ledger(self, self.seed, CLIENTS, patience=DEADLINE_MS / 1000 + 12) as ledger:
            for service, _ in zip(self.order(draw), range(forms.amount("kills"))):
                ledger.more(draw.randrange(15, 40))
                restarts = self.status_of(service)["restarts"]
                telling = service == "router" and kills[service] % 2 == 0
                slowest = max(slowest, self.kill_one(service, ledger, telling))
                kills[service] += 1
                self.assertEqual(self.status_of(service)["restarts"], restarts + 1, service)
                eventually(lambda name=service: self.fell(name) == kills[name], 5,
                           f"the watchdog reports the end of {service}")
            ledger.more(IN_FLIGHT)
        totals = ledger.check()
        print(f"{sum(kills.values())} kills, healed within {slowest:.1f} s, "
              f"messages: {dict(totals)}")
        self.assertGreater(totals["answered"] / 2, totals["degraded"], totals)


if __name__ == "__main__":
    unittest.main()
