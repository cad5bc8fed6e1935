"""A stack whose processes speak over tcp with CURVE keys, as containers do."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import BIN, StackTest, environment, eventually, programs

BEER = "Peter, what is your favourite beer?"


class OverTcp(StackTest):
    @classmethod
    def settings(cls):
        cls.keys = Path(tempfile.mkdtemp(prefix="troupe-keys-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.keys, ignore_errors=True)
        return {name: {"rpc": "tcp", "keys": str(cls.keys)} for name in programs()}

    def troupe(self, command, **variables):
        return subprocess.run([BIN / "troupe", command, "--data", self.stack.data, "--run",
                               self.stack.run], env={**environment(), **variables}, timeout=60,
                              capture_output=True, text=True, check=False)

    def test_answers_as_over_ipc(self):
        self.assertTrue(self.stack.instance("router")["rpc"].startswith("tcp://127.0.0.1:"))
        reply = self.ok(self.stack.say("tcp", BEER))
        self.assertIn("Pawtucket", reply["text"])
        self.assertTrue(reply["passed"])

    def test_keeps_its_keys_to_itself(self):
        server = self.keys / "server.key"
        self.assertEqual(stat.S_IMODE(server.stat().st_mode), 0o600)
        secret = server.read_text(encoding="utf-8").split('"secret":"')[1][:40]
        for service in ("router", "quality"):
            self.assertNotIn(secret, self.stack.get(service, "/config").body.decode())
        self.assertNotIn(secret, self.stack.logs(lines=100_000))

    def test_shows_a_frozen_service_and_a_dead_one_and_finds_it_again(self):
        def judge():
            return self.stack.get("router", "/health").json["services"]["quality"]
        self.assertEqual(judge(), "connected")
        pid = self.stack.kill("quality", signal.SIGSTOP)
        eventually(lambda: judge() == "unavailable", 20, "the frozen judge shows")
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: judge() == "connected", 20, "the judge is back")
        pid = self.stack.kill("quality")
        self.stack.replaced("quality", pid)
        eventually(lambda: judge() == "connected", 20, "the new judge is found")
        self.assertTrue(self.ok(self.stack.say("healed", BEER))["passed"])

    def test_is_reached_by_the_operators_command_with_its_keys_only(self):
        status = self.troupe("status", TROUPE_KEYS=str(self.keys))
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("router", status.stdout)
        status = self.troupe("status")
        self.assertEqual((status.returncode, status.stderr),
                         (2, "troupe: the stack speaks over tcp: TROUPE_KEYS must name the "
                             "directory of its keys\n"))


if __name__ == "__main__":
    unittest.main()
