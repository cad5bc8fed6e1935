"""What operators rely on: metrics, settings, refusals to start in one line, an orderly end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

import fake_ollama
from stack import BIN, Stack, StackTest, alive, environment, eventually, kill, programs

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

    def test_a_watchdog_without_its_programs_is_refused(self):
        self.refused(self.start("watchdog", "--port", "0", "--bin", self.folder), "troupe-",
                     "No such file")

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
                    ([], {variable: "many"}, [variable, "many"]),
                    ([], {f"TROUPE_{name.upper()}_PROT": "1"}, ["PROT", variable])):
                with self.subTest(program=name, flags=flags, variables=variables):
                    self.refused(self.start(name, *flags, **variables), name, *words)

    def test_a_misspelled_key_deep_in_the_file_stops_the_start_and_the_right_one_is_named(self):
        for section, words in (
                ({"coordinator": {"weights": {"adressed": 1}}}, ["adressed", "'addressed'"]),
                ({"llm": {"providers": [{"name": "a", "ulr": "x"}]}}, ["[0]", "ulr", "'url'"])):
            with self.subTest(section=section):
                path = self.config(json.dumps(section))
                self.refused(self.start(next(iter(section)), "--config", path), *words)

    def test_variables_that_are_not_the_services_own_are_nobodys_mistake(self):
        result = self.start("router", "--print-config", TROUPE_SANITIZE="address",
                            TROUPE_BIN="/b", TROUPE_LLM_PROT="1", TROUPE_ROUTER="1")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

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


class Watchdog(unittest.TestCase):
    """What the watchdog does when things go wrong, each on a stack of its own."""

    def stack(self, settings=None, **watchdog):
        sections = dict(settings or {})
        sections["watchdog"] = watchdog
        stack = Stack(sections)
        self.addCleanup(stack.destroy)
        return stack

    def service(self, stack, name):
        listed = stack.get("watchdog", "/services").json["services"]
        return next(service for service in listed if service["name"] == name)

    def incidents(self, stack, service):
        return stack.get("watchdog", f"/incidents?service={service}").json["incidents"]

    def events(self, stack):
        """What the watchdog of a stack in the foreground has logged."""
        lines = (stack.folder / "output").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def test_an_incident_is_told_and_survives_the_watchdog(self):
        stack = self.stack(only="llm,retriever")
        stack.launch()
        eventually(lambda: stack.is_ready("llm"), 30, "llm is ready")
        self.assertEqual(self.incidents(stack, "llm"), [])
        stack.kill("llm")
        eventually(lambda: self.incidents(stack, "llm"), 20, "the incident is told")
        self.assertEqual(stack.stop(), (0, []), stack.logs())
        stack.launch()
        eventually(lambda: stack.answers("watchdog", "/health"), 20, "it runs again")
        incident = self.incidents(stack, "llm")[0]
        self.assertEqual((incident["kind"], incident["detail"]), ("fell", "signal 9 (Killed)"))
        self.assertGreater(incident["first_ms"], 0)
        self.assertEqual(stack.get("watchdog", "/incidents?limit=0").status, 400)

    def test_a_service_that_refuses_its_settings_later_is_told_and_comes_back_when_mended(self):
        stack = self.stack(only="llm,retriever")
        stack.launch()
        # Until it has said so, a refusal ends the whole start.
        eventually(lambda: "Troupe is ready." in stack.logs(), 30, "the stack is ready")
        good = stack.config.read_text(encoding="utf-8")
        bad = json.loads(good)
        bad["llm"]["prot"] = 1
        stack.config.write_text(json.dumps(bad), encoding="utf-8")
        old = stack.kill("llm")
        eventually(lambda: self.service(stack, "llm")["state"] == "refused", 20, "it refuses")
        service = self.service(stack, "llm")
        self.assertIn("unknown key 'prot', the closest is 'port'", service["last_line"])
        self.assertEqual(self.incidents(stack, "llm")[0]["kind"], "refused")
        self.assertTrue(stack.is_ready("retriever"), "the others go on")
        stack.config.write_text(good, encoding="utf-8")
        eventually(lambda: self.service(stack, "llm")["ready"], 60, "it is tried again")
        self.assertNotEqual(self.service(stack, "llm")["pid"], old)
        self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_a_frozen_service_is_seen_killed_and_restarted(self):
        stack = self.stack(only="llm,retriever", frozen_after_ms=2000)
        stack.launch()
        eventually(lambda: stack.is_ready("watchdog"), 30, "the stack is ready")
        old = stack.kill("llm", signal.SIGSTOP)
        eventually(lambda: not self.service(stack, "llm")["ready"], 10, "it is seen")
        eventually(lambda: self.service(stack, "llm")["ready"] and
                   self.service(stack, "llm")["pid"] != old, 30, "it is restarted")
        kinds = [incident["kind"] for incident in self.incidents(stack, "llm")]
        self.assertEqual(sorted(kinds), ["fell", "frozen"])
        self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_a_service_is_ready_only_by_its_own_process(self):
        stack = self.stack(only="llm", frozen_after_ms=0)
        stack.launch()
        eventually(lambda: stack.is_ready("watchdog"), 30, "the stack is ready")
        # A second instance answers in the name of the one that is frozen.
        other = subprocess.Popen([BIN / "troupe-llm", "--port", "0", "--data", stack.data, "--run",
                                  stack.run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=environment())
        self.addCleanup(other.wait, 20)
        self.addCleanup(other.kill)
        pid = self.service(stack, "llm")["pid"]
        eventually(lambda: list(stack.run.glob(f"llm.{other.pid}.json")), 20, "it is announced")
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(kill, pid, signal.SIGCONT)
        eventually(lambda: not self.service(stack, "llm")["ready"], 20, "it is seen")
        for _ in range(20):
            self.assertFalse(self.service(stack, "llm")["ready"])
        kill(pid, signal.SIGCONT)
        eventually(lambda: self.service(stack, "llm")["ready"], 20, "it is itself again")

    def test_a_second_request_to_stop_ends_all_at_once_and_says_what(self):
        stack = self.stack(only="llm,retriever", stop_timeout_ms=600_000)
        stack.launch()
        eventually(lambda: stack.is_ready("watchdog"), 30, "the stack is ready")
        frozen = stack.kill("llm", signal.SIGSTOP)
        stack.process.send_signal(signal.SIGINT)
        eventually(lambda: any(event["event"] == "service asked to end" and event["name"] == "llm"
                               for event in self.events(stack)), 20, "it is asked to end")
        stack.process.send_signal(signal.SIGINT)
        self.assertEqual(stack.process.wait(30), 0)
        self.assertEqual(stack.processes(), [])
        killed = [event for event in self.events(stack) if event["event"] == "service killed"]
        self.assertIn(("llm", frozen), [(event["name"], event["pid"]) for event in killed])
        self.assertEqual({event["why"] for event in killed}, {"a second request to stop"})

    def test_a_start_ends_what_a_killed_watchdog_left_behind(self):
        stack = self.stack(only="llm", stop_timeout_ms=100)
        # A service that takes no request to end, as one does that hangs.
        program = stack.folder / "bin" / "troupe-llm"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\ntrap '' TERM HUP\nexec tail -f \"$0\" > /dev/null\n")
        program.chmod(0o700)
        sections = json.loads(stack.config.read_text(encoding="utf-8"))
        sections["watchdog"]["bin"] = str(program.parent)
        stack.config.write_text(json.dumps(sections), encoding="utf-8")
        stack.launch()
        eventually(lambda: stack.answers("watchdog", "/health"), 20, "it runs")
        eventually(lambda: any(b"tail" in Path(f"/proc/{pid}/cmdline").read_bytes()
                               for pid in stack.processes()), 20, "the service is deaf")
        deaf = self.service(stack, "llm")["pid"]
        stack.process.kill()
        stack.process.wait(10)
        self.assertEqual(stack.processes(), [deaf])
        stack.launch()
        eventually(lambda: stack.answers("watchdog", "/health"), 30, "it runs again")
        self.assertFalse(alive(deaf))
        self.assertEqual(self.incidents(stack, "llm")[0]["kind"], "orphan")
        self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_where_something_else_runs_the_services_it_only_watches(self):
        stack = self.stack(only="llm", watch_only=True, frozen_after_ms=100)
        stack.launch()
        eventually(lambda: stack.answers("watchdog", "/health"), 20, "it runs")
        self.assertEqual(self.service(stack, "llm")["state"], "stopped")
        self.assertEqual(stack.get("watchdog", "/ready").status, 503)
        llm = subprocess.Popen([BIN / "troupe-llm", "--port", "0", "--data", stack.data, "--run",
                                stack.run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=environment())
        self.addCleanup(llm.wait, 20)
        self.addCleanup(llm.kill)
        eventually(lambda: stack.is_ready("watchdog"), 20, "it sees the service")
        self.assertEqual(self.service(stack, "llm")["pid"], llm.pid)
        llm.kill()
        eventually(lambda: self.service(stack, "llm")["state"] == "stopped", 20, "it is missed")
        eventually(lambda: self.incidents(stack, "llm"), 20, "it is told")
        self.assertEqual(self.incidents(stack, "llm")[0]["kind"], "lost")
        self.assertEqual(stack.stop(), (0, []), stack.logs())

    def test_the_log_of_a_detached_watchdog_goes_on_where_it_ended(self):
        stack = self.stack(only="llm")

        def troupe(command, *more):
            return subprocess.run([BIN / "troupe", command, "--data", stack.data, "--run",
                                   stack.run, *more], capture_output=True, text=True, timeout=90,
                                  env=environment(), check=False)
        for starts in (1, 2):
            up = troupe("up", "--detach", "--config", stack.config)
            self.assertEqual(up.returncode, 0, up)
            self.assertEqual(troupe("down").returncode, 0)
            log = (stack.data / "logs/watchdog.log").read_text(encoding="utf-8")
            self.assertEqual(log.count('"ready to serve"'), starts, log)
        # A start that is refused tells its own line and none of an earlier one.
        stack.config.write_text('{"llm": {"prot": 1}}', encoding="utf-8")
        refused = troupe("up", "--detach", "--config", stack.config)
        self.assertEqual(refused.returncode, 2, refused)
        self.assertIn("unknown key 'prot'", refused.stderr)


if __name__ == "__main__":
    unittest.main()
