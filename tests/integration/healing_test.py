"""Processes die and freeze; the stack comes back, and whoever asked hears something clear."""

import signal
import threading
import unittest

import fake_ollama
from stack import Stack, StackTest, eventually, kill

BEER = "Peter, what is your favourite beer?"
SERVICES = ["characters", "retriever", "crawler", "llm", "quality", "coordinator", "tuning",
            "router"]


class Healing(StackTest):
    @classmethod
    def settings(cls):
        cls.ollama = fake_ollama.FakeOllama()
        cls.addClassCleanup(cls.ollama.stop)
        return {"coordinator": {"weights": {"energy_budget": 0}},
                "router": {"deadline_ms": 3000},
                "llm": {"ollama_url": cls.ollama.url}}

    def setUp(self):
        self.ollama.reset()

    def status_of(self, service):
        listed = self.ok(self.stack.get("watchdog", "/services"))["services"]
        return next(status for status in listed if status["name"] == service)

    def ask_aside(self, channel, **more):
        """Asks on another thread; the list gets the reply, or the error."""
        outcome = []

        def ask():
            try:
                outcome.append(self.stack.say(channel, BEER, **more))
            except OSError as error:
                outcome.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        self.addCleanup(thread.join, 60)
        return outcome

    def test_each_service_comes_back_after_a_crash(self):
        for service in SERVICES:
            with self.subTest(service=service):
                restarts = self.status_of(service)["restarts"]
                old = self.stack.kill(service)
                self.stack.replaced(service, old)
                status = self.status_of(service)
                self.assertEqual(status["restarts"], restarts + 1)
                self.assertNotEqual(status["pid"], old)
                self.assertIn("signal 9", status["last_exit"])
                reply = self.ok(self.stack.say(f"c-{service}", BEER))
                self.assertEqual(reply["character"], "peter")
                self.assertTrue(reply["text"])

    def test_a_turn_whose_model_service_dies_ends_clearly(self):
        self.ollama.script.append(fake_ollama.stall)
        outcome = self.ask_aside("c-llm")
        eventually(lambda: self.ollama.requests, 10, "the model was asked")
        old = self.stack.kill("llm")
        eventually(lambda: outcome, 30, "the asker heard something")
        reply = outcome[0]
        turns = self.stack.turns("c-llm")
        self.assertEqual(len(turns), 1)
        if reply.status == 200:
            self.assertTrue(reply.json["degraded"])
            self.assertEqual(reply.json["turn_id"], turns[0]["turn_id"])
            self.assertTrue(reply.json["text"])
        else:
            self.assertIn(turns[0]["turn_id"], reply.json["error"]["message"])
        self.assertNotEqual(turns[0]["status"], "open")
        self.stack.replaced("llm", old)

    def test_a_turn_that_the_router_took_with_it_is_closed_after_its_restart(self):
        self.ollama.script.append(fake_ollama.stall)
        outcome = self.ask_aside("c-router")
        eventually(lambda: self.stack.turns("c-router"), 10, "the turn is on disk as open")
        old = self.stack.kill("router")
        eventually(lambda: outcome, 30, "the asker noticed")
        self.assertIsInstance(outcome[0], OSError)
        self.stack.replaced("router", old)
        turns = self.stack.turns("c-router")
        self.assertEqual([(turn["status"], turn["reason"]) for turn in turns],
                         [("interrupted", "router_restarted")])
        self.assertTrue(self.ok(self.stack.say("c-router", BEER))["text"])

    def test_a_frozen_quality_service_is_seen_and_does_not_freeze_the_turns(self):
        pid = self.stack.kill("quality", signal.SIGSTOP)
        self.addCleanup(kill, pid, signal.SIGCONT)
        eventually(lambda: self.health_of("quality") == "unavailable", 10, "the router sees it")
        reply = self.stack.say("c-frozen", BEER)  # the client gives up long after the deadline
        turn = self.stack.turns("c-frozen")[0]
        self.assertNotEqual(turn["status"], "open")
        if reply.status == 200:
            self.assertTrue(reply.json["degraded"], reply)
            self.assertTrue(reply.json["text"])
        else:
            self.assertIn(turn["turn_id"], reply.json["error"]["message"])
        kill(pid, signal.SIGCONT)
        eventually(lambda: self.health_of("quality") == "connected", 10, "it is seen again")
        healed = eventually(lambda: self.passed("c-thawed"), 10, "turns are judged again")
        self.assertFalse(healed["degraded"])

    def health_of(self, service):
        return self.ok(self.stack.get("router", "/health"))["services"][service]

    def passed(self, channel):
        reply = self.stack.say(channel, BEER)
        return reply.status == 200 and reply.json["passed"] and reply.json

    def fall_into_a_loop(self, service):
        # The watchdog calls five ends within half a minute a loop.
        for _ in range(5):
            eventually(lambda: self.runs(service), 20, "it runs")
            kill(self.status_of(service)["pid"], signal.SIGKILL)
            eventually(lambda: not self.runs(service), 20, "it has fallen")
        return eventually(lambda: self.loops(service), 5, "the loop is shown")

    def test_without_the_coordinator_the_answer_is_a_degraded_line_or_a_clear_error(self):
        self.fall_into_a_loop("coordinator")
        # Both at once, as it is tried again after some seconds.
        asides = [self.ask_aside("c-alone", message_id="m1"),
                  self.ask_aside("c-named", message_id="m1", character="peter")]
        eventually(lambda: all(asides), 30, "both askers heard something")
        (unnamed,), (named,) = asides
        self.assertEqual(unnamed.status, 503, unnamed)
        error = unnamed.json["error"]
        self.assertEqual(error["code"], "unavailable")
        turn = self.stack.turns("c-alone")[0]
        self.assertIn(turn["turn_id"], error["message"])
        self.assertEqual((turn["status"], turn["reason"]), ("interrupted", "unavailable"))
        named = self.ok(named)
        self.assertTrue(named["degraded"] and named["text"], named)
        self.assertIn("coordinator.observe", self.stack.turn(named["turn_id"])["faults"][0])
        eventually(self.stack.ready, 20, "it is tried again all the same")
        again = self.ok(self.stack.say("c-alone", BEER, message_id="m1"))
        self.assertFalse(again["degraded"], again)
        same = self.ok(self.stack.say("c-named", BEER, message_id="m1", character="peter"))
        self.assertEqual(same, named)

    def test_a_service_that_keeps_falling_is_slowed_down_and_shown(self):
        status = self.fall_into_a_loop("retriever")
        self.assertEqual(status["pid"], 0)
        self.assertIn("signal 9", status["last_exit"])
        health = self.ok(self.stack.get("watchdog", "/health"))
        self.assertEqual(health["services"]["retriever"], "crash_loop")
        self.assertEqual(health["status"], "degraded")
        self.assertTrue(self.ok(self.stack.say("c-loop", BEER))["degraded"])
        eventually(self.stack.ready, 20, "it is tried again all the same")

    def runs(self, service):
        status = self.status_of(service)
        return status["state"] == "running" and status["pid"]

    def loops(self, service):
        status = self.status_of(service)
        return status["state"] == "crash_loop" and status

    def test_nothing_outlives_a_watchdog_that_was_killed(self):
        # A stack of its own, as the others need theirs.
        stack = Stack()
        self.addCleanup(stack.destroy)
        stack.start()
        first = stack.say("c", BEER).json
        stack.process.kill()
        stack.process.wait(10)
        eventually(lambda: not stack.processes(), 20, "the services have ended")
        stack.start()
        self.assertEqual(stack.turn(first["turn_id"])["text"], first["text"])
        self.assertEqual(stack.stop(), (0, []))


if __name__ == "__main__":
    unittest.main()
