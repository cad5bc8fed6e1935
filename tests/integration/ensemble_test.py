"""A person and three bots in the hub's channels: who is asked answers, others go on by themselves,
and a person interrupts them. Programs fall, and no line comes twice or not at all."""

import signal
import threading
import unittest

import fake_ollama
from ensemble import BOTS, EnsembleTest
from fault_proxy import Rule
from stack import Stack, eventually, kill

# What nobody can mend but a person, and a word of what he must be told.
FATAL = {4004: "token", 4010: "shard", 4011: "servers", 4012: "version", 4013: "intents",
         4014: "Message Content Intent"}


class Ensemble(EnsembleTest):
    def setUp(self):
        super().setUp()
        self.model.reset()
        for proxy in self.proxies.values():
            proxy.behave()

    def test_who_is_asked_answers_once_and_refers_to_the_question(self):
        channel, asked = self.channel(), []
        for who in BOTS * 2:
            asked.append(self.ask(channel, who))
            answer = self.answered(channel, asked[-1])
            self.assertEqual(answer["author"]["id"], self.account(who))
        self.check(channel, asked)
        self.check_pace()

    def account(self, who):
        names = {name.split()[0].lower(): user for name, user in self.person.members.items()}
        return names[who]

    def test_they_go_on_by_themselves_and_come_to_an_end(self):
        channel = self.channel()
        asked = []

        def went_on():
            return any(turn["kind"] == "organic" and turn["status"] == "said"
                       for turn in self.stack.turns(channel))
        # Whether anybody goes on is a draw, in about one question of three.
        for who in BOTS * 10:
            if len(asked) >= len(BOTS) and went_on():
                break
            asked.append(self.ask(channel, who))
            self.answered(channel, asked[-1])
            self.settled(channel)
        self.check(channel, asked)
        lines = len(self.from_bots(channel))
        self.assertTrue(went_on(), self.stack.turns(channel))
        # One to four lines follow a person's on average, and never without end.
        self.assertLessEqual(lines, 4 * len(asked))
        authors = [one["author"]["id"] for one in self.person.history(channel)]
        runs = sum(left == right for left, right in zip(authors, authors[1:]))
        self.assertLess(runs, len(authors) / 3, "nobody talks to himself")

    def test_a_person_interrupts_them(self):
        """What is being drafted when a person speaks is not said, and the person is answered."""
        channel = self.channel()
        for _ in range(12):
            first = self.ask(channel, "peter")
            self.answered(channel, first)
            # Whoever would go on now thinks for ever.
            self.model.script.append(fake_ollama.stall)
            going_on = self.organic_under_way(channel)
            self.model.script.clear()
            asked = self.ask(channel, "brian")
            self.answered(channel, asked)
            if going_on:
                record = self.stack.turn(going_on)
                self.assertEqual((record["status"], record["reason"]),
                                 ("interrupted", "interrupted_by_person"))
                return
            self.settled(channel)
        self.fail("nobody ever went on")

    def organic_under_way(self, channel):
        """The id of an organic turn that is open, if the talk goes on at all."""
        looks = 0

        def look():
            nonlocal looks
            looks += 1
            for turn in self.stack.turns(channel):
                if turn["kind"] == "organic" and turn["status"] == "open":
                    return turn["turn_id"]
            return "none" if looks > 50 else None
        found = eventually(look, 20, "somebody goes on, or nobody")
        return found if found != "none" else None

    def test_many_at_once_are_all_answered(self):
        channels = [self.channel() for _ in range(3)]
        asked = {channel: [] for channel in channels}

        def talk(channel):
            for who in BOTS:
                asked[channel].append(self.ask(channel, who))
        threads = [threading.Thread(target=talk, args=(channel,)) for channel in channels]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for channel in channels:
            for message in asked[channel]:
                self.answered(channel, message)
            self.check(channel, asked[channel])

    def test_typing_is_seen_while_a_line_is_drafted(self):
        channel = self.channel()
        self.model.script.append(fake_ollama.stall)
        asked = self.ask(channel, "peter")
        seen = self.person.gateway.wait_for("TYPING_START", lambda one:
                                            one["channel_id"] == channel)
        self.assertEqual(seen["user_id"], self.account("peter"))
        self.answered(channel, asked)

    # --- processes fall ---------------------------------------------------------------------------

    def fall(self, service):
        self.stack.replaced(service, self.stack.kill(service))

    def test_a_bot_that_falls_while_its_line_is_drafted_posts_it_when_it_is_back(self):
        channel = self.channel()
        self.model.script.append(fake_ollama.stall_after("Holy"))
        asked = self.ask(channel, "peter")
        eventually(lambda: self.model.requests, 10, "the line is being drafted")
        self.fall("peter")
        self.answered(channel, asked)
        self.check(channel, [asked])

    def test_a_bot_that_falls_between_its_ledger_and_the_post_posts_once(self):
        channel = self.channel()
        # The request never arrives; or it was carried out, and the answer never comes.
        for act in ("swallow_request", "swallow_answer"):
            proxy = self.proxies["peter"]
            path = f"/channels/{channel}/messages"
            proxy.rules.append(Rule(act, "POST", path, times=1000))
            asked = self.ask(channel, "peter")
            eventually(lambda: any(one.path.endswith(path) for one in proxy.seen), 30, "a POST")
            pid = self.stack.kill("peter")
            proxy.behave()
            self.stack.replaced("peter", pid)
            self.answered(channel, asked)
            self.check(channel, [asked])
            proxy.seen.clear()

    def test_the_hub_falls_and_the_talk_goes_on(self):
        channel = self.channel()
        before = self.ask(channel, "brian")
        self.answered(channel, before)
        during = self.ask(channel, "stewie")
        self.fall("hub")
        self.person.close()
        self.person.connect()
        eventually(lambda: all(self.logged_in(name) for name in BOTS), 60, "the bots are back")
        after = self.ask(channel, "peter")
        for message in (during, after):
            self.answered(channel, message)
        self.check(channel, [before, during, after])
        self.check_pace()

    def test_the_router_falls_and_what_was_asked_is_answered(self):
        channel = self.channel()
        asked = self.ask(channel, "peter")
        eventually(lambda: self.stack.turns(channel), 20, "a turn")
        self.fall("router")
        later = self.ask(channel, "brian")
        for message in (asked, later):
            self.answered(channel, message)
        self.check(channel, [asked, later])

    def test_a_hub_that_is_frozen_for_a_while_is_waited_for(self):
        channel = self.channel()
        frozen = self.stack.kill("hub", signal.SIGSTOP)
        try:
            pace = {name: len(proxy.seen) for name, proxy in self.proxies.items()}
            connects = len(self.proxies["peter"].connects)
            eventually(lambda: len(self.proxies["peter"].connects) > connects, 20,
                       "the bot gives it up")
        finally:
            kill(frozen, signal.SIGCONT)
        asked = self.ask(channel, "peter")
        self.answered(channel, asked)
        self.check(channel, [asked])
        for name, proxy in self.proxies.items():
            self.assertLess(len(proxy.seen) - pace[name], 100, name)


class StackWithoutPeter(Stack):
    """A stack is not ready while one of its bots has stopped; the others are enough here."""

    def ready(self):
        return all(self.is_ready(name) for name in ("router", "hub", "brian", "stewie"))


class Stopped(EnsembleTest):
    """What only a person can mend stops a bot, in words and without a loop."""

    make = StackWithoutPeter
    tokens = {"peter": "MTIz.not.a-token"}

    def health(self, name):
        return self.stack.get(name, "/health").json

    def stopped(self, name):
        found = self.health(name)["services"]
        return found if found.get("discord") == "stopped" else None

    def test_a_wrong_token_is_said_in_words_and_tried_once(self):
        told = eventually(lambda: self.stopped("peter"), 30, "the bot says that it has stopped")
        self.assertIn("token", told["discord_why"])
        proxy = self.proxies["peter"]
        tries = len(proxy.seen) + len(proxy.connects)
        self.assertLessEqual(tries, 3, proxy.seen)
        # The others go on, and what is asked of them is answered.
        channel = self.channel()
        asked = self.ask(channel, "brian")
        self.answered(channel, asked)
        self.assertEqual(len(proxy.seen) + len(proxy.connects), tries)

    def test_close_codes_that_only_a_person_can_mend_stop_it(self):
        proxy = self.proxies["stewie"]
        for code, word in FATAL.items():
            with self.subTest(code=code):
                eventually(lambda: self.logged_in("stewie"), 30, "it is logged in")
                identifies, connects = len(proxy.identifies), len(proxy.connects)
                proxy.close(code)
                told = eventually(lambda: self.stopped("stewie"), 20, "it has stopped")
                self.assertIn(word, told["discord_why"])
                channel = self.channel()
                self.answered(channel, self.ask(channel, "brian"))
                self.assertEqual((len(proxy.identifies), len(proxy.connects)),
                                 (identifies, connects))
                self.stack.replaced("stewie", self.stack.kill("stewie"))


if __name__ == "__main__":
    unittest.main()
