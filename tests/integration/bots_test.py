"""The stage with bots: they bring the lines to the people, and tell when they have."""

import json
import subprocess
import threading
import unittest

import fake_ollama
from stack import BIN, StackTest, eventually, environment

CAST = ["brian", "peter", "stewie"]
BEER = "Peter, what is your favourite beer?"
CALL_OUT = "Holy crap, Brian, what do you think of beer?"


class FakeBot:
    """A process that serves a character's bot.speak and keeps what it was asked and told."""

    def __init__(self, stack, character):
        self.process = subprocess.Popen(
            [BIN.parent / "tests" / "fake-bot", stack.run, character], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment(), text=True)
        self.heard = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.heard.append(json.loads(line))

    def told(self, topic):
        return [message[topic] for message in list(self.heard) if topic in message]

    @property
    def lines(self):
        return self.told("bot.speak")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()


class BotsTest(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"llm": {"ollama_url": cls.ollama.url}, "router": {"follow_up_after_ms": 10},
                "coordinator": {"delays_scale": 0}}

    def setUp(self):
        self.channel = self.id().rsplit(".", 1)[1][:60]
        self.ollama.reset()
        self.bots = {}

    def tearDown(self):
        for bot in self.bots.values():
            bot.stop()

    def come(self, *characters):
        for character in characters:
            self.bots[character] = FakeBot(self.stack, character)

    def ask(self, message, message_id, participants=CAST, **more):
        return self.stack.say(self.channel, message, author="Ada", author_id="900",
                              message_id=message_id, participants=list(participants),
                              delivery="bots", **more)

    def posted(self, reply, message_id, **more):
        return self.stack.post("router", "/organic-notification",
                               {"channel": self.channel, "character": reply["character"],
                                "message": reply["text"], "message_id": message_id,
                                "turn_id": reply["turn_id"], "participants": CAST,
                                "delivery": "bots", **more})

    def organic(self):
        return [turn for turn in self.stack.turns(self.channel) if turn["kind"] == "organic"]

    def call_out(self):
        """Peter has called Brian in the channel; the reply to the person."""
        self.ollama.answers[BEER] = fake_ollama.say(CALL_OUT)
        reply = self.ok(self.ask(BEER, "m1"))
        self.assertEqual((reply["character"], reply["text"]), ("peter", CALL_OUT))
        return reply

    # --- a person's message ---------------------------------------------------------------------

    def test_all_bots_that_ask_get_the_same_turn_and_nobody_goes_on_before_it_is_posted(self):
        reply = self.call_out()
        self.assertEqual(self.ok(self.ask(BEER, "m1")), reply)
        self.assertEqual(self.organic(), [])
        self.assertEqual(len(self.stack.turns(self.channel)), 1)

    def hear(self):
        """Peter's bot, which by now hears all events."""
        self.come("peter")
        bot = self.bots["peter"]
        eventually(lambda: self.stack.say("elsewhere", "Peter, hello!") and bot.told("turn.record"),
                   20, "the bot hears the router")
        return bot

    def test_a_bot_is_seen_typing_while_a_draft_takes_its_time(self):
        bot = self.hear()
        drafted = threading.Event()

        def slowly(handler):
            drafted.wait(30)
            fake_ollama.say(CALL_OUT)(handler)
        self.ollama.script.append(slowly)
        asking = threading.Thread(target=self.ask, args=("Peter, a beer?", "m1"))
        asking.start()
        try:
            eventually(lambda: {"channel": self.channel, "character": "peter", "typing": True} in
                       bot.told("turn.typing"), 20, "Peter types")
        finally:
            drafted.set()
            asking.join(30)

    def test_the_end_of_a_turn_is_told(self):
        bot = self.hear()
        reply = self.call_out()
        self.assertIn(reply["turn_id"], eventually(
            lambda: [turn["turn_id"] for turn in bot.told("turn.record")
                     if turn["channel"] == self.channel], 20, "the turn is over"))
        (turn,) = [turn for turn in bot.told("turn.record") if turn["channel"] == self.channel]
        self.assertEqual((turn["message_id"], turn["character"], turn["status"], turn["reason"]),
                         ("m1", "peter", "said", "passed"))

    def test_all_bots_get_the_same_silence(self):
        first = self.ok(self.ask("Be quiet, guys!", "m1"))
        self.assertEqual((first["character"], first["reason"]), ("", "quiet"))
        self.assertEqual(self.ok(self.ask("Be quiet, guys!", "m1")), first)

    def test_only_who_is_in_the_channel_answers(self):
        reply = self.ok(self.ask("Stewie, is the world yours yet?", "m1", ["brian"]))
        self.assertIn(reply["character"], ("", "brian"))
        reply = self.ok(self.ask("What do you all eat on Fridays?", "m2", ["brian"]))
        self.assertEqual(reply["character"], "brian")

    def test_who_is_asked_for_must_be_in_the_channel(self):
        refused = self.ask("Hello", "m1", ["brian"], character="peter")
        self.assertEqual(refused.status, 400, refused)
        self.assertIn("no participant", refused.json["error"]["message"])

    def test_a_person_may_be_named_as_a_character_is(self):
        self.ok(self.stack.say(self.channel, "Hello everybody!", author="peter", author_id="901",
                               delivery="bots", participants=CAST))
        line = self.stack.lines(self.channel)[0]
        self.assertEqual((line["author"], line["kind"]), ("peter (a person)", "human"))

    def test_nor_does_it_matter_how_the_name_is_written(self):
        for name in ("PETER", "Peter"):
            self.ok(self.stack.say(self.channel, "Hello everybody!", author=name, author_id="901",
                                   delivery="bots", participants=CAST))
            self.assertIn(f"{name} (a person)",
                          [line["author"] for line in self.stack.lines(self.channel)])

    # --- a line that is posted ------------------------------------------------------------------

    def test_another_bot_goes_on_when_the_line_is_posted(self):
        self.come("brian")
        reply = self.call_out()
        self.ollama.default = fake_ollama.say("I prefer a dry martini, thank you very much.")
        plan = self.ok(self.posted(reply, "p1"))
        self.assertEqual(plan["follow_up_character"], "brian")
        eventually(lambda: self.bots["brian"].lines, 20, "Brian was asked to post")
        (line,) = self.bots["brian"].lines
        (turn,) = self.organic()
        self.assertEqual((line["channel"], line["turn_id"], line["text"]),
                         (self.channel, turn["turn_id"], turn["text"]))
        self.assertEqual((turn["status"], turn["character"]), ("said", "brian"))
        self.assertEqual([one["author"] for one in self.stack.lines(self.channel)],
                         ["Ada", "peter", "brian"])

    def test_the_record_knows_where_its_line_stands(self):
        reply = self.call_out()
        self.ok(self.posted(reply, "10000000000000000001"))
        (turn,) = self.ok(self.stack.get("router", "/turns?posted=10000000000000000001"))["turns"]
        self.assertEqual((turn["turn_id"], turn["posted_id"], turn["author_id"]),
                         (reply["turn_id"], "10000000000000000001", "900"))
        self.assertEqual(self.ok(self.stack.get("router", "/turns?posted=7"))["turns"], [])

    def test_a_line_that_is_told_of_twice_is_followed_once(self):
        self.come("brian")
        reply = self.call_out()
        self.assertEqual(self.ok(self.posted(reply, "p1"))["follow_up_character"], "brian")
        self.assertEqual(self.ok(self.posted(reply, "p1"))["reason"], "repeated")
        eventually(lambda: self.bots["brian"].lines, 20, "Brian was asked to post")
        self.assertEqual(len(self.organic()), 1)

    def test_only_who_is_in_the_channel_goes_on(self):
        reply = self.call_out()
        plan = self.ok(self.posted(reply, "p1", participants=["peter", "stewie"]))
        self.assertNotEqual(plan.get("follow_up_character"), "brian")

    def test_a_notice_of_a_turn_that_never_was_is_refused(self):
        nobody = {"character": "peter", "text": "hm", "turn_id": "turn_none"}
        self.assertEqual(self.posted(nobody, "p1").status, 404)

    def test_a_notice_for_another_channel_is_refused(self):
        reply = self.call_out()
        self.assertEqual(self.posted(reply, "p1", channel="elsewhere").status, 400)

    def test_another_line_is_put_in_the_place_of_the_first_and_nobody_goes_on(self):
        reply = self.call_out()
        self.ok(self.posted(reply, "p1", participants=["peter"]))
        self.ollama.default = fake_ollama.say("Holy crap, Lois, Pawtucket Patriot Ale, of course.")
        again = self.ok(self.stack.post("router", "/regenerate", {
            "turn_id": reply["turn_id"], "author": "900", "request_id": "i1"}))
        self.assertNotEqual(again["turn_id"], reply["turn_id"])
        (turn,) = self.ok(self.stack.get("router", "/turns?posted=p1"))["turns"]
        self.assertEqual(turn["turn_id"], again["turn_id"])
        followed = [event for event in self.stack.events("router")
                    if event["event"] == "follow-up" and event["channel"] == self.channel]
        self.assertEqual(followed, [])
        self.assertEqual(self.organic(), [])

    # --- faults ---------------------------------------------------------------------------------

    def test_a_bot_that_comes_late_posts_its_line_all_the_same(self):
        reply = self.call_out()
        self.ollama.default = fake_ollama.say("I prefer a dry martini, thank you very much.")
        self.ok(self.posted(reply, "p1"))
        eventually(lambda: [turn for turn in self.organic() if turn["status"] == "said"], 20,
                   "Brian's line is decided")
        self.come("brian")
        eventually(lambda: self.bots["brian"].lines, 20, "Brian was asked to post")

    def test_a_line_that_no_bot_posts_is_undelivered_when_a_person_goes_on(self):
        reply = self.call_out()
        self.ollama.default = fake_ollama.say("I prefer a dry martini, thank you very much.")
        self.ok(self.posted(reply, "p1"))
        eventually(lambda: [turn for turn in self.organic() if turn["status"] == "said"], 20,
                   "Brian's line is decided")
        self.ok(self.ask("Peter, what do you eat on Fridays?", "m2"))
        eventually(lambda: self.organic()[0]["reason"] == "undelivered", 20, "the record says so")

    def test_a_person_cuts_off_what_a_bot_was_about_to_say(self):
        self.come("brian")
        reply = self.call_out()
        self.ollama.default = fake_ollama.stall
        self.ok(self.posted(reply, "p1"))
        eventually(self.organic, 20, "Brian drafts")
        self.ollama.reset()
        self.ok(self.ask("Peter, stop. What is your favourite food?", "m2"))
        self.assertEqual([(turn["status"], turn["reason"]) for turn in self.organic()],
                         [("interrupted", "interrupted_by_person")])
        self.assertEqual(self.bots["brian"].lines, [])

    # --- who is there, and who is forgotten -----------------------------------------------------

    def test_bots_learn_who_else_is_there(self):
        for name, user in (("peter", "11"), ("brian", "12")):
            company = self.ok(self.stack.post("router", "/join", {
                "character": name, "user_id": user, "guilds": ["1"]}))
        self.assertEqual({bot["user_id"]: bot["character"] for bot in company["bots"]},
                         {"11": "peter", "12": "brian"})

    def test_whoever_is_forgotten_leaves_nothing_behind(self):
        self.ok(self.stack.say(self.channel, "Peter, hello!", author="Bob", author_id="902",
                               message_id="b1"))
        reply = self.ok(self.stack.say(self.channel, "Peter, my secret is Wilhelmina.",
                                       author="Eve", author_id="903", message_id="e1"))
        eventually(lambda: self.stack.get("tuning", "/report").json["characters"], 20, "learned")
        gone = self.ok(self.stack.post("router", "/forget", {"author_id": "903"}))
        self.assertEqual((gone["turns"], gone["lines"]), (1, 2))
        self.assertEqual(self.stack.get("router", f"/turns/{reply['turn_id']}").status, 404)
        self.assertNotIn("Eve", [line["author"] for line in self.stack.lines(self.channel)])
        self.assertEqual(self.stack.lines(self.channel)[0]["author"], "Bob")
        self.assertNotIn(reply["turn_id"], self.stack.get("tuning", "/export").body.decode())
        again = self.ok(self.stack.post("router", "/forget", {"author_id": "903"}))
        self.assertEqual(again, {"turns": 0, "lines": 0, "outcomes": 0})

    def test_a_turn_under_way_is_ended_before_its_person_is_forgotten(self):
        self.ollama.default = fake_ollama.stall
        replies = []
        asking = threading.Thread(
            target=lambda: replies.append(self.ok(self.ask("Peter, a beer?", "m1"))))
        asking.start()
        eventually(lambda: self.stack.turns(self.channel), 20, "the turn is under way")
        gone = self.ok(self.stack.post("router", "/forget", {"author_id": "900"}))
        asking.join(30)
        self.assertGreaterEqual(gone["turns"], 1)
        self.assertEqual([reply["reason"] for reply in replies], ["forgotten"])
        self.assertEqual(self.stack.turns(self.channel), [])
        self.assertEqual(self.stack.lines(self.channel), [])

    def test_nothing_is_half_forgotten_while_a_part_is_away(self):
        self.ok(self.stack.say(self.channel, "Peter, hello!", author="Eve", author_id="904",
                               message_id="e1"))
        pid = self.stack.kill("coordinator")
        failed = self.stack.post("router", "/forget", {"author_id": "904"})
        self.stack.replaced("coordinator", pid)
        if failed.status != 200:  # it may be back so soon that a second try finds it
            self.assertEqual(len(self.stack.turns(self.channel)), 1)
            self.ok(self.stack.post("router", "/forget", {"author_id": "904"}))
        self.assertEqual(self.stack.turns(self.channel), [])
        self.assertEqual(self.stack.lines(self.channel), [])


if __name__ == "__main__":
    unittest.main()
