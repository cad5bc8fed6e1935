"""What people ask of the bots by application commands: why, anew, and to be forgotten."""

import unittest

from ensemble import EnsembleTest
from stack import eventually

EPHEMERAL = 64


class Commands(EnsembleTest):
    deadline_ms = 8000

    def commands(self, who):
        """The application's id of a bot, and its commands by name."""
        def installed():
            index = self.person.ok(
                "GET", f"/guilds/{self.person.guild}/application-command-index")
            mine = [one for one in index["application_commands"]
                    if one["application_id"] == self.application(who)]
            return {one["name"]: {"id": one["id"], "name": one["name"], "type": one["type"]}
                    for one in mine}
        return eventually(installed, 10, f"the commands of {who}")

    def application(self, who):
        names = {name.split()[0].lower(): user for name, user in self.person.members.items()}
        return names[who]

    def told(self, channel, call):
        """What the person is told once the call has been answered."""
        before = len(self.person.gateway.named("MESSAGE_UPDATE"))
        call()

        def answer():
            for one in self.person.gateway.named("MESSAGE_UPDATE")[before:]:
                if one.get("flags", 0) & EPHEMERAL and one["channel_id"] == channel:
                    return one["content"]
            return None
        return eventually(answer, 20, "an answer to the command")

    def call(self, channel, name, **data):
        command = self.commands("peter")[name]
        return self.told(channel, lambda: self.person.invoke(
            channel, command, self.application("peter"), **data))

    def test_a_line_is_explained_said_anew_and_forgotten(self):
        channel = self.channel()
        line = self.answered(channel, self.ask(channel, "peter"))
        self.settled(channel)
        self.assertIn("**peter** answered",
                      self.call(channel, "Why did you say that?", target_id=line["id"]))
        self.model.reset()
        self.assertEqual("Done.", self.call(channel, "Regenerate", target_id=line["id"]))
        there = [one for one in self.from_bots(channel) if one["id"] == line["id"]]
        self.assertNotEqual(there[0]["content"], line["content"])
        self.assertTrue(self.call(channel, "forget").startswith("Forgotten: "))
        self.assertEqual([turn for turn in self.stack.turns(channel)
                          if turn["kind"] == "direct"], [])

    def test_a_line_of_another_channel_is_not_told_of_by_a_forged_target(self):
        channel, elsewhere = self.channel(), self.person.make_channel("elsewhere")
        line = self.answered(channel, self.ask(channel, "peter"))
        for name in ("why", "regenerate"):
            self.assertEqual("That is not a line of mine.",
                             self.call(elsewhere, name, target_id=line["id"]))


if __name__ == "__main__":
    unittest.main()
