"""A whole stack of real processes for a test: temporary directories, ports that the kernel picks.

The directory of the programs is $TROUPE_BIN, or that of the release build. A test class derives
from StackTest, which starts one stack for all its tests, prints the logs when one of them fails,
and holds the end to the promise that SIGTERM leaves nothing behind.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("TROUPE_BIN", ROOT / "build/release/bin")).resolve()

# Settings of whoever runs the tests must not reach the stack.
FOREIGN_VARIABLES = ("OLLAMA_", "DEFAULT_MODEL", "OPENAI_", "ANTHROPIC_", "REDIS_", "DISCORD_",
                     "TROUPE_", "XDG_RUNTIME_DIR")

_pause = threading.Event()  # never set: its wait() is a poll interval


def eventually(predicate, seconds, what):
    """The first true value of predicate(), or an AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        _pause.wait(0.02)


def environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith(FOREIGN_VARIABLES)}


# What a turn needs, and what brings it to a chat: most tests do without the second.
STAGE = ["characters", "retriever", "crawler", "llm", "quality", "coordinator", "tuning", "router"]
DISCORD = ["hub", "peter", "brian", "stewie"]


def programs():
    """The services of a stack that was not told what to run, and the watchdog."""
    return [*STAGE, "watchdog"]


def alive(pid):
    """Whether the process runs; a zombie has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


class Stack:
    """`settings` are config sections that come on top of a free port for every service."""

    def __init__(self, settings=None, services=None):
        # Paths of sockets have a limit of some 100 bytes, so not under $TMPDIR.
        self.folder = Path(tempfile.mkdtemp(prefix="troupe-", dir="/tmp"))
        self.data, self.run = self.folder / "data", self.folder / "run"
        self.config = self.folder / "config.json"
        sections = {name: {"port": 0} for name in [*STAGE, *DISCORD, "watchdog"]}
        sections["watchdog"]["only"] = ",".join(services or STAGE)
        for name, section in (settings or {}).items():
            sections.setdefault(name, {}).update(section)
        self.config.write_text(json.dumps(sections), encoding="utf-8")
        self.process = None

    # --- life ---------------------------------------------------------------------------------

    def launch(self, program="watchdog"):
        """Starts one program, which for the watchdog is all of them, and does not wait."""
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [BIN / f"troupe-{program}", "--config", self.config, "--data", self.data,
                 "--run", self.run], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env=environment())

    def start(self):
        self.launch()
        eventually(self.ready, 30, "the stack is ready")

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the watchdog ended with {self.process.returncode}")
        return self.is_ready("watchdog") and self.knows()

    def knows(self):
        """Whether the characters' knowledge has arrived where it is searched."""
        try:
            health = self.get("characters", "/health", timeout=2).json
        except (OSError, LookupError, http.client.HTTPException):
            return False
        return health["services"]["knowledge"] == "delivered"

    def is_ready(self, service):
        return self.answers(service, "/ready")

    def answers(self, service, path):
        try:
            return self.get(service, path, timeout=2).status == 200
        except (OSError, LookupError, http.client.HTTPException):
            return False

    def stop(self):
        """Ends the stack by SIGTERM; returns its exit status and what it left running."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            status = "still running"
        return status, self.processes()

    def processes(self):
        """Ids of the processes that have this stack's folder on their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.folder) in line and alive(int(entry.name)):
                found.append(int(entry.name))
        return found

    def destroy(self):
        """The last resort, whatever happened before: nothing of this stack stays."""
        for pid in self.processes():
            kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self, lines=25):
        parts = []
        for path in [self.folder / "output", *sorted((self.data / "logs").glob("*.log"))]:
            if path.exists():
                text = path.read_text(encoding="utf-8", errors="replace")
                parts.append(f"--- {path.name}\n" + "\n".join(text.splitlines()[-lines:]))
        return "\n".join(parts)

    def events(self, service):
        """The service's log as objects."""
        found = []
        path = self.data / "logs" / f"{service}.log"
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass  # the line is just being written
        return found

    # --- processes ----------------------------------------------------------------------------

    def instance(self, service):
        """{pid, http, ...} of the running process of a service, as it announced itself."""
        for path in self.run.glob(f"{service}.*.json"):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if alive(found["pid"]) and found["http"]:
                return found
        raise LookupError(f"no {service} runs")

    def pid(self, service):
        return self.instance(service)["pid"]

    def kill(self, service, number=signal.SIGKILL):
        pid = self.pid(service)
        kill(pid, number)
        return pid

    def replaced(self, service, pid):
        """Waits until another process than `pid` serves and all of the stack is ready again."""
        def back():
            try:
                return self.pid(service) != pid and self.is_ready(service) and self.ready()
            except LookupError:
                return False
        eventually(back, 20, f"{service} is back")

    # --- doors --------------------------------------------------------------------------------

    def address(self, service):
        host, port = self.instance(service)["http"].rsplit(":", 1)
        return host, int(port)

    def request(self, service, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection(*self.address(service), timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, service, path, timeout=30):
        return self.request(service, "GET", path, timeout=timeout)

    def post(self, service, path, message, timeout=30):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.request(service, "POST", path, body, {"Content-Type": "application/json"},
                            timeout)

    def say(self, channel, message, author="visitor", **more):
        return self.post("router", "/orchestrate",
                         {"channel": channel, "author": author, "message": message, **more})

    def raw(self, service, timeout=10):
        """A plain connection, for what no well-behaved client would send."""
        return socket.create_connection(self.address(service), timeout)

    # --- records ------------------------------------------------------------------------------

    def turn(self, turn_id):
        return self.get("router", f"/turns/{turn_id}").json

    def turns(self, channel):
        return self.get("router", f"/turns?channel={channel}&limit=200").json["turns"]

    def lines(self, channel):
        return self.get("coordinator", f"/history?channel={channel}&limit=200").json["lines"]


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class StackTest(unittest.TestCase):
    """Tests on one stack; `settings()` gives its config sections, `services` who is in it."""

    maxDiff = None
    services = None
    make = Stack

    @classmethod
    def settings(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        cls.stack = cls.make(cls.settings(), cls.services)
        cls.addClassCleanup(cls.stack.destroy)
        try:
            cls.stack.start()
        except BaseException:
            print(cls.stack.logs(), file=sys.stderr)
            raise

    @classmethod
    def tearDownClass(cls):
        status, left = cls.stack.stop()
        if status != 0 or left:
            print(cls.stack.logs(), file=sys.stderr)
            raise AssertionError(f"the stack ended with {status} and left processes: {left}")

    def run(self, result=None):
        def bad():
            return len(result.failures) + len(result.errors)
        before = bad() if result else 0
        outcome = super().run(result)
        if result and bad() > before:
            print(f"logs after {self.id()}:\n{self.stack.logs()}", file=sys.stderr)
        return outcome

    def ok(self, reply):
        self.assertEqual(reply.status, 200, reply)
        return reply.json
