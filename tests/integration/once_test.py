"""A message has one answer, however often it comes and whatever fell between line and record;
another line there is for who asks for one."""

import contextlib
import signal
import threading
import unittest

import fake_ollama
from stack import StackTest, eventually, kill

BEER = "Peter, what is your favourite beer?"
LINE = "Holy crap, it's Pawtucket Patriot Ale, and it's freakin' sweet!"


class Once(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"coordinator": {"weights": {"energy_budget": 0}}, "router": {"deadline_ms": 5000},
                "llm": {"ollama_url": cls.ollama.url}}

    def setUp(self):
        self.ollama.reset()

    def answers(self, channel, message_id):
        path = f"/history?channel={channel}&answers={message_id}"
        lines = self.ok(self.stack.get("coordinator", path))["answered"]
        return [line["text"] for line in reversed(lines)]

    def observe(self, channel, message_id, author, text, **more):
        line = {"author": author, "text": text, "kind": "bot" if more else "human"}
        self.ok(self.stack.post("coordinator", "/observe", {
            "channel": channel, "message_id": message_id, "line": line, **more}))

    def stalled_turn(self, channel):
        """The id of a turn whose model has stalled; its asker has given up."""
        self.ollama.script.append(fake_ollama.stall)

        def ask():
            with contextlib.suppress(OSError):
                self.stack.say(channel, BEER, message_id="m1")
        asker = threading.Thread(target=ask)
        asker.start()
        self.addCleanup(asker.join)
        turns = eventually(lambda: self.ollama.requests and self.stack.turns(channel), 10,
                           "the turn is on disk as open")
        self.assertEqual([turn["status"] for turn in turns], ["open"])
        return turns[0]["turn_id"]

    def said(self, turn_id):
        record = self.stack.turn(turn_id)
        return record if record["status"] == "said" else None

    # --- once ------------------------------------------------------------------------------------

    def test_a_repeated_message_gets_the_line_that_answered_it(self):
        first = self.ok(self.stack.say("c-repeat", BEER, message_id="m1"))
        self.assertEqual(self.ok(self.stack.say("c-repeat", BEER, message_id="m1")), first)
        named = self.ok(self.stack.say("c-repeat", BEER, message_id="m1", character="peter"))
        self.assertEqual(named, first)
        self.assertEqual(self.answers("c-repeat", "m1"), [first["text"]])

    def test_a_line_whose_record_a_crash_took_has_one_again(self):
        self.observe("c-took", "m1", "visitor", BEER)
        self.observe("c-took", "m1~peter", "peter", LINE, turn_id="turn_took", answers="m1")
        reply = self.ok(self.stack.say("c-took", BEER, message_id="m1"))
        self.assertEqual((reply["turn_id"], reply["text"], reply["reason"]),
                         ("turn_took", LINE, "recovered"))
        record = self.stack.turn("turn_took")
        self.assertEqual((record["status"], record["text"], record["message"]),
                         ("said", LINE, BEER))
        self.assertEqual(self.answers("c-took", "m1"), [LINE])
        self.assertEqual(self.ollama.requests, [])

    def test_a_line_that_was_said_without_its_question_stands_all_the_same(self):
        # By a turn that began while the coordinator was away.
        self.observe("c-apart", "m1~peter", "peter", LINE, turn_id="turn_apart", answers="m1")
        for _ in range(2):
            reply = self.ok(self.stack.say("c-apart", BEER, message_id="m1", character="peter"))
            self.assertEqual((reply["turn_id"], reply["text"]), ("turn_apart", LINE))
        self.assertEqual(self.stack.turn("turn_apart")["status"], "said")
        self.assertEqual(self.answers("c-apart", "m1"), [LINE])

    def test_a_turn_that_a_crash_left_open_learns_that_its_line_was_said(self):
        turn_id = self.stalled_turn("c-open")
        # Another turn's line to the same message is not its own.
        self.observe("c-open", "m1~brian", "brian", "Not again.", turn_id="turn_other", answers="m1")
        self.observe("c-open", "m1~peter", "peter", LINE, turn_id=turn_id, answers="m1")
        self.stack.replaced("router", self.stack.kill("router"))
        record = eventually(lambda: self.said(turn_id), 10, "the record is corrected")
        self.assertEqual((record["text"], record["reason"], record["degraded"]),
                         (LINE, "recovered", True))
        reply = self.ok(self.stack.say("c-open", BEER, message_id="m1", character="peter"))
        self.assertEqual((reply["turn_id"], reply["text"]), (turn_id, LINE))

    def test_a_turn_too_quick_to_be_on_disk_as_open_has_a_record_after_a_crash(self):
        self.observe("c-quick", "m1", "visitor", BEER)
        turn_id = "turn_00000000000000000000000001"  # of a former process: ids begin with the time
        self.observe("c-quick", "m1~peter", "peter", LINE, turn_id=turn_id, answers="m1")
        self.stack.replaced("router", self.stack.kill("router"))
        record = eventually(lambda: self.stack.turns("c-quick"), 10, "the record is made")[0]
        self.assertEqual((record["turn_id"], record["status"], record["reason"], record["text"],
                          record["message"], record["author"]),
                         (turn_id, "said", "recovered", LINE, BEER, "visitor"))

    def test_the_same_wish_for_another_line_is_granted_once(self):
        first = self.ok(self.stack.say("c-wish", BEER, message_id="m1"))
        wish = {"turn_id": first["turn_id"], "author": "lois", "request_id": "r1"}
        second = self.ok(self.stack.post("router", "/regenerate", wish))
        self.assertEqual(self.ok(self.stack.post("router", "/regenerate", wish)), second)
        self.assertEqual(self.answers("c-wish", "m1"), [first["text"], second["text"]])

    def test_who_asked_nobody_in_particular_hears_the_first_that_answered_again(self):
        first = self.ok(self.stack.say("c-first", BEER, message_id="m1"))
        self.ok(self.stack.say("c-first", BEER, message_id="m1", character="brian"))
        self.assertEqual(self.ok(self.stack.say("c-first", BEER, message_id="m1")), first)

    def test_a_character_is_no_person(self):
        reply = self.stack.say("c-name", BEER, author="brian")
        self.assertEqual(reply.status, 400, reply)
        self.assertIn("author: 'brian' is a character", reply.json["error"]["message"])

    def test_it_learns_so_also_when_the_coordinator_was_away_and_the_router_falls_again(self):
        turn_id = self.stalled_turn("c-both")
        self.observe("c-both", "m1~peter", "peter", LINE, turn_id=turn_id, answers="m1")
        frozen = self.stack.kill("coordinator", signal.SIGSTOP)
        self.addCleanup(kill, frozen, signal.SIGCONT)
        for _ in range(2):
            old = self.stack.kill("router")
            eventually(lambda was=old: self.runs_again("router", was), 20, "the router is back")
            self.assertEqual(self.stack.turn(turn_id)["status"], "interrupted")
        kill(frozen, signal.SIGKILL)
        self.stack.replaced("coordinator", frozen)
        # The call to the one that was frozen has to end first.
        record = eventually(lambda: self.said(turn_id), 40, "the record is corrected")
        self.assertEqual(len(record["faults"]), 1)

    def runs_again(self, service, old):
        try:
            return self.stack.pid(service) != old and self.stack.answers(service, "/health")
        except LookupError:
            return False

    # --- once more, for who asks -----------------------------------------------------------------

    def test_another_line_is_said_by_the_same_character_and_the_first_one_stays(self):
        first = self.ok(self.stack.say("c-anew", BEER, message_id="m1"))
        second = self.ok(self.stack.post("router", "/regenerate", {
            "turn_id": first["turn_id"], "author": "lois"}))
        self.assertEqual(second["character"], first["character"])
        self.assertNotEqual(second["text"], first["text"])
        self.assertEqual(self.stack.turn(second["turn_id"])["regenerates"], first["turn_id"])
        record = self.stack.turn(first["turn_id"])
        self.assertEqual((record["status"], record["text"]), ("said", first["text"]))
        self.assertEqual(self.answers("c-anew", "m1"), [first["text"], second["text"]])
        eventually(lambda: self.unwanted() == 1, 10, "tuning counts the wish for another line")
        # Who repeats the message has not asked for another line.
        self.assertEqual(self.ok(self.stack.say("c-anew", BEER, message_id="m1")), first)
        self.stack.replaced("router", self.stack.kill("router"))
        again = self.ok(self.stack.say("c-anew", BEER, message_id="m1"))
        self.assertEqual((again["turn_id"], again["text"]), (first["turn_id"], first["text"]))

    def unwanted(self):
        report = self.ok(self.stack.get("tuning", "/report?character=peter"))["characters"]
        return sum(variant["thumbs_down"] for told in report for variant in told["variants"])

    def test_what_cannot_be_said_anew_is_answered_in_words(self):
        first = self.ok(self.stack.say("c-words", BEER))
        turn_id = self.stalled_turn("c-words-open")
        for body, status, words in (
                ({"turn_id": "turn_none", "author": "lois"}, 404, "no turn 'turn_none'"),
                ({"turn_id": turn_id, "author": "lois"}, 409, "has said no line"),
                ({"turn_id": first["turn_id"]}, 400, "author: is required")):
            reply = self.stack.post("router", "/regenerate", body)
            self.assertEqual(reply.status, status, reply)
            self.assertIn(words, reply.json["error"]["message"])


if __name__ == "__main__":
    unittest.main()
