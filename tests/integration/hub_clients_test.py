"""The hub is a Discord to those who know no other: discord.js and discord.py, unmodified.

Both are told the same by library.py, and the same must come of it. A person is at the other end.
"""

import unittest

from fault_proxy import INVALID, RECONNECT, FaultProxy
from library import ALL, Library, Refused, discord_js, discord_py
from person import FREE, HubStack, Person, rest
from stack import StackTest, eventually

EPHEMERAL = 64


class HubTest(StackTest):
    """One hub, a person, and bots that are added by the door of operators."""

    make = HubStack
    command = None  # of the library; the classes below have no tests of their own without it
    hub = {}

    @classmethod
    def settings(cls):
        return {"hub": {**FREE, **cls.hub}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.person = Person(cls.stack)
        cls.addClassCleanup(lambda: cls.person.close())
        cls.general = cls.person.channels["general"]

    @classmethod
    def join(cls, name, intents=ALL, account=None, proxy=None):
        """A bot of the library that is ready, its account in `account`."""
        account = account or cls.stack.add_bot(name)
        host, port = cls.stack.address("hub")
        api = proxy.api if proxy else f"http://{host}:{port}/api/v10"
        gateway = proxy.gateway if proxy else f"ws://{host}:{port}/gateway"
        bot = Library(cls.command(), api, gateway, account["token"], intents)
        bot.account = account
        try:
            bot.ready = bot.wait_for("ready")
        except BaseException:
            bot.stop()
            raise
        return bot

    def refused(self, bot, status, code, do, **more):
        with self.assertRaises(Refused) as caught:
            bot.do(do, **more)
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code),
                         caught.exception.text)


class Scenes:
    """What a bot does on an ordinary day; one library, one session."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bot = cls.join("Clerk")
        cls.addClassCleanup(cls.bot.stop)

    def tearDown(self):
        self.assertEqual(self.bot.named("error"), [])

    def test_it_logs_in_and_knows_the_guild_its_channels_and_members(self):
        ready = self.bot.ready
        self.assertEqual(ready["user"], self.bot.account["user_id"])
        self.assertEqual(ready["name"], "Clerk")
        self.assertEqual([(one["id"], one["name"]) for one in ready["guilds"]],
                         [(self.person.guild, "Troupe")])
        channels = {one["name"]: one["id"] for one in ready["guilds"][0]["channels"]
                    if one["type"] == 0}
        self.assertEqual({name: channels.get(name) for name in ("general", "bar", "lab")},
                         {name: self.person.channels[name] for name in ("general", "bar", "lab")})
        self.assertIn(self.bot.account["user_id"], ready["guilds"][0]["members"])
        everybody = {one["id"] for one in self.bot.do("members")}
        self.assertTrue({self.person.user["id"], self.bot.account["user_id"]} <= everybody)
        self.assertTrue(set(self.person.members.values()) <= everybody)

    def test_it_hears_what_is_written_and_its_reply_arrives(self):
        asked = self.person.say(self.general, "Hello, Clerk! äöü 🦊")
        heard = self.bot.wait_for("message", lambda one: one["id"] == asked["id"])
        self.assertEqual((heard["content"], heard["author"], heard["bot"], heard["channel"]),
                         ("Hello, Clerk! äöü 🦊", self.person.user["id"], False, self.general))
        reply = self.bot.do("reply", channel=self.general, id=asked["id"], content="Hello!")
        self.assertEqual(reply["reference"], asked["id"])
        seen = self.person.gateway.wait_for("MESSAGE_CREATE", lambda one: one["id"] == reply["id"])
        self.assertEqual((seen["content"], seen["author"]["id"], seen["author"]["bot"]),
                         ("Hello!", self.bot.account["user_id"], True))
        self.assertEqual(seen["type"], 19)
        self.assertEqual(seen["referenced_message"]["id"], asked["id"])
        self.assertEqual(seen["message_reference"]["message_id"], asked["id"])
        # A reply notifies its addressee, and who wrote it hears it as well.
        self.assertEqual([one["id"] for one in seen["mentions"]], [self.person.user["id"]])
        self.bot.wait_for("message", lambda one: one["id"] == reply["id"])

    def test_a_mention_is_one(self):
        user = self.bot.account["user_id"]
        asked = self.person.say(self.general, f"<@{user}>, are you there?")
        heard = self.bot.wait_for("message", lambda one: one["id"] == asked["id"])
        self.assertEqual(heard["mentions"], [user])

    def test_what_is_edited_and_deleted_is_seen_on_both_sides(self):
        mine = self.bot.do("send", channel=self.general, content="first thought")
        edited = self.bot.do("edit", channel=self.general, id=mine["id"], content="second thought")
        self.assertEqual((edited["content"], edited["edited"]), ("second thought", True))
        seen = self.person.gateway.wait_for("MESSAGE_UPDATE", lambda one: one["id"] == mine["id"])
        self.assertEqual(seen["content"], "second thought")
        self.assertIsNotNone(seen["edited_timestamp"])
        self.bot.do("delete", channel=self.general, id=mine["id"])
        self.person.gateway.wait_for("MESSAGE_DELETE", lambda one: one["id"] == mine["id"])

        theirs = self.person.say(self.general, "I said this")
        self.bot.wait_for("message", lambda one: one["id"] == theirs["id"])
        path = f"/channels/{self.general}/messages/{theirs['id']}"
        self.person.ok("PATCH", path, {"content": "I meant that"})
        heard = self.bot.wait_for("edit", lambda one: one["id"] == theirs["id"])
        self.assertEqual(heard["content"], "I meant that")
        self.person.ok("DELETE", path)
        self.bot.wait_for("delete", lambda one: one["id"] == theirs["id"])

    def test_reactions_are_seen_on_both_sides(self):
        theirs = self.person.say(self.general, "How do you like this?")
        self.bot.do("react", channel=self.general, id=theirs["id"], emoji="👍")
        seen = self.person.gateway.wait_for("MESSAGE_REACTION_ADD",
                                            lambda one: one["message_id"] == theirs["id"])
        self.assertEqual((seen["emoji"]["name"], seen["user_id"]),
                         ("👍", self.bot.account["user_id"]))
        self.person.react(self.general, theirs["id"], "👍")
        self.bot.wait_for("react", lambda one: one["id"] == theirs["id"] and
                          one["user"] == self.person.user["id"] and one["emoji"] == "👍")
        reactors = self.bot.do("reactors", channel=self.general, id=theirs["id"], emoji="👍")
        self.assertEqual(set(reactors), {self.bot.account["user_id"], self.person.user["id"]})
        self.bot.do("unreact", channel=self.general, id=theirs["id"], emoji="👍")
        self.person.gateway.wait_for("MESSAGE_REACTION_REMOVE",
                                     lambda one: one["message_id"] == theirs["id"])
        fetched = self.person.ok("GET", f"/channels/{self.general}/messages/{theirs['id']}")
        self.assertEqual([(one["emoji"]["name"], one["count"], one["me"])
                          for one in fetched["reactions"]], [("👍", 1, True)])

    def test_typing_is_seen_on_both_sides_but_not_by_who_types(self):
        channel = self.person.channels["lab"]
        self.bot.do("type", channel=channel)
        seen = self.person.gateway.wait_for(
            "TYPING_START", lambda one: one["user_id"] == self.bot.account["user_id"])
        self.assertEqual(seen["channel_id"], channel)
        self.person.ok("POST", f"/channels/{channel}/typing")
        self.bot.wait_for("typing", lambda one: one["user"] == self.person.user["id"] and
                          one["channel"] == channel)
        self.assertEqual(self.bot.named("typing", lambda one:
                                        one["user"] == self.bot.account["user_id"]), [])

    def test_history_comes_in_pages(self):
        channel = self.person.channels["lab"]
        ids = [self.person.say(channel, f"line {i}")["id"] for i in range(7)]

        def history(**where):
            found = self.bot.do("history", channel=channel, **where)
            return sorted((one["id"] for one in found), key=int)
        self.assertEqual(history(limit=3), ids[4:])
        self.assertEqual(history(limit=3, before=ids[4]), ids[1:4])
        self.assertEqual(history(limit=2, after=ids[2]), ids[3:5])
        self.assertEqual(history(limit=3, around=ids[3]), ids[2:5])

    def test_presence_is_seen(self):
        user = self.bot.account["user_id"]
        self.bot.do("presence", status="dnd")
        seen = self.person.gateway.wait_for("PRESENCE_UPDATE", lambda one: one["user"]["id"] == user
                                            and one["status"] == "dnd")
        self.assertEqual(seen["guild_id"], self.person.guild)
        self.bot.do("presence", status="online")
        known = {one["user"]: one["status"] for one in self.bot.do("presences")}
        self.assertEqual(known[self.person.user["id"]], "online")

    def test_what_discord_refuses_is_refused_with_its_codes(self):
        theirs = self.person.say(self.general, "Hands off!")
        gone = self.bot.do("send", channel=self.general, content="x")
        self.bot.do("delete", channel=self.general, id=gone["id"])
        self.refused(self.bot, 403, 50005, "edit", channel=self.general, id=theirs["id"],
                     content="mine")
        self.refused(self.bot, 404, 10008, "reply", channel=self.general, id=gone["id"],
                     content="x")
        self.refused(self.bot, 404, 10003, "send", channel="1234567890123456789", content="x")
        self.refused(self.bot, 400, 50006, "send", channel=self.general, content="")
        self.refused(self.bot, 400, 50035, "send", channel=self.general, content="x" * 2001)
        self.bot.do("send", channel=self.general, content="🦊" * 2000)

    def test_files_go_up_and_down(self):
        sent = self.bot.do("send", channel=self.general, content="look", files=[
            {"name": "notes.txt", "text": "Lorem ipsum"}, {"name": "more.txt", "text": "dolor"}])
        self.assertEqual([(one["name"], one["size"]) for one in sent["attachments"]],
                         [("notes.txt", 11), ("more.txt", 5)])
        seen = self.person.gateway.wait_for("MESSAGE_CREATE", lambda one: one["id"] == sent["id"])
        self.assertEqual([one["filename"] for one in seen["attachments"]],
                         ["notes.txt", "more.txt"])
        self.assertEqual(self.bot.do("download", url=sent["attachments"][0]["url"]), "Lorem ipsum")

    def test_a_webhook_speaks_under_another_name(self):
        # Bots may not make one, as nobody has given them the permission; who has one may use it.
        self.refused(self.bot, 403, 50013, "webhook", channel=self.general, name="Mine")
        hook = self.person.ok("POST", f"/channels/{self.general}/webhooks", {"name": "Stage"})
        sent = self.bot.do("speak_as", hook=hook["id"], token=hook["token"],
                           content="Ladies and gentlemen", **{"as": "Announcer"})
        self.assertEqual((sent["name"], sent["edited"]), ("Announcer", "Ladies and gentlemen!"))
        seen = self.person.gateway.wait_for("MESSAGE_CREATE", lambda one: one["id"] == sent["id"])
        self.assertEqual((seen["author"]["username"], seen["webhook_id"], seen["author"]["id"]),
                         ("Announcer", hook["id"], hook["id"]))
        self.refused(self.bot, 401, 50027, "speak_as", hook=hook["id"], token="wrong", content="x",
                     **{"as": "Announcer"})
        self.person.ok("DELETE", f"/webhooks/{hook['id']}")
        self.refused(self.bot, 404, 10015, "speak_as", hook=hook["id"], token=hook["token"],
                     content="x", **{"as": "Announcer"})

    def test_a_direct_message_reaches_one_person(self):
        sent = self.bot.do("direct", user=self.person.user["id"], content="psst")
        seen = self.person.gateway.wait_for("MESSAGE_CREATE", lambda one: one["id"] == sent["id"])
        self.assertNotIn("guild_id", seen)
        answer = self.person.say(seen["channel_id"], "what?")
        heard = self.bot.wait_for("message", lambda one: one["id"] == answer["id"])
        self.assertEqual(heard["content"], "what?")

    def commands(self):
        """The bot's commands by name, as the page finds them."""
        made = self.bot.do("commands")
        index = self.person.ok(
            "GET", f"/guilds/{self.person.guild}/application-command-index")
        mine = {one["name"]: one for one in index["application_commands"]
                if one["application_id"] == self.bot.account["application_id"]}
        self.assertEqual({name: one["id"] for name, one in mine.items()},
                         {one["name"]: one["id"] for one in made})
        return {name: {"id": one["id"], "name": name, "type": one["type"]}
                for name, one in mine.items()}

    def test_commands_are_called_and_answered(self):
        commands = self.commands()
        self.assertEqual({name: one["type"] for name, one in commands.items()},
                         {"echo": 1, "later": 1, "Shout": 3})
        application = self.bot.account["application_id"]

        def answered(content, ephemeral):
            for name in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
                for one in self.person.gateway.named(name):
                    if one["content"] == content:
                        self.assertEqual(bool(one["flags"] & EPHEMERAL), ephemeral, one)
                        return one
            return None

        self.person.invoke(self.general, commands["echo"], application,
                           options=[{"name": "text", "type": 3, "value": "over the hills"}])
        called = self.bot.wait_for("called", lambda one: one["name"] == "echo")
        self.assertEqual((called["user"], called["text"]),
                         (self.person.user["id"], "over the hills"))
        public = eventually(lambda: answered("over the hills", False), 10, "the answer of /echo")
        self.assertEqual(public["author"]["id"], self.bot.account["user_id"])

        target = self.person.say(self.general, "quiet words")
        self.person.invoke(self.general, commands["Shout"], application, target_id=target["id"])
        called = self.bot.wait_for("called", lambda one: one["name"] == "Shout")
        self.assertEqual(called["target"], "quiet words")
        secret = eventually(lambda: answered("QUIET WORDS", True), 10, "the answer of Shout")

        self.person.invoke(self.general, commands["later"], application)
        eventually(lambda: answered("here it is", True), 10, "the deferred answer")
        more = eventually(lambda: answered("and more", True), 10, "what follows it")
        # What only one person sees is in nobody's history.
        kept = {one["id"] for one in self.person.history(self.general)}
        self.assertIn(public["id"], kept)
        self.assertFalse({secret["id"], more["id"]} & kept)


class DiscordJs(Scenes, HubTest):
    command = staticmethod(discord_js)

    def test_a_nonce_is_posted_once(self):
        nonce = {"channel": self.general, "nonce": "n-12345"}
        first = self.bot.do("send", content="once", **nonce)
        again = self.bot.do("send", content="once", **nonce)
        self.assertEqual((again["id"], first["nonce"]), (first["id"], "n-12345"))
        history = [one["content"] for one in self.person.history(self.general)]
        self.assertEqual(history.count("once"), 1)


class DiscordPy(Scenes, HubTest):
    command = staticmethod(discord_py)


class Doors:
    """Who may come in, and what they get to read."""

    def end_of(self, token, intents):
        host, port = self.stack.address("hub")
        with Library(self.command(), f"http://{host}:{port}/api/v10",
                     f"ws://{host}:{port}/gateway", token, intents) as bot:
            return bot.wait_for("stopped")

    def test_a_wrong_token_is_told_so(self):
        self.assertIn("token", self.end_of("MTIz.no.such", ALL)["text"])

    def test_a_bot_without_the_intent_reads_only_what_is_meant_for_it(self):
        with self.join("Deaf", intents=["guilds", "messages"]) as bot:
            user = bot.account["user_id"]
            secret = self.person.say(self.general, "between us")
            self.assertEqual(bot.wait_for("message", lambda one: one["id"] == secret["id"])
                             ["content"], "")
            named = self.person.say(self.general, f"<@{user}> for you")
            self.assertEqual(bot.wait_for("message", lambda one: one["id"] == named["id"])
                             ["content"], f"<@{user}> for you")
            mine = bot.do("send", channel=self.general, content="from me")
            self.assertEqual(bot.wait_for("message", lambda one: one["id"] == mine["id"])
                             ["content"], "from me")


class DoorsJs(Doors, HubTest):
    command = staticmethod(discord_js)


class DoorsPy(Doors, HubTest):
    command = staticmethod(discord_py)


class Closed:
    """A hub that keeps the privileged intents to itself, and whose limits are narrow."""

    hub = {"privileged_intents": False, "message_limit": 3, "message_window_ms": 1500,
           "global_per_second": 8}

    def test_an_intent_that_is_not_allowed_is_told_so(self):
        account = self.stack.add_bot("Nosy")
        host, port = self.stack.address("hub")
        with Library(self.command(), f"http://{host}:{port}/api/v10",
                     f"ws://{host}:{port}/gateway", account["token"], ALL) as bot:
            end = bot.wait_for("stopped")
            self.assertEqual(end["code"], 4014, end)

    def test_limits_are_waited_out(self):
        with self.join("Chatty", intents=["guilds", "messages"]) as bot:
            path = f"/channels/{self.general}/messages"

            def post(text):
                return rest(self.stack, "Bot " + bot.account["token"], "POST", path,
                            {"content": text})
            # Somebody with the same token has used the channel's allowance up.
            replies = [post(f"first {i}") for i in range(4)]
            self.assertEqual([one.status for one in replies], [200, 200, 200, 429])
            self.check_refusal(replies[-1], everywhere=False)
            sent = bot.do("send", channel=self.general, content="after the limit")
            self.assertEqual(bot.named("429", lambda one: not one["global"]) != [], True)
            self.assertIn(sent["id"], [one["id"] for one in self.person.history(self.general)])

    def test_the_limit_of_all_together_is_waited_out(self):
        with self.join("Busy", intents=["guilds", "messages"]) as bot:
            channels = [self.person.channels[name] for name in ("general", "bar", "lab")]
            token = "Bot " + bot.account["token"]

            def exhausted():
                reply = rest(self.stack, token, "GET", "/users/@me")
                return reply if reply.status == 429 else None
            self.check_refusal(eventually(exhausted, 10, "the hub refuses"), everywhere=True)
            orders = [bot.begin("send", channel=channel, content=f"{self.id()} {i}")
                      for i in range(3) for channel in channels]
            sent = [bot.end(order)["id"] for order in orders]
            self.assertEqual(len(set(sent)), 9)
            self.assertGreater(len(bot.named("429", lambda one: one["global"])), 0)
            kept = {one["id"] for channel in channels for one in self.person.history(channel)}
            self.assertLessEqual(set(sent), kept)

    def check_refusal(self, reply, everywhere):
        body, headers = reply.json, reply.headers
        self.assertEqual(body["global"], everywhere, reply)
        self.assertGreater(body["retry_after"], 0)
        # Who waits for whole seconds must not come too early.
        self.assertGreaterEqual(float(headers["Retry-After"]), body["retry_after"])
        self.assertEqual(headers.get("X-RateLimit-Global"), "true" if everywhere else None)
        self.assertEqual(headers["X-RateLimit-Scope"], "global" if everywhere else "user")
        self.assertTrue(headers["Via"], "without it discord.py takes the refusal for a ban")


class ClosedJs(Closed, HubTest):
    command = staticmethod(discord_js)


class ClosedPy(Closed, HubTest):
    command = staticmethod(discord_py)


class Misfortunes:
    """The Gateway breaks in every way that a library survives; nothing is lost or comes twice."""

    hub = {"heartbeat_ms": 500}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = FaultProxy(lambda: cls.stack.address("hub"))
        cls.addClassCleanup(cls.proxy.stop)
        cls.bot = cls.join("Stoic", intents=[*ALL, "impatient"], proxy=cls.proxy)
        cls.addClassCleanup(cls.bot.stop)

    def setUp(self):
        self.proxy.behave()
        self.identifies, self.resumes = len(self.proxy.identifies), len(self.proxy.resumes)

    def hears_all(self, misfortune, resumes):
        """What is said before, during and after a misfortune arrives, each once and in order."""
        said = [self.person.say(self.general, f"before {self.id()}")["id"]]
        self.bot.wait_for("message", lambda one: one["id"] == said[0])
        misfortune()
        said += [self.person.say(self.general, f"{i} {self.id()}")["id"] for i in range(3)]
        back = self.proxy.resumes if resumes else self.proxy.identifies
        before = self.resumes if resumes else self.identifies
        eventually(lambda: len(back) > before, 40, "it comes back")
        if resumes:
            self.bot.wait_for("message", lambda one: one["id"] == said[-1])
        else:
            eventually(self.sessions_ready, 40, "the new session is ready")
        said.append(self.person.say(self.general, f"after {self.id()}")["id"])
        self.bot.wait_for("message", lambda one: one["id"] == said[-1])
        heard = [one["id"] for one in self.bot.named("message") if one["id"] in said]
        if resumes:
            self.assertEqual(heard, said)
            self.assertEqual(len(self.proxy.identifies), self.identifies)
        else:  # what is said while there is no session is lost, as on Discord
            self.assertEqual((heard[0], heard[-1]), (said[0], said[-1]))
            self.assertEqual(len(heard), len(set(heard)))
            self.assertEqual(len(self.proxy.identifies), self.identifies + 1)

    def sessions_ready(self):
        return any(message.get("t") == "GUILD_CREATE" for session in self.proxy.sessions
                   for message in session.dispatched)

    def test_tcp_loss_is_resumed(self):
        self.hears_all(self.proxy.cut, resumes=True)

    def test_close_4000_is_resumed(self):
        self.hears_all(lambda: self.proxy.close(4000), resumes=True)

    def test_op_7_is_resumed(self):
        self.hears_all(lambda: self.proxy.inject(RECONNECT), resumes=True)

    def test_a_zombie_is_resumed(self):
        def swallow():
            self.proxy.swallow_acks = True
            connects = len(self.proxy.connects)
            eventually(lambda: len(self.proxy.connects) > connects, 20,
                       "it gives the connection up")
            self.proxy.swallow_acks = False
        self.hears_all(swallow, resumes=True)

    def test_op_9_false_means_a_new_session(self):
        self.hears_all(lambda: self.proxy.inject(INVALID, False), resumes=False)


class MisfortunesJs(Misfortunes, HubTest):
    command = staticmethod(discord_js)


class MisfortunesPy(Misfortunes, HubTest):
    command = staticmethod(discord_py)


if __name__ == "__main__":
    unittest.main()
