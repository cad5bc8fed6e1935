"""Clients that keep books while a stack is being killed under them, and what the books must show.

Each client asks one thing after the other in channels that are its own. As a bot would, it repeats
a message whose answer it did not get, under the same message_id, until there is one; and sometimes
one that was answered. check() holds the stack's conversations, records and outcomes against that.
"""

import collections
import http.client
import random
import threading
import time
from dataclasses import dataclass, field

from stack import eventually

QUESTIONS = ["Peter, what is your favourite beer?", "Peter, tell me about Lois.",
             "Peter, what do you eat on Fridays?", "Peter, where do you work?",
             "Peter, who is your best friend?", "Peter, what is on TV tonight?"]
MESSAGES = 8  # of one channel, so that everything of it fits into one answer
CLEAR = {"unavailable", "deadline_exceeded", "overloaded"}
AGAIN = 0.15  # the share of answered messages that is asked once more


@dataclass
class Try:
    began: float
    ended: float
    status: int = 0  # 0: the connection ended without an answer
    reply: dict = field(default_factory=dict)
    trouble: str = ""


@dataclass
class Message:
    channel: str
    message_id: str
    text: str
    character: str  # empty: the coordinator chooses
    tries: list = field(default_factory=list)

    def answers(self):
        return [one.reply for one in self.tries if one.status == 200]


class Ledger:
    """`patience` is how long an answer may take in seconds: the turn's deadline, and what a busy
    machine adds."""

    def __init__(self, test, seed, clients, patience):
        self.test, self.stack, self.seed, self.patience = test, test.stack, seed, patience
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.messages, self.away = [], []
        self.wrong = []  # what ended a client
        self.threads = [threading.Thread(target=self.talk, args=(random.Random(seed + i), i))
                        for i in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    # --- clients --------------------------------------------------------------------------------

    def talk(self, draw, number):
        turn = 0
        try:
            while not self.stopped.is_set():
                message = Message(f"kills-{self.seed}-{number}-{turn // MESSAGES}", f"m-{turn}",
                                  f"{draw.choice(QUESTIONS)} ({number}.{turn})",
                                  draw.choice(["", "peter"]))
                self.insist(message)
                if draw.random() < AGAIN:
                    self.insist(message)
                with self.lock:
                    self.messages.append(message)
                turn += 1
        except Exception as error:  # noqa: BLE001: whatever it is, the test must hear of it
            self.wrong.append(repr(error))

    def insist(self, message):
        """Asks until there is an answer."""
        goal = len(message.answers()) + 1

        def answered():
            message.tries.append(self.ask(message))
            return len(message.answers()) == goal
        eventually(answered, 60, f"an answer to {message}")

    def ask(self, message):
        request = {"channel": message.channel, "author": "visitor", "message": message.text,
                   "message_id": message.message_id}
        if message.character:
            request["character"] = message.character
        one = Try(time.monotonic(), 0)
        try:
            reply = self.stack.post("router", "/orchestrate", request, timeout=self.patience)
            one.status, one.reply = reply.status, reply.json
        except TimeoutError:
            one.trouble = f"no answer within {self.patience} s"
        except (OSError, LookupError, http.client.HTTPException) as error:
            one.trouble = repr(error)
        one.ended = time.monotonic()
        return one

    def more(self, count):
        """Waits until so many messages more are answered: a moment that no clock chooses."""
        goal = len(self.messages) + count
        eventually(lambda: len(self.messages) >= goal or self.wrong, 60, "the clients are answered")
        self.test.assertEqual(self.wrong, [])

    def gap(self, began):
        """The router's door was away from `began` until now."""
        self.away.append((began, time.monotonic()))

    # --- what must hold -------------------------------------------------------------------------

    def check(self):
        """To be called when nobody asks any more. Returns what happened, counted."""
        test = self.test
        test.assertEqual(self.wrong, [])
        channels = collections.defaultdict(list)
        for message in self.messages:
            channels[message.channel].append(message)
            for one in message.tries:
                self.check_try(message, one)
        drafted, totals = 0, collections.Counter()
        for channel, messages in channels.items():
            records = eventually(lambda name=channel: self.settled(name), 60,
                                 f"the turns of {channel} are closed")
            for message in messages:
                totals.update(self.check_message(message, records))
            self.check_lines(channel, messages)
            drafted += sum(bool(record["attempts"]) for record in records)
        eventually(lambda: self.outcomes() == drafted, 60,
                   f"tuning knows each of {drafted} drafted turns once")
        test.assertEqual(self.outcomes(), drafted)
        return totals

    def check_try(self, message, one):
        """A good line, one that is degraded and says why, or a clear error; nothing at all only
        while the door was away."""
        test, about = self.test, (message, one)
        if one.status == 0:
            test.assertNotIn("no answer within", one.trouble, about)
            test.assertTrue(any(began <= one.ended and one.began <= ended
                                for began, ended in self.away),
                            f"an answer is missing though the door was open: {about}")
        elif one.status == 200:
            test.assertTrue(one.reply["text"], about)
            test.assertTrue(one.reply["passed"] or one.reply["degraded"] and one.reply["reason"],
                            about)
        else:
            test.assertIn(one.reply["error"]["code"], CLEAR, about)
            test.assertTrue(one.reply["error"]["message"], about)

    def check_message(self, message, records):
        """However often it was asked: one answer, one line, one record."""
        test = self.test
        told = {(reply["turn_id"], reply["character"], reply["text"])
                for reply in message.answers()}
        test.assertEqual(len(told), 1, f"answered in two ways: {message}")
        [(turn_id, character, text)] = told
        path = f"/history?channel={message.channel}&answers={message.message_id}"
        lines = self.stack.get("coordinator", path).json["answered"]
        test.assertEqual([(line["turn_id"], line["character"], line["text"]) for line in lines],
                         [(turn_id, character, text)], message)
        said = [record for record in records
                if record["message_id"] == message.message_id and record["status"] == "said"]
        test.assertEqual([(record["turn_id"], record["character"], record["text"])
                          for record in said], [(turn_id, character, text)], message)
        test.assertEqual(self.stack.turn(turn_id)["message"], message.text)
        return collections.Counter(
            answered=1, repeated=len(message.answers()) - 1,
            degraded=said[0]["degraded"], recovered=said[0]["reason"] == "recovered",
            refused=sum(one.status > 200 for one in message.tries),
            broken=sum(one.status == 0 for one in message.tries))

    def check_lines(self, channel, messages):
        """Each message and its answer stand there once, and nothing else."""
        lines = self.stack.lines(channel)
        people = [line["text"] for line in lines if line["kind"] == "human"]
        self.test.assertEqual(collections.Counter(people),
                              collections.Counter(message.text for message in messages), channel)
        self.test.assertEqual(len(lines), 2 * len(messages), lines)

    def settled(self, channel):
        """All records of the channel; none while a turn is still open or still to be mended."""
        records = self.stack.turns(channel)
        self.test.assertLess(len(records), 200, "more than one answer shows")
        return None if any(record["status"] == "open" for record in records) else records

    def outcomes(self):
        report = self.stack.get("tuning", "/report").json
        return sum(character["turns"] for character in report["characters"])
