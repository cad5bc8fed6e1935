"""People who talk to a stack while things happen to it, and what must hold of what they were told.

Each asks one thing after the other, in channels that are theirs alone, and notes what became of it.
When a channel is full, check() holds the stack's records against the notes and forgets them.
"""

import collections
import http.client
import random
import threading
import time
from dataclasses import dataclass

from stack import eventually

QUESTIONS = ["Peter, what is your favourite beer?", "Brian, which book are you reading?",
             "Stewie, what are you inventing today?", "What does everybody eat on Fridays?",
             "Peter, tell me about Lois.", "I had a terrible day at work."]
# What a turn may end with: a line or a silence, or why there is none.
STATUSES = {200, 503, 504}


@dataclass
class Asked:
    channel: str
    message_id: str
    message: str
    began: float
    ended: float
    status: int  # 0: the connection ended without an answer
    reply: dict
    trouble: str = ""


class Talkers:
    """`patience` is how long a turn may take in seconds: its deadline, and what a busy machine adds.
    After `turns` of its turns a channel is full: records show the last 200 lines and no more.

    Answers of a turn may be missing only while its door was away: the test says so by away().
    """

    def __init__(self, test, seed, count=3, patience=20.0, pace=0.02, turns=40):
        self.test, self.stack = test, test.stack
        self.seed, self.patience, self.pace, self.turns = seed, patience, pace, turns
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.asked, self.full, self.gaps = collections.defaultdict(list), [], []
        self.total = collections.Counter()
        self.threads = [threading.Thread(target=self.talk, args=(random.Random(seed + i), i))
                        for i in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def talk(self, draw, number):
        turn = 0
        while not self.stopped.is_set():
            channel = f"talk-{self.seed}-{number}-{turn // self.turns}"
            asked = self.ask(channel, f"m-{turn}", f"{draw.choice(QUESTIONS)} ({number}.{turn})")
            with self.lock:
                self.asked[channel].append(asked)
                self.total[asked.status] += 1
                turn += 1
                if turn % self.turns == 0:
                    self.full.append(channel)
            self.stopped.wait(self.pace)

    def ask(self, channel, message_id, message):
        began, status, body, trouble = time.monotonic(), 0, {}, ""
        asked = {"channel": channel, "author": "visitor", "message": message,
                 "message_id": message_id}
        try:
            reply = self.stack.post("router", "/orchestrate", asked, timeout=self.patience)
            status, body = reply.status, reply.json
        except TimeoutError:
            trouble = f"no answer within {self.patience} s"
        except (OSError, LookupError, http.client.HTTPException, ValueError) as error:
            trouble = repr(error)
        return Asked(channel, message_id, message, began, time.monotonic(), status, body, trouble)

    def count(self):
        with self.lock:
            return sum(self.total.values())

    def more(self, turns):
        """Waits until so many turns more have ended: a moment that no clock chooses."""
        goal = self.count() + turns
        eventually(lambda: self.count() >= goal, 60, "people talk")

    def away(self, began):
        """The router's door was away from `began` until now."""
        self.gaps.append((began, time.monotonic()))

    # --- what must hold -------------------------------------------------------------------------

    def check(self, everything=False):
        """Checks the channels that are full, or all of them when nobody talks any more."""
        with self.lock:
            if everything:
                channels, self.full = list(self.asked), []
            else:
                channels, self.full = self.full, []
            notes = {channel: self.asked.pop(channel) for channel in channels}
        for channel, asked in notes.items():
            for one in asked:
                self.check_answer(one)
            self.check_channel(channel, asked)
        return len(notes)

    def check_answer(self, one):
        test = self.test
        if one.status == 0:
            test.assertNotIn("no answer within", one.trouble, one)
            test.assertTrue(any(began <= one.ended and one.began <= ended
                                for began, ended in self.gaps),
                            f"an answer is missing though the door was open: {one}")
            return
        test.assertIn(one.status, STATUSES, one)
        if one.status != 200:
            test.assertTrue(one.reply["error"]["message"], one)

    def check_channel(self, channel, asked):
        test = self.test
        said, people = collections.Counter(), collections.Counter()
        for line in self.stack.lines(channel):  # before the turns: of each line the turn is known
            (people if line["kind"] == "human" else said)[line["text"]] += 1
        turns = eventually(lambda: self.closed(channel), 30, f"the turns of {channel} are closed")
        by_id = {turn["turn_id"]: turn for turn in turns}
        for one in asked:
            test.assertLessEqual(people[one.message], 1, f"a line stands twice: {one}")
            if one.status != 200:
                continue
            turn = by_id.get(one.reply["turn_id"])
            test.assertIsNotNone(turn, f"acknowledged and lost: {one}")
            test.assertEqual((turn["text"], turn["message"]), (one.reply["text"], one.message))
            # With the coordinator away a line is said all the same; then the record says so.
            if not turn["faults"]:
                test.assertEqual(people[one.message], 1, f"the question is lost: {one}")
                if turn["text"]:
                    test.assertIn(turn["text"], said, f"the line is lost: {one}")
        self.check_lines(channel, turns, said)

    def check_lines(self, channel, turns, said):
        """Every line of a character is that of one turn."""
        test = self.test
        known = collections.Counter(turn["text"] for turn in turns if turn["text"])
        # A router that falls between the line and its record leaves a turn without a text.
        cut = sum(turn["status"] == "interrupted" for turn in turns)
        strange = said - known
        test.assertLessEqual(sum(strange.values()), cut, f"{channel}: lines of no turn: {strange}")

    def closed(self, channel):
        turns = self.stack.turns(channel)
        return turns if all(turn["status"] != "open" for turn in turns) else None
