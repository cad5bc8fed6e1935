"""The service tuning by itself: what a router and people tell it, it keeps, learns and reports."""

import json
import signal
import subprocess
import tempfile
import unittest

from stack import BIN, Stack, environment, eventually


class Tuning(Stack):
    """A stack of one, which a second start() starts anew on the same data."""

    def launch(self, program="tuning"):
        super().launch(program)

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.logs()}")
        return self.is_ready("tuning")

    def take(self, *outcomes):
        return self.post("tuning", "/outcomes", {"outcomes": outcomes})

    def report(self, query=""):
        return self.get("tuning", "/report" + query).json["characters"]

    def export(self, query=""):
        reply = self.get("tuning", "/export" + query)
        return [json.loads(line) for line in reply.body.decode().splitlines()]


def turn(number, character, variant="plain", passed=True, **more):
    codes = [] if passed else ["too_long"]
    return {"turn_id": f"{character}-{number}", "channel": "c1", "character": character,
            "variant": variant, "model": "understudy", "kind": "direct", "status": "said",
            "message": "A beer?", "line": f"Line {number}.", "passed": passed,
            "score": 80 if passed else 20, "degraded": False, "ms": 100,
            "attempts": [{"number": 1, "band": "standard", "passed": passed,
                          "score": 80 if passed else 20, "codes": codes}], **more}


class TuningService(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.stack = Tuning()
        cls.addClassCleanup(cls.stack.destroy)
        cls.stack.start()

    def hints(self, character):
        reply = self.stack.post("tuning", "/hints", {"character": character})
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def taken(self, *outcomes):
        reply = self.stack.take(*outcomes)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def weights(self, character):
        return {variant["id"]: variant["weight"] for variant in self.hints(character)["variants"]}

    def test_a_new_character_gets_every_variant_equally_and_hints_for_every_fault(self):
        hints = self.hints("newcomer")
        self.assertEqual([variant["id"] for variant in hints["variants"]],
                         ["plain", "brief", "reactive", "curious"])
        for weight in self.weights("newcomer").values():
            self.assertAlmostEqual(weight, 0.25)
        self.assertEqual(len(hints["retry"]), 12)
        self.assertTrue(all(len(code["hints"]) >= 2 for code in hints["retry"]))
        self.assertTrue(hints["guidance"])

    def test_it_learns_which_variant_passes(self):
        before = self.hints("peter")["generation"]
        for start in range(0, 120, 40):
            reply = self.taken(*(turn(n, "peter", "plain" if n % 2 else "brief",
                                      n % 2 == 0 or n % 4 == 1) for n in range(start, start + 40)))
            self.assertEqual((reply["accepted"], reply["repeated"]), (40, 0))
        self.assertGreater(reply["generation"], before)
        weights = self.weights("peter")
        self.assertGreater(weights["brief"], weights["plain"] + 0.2)
        self.assertAlmostEqual(sum(weights.values()), 1)
        self.assertIn("One sentence.", " ".join(self.hints("peter")["guidance"]))
        [told] = self.stack.report("?character=peter")
        verdicts = {variant["variant"]: variant["verdict"] for variant in told["variants"]}
        self.assertEqual(verdicts, {"plain": "baseline", "brief": "better",
                                    "reactive": "no difference shown",
                                    "curious": "no difference shown"})
        self.assertEqual(told["findings"], [{"code": "too_long", "drafts": 30}])

    def test_a_turn_that_is_told_again_counts_once(self):
        self.assertEqual(self.taken(turn(1, "twice"))["accepted"], 1)
        reply = self.taken(turn(1, "twice"), turn(2, "twice"))
        self.assertEqual((reply["accepted"], reply["repeated"]), (1, 1))
        self.assertEqual(self.stack.report("?character=twice")[0]["turns"], 2)

    def test_a_persons_opinion_counts_also_when_it_comes_first(self):
        tell = {"turn_id": "early-1", "author": "lois", "kind": "thumbs_down"}
        self.assertEqual(self.stack.post("tuning", "/feedback", tell).json,
                         {"accepted": True, "known": False})
        self.taken(turn(1, "early"))
        self.assertEqual(self.stack.post("tuning", "/feedback", tell).json,
                         {"accepted": False, "known": True})
        plain = self.stack.report("?character=early")[0]["variants"][0]
        self.assertEqual((plain["thumbs_down"], plain["pass_rate"], plain["reward_rate"]),
                         (1, 1, 0))
        self.assertEqual(self.stack.export("?character=early"), [])
        tell["kind"] = "none"
        self.assertTrue(self.stack.post("tuning", "/feedback", tell).json["accepted"])
        self.assertEqual(len(self.stack.export("?character=early")), 1)

    def test_the_export_is_lines_of_json_and_goes_on_where_it_ended(self):
        self.taken(*(turn(n, "writer") for n in range(128)))
        self.taken(turn(200, "writer", passed=False), turn(201, "writer", degraded=True))
        reply = self.stack.get("tuning", "/export?character=writer&limit=1")
        self.assertEqual(reply.headers["Content-Type"], "application/x-ndjson")
        self.assertEqual(json.loads(reply.body), {
            "messages": [{"role": "user", "content": "A beer?"},
                         {"role": "assistant", "content": "Line 0."}],
            "character": "writer", "turn_id": "writer-0", "score": 80})
        first = self.stack.export("?character=writer&limit=100")
        rest = self.stack.export(f"?character=writer&after={first[-1]['turn_id']}")
        self.assertEqual([line["turn_id"] for line in first + rest],
                         [f"writer-{n}" for n in range(128)])

    def test_an_export_of_many_megabytes_comes_whole_page_by_page(self):
        for start in range(0, 400, 50):
            self.taken(*(turn(n, "novelist", line="x" * 15_000) for n in range(start, start + 50)))
        pages, after = [], ""
        while not pages or pages[-1]:
            pages.append(self.stack.export(f"?character=novelist&limit=10000{after}"))
            after = f"&after={pages[-1][-1]['turn_id']}" if pages[-1] else ""
        self.assertGreater(len(pages), 2)
        self.assertEqual([line["turn_id"] for page in pages for line in page],
                         [f"novelist-{n}" for n in range(400)])

    def test_what_is_wrong_is_answered_in_words(self):
        for path, body, status, words in (
                ("/outcomes", {"outcomes": [turn(n, "x") for n in range(129)]}, 400, "128"),
                ("/outcomes", {"outcomes": [{"character": "x"}]}, 400, "turn_id: is required"),
                ("/outcomes", {"outcomes": [turn(1, "x", ms=-1)]}, 400, "ms"),
                ("/feedback", {"turn_id": "t", "author": "a", "kind": "love"}, 400, "thumbs_up"),
                ("/hints", {}, 400, "character: is required")):
            reply = self.stack.post("tuning", path, body)
            self.assertEqual(reply.status, status, reply)
            self.assertIn(words, reply.json["error"]["message"])
        for path, status in (("/export?after=nothing", 404), ("/export?limit=0", 400),
                             ("/export?min_score=many", 400), ("/report?days=0", 400)):
            self.assertEqual(self.stack.get("tuning", path).status, status, path)

    def test_its_metrics_count_what_came(self):
        self.taken(turn(1, "counted"))
        text = self.stack.get("tuning", "/metrics").body.decode()
        self.assertIn('troupe_tuning_outcomes_total{result="accepted"}', text)
        self.assertIn("troupe_tuning_hints_generation", text)


class TuningLife(unittest.TestCase):
    def test_what_was_acknowledged_is_there_after_a_kill(self):
        stack = Tuning()
        self.addCleanup(stack.destroy)
        stack.start()
        acknowledged = 0
        generation = 0
        for life in range(5):
            for number in range(20):
                reply = stack.take(turn(f"{life}-{number}", "peter"))
                self.assertEqual(reply.status, 200)
                acknowledged += reply.json["accepted"]
                self.assertGreaterEqual(reply.json["generation"], generation)
                generation = reply.json["generation"]
            stack.kill("tuning", signal.SIGKILL)
            stack.process.wait(10)
            stack.launch()
            eventually(stack.ready, 20, "tuning is back")
            self.assertEqual(stack.report()[0]["turns"], acknowledged)
        self.assertEqual(stack.stop(), (0, []))

    def test_settings_that_make_no_sense_stop_the_start_with_one_line(self):
        for flag, value, words in (
                ("--variants", "[]", "there must be one"),
                ("--variants", '[{"id":"a"},{"id":"a"}]', "two are named a"),
                ("--retry_hints", '{"rude":["Be kind."]}', "there is no fault rude"),
                ("--exploration_floor", "2", "must be at most 0.5")):
            folder = tempfile.TemporaryDirectory(prefix="troupe-", dir="/tmp")
            self.addCleanup(folder.cleanup)
            done = subprocess.run([BIN / "troupe-tuning", flag, value, "--port", "0", "--data",
                                   folder.name + "/data", "--run", folder.name + "/run"],
                                  capture_output=True, text=True, timeout=30, check=False,
                                  env=environment())
            self.assertEqual(done.returncode, 2, done)
            lines = [line for line in done.stderr.splitlines() if line.startswith("tuning: ")]
            self.assertEqual(len(lines), 1, done)
            self.assertIn(words, lines[0])


if __name__ == "__main__":
    unittest.main()
