"""Cards come in every form, go out again, change while they are in use, and survive kills."""

import base64
import contextlib
import copy
import http.client
import io
import json
import random
import struct
import threading
import unittest
import zipfile
import zlib

import fake_ollama
from forms import amount, seed
from stack import Stack, StackTest, eventually

ADA = {
    "spec": "chara_card_v3", "spec_version": "3.0", "of_another_program": {"x": [1, None, "\u00e9"]},
    "data": {
        "name": "Ada", "nickname": "Ada", "description": "{{char}} builds engines for {{user}}.",
        "personality": "precise", "scenario": "", "first_mes": "Good evening.", "mes_example": "",
        "creator_notes": "", "system_prompt": "", "post_history_instructions": "Be brief.",
        "alternate_greetings": [], "group_only_greetings": [], "tags": ["test"], "creator": "me",
        "character_version": "1", "assets": [],
        "character_book": {"extensions": {}, "entries": [
            {"keys": ["engine"], "content": "@@depth 1\nThe engine is made of brass.",
             "extensions": {"mine": 1}, "enabled": True, "insertion_order": 1, "use_regex": False}]},
        "extensions": {"other": {"kept": True}}}}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(
        ">I", zlib.crc32(kind + data))


def png(texts, shade=7):
    """A picture of one pixel with these tEXt chunks."""
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))]
    for name, card in texts.items():
        parts.append(chunk(b"tEXt", name + b"\0" + base64.b64encode(json.dumps(card).encode())))
    parts.append(chunk(b"IDAT", zlib.compress(bytes([0, shade]))))
    return b"".join([*parts, chunk(b"IEND", b"")])


def chunks(data):
    """[(type, data)] of a PNG whose checksums are right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        size = struct.unpack(">I", data[at:at + 4])[0]
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
        found.append((kind, body))
        at += size + 12
    return found


def cards_in(data):
    texts = dict(body.split(b"\0", 1) for kind, body in chunks(data) if kind == b"tEXt")
    return {name: json.loads(base64.b64decode(text)) for name, text in texts.items()}


def charx(card, **files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps(card))
        for name, data in files.items():
            archive.writestr(f"assets/icon/images/{name}.png", data)
    return packed.getvalue()


def renamed(name, card=None):
    made = copy.deepcopy(card or ADA)
    made["data"]["name"] = made["data"]["nickname"] = name
    return made


class Characters(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"characters": {"poll_ms": 20, "versions_max": 5},
                "coordinator": {"weights": {"energy_budget": 0}},
                "llm": {"providers": [{"name": "ollama", "kind": "ollama", "url": cls.ollama.url,
                                       "models": [fake_ollama.MODEL]}],
                        "chain": ["ollama", "understudy"]}}

    def send(self, method, path, body, headers=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.stack.request("characters", method, path, body, headers)

    def imported(self, body):
        return self.ok(self.send("POST", "/characters/import", body))

    def export(self, who, form):
        reply = self.stack.get("characters", f"/characters/{who}/export?format={form}")
        self.assertEqual(reply.status, 200, reply)
        return reply

    def versions(self, who):
        found = self.ok(self.stack.get("characters", f"/characters/{who}/versions"))["versions"]
        return [version["version"] for version in found]

    # --- forms --------------------------------------------------------------------------------

    def test_a_picture_comes_in_and_goes_out_with_all_that_was_in_it(self):
        old = {"spec": "chara_card_v2", "data": {"name": "Old"}}
        accepted = self.imported(png({b"chara": old, b"ccv3": renamed("Paula")}))
        self.assertEqual((accepted["id"], accepted["form"], accepted["version"]),
                         ("paula", "png", 1))
        out = self.export("paula", "png")
        self.assertEqual(out.headers["Content-Type"], "image/png")
        cards = cards_in(out.body)
        self.assertEqual(cards[b"ccv3"], renamed("Paula"))
        self.assertEqual(cards[b"chara"]["spec"], "chara_card_v2")
        self.assertIn("V3", cards[b"chara"]["data"]["creator_notes"])
        pixels = [body for kind, body in chunks(out.body) if kind == b"IDAT"]
        self.assertEqual(zlib.decompress(b"".join(pixels)), bytes([0, 7]))

    def test_an_archive_keeps_its_assets(self):
        accepted = self.imported(charx(renamed("Xenia"), main=b"pixels"))
        self.assertEqual((accepted["id"], accepted["form"]), ("xenia", "charx"))
        archive = zipfile.ZipFile(io.BytesIO(self.export("xenia", "charx").body))
        self.assertIsNone(archive.testzip())
        self.assertEqual(archive.read("assets/icon/images/main.png"), b"pixels")
        self.assertEqual(json.loads(archive.read("card.json")), renamed("Xenia"))

    def test_json_comes_out_as_it_came_in_in_either_version(self):
        self.imported(renamed("Jana"))
        self.assertEqual(self.export("jana", "v3").json, renamed("Jana"))
        second = self.export("jana", "v2").json
        self.assertEqual((second["spec"], second["spec_version"]), ("chara_card_v2", "2.0"))
        self.assertEqual(second["of_another_program"], ADA["of_another_program"])
        self.assertEqual(second["data"]["extensions"], ADA["data"]["extensions"])
        self.assertNotIn("@@", second["data"]["character_book"]["entries"][0]["content"])
        # What came as JSON goes into a plain picture and a new archive as well.
        self.assertEqual(cards_in(self.export("jana", "png").body)[b"ccv3"], renamed("Jana"))
        archive = zipfile.ZipFile(io.BytesIO(self.export("jana", "charx").body))
        self.assertEqual(json.loads(archive.read("card.json")), renamed("Jana"))

    def test_a_persona_becomes_a_character(self):
        accepted = self.imported({"system_prompt": "You are a helpful AI assistant.",
                                  "personality_traits": ["helpful", "analytical"],
                                  "response_style": "professional", "memory_retention": True})
        self.assertEqual((accepted["id"], accepted["form"]), ("assistant", "persona"))
        prompt = self.ok(self.stack.post("characters", "/prompt", {"character": "assistant"}))
        self.assertIn("You are a helpful AI assistant.", prompt["system"])
        self.assertIn("helpful, analytical", prompt["system"])

    def test_the_shipped_cast_goes_round_in_every_form(self):
        before = self.export("brian", "v2").json
        for form in ("png", "charx", "v3", "v2"):
            with self.subTest(form=form):
                self.imported(self.export("brian", form).body)
                after = self.export("brian", "v2").json
                added = ("group_only_greetings",)
                data = {key: value for key, value in after["data"].items() if key not in added}
                for entry in data["character_book"]["entries"]:
                    entry.pop("use_regex", None)
                self.assertEqual(data, before["data"])

    def test_what_is_no_card_is_refused_with_the_reason(self):
        picture, archive = png({b"chara": renamed("Never")}), charx(renamed("Never"))
        bomb = charx(renamed("Never"), bomb=b"\0" * 20_000_000)
        for body, reason in ((png({}), "no card in it"), (picture[:-7], "cut off"),
                             (picture.replace(b"chara", b"chama"), "checksum"),
                             (archive[:-7], "CHARX"), (bomb, "times its size"),
                             (b"\xff\xd8\xff a photograph", "no card, which is a PNG"),
                             (b"", "empty"), ({"spec": "chara_card_v1", "data": {}}, "data.name")):
            with self.subTest(reason=reason):
                reply = self.send("POST", "/characters/import", body)
                self.assertEqual(reply.status, 400, reply)
                self.assertIn(reason, reply.json["error"]["message"])
        reply = self.send("POST", "/characters/import", b"\x89PNG" + bytes(9 * 1024 * 1024))
        self.assertEqual(reply.status, 413, reply.status)
        reply = self.send("POST", "/prompt", b" " * 2_000_000)
        self.assertEqual(reply.status, 413, reply.status)
        reply = self.stack.get("characters", "/characters/peter/export?format=gif")
        self.assertEqual(reply.status, 400, reply)
        reply = self.stack.get("characters", "/characters/never/export")
        self.assertEqual(reply.status, 404, reply)

    # --- versions -----------------------------------------------------------------------------

    def test_putting_is_versioned_and_refuses_who_is_late(self):
        first = self.send("PUT", "/characters/vera", renamed("Vera"), {"If-Match": "0"})
        self.assertEqual((first.status, first.headers["ETag"]), (200, '"1"'), first)
        second = self.send("PUT", "/characters/vera", renamed("Vera B"), {"If-Match": '"1"'})
        self.assertEqual(second.json["version"], 2)
        late = self.send("PUT", "/characters/vera?version=1", renamed("Vera C"))
        self.assertEqual((late.status, late.json["error"]["code"]), (409, "conflict"))
        self.assertIn("at version 2", late.json["error"]["message"])
        bad = self.send("PUT", "/characters/vera", renamed("Vera C"), {"If-Match": "two"})
        self.assertEqual(bad.status, 400, bad)
        for name in "CDEF":
            self.ok(self.send("PUT", "/characters/vera", renamed(f"Vera {name}")))
        self.assertEqual(self.versions("vera"), [2, 3, 4, 5, 6])
        kept = self.stack.get("characters", "/characters/vera/export?format=v3&version=3").json
        self.assertEqual(kept["data"]["name"], "Vera C")
        # Through RPC's door as well.
        put = self.ok(self.stack.post("characters", "/put", {
            "character": "vera", "card": renamed("Vera G"), "version": 6}))
        self.assertEqual((put["version"], put["changed"]), (7, True))
        gone = self.stack.request("characters", "DELETE", "/characters/vera?version=1")
        self.assertEqual(gone.status, 409, gone)
        self.ok(self.stack.request("characters", "DELETE", "/characters/vera?version=7"))
        self.assertEqual(self.stack.get("characters", "/characters/vera/versions").status, 404)

    def test_a_file_that_is_edited_by_hand_is_on_stage_soon_and_a_bad_one_is_not(self):
        path = self.stack.data / "characters" / "hanna.json"

        def write(text):
            draft = path.with_suffix(".draft")
            draft.write_text(text, encoding="utf-8")
            draft.rename(path)

        def name():
            listed = self.stack.get("characters", "/characters").json["characters"]
            return next((one["name"] for one in listed if one["id"] == "hanna"), None)

        write(json.dumps(renamed("Hanna")))
        eventually(lambda: name() == "Hanna", 10, "the new file is on stage")
        card = renamed("Hanna B")
        card["data"]["extensions"]["troupe"] = {"id": "hanna"}
        write(json.dumps(card))
        eventually(lambda: name() == "Hanna B", 10, "the edited file is on stage")
        write('{"spec": "chara_card_v3", "data": {')

        def health():
            return self.stack.get("characters", "/health").json["services"]["cards"]
        eventually(lambda: "hanna.json" in health(), 10, "health names the bad file")
        self.assertEqual(name(), "Hanna B")
        findings = self.ok(self.stack.get("characters", "/characters/hanna/lint"))["findings"]
        self.assertIn(("file_refused", "error"), [(f["code"], f["severity"]) for f in findings])
        write(json.dumps(card))
        eventually(lambda: "hanna" not in health(), 10, "the mended file is taken")
        self.assertEqual(self.versions("hanna"), [1, 2])

    # --- on stage -----------------------------------------------------------------------------

    def asked(self, character, channel, message):
        """The messages that the model was sent for this line."""
        self.ollama.reset()
        reply = self.ok(self.stack.say(channel, message, character=character))
        self.assertEqual(reply["character"], character)
        return [{"role": m["role"], "content": m["content"]}
                for m in self.ollama.requests[0]["messages"]]

    def test_the_model_is_sent_what_the_preview_shows(self):
        self.imported(png({b"ccv3": renamed("Clara")}))
        message = "Clara, what is your engine made of?"
        sent = self.asked("clara", "c-preview", message)
        self.assertTrue(sent[0]["content"].startswith("You are Clara."))
        self.assertIn("The engine is made of brass.\nBe brief.", sent[0]["content"])
        self.assertNotIn("@@", sent[0]["content"])
        preview = self.ok(self.stack.post("characters", "/characters/clara/preview", {
            "talk": [{"author": "visitor", "text": message}]}))
        self.assertEqual(preview["messages"], sent)
        self.assertEqual([(e["why"], e["dropped"]) for e in preview["lore"]],
                         [("key 'engine'", False)])
        # Another talk, another prompt.
        self.assertNotIn("brass", self.asked("clara", "c-quiet", "Clara, hello!")[0]["content"])

    def test_a_card_that_is_put_while_it_talks_is_what_the_next_line_is_made_of(self):
        self.imported(renamed("Tilda"))
        for number in range(5):
            card = renamed("Tilda")
            card["data"]["description"] = f"{{{{char}}}} is at draft {number}."
            self.ok(self.send("PUT", "/characters/tilda", card))

            def told():
                sent = self.asked("tilda", f"c-put-{number}-{random.random()}", "Tilda, hello!")
                return f"Tilda is at draft {number}." in sent[0]["content"]
            eventually(told, 10, f"draft {number} is used")

    def test_readers_see_whole_cards_while_others_put(self):
        self.imported(renamed("Wanda"))
        wrong, over = [], threading.Event()

        def write(mark):
            card = renamed("Wanda")
            card["data"]["description"] = card["data"]["scenario"] = mark * 2000
            while not over.is_set():
                reply = self.send("PUT", "/characters/wanda", card)
                if reply.status != 200:
                    wrong.append(reply)

        writers = [threading.Thread(target=write, args=(mark,)) for mark in "ab"]
        for writer in writers:
            writer.start()
        try:
            for _ in range(200):
                data = self.stack.get("characters", "/characters/wanda/card").json["data"]
                if data["scenario"] and data["scenario"] != data["description"]:
                    wrong.append(data)
        finally:
            over.set()
            for writer in writers:
                writer.join()
        self.assertEqual(wrong, [])


def long(number):
    return str(number) * (30_000 // len(str(number)))


def numbered(number):
    card = renamed("Karl")
    card["data"]["description"] = str(number)
    card["data"]["scenario"] = long(number)
    return {**card, "bulk": "x" * 400_000, "last": "member"}


class Kills(unittest.TestCase):
    """Only the characters service, killed in the midst of a PUT again and again."""

    def setUp(self):
        self.stack = Stack({"characters": {"poll_ms": 20}})
        self.addCleanup(self.stack.destroy)
        self.file = self.stack.data / "characters" / "karl.json"
        self.halves = []

    def put_until_killed(self, number, pause):
        """Puts cards until the service is killed; the last that was acknowledged, and the last."""
        process, over = self.stack.process, threading.Event()

        def watch():
            while not over.is_set():
                with contextlib.suppress(FileNotFoundError):
                    data = self.file.read_bytes()
                    if not data.endswith(b'"last": "member"}'):
                        self.halves.append(len(data))
        watcher, killer = threading.Thread(target=watch), threading.Timer(pause, process.kill)
        acknowledged = None
        watcher.start()
        try:
            while True:
                number += 1
                body = json.dumps(numbered(number)).encode()
                reply = self.stack.request("characters", "PUT", "/characters/karl", body)
                self.assertEqual(reply.status, 200, reply)
                if acknowledged is None:
                    killer.start()
                acknowledged = number
        except (OSError, LookupError, ValueError, http.client.HTTPException):
            pass  # killed
        finally:
            over.set()
            watcher.join()
            process.kill()
            process.wait(10)
        return acknowledged, number

    def test_no_kill_leaves_half_a_card_or_loses_one_that_was_acknowledged(self):
        stack, draw, acknowledged, number = self.stack, random.Random(seed()), 0, 0
        for kill in range(amount("kills")):
            stack.launch("characters")
            eventually(lambda: stack.answers("characters", "/characters"), 20, "it serves")
            if kill > 0:
                card = stack.get("characters", "/characters/karl/card").json
                found = int(card["data"]["description"])
                self.assertIn(found, (acknowledged, number), "the last put, or the one under way")
                self.assertEqual(card, numbered(found))
                kept = stack.get("characters", "/characters/karl/versions").json["versions"]
                self.assertTrue(kept[-1]["current"], kept)
            acknowledged, number = self.put_until_killed(number, draw.uniform(0, 0.06))
            self.assertIsNotNone(acknowledged)
        self.assertEqual(self.halves, [], "sizes of half cards that were seen on the disk")


if __name__ == "__main__":
    unittest.main()
