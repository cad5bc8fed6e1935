"""The folder tiny_service/ is the whole of a service: what it is not asked to write, it has."""

import json
import shutil
import subprocess
import unittest

from stack import BIN, ROOT, Stack, environment

FOLDER = ROOT / "tests" / "integration" / "tiny_service"
PROGRAM = BIN.parent / "tests" / "troupe-tiny"


class TinyStack(Stack):
    """A stack of one: `launch` starts the tiny service from where the tests are built."""

    def launch(self, program="tiny"):
        self.config.write_text(json.dumps({"tiny": {"port": 0, "step": 5}}), encoding="utf-8")
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "--config", self.config, "--data", self.data, "--run", self.run],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment())

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.logs()}")
        return self.is_ready("tiny")


class TinyService(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.stack = TinyStack()
        cls.addClassCleanup(cls.stack.destroy)
        cls.stack.start()
        cls.stack.post("tiny", "/count", {"name": "guest"})  # whom it then knows, however full

    def flags(self, *flags, **variables):
        return subprocess.run([PROGRAM, *flags], capture_output=True, text=True, timeout=30,
                              env={**environment(), **variables}, check=False)

    def test_it_is_five_files_and_its_subject_matter(self):
        files = {path.name for path in FOLDER.iterdir()}
        self.assertEqual(files, {"CMakeLists.txt", "main.cpp", "config.h", "routes.h",
                                 "routes.cpp", "counter.h", "counter.cpp"})
        named = [line for path in FOLDER.iterdir() for line in path.read_text().splitlines()
                 if "include \"" in line and "tiny_service" not in line]
        self.assertTrue(all('"base/' in line or '"runtime/' in line for line in named), named)

    def test_its_method_is_served_over_http(self):
        first = self.stack.post("tiny", "/count", {"name": "guest"})
        second = self.stack.post("tiny", "/count", {"name": "guest"})
        self.assertEqual((first.status, second.status), (200, 200))
        self.assertEqual(second.json, {"count": first.json["count"] + 5})

    def test_its_limits_and_errors_are_answered(self):
        for body, status, message in (
                ({"name": ""}, 400, "name: must not be empty"),
                ({"name": "a" * 17}, 400, "name: has 17 bytes, at most 16 are allowed"),
                ({}, 400, "name: is required"),
                (b"{", 400, "not JSON")):
            reply = self.stack.post("tiny", "/count", body)
            self.assertEqual(reply.status, status)
            self.assertIn(message, reply.json["error"]["message"])
        for name in ("a", "b", "c", "d"):
            reply = self.stack.post("tiny", "/count", {"name": name})
        self.assertEqual((reply.status, reply.json["error"]["code"]), (429, "overloaded"))

    def test_its_method_is_served_over_rpc(self):
        caller = subprocess.run([PROGRAM.parent / "rpc-call", self.stack.run, "tiny", "tiny.count",
                                 '{"name":"guest"}'],
                                capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((caller.returncode, caller.stderr), (0, ""))
        self.assertEqual(json.loads(caller.stdout)["count"] % 5, 0)

    def test_it_is_healthy_ready_and_shows_its_settings(self):
        for path in ("/health", "/ready"):
            reply = self.stack.get("tiny", path)
            self.assertEqual((reply.status, reply.json["service"], reply.json["status"]),
                             (200, "tiny", "healthy"))
        self.assertEqual(self.stack.get("tiny", "/config").json["step"], 5)

    def test_prometheus_reads_its_metrics(self):
        promtool = shutil.which("promtool")
        self.assertIsNotNone(promtool, "promtool is of the package prometheus")
        reply = self.stack.get("tiny", "/metrics")
        self.assertIn(b"troupe_tiny_http_requests_total", reply.body)
        check = subprocess.run([promtool, "check", "metrics"], input=reply.body,
                               capture_output=True, timeout=30, check=False)
        self.assertEqual((check.returncode, check.stdout, check.stderr), (0, b"", b""))

    def test_its_doors_are_described(self):
        document = self.stack.get("tiny", "/openapi.json").json
        self.assertEqual(set(document["paths"]),
                         {"/count", "/health", "/ready", "/metrics", "/config", "/openapi.json"})
        count = document["paths"]["/count"]["post"]
        self.assertEqual((count["operationId"], count["summary"], count["tags"]),
                         ("tiny.count", "Counts on, for somebody", ["tiny"]))
        host, port = self.stack.address("tiny")
        self.assertEqual(document["servers"], [{"url": f"http://{host}:{port}"}])
        self.assertEqual(document["components"]["schemas"]["count_request"]["properties"],
                         {"name": {"type": "string", "minLength": 1, "maxLength": 16}})

    def test_its_flags_are_explained_and_checked(self):
        shown = self.flags("--help")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("--step", shown.stdout)
        self.assertIn("what one call counts", shown.stdout)
        config = json.loads(self.flags("--print-config", TROUPE_TINY_STEP="7").stdout)
        self.assertEqual((config["port"], config["step"]), (6099, 7))
        for flags in (["--step", "0"], ["--step", "many"], ["--stride", "1"]):
            refused = self.flags(*flags)
            self.assertEqual((refused.returncode, refused.stdout), (2, ""))
            self.assertEqual(len(refused.stderr.splitlines()), 1, refused)
            self.assertIn("tiny: ", refused.stderr)


class TinyEnd(unittest.TestCase):
    def test_it_drains_on_sigterm_and_leaves_no_trace(self):
        stack = TinyStack()
        self.addCleanup(stack.destroy)
        stack.start()
        self.assertEqual(stack.post("tiny", "/count", {"name": "last"}).json, {"count": 5})
        self.assertEqual(stack.stop(), (0, []))
        self.assertEqual(list(stack.run.glob("tiny.*.json")), [])
        events = [json.loads(line)["event"] for line in
                  (stack.folder / "output").read_text(encoding="utf-8").splitlines()]
        self.assertEqual(events[-2:], ["draining", "ended"])


if __name__ == "__main__":
    unittest.main()
