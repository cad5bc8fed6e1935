"""The first answer, its record, and that neither repeats nor crashes lose or double it."""

import threading
import unittest

from stack import StackTest, eventually

BEER = "Peter, what is your favourite beer?"
COMPONENTS = {"authenticity", "flow", "engagement", "grounding", "safety"}


class FirstLight(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}}  # nobody joins in unasked

    def said(self, channel, message, **more):
        reply = self.ok(self.stack.say(channel, message, **more))
        self.assertTrue(reply["text"], reply)
        return reply

    def test_a_blank_message_is_refused(self):
        reply = self.stack.say("c-blank", "  \n")
        self.assertEqual(reply.status, 400, reply)
        self.assertIn("message", reply.json["error"]["message"])

    def test_the_right_character_answers_what_he_knows(self):
        reply = self.said("c1", BEER)
        self.assertEqual(reply["character"], "peter")
        self.assertIn("Pawtucket", reply["text"])
        self.assertTrue(reply["passed"])
        self.assertFalse(reply["degraded"])
        self.assertTrue(reply["turn_id"])
        self.assertTrue(all(set(source) >= {"title", "uri", "span"}
                            for source in reply["sources"]))

    def test_the_record_says_why(self):
        reply = self.said("c-record", BEER)
        record = self.ok(self.stack.get("router", f"/turns/{reply['turn_id']}"))
        self.assertEqual((record["channel"], record["author"], record["message"]),
                         ("c-record", "visitor", BEER))
        self.assertEqual((record["status"], record["kind"]), ("said", "direct"))
        for member in ("turn_id", "character", "text", "model", "passed", "score", "degraded",
                       "sources", "reason", "ms"):
            self.assertEqual(record[member], reply[member], member)
        self.assertEqual(len(record["attempts"]), reply["attempts"])
        self.assertEqual(set(record["scores"]), {"peter", "brian", "stewie"})
        self.assertEqual(record["scores"]["peter"]["addressed"], 100)
        self.assertEqual(set(record["attempts"][0]["assessment"]["components"]), COMPONENTS)
        self.assertEqual(record["attempts"][-1]["text"], reply["text"])
        stages = [stage["name"] for stage in record["stages"]]
        self.assertEqual({"observe", "prompt", "retrieve", "draft 1", "assess 1", "record"} -
                         set(stages), set())

    def test_the_turns_of_a_channel_are_listed_newest_first(self):
        ids = [self.said("c-list", text)["turn_id"]
               for text in (BEER, "Brian, what do you read?", "Stewie, how are you?")]
        self.assertEqual([turn["turn_id"] for turn in self.stack.turns("c-list")], ids[::-1])
        self.assertEqual(self.stack.turns("c-nobody-was-here"), [])

    def test_an_unknown_turn_is_not_found(self):
        reply = self.stack.get("router", "/turns/turn_that_never_was")
        self.assertEqual(reply.status, 404)
        self.assertEqual(reply.json["error"]["code"], "not_found")
        self.assertIn("turn_that_never_was", reply.json["error"]["message"])

    def test_the_router_shows_the_health_of_the_services(self):
        health = self.ok(self.stack.get("router", "/services/health"))
        self.assertEqual(health["status"], "healthy")
        self.assertEqual(health["services"],
                         health["services"] | dict.fromkeys(
                             ["characters", "retriever", "llm", "quality", "coordinator"],
                             "connected"))

    def test_a_character_that_is_asked_for_answers(self):
        reply = self.said("c-named", "What is your favourite beer?", character="stewie")
        self.assertEqual(reply["character"], "stewie")

    def test_an_unknown_character_is_refused_by_name(self):
        reply = self.stack.say("c-nobody", BEER, character="gandalf")
        self.assertEqual(reply.status, 404, reply)
        self.assertEqual(reply.json["error"]["code"], "not_found")
        self.assertIn("character", reply.json["error"]["message"])

    def test_a_repeated_message_gets_the_same_turn(self):
        first = self.said("c-repeat", BEER, message_id="m1")
        self.assertEqual(self.said("c-repeat", BEER, message_id="m1"), first)
        self.assertEqual(len(self.stack.lines("c-repeat")), 2)
        other = self.said("c-repeat-elsewhere", BEER, message_id="m1")
        self.assertNotEqual(other["turn_id"], first["turn_id"])

    def test_the_same_message_from_many_sides_at_once_is_one_turn(self):
        start, replies = threading.Barrier(8), []

        def ask():
            start.wait(10)
            replies.append(self.stack.say("c-crowd", BEER, message_id="m1"))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([reply.status for reply in replies], [200] * 8)
        self.assertEqual(len({reply.json["turn_id"] for reply in replies}), 1)
        self.assertEqual([line["kind"] for line in self.stack.lines("c-crowd")], ["human", "bot"])

    def test_a_repeat_after_a_crash_of_the_router_is_the_same_turn(self):
        first = self.said("c-crash", BEER, message_id="m1")
        self.stack.replaced("router", self.stack.kill("router"))
        again = self.said("c-crash", BEER, message_id="m1")
        self.assertEqual((again["turn_id"], again["text"]), (first["turn_id"], first["text"]))
        self.assertEqual(len(self.stack.lines("c-crash")), 2)
        self.assertEqual(self.stack.turn(first["turn_id"])["text"], first["text"])

    def test_channels_do_not_hear_each_other(self):
        self.said("c-left", BEER, author="Lefty")
        self.said("c-right", "Brian, what do you read?", author="Righty")
        left, right = self.stack.lines("c-left"), self.stack.lines("c-right")
        self.assertEqual([line["author"] for line in left], ["Lefty", "peter"])
        self.assertEqual([line["author"] for line in right], ["Righty", "brian"])

    def test_the_conversation_survives_a_restart_of_everything(self):
        reply = self.said("c-restart", BEER)
        before = self.stack.lines("c-restart")
        self.assertEqual(before[-1]["text"], reply["text"])
        self.assertEqual(self.stack.stop(), (0, []))
        self.stack.start()
        self.assertEqual(self.stack.lines("c-restart"), before)
        self.assertEqual(self.stack.turn(reply["turn_id"])["text"], reply["text"])
        eventually(lambda: self.stack.say("c-restart", BEER).status == 200, 10, "it goes on")


if __name__ == "__main__":
    unittest.main()
