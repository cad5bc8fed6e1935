"""kill -9 at any moment, again and again, while people talk: what was acknowledged stays."""

import random
import time
import unittest

import forms
from stack import StackTest, eventually
from talkers import Talkers

SERVICES = ["characters", "retriever", "llm", "quality", "coordinator", "router"]


class Kills(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}, "router": {"deadline_ms": 4000}}

    def status_of(self, service):
        listed = self.ok(self.stack.get("watchdog", "/services"))["services"]
        return next(status for status in listed if status["name"] == service)

    def order(self, draw):
        """Each service in turn, in ever another order: five ends in half a minute are a crash loop,
        which is healed more slowly and has a test of its own."""
        while True:
            yield from draw.sample(SERVICES, len(SERVICES))

    def fell(self, service):
        """How often the watchdog says that it was killed."""
        found = self.ok(self.stack.get("watchdog", f"/incidents?service={service}"))["incidents"]
        return sum(one["count"] for one in found
                   if one["kind"] == "fell" and "signal 9" in one["detail"])

    def test_what_was_acknowledged_survives_every_kill(self):
        seed = forms.seed()
        draw = random.Random(seed)
        kills = dict.fromkeys(SERVICES, 0)
        with Talkers(self, seed) as talkers:
            for service, _ in zip(self.order(draw), range(forms.amount("kills"))):
                talkers.more(draw.randrange(1, 12))
                restarts = self.status_of(service)["restarts"]
                began = time.monotonic()
                old = self.stack.kill(service)
                self.stack.replaced(service, old)
                if service == "router":
                    talkers.away(began)
                kills[service] += 1
                self.assertEqual(self.status_of(service)["restarts"], restarts + 1, service)
                eventually(lambda name=service: self.fell(name) == kills[name], 5,
                           f"the watchdog reports the end of {service}")
                talkers.check()
            talkers.more(5)
        talkers.check(everything=True)
        self.assertGreater(talkers.total[200], talkers.count() / 2, talkers.total)
        print(f"{sum(kills.values())} kills, turns by status: {dict(talkers.total)}")


if __name__ == "__main__":
    unittest.main()
