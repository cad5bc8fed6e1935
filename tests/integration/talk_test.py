"""The cast talks by itself, and stops; it does not repeat itself; what it knows can be changed."""

import unittest

import fake_ollama
from stack import BIN, StackTest, eventually

BEER = "Peter, what is your favourite beer?"

# A person's side of a long evening: questions, remarks, names and none.
HUMAN_LINES = [
    "Hi everybody, how is your evening?", "Peter, what is your favourite beer?",
    "Brian, which book are you reading?", "Stewie, what are you inventing today?",
    "What does everybody eat on Fridays?", "I had a terrible day at work.",
    "Peter, tell me about Lois.", "Brian, do you still write your novel?",
    "Stewie, is the world yours yet?", "Who of you is the smartest?",
    "I am thinking about getting a dog.", "Peter, did you ever break something big?",
    "Brian, what do you drink?", "Stewie, do you like your teddy bear?",
    "What should I watch on television tonight?", "My car broke down again.",
    "Peter, where do you work?", "Brian, what do you think of Peter?",
    "Stewie, what do you think of Brian?", "Do any of you believe in ghosts?",
    "Thanks, you are good company!", "Peter, what is your favourite food?",
    "Brian, who is your favourite musician?", "Stewie, how big is your head?",
    "I want to learn to cook something.", "What was the best day of your lives?",
    "Peter, how are your children?", "Brian, are you a good dog?",
    "Stewie, what is your plan for tomorrow?", "It has been raining all day here.",
    "Which of you would win a race?", "Peter, how do you stay so handsome?",
    "Brian, what is art?", "Stewie, have you built a time machine?",
    "I think I am falling in love.", "Where would you all go on vacation?",
    "Peter, who is your best friend?", "Brian, what scares you?",
    "Stewie, what scares you?", "Good night, all of you!",
]


class Talk(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"delays_scale": 0.01}, "router": {"follow_up_after_ms": 10},
                "characters": {"poll_ms": 50}}

    def silent(self, channel):
        """Whether nobody has anything more to say: the newest line's follow-up was nobody's."""
        turns = self.stack.turns(channel)
        if any(turn["status"] == "open" for turn in turns):
            return False
        said = [turn["turn_id"] for turn in turns if turn["status"] == "said"]
        # Each line that is said asks once who goes on.
        happened = [event for event in self.stack.events("router")
                    if event["event"] == "turn" and event["turn"] in said
                    or event["event"] == "follow-up" and event["channel"] == channel]
        if not said:
            return bool(turns)
        return (sum(event["event"] == "turn" for event in happened) == len(said) and
                happened[-1]["event"] == "follow-up" and not happened[-1]["character"])

    def talk(self, channel, message):
        """One human line, and all that comes of it."""
        reply = self.ok(self.stack.say(channel, message))
        eventually(lambda: self.silent(channel), 20, f"silence after {message!r}")
        return reply

    def test_the_cast_goes_on_by_itself_and_stops_by_itself(self):
        counts = []
        for i, message in enumerate(("What does everybody eat on Fridays?",
                                     "Peter, what do you think of Brian?",
                                     "Brian, tell Stewie about your novel.",
                                     "Who of you is the smartest?")):
            self.talk(f"c-{i}", message)
            kinds = [line["kind"] for line in self.stack.lines(f"c-{i}")]
            self.assertEqual(kinds[0], "human")
            counts.append(kinds.count("bot"))
        # One answer, and what the energy of 4 pays for.
        self.assertTrue(all(1 <= count <= 5 for count in counts), counts)
        self.assertGreater(sum(counts), len(counts), "nobody ever went on")
        *followed, first = [turn["kind"] for turn in self.stack.turns("c-0")]
        self.assertEqual(first, "direct")
        self.assertEqual(set(followed) - {"organic"}, set())

    def test_a_long_evening_has_no_line_twice_and_everybody_in_it(self):
        for message in HUMAN_LINES:
            self.talk("evening", message)
        turns = [turn for turn in self.stack.turns("evening") if turn["status"] == "said"]
        texts = [turn["text"] for turn in turns]
        twice = sorted(text for text in set(texts) if texts.count(text) > 1)
        self.assertEqual(twice, [])
        self.assertEqual({turn["character"] for turn in turns}, {"peter", "brian", "stewie"})
        self.assertGreaterEqual(len(turns), len(HUMAN_LINES), "questions were met with silence")
        passed = sum(turn["passed"] for turn in turns)
        self.assertGreaterEqual(passed / len(turns), 0.95,
                                [(turn["turn_id"], turn["score"], turn["text"])
                                 for turn in turns if not turn["passed"]])

    def test_documents_come_and_go_by_the_doors(self):
        added = self.ok(self.stack.post("retriever", "/rag/documents",
                                        {"id": "d1", "title": "Lighthouse", "collection": "test",
                                         "content": "The lighthouse keeper is called Wilhelmina."}))
        self.assertEqual((added["id"], added["chunks"]), ("d1", 1))
        query = {"query": "what is the lighthouse keeper called", "collections": ["test"]}
        (hit,) = self.ok(self.stack.post("retriever", "/rag/query", query))["hits"]
        self.assertEqual((hit["document_id"], hit["title"]), ("d1", "Lighthouse"))
        self.assertIn("Wilhelmina", hit["text"])
        listed = self.ok(self.stack.get("retriever", "/documents?collection=test"))["documents"]
        self.assertEqual([document["id"] for document in listed], ["d1"])
        shown = self.ok(self.stack.get("retriever", "/documents/d1"))
        self.assertEqual((shown["title"], shown["content"]),
                         ("Lighthouse", "The lighthouse keeper is called Wilhelmina."))
        deleted = self.ok(self.stack.post("retriever", "/rag/documents/delete", {"id": "d1"}))
        self.assertEqual(deleted, {"deleted": True})
        self.assertEqual(self.ok(self.stack.post("retriever", "/rag/query", query))["hits"], [])

    def test_what_shares_no_word_with_a_question_is_found_by_meaning_also_after_a_kill(self):
        if not (BIN.parent / "share/troupe/sentences.weights").exists():
            self.skipTest("no sentence encoder: scripts/test makes its weights")
        document = {"id": "d2", "collection": "meaning",
                    "content": "Wilhelmina has three cats. The lamp turns at night."}
        self.ok(self.stack.post("retriever", "/rag/documents", document))
        pid = self.stack.kill("retriever")
        self.stack.replaced("retriever", pid)
        question = {"query": "does she keep any pets?", "collection": "meaning",
                    "expansion": False}

        def searched():
            reply = self.stack.post("retriever", "/settings/rag/test", question)
            return reply.status == 200 and reply.json["meaning"] == "searched" and reply.json
        answer = eventually(searched, 20, "the vectors are made after the restart")
        self.assertEqual([hit["document_id"] for hit in answer["hits"]], ["d2"])
        health = self.ok(self.stack.get("retriever", "/rag/health"))
        self.assertEqual((health["meaning"], health["chunks_with_meaning"]),
                         ("ready", health["chunks"]))

    def test_what_a_character_knows_is_what_his_file_says(self):
        self.assertIn("Pawtucket", self.talk("beer-0", BEER)["text"])
        path = self.stack.data / "characters" / "peter.md"
        knowledge = path.read_text(encoding="utf-8")
        path.write_text(knowledge.replace("Pawtucket Patriot Ale", "Zanzibar Midnight Stout"),
                        encoding="utf-8")
        channels = iter(range(1, 1000))
        eventually(lambda: "Zanzibar" in self.ok(
            self.stack.say(f"beer-{next(channels)}", BEER))["text"], 10, "the new beer is known")


class Interruption(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"llm": {"ollama_url": cls.ollama.url}, "router": {"follow_up_after_ms": 10},
                "coordinator": {"delays_scale": 0}}

    def organic(self, status):
        return [turn for turn in self.stack.turns("c")
                if turn["kind"] == "organic" and turn["status"] == status]

    def test_a_person_cuts_off_what_the_characters_were_about_to_say(self):
        self.ollama.script.append(
            fake_ollama.say("Holy crap, Brian, Stewie, what do you two think of beer?"))
        self.ollama.default = fake_ollama.stall
        self.ok(self.stack.say("c", BEER))
        eventually(lambda: self.organic("open"), 20, "another character drafts")
        self.ollama.reset()
        reply = self.ok(self.stack.say("c", "Peter, stop. What is your favourite food?"))
        (turn,) = self.organic("interrupted")
        self.assertEqual(turn["reason"], "interrupted_by_person")
        self.assertEqual(turn["text"], "")
        self.assertEqual([line["author"] for line in self.stack.lines("c")][:4],
                         ["visitor", "peter", "visitor", reply["character"]])


if __name__ == "__main__":
    unittest.main()
