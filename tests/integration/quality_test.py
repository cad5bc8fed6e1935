"""The service quality by itself: how lines are judged may be changed while it runs, and is kept."""

import json
import unittest

from stack import Stack


class Quality(Stack):
    """A stack of one, which a second start() starts anew on the same data."""

    def launch(self, program="quality"):
        super().launch(program)

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.logs()}")
        return self.answers("quality", "/health")  # it is not ready without a cast

    def shown(self):
        return self.get("quality", "/config").json

    def put(self, settings):
        return self.request("quality", "PUT", "/config", json.dumps(settings),
                            {"Content-Type": "application/json"})


class QualitySettings(unittest.TestCase):
    def setUp(self):
        self.stack = Quality()
        self.addCleanup(self.stack.destroy)
        self.stack.start()

    def test_the_settings_of_the_seeds_are_in_force_at_the_first_start(self):
        config = self.stack.shown()
        self.assertEqual(config["weights"], {"authenticity": 25, "flow": 30, "engagement": 20,
                                             "grounding": 20, "safety": 5})
        self.assertEqual([config["thresholds"][name] for name in ("cold", "warm", "hot")],
                         [30, 60, 75])

    def test_what_was_put_is_shown_and_outlives_the_process(self):
        reply = self.stack.put({"thresholds": {"cold": 40}})
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.json["thresholds"]["cold"], 40)
        self.assertEqual(self.stack.shown()["thresholds"]["cold"], 40)
        self.stack.stop()
        self.stack.start()
        self.assertEqual(self.stack.shown()["thresholds"]["cold"], 40)
        self.assertEqual(self.stack.shown()["weights"]["flow"], 30)

    def test_a_bad_one_is_refused_whole(self):
        before = self.stack.shown()
        for settings, member in (({"major_cap": 50, "weights": {"flow": 31}}, "weights"),
                                 ({"thresholds": {"cold": 70}}, "thresholds.warm"),
                                 ({"tresholds": {}}, "tresholds"), ([], "object")):
            reply = self.stack.put(settings)
            self.assertEqual(reply.status, 400, reply)
            self.assertIn(member, reply.body.decode())
        self.assertEqual(self.stack.shown(), before)


if __name__ == "__main__":
    unittest.main()
