"""A bot on somebody else's Discord library, in a process of its own, told what to do by a test."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from stack import ROOT, environment, eventually

MODULES = Path(os.environ.get("TROUPE_NPM", ROOT / "build/npm")) / "node_modules"
ALL = ("guilds", "messages", "reactions", "typing", "content", "members", "presences", "direct")


def python_with_discord():
    """Debian's Python has the package; the one that runs the tests may be another."""
    for candidate in (sys.executable, "/usr/bin/python3", shutil.which("python3")):
        if candidate and subprocess.run([candidate, "-c", "import discord"], check=False,
                                        capture_output=True).returncode == 0:
            return candidate
    raise AssertionError("python3-discord is not installed: scripts/setup does it")


def discord_py():
    return [python_with_discord(), "-B", str(ROOT / "tests/integration/discord_py_client.py")]


def discord_js():
    return ["node", str(ROOT / "tests/npm/discord_js_client.mjs"), str(MODULES)]


class Refused(Exception):
    def __init__(self, status, code, text):
        super().__init__(f"{status} {code} {text}")
        self.status, self.code, self.text = status, code, text


class Library:
    def __init__(self, command, api, gateway, token, intents=ALL):
        self.events, self.orders, self.lock = [], itertools.count(1), threading.Lock()
        self.process = subprocess.Popen(
            [*command, api, gateway, token, *intents], env=environment(), text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.complaints = []
        self.threads = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._listen, daemon=True)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait(10)
        for thread in self.threads:
            thread.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.lock:
                self.events.append(event)

    def _listen(self):
        for line in self.process.stderr:
            self.complaints.append(line)

    def named(self, name, match=lambda _: True):
        with self.lock:
            return [one for one in self.events if one["event"] == name and match(one)]

    def wait_for(self, name, match=lambda _: True, seconds=30, count=1):
        """The last of the first `count` events of a name that match."""
        def find():
            found = self.named(name, match)
            if len(found) < count and self.process.poll() is not None:
                raise AssertionError(f"it ended before {name}: {self.story()}")
            return found[count - 1:count]
        try:
            return eventually(find, seconds, f"{count} {name}")[0]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None

    def story(self):
        with self.lock:
            events = "\n".join(json.dumps(one)[:300] for one in self.events[-20:])
        return events + "\n" + "".join(self.complaints[-25:])

    def begin(self, do, **more):
        number = next(self.orders)
        self.process.stdin.write(json.dumps({"order": number, "do": do, **more}) + "\n")
        return number

    def end(self, number):
        done = self.wait_for("done", lambda one: one["order"] == number)
        if "refused" in done:
            raise Refused(**done["refused"])
        return done["result"]

    def do(self, do, **more):
        return self.end(self.begin(do, **more))
