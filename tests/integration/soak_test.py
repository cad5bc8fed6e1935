"""The same day over and over: after the first part of it nothing grows any more."""

import time
import unittest
from pathlib import Path

import forms
from stack import StackTest, eventually
from talkers import Talkers

SERVICES = ["characters", "retriever", "crawler", "llm", "quality", "coordinator", "tuning",
            "router", "watchdog"]
# Caches fill, and malloc keeps what was used once.
GROWTH_MAX = 48 * 1024 * 1024
DESCRIPTORS_MAX = 24  # more than before: connections come and go


class Soak(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"delays_scale": 0.01}, "router": {"follow_up_after_ms": 10}}

    def measure(self):
        """Of each service: resident bytes, descriptors, threads."""
        found = {}
        for service in SERVICES:
            process = Path("/proc") / str(self.stack.pid(service))
            found[service] = (int((process / "statm").read_text().split()[1]) * 4096,
                              len(list((process / "fd").iterdir())),
                              len(list((process / "task").iterdir())))
        return found

    def test_nothing_grows_without_end(self):
        seconds = forms.amount("soak seconds")
        with Talkers(self, forms.seed(), pace=0.01, turns=15) as talkers:
            start = time.monotonic()
            self.until(talkers, start + seconds / 3)
            before = self.measure()
            self.until(talkers, start + seconds)
            after = self.measure()
        talkers.check(everything=True)
        for service in SERVICES:
            with self.subTest(service=service):
                self.assertLess(after[service][0] - before[service][0], GROWTH_MAX)
                self.assertLessEqual(after[service][1] - before[service][1], DESCRIPTORS_MAX)
                self.assertLessEqual(after[service][2] - before[service][2], 8)
        self.assertEqual(set(talkers.total), {200}, talkers.total)
        print(f"{talkers.count()} turns; resident MB "
              f"{ {name: value[0] // 2**20 for name, value in after.items()} }")

    def until(self, talkers, moment):
        def reached():
            talkers.check()
            return time.monotonic() >= moment
        eventually(reached, 3600, "the day is over")


if __name__ == "__main__":
    unittest.main()
