"""Seeded runs of misfortune between the bots and the hub: whatever the network and Discord do, each
message gets its one answer, no line is posted twice, and nobody runs in circles."""

import random
import unittest

import forms
from ensemble import BOTS, EnsembleTest
from fault_proxy import HEARTBEAT, INVALID, RECONNECT, Rule
from stack import eventually

STEPS = 5
# After these a bot resumes, or begins a new session.
CLOSES = [1000, 1001, 4000, 4001, 4002, 4003, 4005, 4007, 4009]


class BotFaults(EnsembleTest):
    deadline_ms = 6000

    def steps(self):
        return [self.cut, self.close, self.beat, self.reconnect, self.invalid, self.invalid,
                self.lose_acks, self.limit, self.limit_all, self.fail, self.slow, self.split,
                self.replay, self.swallow_answer, self.swallow_request, self.away]

    # --- misfortunes: what is said of each is in `story` ------------------------------------------

    def cut(self, proxy, _):
        proxy.cut()

    def close(self, proxy, draw):
        code = draw.choice(CLOSES)
        proxy.close(code)
        return code

    def beat(self, proxy, _):
        beats = proxy.beats
        proxy.inject(HEARTBEAT)
        if proxy.sessions:
            eventually(lambda: proxy.beats > beats or not proxy.sessions, 10, "it beats at once")

    def reconnect(self, proxy, _):
        proxy.inject(RECONNECT)

    def invalid(self, proxy, draw):
        resumable = draw.random() < 0.5
        proxy.inject(INVALID, resumable)
        return resumable

    def lose_acks(self, proxy, _):
        proxy.swallow_acks = True
        connects = len(proxy.connects)
        eventually(lambda: len(proxy.connects) > connects, 30, "it gives the connection up")
        proxy.swallow_acks = False

    def limit(self, proxy, _):
        proxy.rules.append(Rule("answer", "POST", "/messages", 2, 429, (
            ("Retry-After", "1"), ("X-RateLimit-Scope", "user")),
            {"message": "slow down", "retry_after": 0.15, "global": False}))

    def limit_all(self, proxy, _):
        proxy.rules.append(Rule("answer", "POST", "/messages", 1, 429, (
            ("Retry-After", "1"), ("X-RateLimit-Global", "true"), ("X-RateLimit-Scope", "global")),
            {"message": "slow down", "retry_after": 0.3, "global": True}))

    def fail(self, proxy, draw):
        status = draw.choice([500, 502, 503, 504])
        proxy.rules.append(Rule("answer", "POST", "/messages", 2, status))
        return status

    def slow(self, proxy, _):
        proxy.rules.append(Rule("slow", "POST", "/messages"))

    def split(self, proxy, _):
        proxy.split, proxy.pace = True, 0.001

    def replay(self, proxy, draw):
        count = draw.randrange(1, 20)
        proxy.replay(count)
        return count

    def swallow_answer(self, proxy, draw):
        times = draw.randrange(1, 3)
        proxy.rules.append(Rule("swallow_answer", "POST", "/messages", times))
        return times

    def swallow_request(self, proxy, draw):
        times = draw.randrange(1, 3)
        proxy.rules.append(Rule("swallow_request", "POST", "/messages", times))
        return times

    def away(self, proxy, _):
        proxy.refuse = True
        seen = len(proxy.connects) + len(proxy.seen)
        proxy.cut()
        eventually(lambda: len(proxy.connects) + len(proxy.seen) > seen + 1, 30, "it tries again")
        proxy.refuse = False

    # --- runs -------------------------------------------------------------------------------------

    def run_once(self, seed):
        draw, asked, story = random.Random(seed), [], []
        channel = self.channel()
        for proxy in self.proxies.values():
            proxy.behave()
        for _ in range(STEPS):
            who = draw.choice(BOTS)
            step, first = draw.choice(self.steps()), draw.random() < 0.5
            if first:
                asked.append(self.ask(channel, who))
            story.append((who, step.__name__, step(self.proxies[who], draw) or "",
                          "after" if first else "before"))
            if not first:
                asked.append(self.ask(channel, who))
            print("  {}: {} {}, {} it is asked".format(*story[-1]), flush=True)
            if draw.random() < 0.7:
                self.answered(channel, asked[-1])
        for message in asked:
            self.answered(channel, message)
        self.check(channel, asked)
        self.check_pace()

    def test_each_message_gets_its_one_answer_in_every_run(self):
        first = forms.seed()
        for seed in range(first, first + forms.amount("bot runs")):
            # One that failed is played again alone by giving its seed.
            with self.subTest(seed=seed):
                print(f"run {seed}", flush=True)
                self.run_once(seed)


if __name__ == "__main__":
    unittest.main()
