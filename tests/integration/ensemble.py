"""A stack with the hub and the three bots, each behind a fault proxy of its own, and a person who
talks with them; and what must hold of a channel whatever happened."""

import collections
import random

from fault_proxy import FaultProxy
from kills_test import SlowModel
from person import FREE, Person
from stack import DISCORD, STAGE, StackTest, eventually

BOTS = ["peter", "brian", "stewie"]
STILL_FOR = 40  # looks at a channel that find nothing new: nobody has anything more to say
# Requests and connects of one bot within one second, whatever its luck; in a busy loop: thousands.
PER_SECOND_MAX = 40
QUESTIONS = ["{}, what is your favourite beer?", "{}, how was your day?", "{}, tell me a story.",
             "{}, what do you think of art?", "{}, what scares you?", "{}, who is your friend?"]


class Model(SlowModel):
    """What a test has scripted comes first."""

    def seen(self, path, body):
        with self.lock:
            self.requests.append({"path": path, **body})
            if self.script:
                return self.script.popleft()
        return super().seen(path, body)


class EnsembleTest(StackTest):
    """`tokens` may give a bot one that is not the hub's."""

    services = [*STAGE, *DISCORD]
    tokens = {}
    deadline_ms = 8000

    @classmethod
    def settings(cls):
        cls.model = Model(random.Random(1))
        cls.addClassCleanup(cls.model.stop)
        cls.proxies = {name: FaultProxy(lambda: cls.stack.address("hub")) for name in BOTS}
        for proxy in cls.proxies.values():
            cls.addClassCleanup(proxy.stop)
        bots = {name: {"discord_api": proxy.api} for name, proxy in cls.proxies.items()}
        for name, token in cls.tokens.items():
            bots[name]["token"] = token
        return {"coordinator": {"delays_scale": 0.01}, "llm": {"ollama_url": cls.model.url},
                "router": {"deadline_ms": cls.deadline_ms, "follow_up_after_ms": 10},
                "hub": {"heartbeat_ms": 1000, **FREE}, **bots}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.person = Person(cls.stack)
        cls.addClassCleanup(lambda: cls.person.close())
        cls.expected = [name for name in BOTS if name not in cls.tokens]
        eventually(lambda: all(cls.logged_in(name) for name in cls.expected), 30,
                   "the bots log in")
        cls.met = False

    def setUp(self):
        """Bots that have just come do not know each other yet: each has to have answered once."""
        if self.met:
            return
        lobby = self.person.make_channel("lobby")
        for who in self.expected:
            def meets(name=who):
                asked = self.ask(lobby, name)
                try:
                    return self.answered(lobby, asked, seconds=3)
                except AssertionError:
                    return None
            eventually(meets, 30, f"{who} answers")
        type(self).met = True

    @classmethod
    def logged_in(cls, name):
        """Whether the bot has a session now, and has been told of the guild."""
        return any(message.get("t") in ("GUILD_CREATE", "RESUMED")
                   for session in cls.proxies[name].sessions for message in session.dispatched)

    def channel(self):
        name = self.id().rsplit(".", 1)[1].replace("_", "-")[:40]
        count = sum(known.startswith(name) for known in self.person.channels)
        return self.person.make_channel(f"{name}-{count}")

    def ask(self, channel, who):
        """A question to one of them; its message."""
        draw = random.Random(len(self.person.history(channel)))
        return self.person.say(channel, draw.choice(QUESTIONS).format(who.capitalize()))

    def from_bots(self, channel):
        return [one for one in self.person.history(channel) if one["author"].get("bot")]

    def answers(self, channel, message):
        """The bots' messages that reply to it."""
        return [one for one in self.from_bots(channel)
                if (one.get("message_reference") or {}).get("message_id") == message["id"]]

    def answered(self, channel, message, seconds=45):
        return eventually(lambda: self.answers(channel, message), seconds,
                          f"an answer to {message['content']!r} ({message['id']}): "
                          f"{self.stack.turns(channel)}")[0]

    def settled(self, channel):
        """Waits until no turn is under way, each line has come, and nobody goes on."""
        seen, still = None, 0

        def quiet():
            nonlocal seen, still
            turns = self.stack.turns(channel)
            done = all(turn["status"] != "open" and
                       (turn["status"] != "said" or turn.get("posted_id") or
                        turn["reason"] == "undelivered") for turn in turns)
            now = (len(turns), len(self.from_bots(channel)))
            still = still + 1 if done and now == seen else 0
            seen = now
            return still >= STILL_FOR
        eventually(quiet, 60, f"silence in {channel}: {self.stack.turns(channel)}")

    def check(self, channel, asked):
        """Every message has its one answer, every line stands there once, and nothing else does."""
        self.settled(channel)
        said = {turn["posted_id"]: turn for turn in self.stack.turns(channel)
                if turn["status"] == "said" and turn.get("posted_id")}
        posted = {one["id"]: one for one in self.from_bots(channel)}
        self.assertEqual(set(posted), set(said), "lines that stand there, and lines of turns")
        for message_id, turn in said.items():
            self.assertEqual(posted[message_id]["content"], turn["text"])
        counted = collections.Counter((one.get("message_reference") or {}).get("message_id")
                                      for one in posted.values())
        self.assertEqual({message["id"]: counted[message["id"]] for message in asked},
                         {message["id"]: 1 for message in asked}, "answers to each message")

    def check_pace(self):
        for name, proxy in self.proxies.items():
            self.assertLessEqual(proxy.per_second(), PER_SECOND_MAX, name)
