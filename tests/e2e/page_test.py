"""The page on the whole stack: Chromium is a person who talks with the cast (page_test.mjs), on a
model that answers when the person has seen somebody type."""

import os
import subprocess
import sys
import threading
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
sys.dont_write_bytecode = True

import fake_ollama  # noqa: E402  found through the path above
from person import FREE, rest  # noqa: E402
from stack import BIN, DISCORD, STAGE, StackTest, environment, eventually  # noqa: E402

CALL_OUT = "Holy crap, Brian, what do you think of beer?"
NOTES = 120
BUILT = BIN.parent / "share/troupe/page"


class PageTest(StackTest):
    services = [*STAGE, *DISCORD]

    @classmethod
    def settings(cls):
        cls.model = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.model.stop)
        return {"llm": {"ollama_url": cls.model.url}, "router": {"follow_up_after_ms": 10},
                "coordinator": {"delays_scale": 0.01},
                "hub": {"page": os.environ.get("TROUPE_PAGE", str(BUILT)), **FREE}}

    def fill(self):
        """A long history in #lab, by a bot that the cast does not mind."""
        bot = self.ok(self.stack.post("hub", "/bots", {"name": "Scribe"}))
        token = f"Bot {bot['token']}"
        channels = rest(self.stack, token, "GET", f"/guilds/{bot['guild_id']}/channels").json
        (lab,) = [one["id"] for one in channels if one["name"] == "lab"]
        for number in range(1, NOTES + 1):
            self.ok(rest(self.stack, token, "POST", f"/channels/{lab}/messages",
                         {"content": f"Note {number}."}))

    def online(self):
        return all(self.stack.is_ready(name) for name in DISCORD)

    def test_a_person_writes_is_answered_looks_behind_the_line_and_scrolls_back(self):
        eventually(self.online, 30, "the cast is there")
        self.fill()
        seen = threading.Event()

        def when_seen(handler):
            seen.wait(30)
            fake_ollama.say(CALL_OUT)(handler)
        self.model.script.append(when_seen)
        host, port = self.stack.address("hub")
        person = subprocess.Popen(
            ["node", HERE / "page_test.mjs", f"http://{host}:{port}"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**environment(), "TROUPE_NPM": os.environ.get("TROUPE_NPM", "")})
        self.addCleanup(person.wait, 10)
        self.addCleanup(person.kill)
        deadline = threading.Timer(150, person.kill)
        deadline.start()
        self.addCleanup(deadline.cancel)
        said = []
        for line in person.stdout:
            said.append(line)
            if line == "typing\n":
                seen.set()
        person.stdout.close()
        self.assertEqual(person.wait(10), 0, "".join(said))


if __name__ == "__main__":
    unittest.main()
