"""What operators rely on: metrics, settings, refusals to start in one line, an orderly end."""

import json
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

import fake_ollama
from stack import BIN, Stack, StackTest, environment, eventually, programs

BEER = "Peter, what is your favourite beer?"


class Running(StackTest):
    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}},
                "llm": {"keep_alive": "7m"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        listed = cls.stack.get("watchdog", "/services").json["services"]
        cls.names = ["watchdog", *(service["name"] for service in listed)]

    def test_prometheus_reads_the_metrics_of_every_service(self):
        promtool = shutil.which("promtool")
        self.assertIsNotNone(promtool, "promtool is of the package prometheus")
        self.ok(self.stack.say("c-metrics", BEER))
        for name in self.names:
            with self.subTest(service=name):
                reply = self.stack.get(name, "/metrics")
                self.assertEqual(reply.status, 200)
                self.assertTrue(reply.headers["Content-Type"].startswith("text/plain"))
                self.assertIn(b"troupe_process_uptime_seconds", reply.body)
                check = subprocess.run([promtool, "check", "metrics"], input=reply.body,
                                       capture_output=True, timeout=30, check=False)
                self.assertEqual((check.returncode, check.stdout, check.stderr), (0, b"", b""))

    def test_the_metrics_count_what_happened(self):
        def said():
            text = self.stack.get("router", "/metrics").body.decode()
            return [float(line.split()[1]) for line in text.splitlines()
                    if line.startswith('troupe_router_turns_total{outcome="said"}')][0]
        before = said()
        self.ok(self.stack.say("c-count", BEER))
        self.assertEqual(said(), before + 1)

    def test_the_settings_in_force_are_shown(self):
        for name in self.names:
            config = self.ok(self.stack.get(name, "/config"))
            self.assertEqual(config["port"], 0, name)
            self.assertEqual(config["data"], str(self.stack.data), name)
            self.assertFalse([key for key, value in config.items()
                              if key.endswith(("_key", "_token", "_secret", "password"))
                              and value not in ("", "(set)")], name)
        self.assertEqual(self.stack.get("llm", "/config").json["keep_alive"], "7m")

    def test_the_health_of_every_service_has_the_same_form(self):
        for name in self.names:
            health = self.ok(self.stack.get(name, "/health"))
            self.assertEqual((health["status"], health["service"], health["ready"]),
                             ("healthy", name, True))
            self.assertNotIn("unavailable", health["services"].values(), name)

    def test_data_is_private_to_its_owner(self):
        for name in ("router", "coordinator", "retriever"):
            self.assertEqual((self.stack.data / name).stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.stack.run.stat().st_mode & 0o777, 0o700)

    def test_a_second_stack_on_the_same_data_is_refused_in_one_line(self):
        result = subprocess.run([BIN / "troupe-watchdog", "--config", self.stack.config, "--data",
                                 self.stack.data, "--run", f"{self.stack.run}2"],
                                capture_output=True, text=True, timeout=30, env=environment(),
                                check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("already runs", result.stderr.splitlines()[-1])
        self.assertEqual(self.ok(self.stack.say("c-still", BEER))["character"], "peter")

    # --- the operator's command -----------------------------------------------------------------

    def troupe(self, *arguments, text=""):
        command, *rest = arguments
        return subprocess.run([BIN / "troupe", command, "--data", self.stack.data, "--run",
                               self.stack.run, *rest], input=text, capture_output=True, text=True,
                              timeout=60, env=environment(), check=False)

    def test_the_command_shows_the_stack(self):
        status = self.troupe("status")
        self.assertEqual((status.returncode, status.stderr), (0, ""))
        for name in self.names:
            self.assertIn(name, status.stdout)

    def test_the_command_talks_with_the_cast_and_says_why(self):
        chat = self.troupe("chat", "--channel", "c-cli", "--as", "tester", text=BEER + "\n")
        self.assertEqual(chat.returncode, 0, chat)
        self.assertIn("Pawtucket", chat.stdout)
        turn = self.stack.turns("c-cli")[-1]
        self.assertEqual((turn["author"], turn["character"]), ("tester", "peter"))
        why = self.troupe("why", turn["turn_id"])
        self.assertEqual(why.returncode, 0, why)
        self.assertIn("addressed", why.stdout)
        self.assertIn("Pawtucket", why.stdout)
        nothing = self.troupe("why", "turn_that_never_was")
        self.assertNotEqual(nothing.returncode, 0)
        self.assertEqual(len(nothing.stderr.splitlines()), 1, nothing)


class Starting(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="troupe-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, name, *flags, **variables):
        return subprocess.run(
            [BIN / f"troupe-{name}", "--data", self.folder / "data", "--run", self.folder / "run",
             *flags], capture_output=True, text=True, timeout=30, check=False,
            env=environment() | variables)

    def config(self, text):
        path = self.folder / "config.json"
        path.write_text(text, encoding="utf-8")
        return path

    def refused(self, result, *words):
        """Exit 2, and one line on stderr that has the words."""
        self.assertEqual(result.returncode, 2, result)
        self.assertEqual(result.stdout, "")
        # Its log, JSON, may have begun when the refusal comes late.
        lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
        self.assertEqual(len(lines), 1, result.stderr)
        for word in words:
            self.assertIn(word, lines[0])

    def each_program(self):
        self.assertIn("router", programs())
        return programs()

    def test_help_names_every_setting_and_its_variable(self):
        for name in self.each_program():
            with self.subTest(program=name):
                result = self.start(name, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                shown = json.loads(self.start(name, "--print-config").stdout)
                for setting in shown:
                    self.assertIn(setting, result.stdout)
                self.assertIn(f"TROUPE_{name.upper()}_PORT", result.stdout)

    def test_print_config_is_what_a_config_file_takes(self):
        for name in self.each_program():
            with self.subTest(program=name):
                shown = self.start(name, "--print-config")
                self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                path = self.config(json.dumps({name: json.loads(shown.stdout)}))
                again = self.start(name, "--config", path, "--print-config")
                self.assertEqual((again.returncode, again.stdout), (0, shown.stdout), again.stderr)

    def test_flags_win_over_variables_and_those_over_the_file(self):
        path = self.config('{"router": {"port": 1, "workers": 1, "queue": 1}} // comments are fine')
        result = self.start("router", "--config", path, "--print-config", "--workers=3",
                            TROUPE_ROUTER_WORKERS="2", TROUPE_ROUTER_QUEUE="2")
        self.assertEqual(result.returncode, 0, result)
        shown = json.loads(result.stdout)
        self.assertEqual((shown["port"], shown["queue"], shown["workers"]), (1, 2, 3))

    def test_a_wrong_setting_stops_the_start_in_one_line(self):
        for name in self.each_program():
            section = json.dumps({name: {"no_such_key": 1}})
            variable = f"TROUPE_{name.upper()}_PORT"
            for flags, variables, words in (
                    (["--no-such-flag", "1"], {}, ["no_such_flag"]),
                    (["--port", "80x"], {}, ["port", "80x"]),
                    (["--port", "65536"], {}, ["port", "65535"]),
                    (["--port"], {}, ["--port"]),
                    (["stray"], {}, ["stray"]),
                    (["--config", self.config(section)], {}, ["no_such_key"]),
                    (["--config", self.folder / "none.json"], {}, ["none.json"]),
                    ([], {variable: "many"}, [variable, "many"])):
                with self.subTest(program=name, flags=flags, variables=variables):
                    self.refused(self.start(name, *flags, **variables), name, *words)

    def test_a_broken_config_file_stops_the_start_in_one_line(self):
        for text in ("{", "[]", '{"router": 7}', '{"router": {"port": "x"}}',
                     '{"router": {"port": 1, "port": 2}}', "\x00"):
            with self.subTest(text=text):
                self.refused(self.start("router", "--config", self.config(text)), "router")

    def test_a_taken_port_stops_the_start_in_one_line(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = str(holder.getsockname()[1])
            for name in self.each_program():
                with self.subTest(program=name):
                    only = ["--only", "llm"] if name == "watchdog" else []
                    variables = {"TROUPE_LLM_PORT": "0"} if name == "watchdog" else {}
                    self.refused(self.start(name, "--port", port, *only, **variables), port)

    def test_data_that_cannot_be_written_stops_the_start_in_one_line(self):
        (self.folder / "data").write_text("a file, no folder")
        for name in ("router", "coordinator", "retriever", "characters", "watchdog"):
            with self.subTest(program=name):
                self.refused(self.start(name, "--port", "0"), name)


class StartingAndEnding(unittest.TestCase):
    def stack(self, settings=None):
        stack = Stack(settings)
        self.addCleanup(stack.destroy)
        return stack

    def test_every_service_ends_at_a_sigterm_and_takes_its_name_back(self):
        for name in programs():
            with self.subTest(program=name):
                stack = self.stack()
                stack.launch(name)
                eventually(lambda: stack.answers(name, "/health"), 20, "it serves")
                self.assertEqual(stack.stop(), (0, []), stack.logs())
                self.assertEqual(list(stack.run.glob("*.json")), [])

    def test_a_stack_that_says_it_is_ready_has_a_cast_that_knows_its_stories(self):
        for _ in range(5):  # a race: one start shows little
            stack = self.stack()
            stack.launch()
            eventually(lambda: stack.is_ready("watchdog"), 30, "it is ready")
            health = stack.get("characters", "/health").json
            self.assertEqual(health["services"]["knowledge"], "delivered", stack.logs())
            self.assertIn("Pawtucket", stack.say("c", BEER).json["text"])
            self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_a_stack_that_is_ended_while_it_starts_leaves_nothing(self):
        stack = self.stack()
        stack.launch()
        eventually(lambda: stack.answers("watchdog", "/health"), 20, "it has begun")
        self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_a_turn_that_cannot_end_in_time_does_not_keep_the_stack_up(self):
        ollama = fake_ollama.FakeOllama()
        self.addCleanup(ollama.stop)
        ollama.default = fake_ollama.stall
        stack = self.stack({"llm": {"ollama_url": ollama.url, "drain_timeout_ms": 200},
                            "router": {"drain_timeout_ms": 200}})
        stack.start()
        with stack.raw("router") as sock:
            body = json.dumps({"channel": "c", "author": "visitor", "message": BEER})
            sock.sendall(f"POST /orchestrate HTTP/1.1\r\nHost: localhost\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            eventually(lambda: ollama.requests, 20, "the model is asked")
            self.assertEqual(stack.stop(), (0, []), stack.logs())
        stack.start()
        self.assertEqual([(turn["status"], turn["reason"]) for turn in stack.turns("c")],
                         [("interrupted", "router_restarted")])
        self.assertEqual(stack.stop(), (0, []), stack.logs())


if __name__ == "__main__":
    unittest.main()
