"""`troupe doctor` and `troupe status`: what they say of a real stack, and of none."""

import json
import os
import signal
import socket
import subprocess
import unittest

import fake_ollama
from stack import BIN, Stack, StackTest, environment, eventually, kill, programs

# Nobody listens there, and no Ollama of this machine is asked.
NOWHERE = "127.0.0.1:1"


def troupe(stack, command, *flags, **variables):
    return subprocess.run([BIN / "troupe", command, "--data", stack.data, "--run", stack.run,
                           *flags], capture_output=True, text=True, timeout=90,
                          env=environment() | {"OLLAMA_HOST": NOWHERE} | variables, check=False)


class Patient(unittest.TestCase):
    """Finds what the doctor says of a stack."""

    def examine(self, stack, *flags, **variables):
        result = troupe(stack, "doctor", "--json", "--config", stack.config, *flags, **variables)
        self.assertEqual(result.stderr, "")
        found = json.loads(result.stdout)
        self.assertEqual(found["ok"], result.returncode == 0, result)
        self.assertEqual(found["ok"],
                         not any(one["level"] == "fail" for one in found["findings"]))
        for one in found["findings"]:
            if one["level"] != "ok":
                self.assertTrue(one["mend"], one)
        return found["findings"]

    def of(self, findings, check):
        return [one for one in findings if one["check"] == check]

    def one(self, findings, check, level):
        found = [one for one in self.of(findings, check) if one["level"] == level]
        self.assertEqual(len(found), 1, findings)
        return found[0]


class WithoutAStack(Patient):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.destroy)

    def configure(self, **sections):
        known = json.loads(self.stack.config.read_text(encoding="utf-8"))
        for name, section in sections.items():
            known.setdefault(name, {}).update(section)
        self.stack.config.write_text(json.dumps(known), encoding="utf-8")

    def test_a_machine_that_is_ready_has_nothing_to_mend(self):
        findings = self.examine(self.stack)
        for check in ("programs", "settings", "data", "run", "files", "ports", "characters"):
            self.assertIn("ok", [one["level"] for one in self.of(findings, check)], check)
        self.assertIn("troupe up --detach", self.one(findings, "stack", "warn")["mend"])
        self.assertIn("the understudy speaks", self.one(findings, "models", "warn")["text"])
        self.assertFalse(self.stack.data.exists(), "looking changes nothing")
        self.assertFalse(self.stack.run.exists(), "looking changes nothing")

    def test_the_report_for_people_has_a_line_each_and_the_command_under_it(self):
        result = troupe(self.stack, "doctor")
        self.assertEqual(result.returncode, 0, result)
        lines = result.stdout.splitlines()
        place = next(i for i, line in enumerate(lines) if line.startswith("warn  stack"))
        self.assertRegex(lines[place + 1], r"^ +-> +troupe up --detach")
        self.assertRegex(lines[-1], r"^0 to mend, \d+ to know\.$")

    def test_a_wrong_key_is_named_by_the_service_that_reads_it(self):
        self.configure(coordinator={"weights": {"adressed": 1}}, llm={"port": 65536})
        failures = [one for one in self.examine(self.stack) if one["level"] == "fail"]
        texts = " ".join(one["text"] for one in failures)
        self.assertIn("unknown key 'adressed', the closest is 'addressed'", texts)
        self.assertIn("llm.port: must be at most 65535", texts)
        self.assertEqual({one["mend"] for one in failures},
                         {"${EDITOR:-vi} " + str(self.stack.config)})

    def test_a_wrong_variable_is_named(self):
        findings = self.examine(self.stack, TROUPE_LLM_PROT="1")
        failure = self.one(findings, "settings", "fail")
        self.assertIn("TROUPE_LLM_PROT, the closest is 'TROUPE_LLM_PORT'", failure["text"])
        self.assertEqual(failure["mend"], "unset TROUPE_LLM_PROT")

    def test_a_taken_port_is_found_with_its_holder(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            self.configure(router={"port": port})
            failure = self.one(self.examine(self.stack), "ports", "fail")
        self.assertIn(f"{port} of router is held by", failure["text"])
        self.assertIn(str(os.getpid()), failure["text"])

    def test_data_that_cannot_be_written_is_found(self):
        self.stack.data.write_text("a file")
        self.assertIn("is no directory", self.one(self.examine(self.stack), "data", "fail")["text"])

    def test_a_run_directory_too_long_for_sockets_is_found(self):
        long = self.stack.folder / ("r" * 60)
        result = troupe(self.stack, "doctor", "--run", long)
        self.assertEqual(result.returncode, 1)
        self.assertIn("a socket's path has room for 60", result.stdout)

    def test_a_model_that_was_not_pulled_is_found(self):
        ollama = fake_ollama.FakeOllama()
        self.addCleanup(ollama.stop)
        self.configure(llm={"ollama_url": ollama.url, "default_model": "no-such:7b"})
        failure = self.one(self.examine(self.stack), "models", "fail")
        self.assertEqual(failure["mend"], f"OLLAMA_HOST={ollama.url} ollama pull no-such:7b")

    def test_a_model_server_that_is_away_is_found(self):
        failure = self.one(self.examine(self.stack, OLLAMA_BASE_URL=NOWHERE), "models", "fail")
        self.assertIn("does not answer", failure["text"])

    def test_a_cloud_key_that_sends_nothing_is_told(self):
        findings = self.examine(self.stack, OPENAI_API_KEY="sk-very-secret")
        self.assertIn("nothing is sent", self.one(findings, "keys", "warn")["text"])
        self.assertNotIn("sk-very-secret", json.dumps(findings))

    def test_a_redis_that_does_not_answer_is_found(self):
        findings = self.examine(self.stack, REDIS_URL="redis://:secret-word@" + NOWHERE)
        self.assertIn("not used", self.one(findings, "redis", "fail")["text"])
        self.assertNotIn("secret-word", json.dumps(findings))

    def test_a_card_that_cannot_be_read_is_found(self):
        cards = self.stack.data / "characters"
        cards.mkdir(parents=True)
        (cards / "peter.json").write_text("{", encoding="utf-8")
        self.assertIn("peter.json", self.one(self.examine(self.stack), "card", "fail")["text"])


class WithAStack(StackTest, Patient):
    @classmethod
    def settings(cls):
        return {"watchdog": {"frozen_after_ms": 0}}

    def test_a_stack_that_is_well_has_nothing_to_mend(self):
        findings = self.examine(self.stack)
        for check in ("stack", "services", "characters", "knowledge", "voices", "energy"):
            self.assertIn("ok", [one["level"] for one in self.of(findings, check)], findings)
        self.assertEqual([one for one in findings if one["level"] == "fail"], [])

    def test_a_frozen_service_is_found_and_what_it_silences(self):
        pid = self.stack.kill("coordinator", signal.SIGSTOP)
        self.addCleanup(self.stack.is_ready, "watchdog")
        self.addCleanup(kill, pid, signal.SIGCONT)
        eventually(lambda: not self.stack.is_ready("watchdog"), 20, "the watchdog sees it")
        findings = self.examine(self.stack)
        # The router says as well that it is not ready without it.
        self.assertIn("coordinator runs, but says that it is not ready or does not answer",
                      [one["text"] for one in self.of(findings, "services")])
        self.assertEqual(self.one(findings, "voices", "fail")["reason"], "coordinator_unavailable")
        kill(pid, signal.SIGCONT)
        eventually(lambda: self.stack.is_ready("watchdog"), 20, "it is back")

    def test_a_channel_that_is_out_of_energy_is_told(self):
        self.ok(self.stack.say("c-tired", "Good evening, everybody!"))
        findings = self.examine(self.stack, "--channel", "c-tired")
        energy = self.of(findings, "energy")
        self.assertEqual(len(energy), 1, findings)
        if energy[0]["level"] == "warn":  # how much they have said already is theirs
            self.assertEqual(energy[0]["reason"], "out_of_energy")

    def test_the_status_tells_for_how_long_each_service_runs_and_how_its_caches_do(self):
        self.ok(self.stack.say("c-status", "Peter, what is your favourite beer?"))
        result = troupe(self.stack, "status")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
        self.assertIn("up", rows["service"].split())
        for name in programs():
            self.assertRegex(rows[name], r"\d+ (s|min) ")
        self.assertIn("hit rate", rows["cache"])


class ThatWouldKeepSilent(Patient):
    def test_a_character_that_no_score_lets_speak_is_found_with_the_reason(self):
        stack = Stack({"coordinator": {"weights": {"addressed": 0, "talkativeness": 0,
                                                   "fairness": 0, "topic": 0, "pending": 0}}})
        self.addCleanup(stack.destroy)
        stack.start()
        findings = self.examine(stack)
        silent = [one for one in self.of(findings, "voices") if one["level"] == "fail"]
        self.assertTrue(silent, findings)
        for one in silent:
            self.assertIn("would not answer to its own name", one["text"])
            self.assertTrue(one["reason"])
            self.assertIn("TROUPE_COORDINATOR_WEIGHTS", one["mend"])
        self.assertEqual(stack.stop(), (0, []), stack.logs())


if __name__ == "__main__":
    unittest.main()
