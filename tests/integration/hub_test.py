"""The hub on its own against kill -9, a full disk and what no library would send it."""

import collections
import contextlib
import http.client
import json
import random
import re
import resource
import stat
import signal
import subprocess
import threading
import unittest
from urllib.parse import quote

import forms
import openapi
import ws
from person import API, FREE, HubStack, Person, rest
from stack import BIN, StackTest, environment, eventually

WRITERS = 6
THUMB = quote("\N{THUMBS UP SIGN}")


class Hub(HubStack):
    """The hub, which may fall and come back on the same data, and live with little disk."""

    def __init__(self, settings=None, file_bytes=None):
        super().__init__({"hub": {**FREE, **(settings or {})}}, ["hub"])
        self.file_bytes = file_bytes

    def launch(self, program="hub"):
        def limited():
            self.make_room(self.file_bytes)
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                [BIN / f"troupe-{program}", "--config", self.config, "--data", self.data,
                 "--run", self.run], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env=environment(), preexec_fn=limited if self.file_bytes else None)

    def make_room(self, file_bytes=resource.RLIM_INFINITY, pid=0):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))

    def fall(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def tokens(self):
        return (self.data / "hub" / "tokens.json").read_text(encoding="utf-8")


class HubTest(unittest.TestCase):
    maxDiff = None

    def hub(self, *args, **more):
        hub = Hub(*args, **more)
        self.addCleanup(hub.destroy)
        hub.start()
        return hub


class Writer(threading.Thread):
    """Somebody who writes as fast as the hub answers, and knows what it was promised."""

    def __init__(self, number, stack, token, channel, draw):
        super().__init__(daemon=True)
        self.number, self.stack, self.token = number, stack, token
        self.path = f"/channels/{channel}/messages"
        self.draw = random.Random(draw)
        self.kept = {}  # by id: what the message says
        self.unsure = {}  # by id: what it may say as well; None: it may be gone
        self.gone, self.reacted = set(), set()
        self.read = self.reading = None  # the last mark that was acknowledged, and asked for
        self.order = []  # ids as they were given
        self.asked = None  # the body of a POST without an answer
        self.count = 0

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException, LookupError):
            while True:
                self.step()

    def call(self, method, path, body=None):
        reply = rest(self.stack, self.token, method, path, body)
        if reply.status not in (200, 204):
            raise AssertionError(f"{method} {path}: {reply}")
        return reply

    def step(self):
        kind = self.draw.choice(["post", "post", "post", "edit", "remove", "react", "read"])
        if kind == "post" or not self.kept:
            return self.post()
        its = self.draw.choice(list(self.kept))
        at = f"{self.path}/{its}"
        if kind == "edit":
            self.unsure[its] = f"edited {self.number}-{self.count}"
            self.count += 1
            self.call("PATCH", at, {"content": self.unsure[its]})
            self.kept[its] = self.unsure.pop(its)
        elif kind == "remove":
            self.unsure[its] = None
            self.call("DELETE", at)
            self.gone.add(its)
            del self.unsure[its], self.kept[its]
        elif kind == "react":
            self.call("PUT", f"{at}/reactions/{THUMB}/@me")
            self.reacted.add(its)
        elif kind == "read" and not self.token.startswith("Bot"):
            self.reading = its
            self.call("POST", f"{at}/ack", {})
            self.read = its
        return None

    def post(self):
        if self.asked is None:
            self.count += 1
            self.asked = {"content": f"line {self.number}-{self.count}",
                          "nonce": f"{self.number}-{self.count}", "enforce_nonce": True}
        posted = self.call("POST", self.path, self.asked).json
        self.kept[posted["id"]] = self.asked["content"]
        self.order.append(int(posted["id"]))
        self.asked = None


class Falls(HubTest):
    """kill -9 while people and bots write."""

    def setUp(self):
        self.stack = self.hub()
        self.tokens = self.stack.tokens()
        tokens = json.loads(self.tokens)
        person = Person(self.stack)
        self.general = person.channels["general"]
        person.close()
        self.draw = random.Random(forms.seed())
        names = ["person", "peter", "brian", "stewie"]
        self.who = [tokens[name] if name == "person" else f"Bot {tokens[name]}"
                    for name in (names * WRITERS)[:WRITERS]]
        self.writers = []

    def write_until_it_falls(self):
        before, self.writers = self.writers, []
        for number, token in enumerate(self.who):
            one = Writer(number, self.stack, token, self.general, self.draw.random())
            if before:  # goes on with what it knows
                for name in ("kept", "gone", "reacted", "order", "asked", "count", "read",
                             "reading", "unsure"):
                    setattr(one, name, getattr(before[number], name))
            self.writers.append(one)
            one.start()
        ws.pause(self.draw.uniform(0.02, 0.6))
        self.stack.fall()
        for one in self.writers:
            one.join(30)

    def settle_unanswered(self):
        """What was not answered is asked again: the nonce makes one message of it."""
        for one in self.writers:
            if one.asked:
                one.post()

    def check_messages(self):
        person = Person(self.stack)
        self.addCleanup(person.close)
        told = {line["id"]: line for line in person.history(self.general, 1_000_000)}
        for one in self.writers:
            for its, text in one.kept.items():
                if one.unsure.get(its, text) is None and its not in told:
                    continue  # the deletion came through, its answer did not
                self.assertIn(its, told, f"{text} was acknowledged")
                self.assertIn(told[its]["content"], (text, one.unsure.get(its, text)))
            for its in one.gone:
                self.assertNotIn(its, told, "its deletion was acknowledged")
            for its in one.reacted & one.kept.keys() & told.keys():
                self.assertTrue(told[its].get("reactions"), f"the reaction to {its}")
            # From here on what is there is what counts.
            one.kept = {its: told[its]["content"] for its in one.kept if its in told}
            one.unsure = {}
            self.assertEqual(one.order, sorted(one.order))
        nonces = collections.Counter((line["author"]["id"], line["nonce"])
                                     for line in told.values() if "nonce" in line)
        self.assertEqual([nonce for nonce, count in nonces.items() if count > 1], [])
        ready = person.gateway.wait_for("READY")
        marks = {mark["id"]: mark["last_message_id"] for mark in ready["read_state"]}
        # Whose mark came last is not known, but it was one of the last.
        if any(one.read for one in self.writers):
            last = {mark for one in self.writers for mark in (one.read, one.reading)}
            self.assertIn(marks.get(self.general), last)
        return told

    def test_what_was_acknowledged_stays_and_no_nonce_makes_two_messages(self):
        newest = 0
        for fall in range(forms.amount("hub falls")):
            self.write_until_it_falls()
            self.stack.start()
            self.assertEqual(self.stack.tokens(), self.tokens)
            self.settle_unanswered()
            told = self.check_messages()
            for one in self.writers:
                own = [int(its) for its in one.kept]
                self.assertGreaterEqual(max([newest, *own]), newest)
            newest = max(map(int, told), default=0)
            posted = rest(self.stack, self.who[0], "POST", self.writers[0].path,
                          {"content": f"after fall {fall}"}).json
            self.assertGreater(int(posted["id"]), newest, "ids grow over a fall")
        self.assertGreater(sum(one.count for one in self.writers), 100)

    def test_an_old_session_is_refused_and_a_new_one_begins(self):
        old = Person(self.stack)
        session = old.gateway.wait_for("READY")["session_id"]
        self.stack.fall()
        old.close()
        self.stack.start()
        host, port = self.stack.address("hub")
        gateway = ws.Gateway(f"ws://{host}:{port}/gateway", old.token, identify=False)
        gateway.send(6, {"token": old.token, "session_id": session, "seq": 1})
        self.assertIs(gateway.wait_for("op 9"), False)
        gateway.send(2, {"token": old.token, "properties": {}})
        gateway.wait_for("READY")
        gateway.close()


class FullDisk(HubTest):
    def test_a_message_that_does_not_fit_is_refused_in_words_and_the_hub_stays_up(self):
        stack = self.hub(file_bytes=1_000_000)
        person = Person(stack)
        self.addCleanup(person.close)
        general = person.channels["general"]
        path = f"/channels/{general}/messages"
        kept, refused = [], None
        for _ in range(3000):
            reply = rest(stack, person.token, "POST", path, {"content": "x" * 1900})
            if reply.status != 200:
                refused = reply
                break
            kept.append(reply.json["id"])
        self.assertIsNotNone(refused, "the disk is never full")
        self.assertEqual(refused.status, 503, refused)
        self.assertIn("disk", refused.json["message"])
        self.assertEqual(stack.get("hub", "/health").status, 200)
        self.assertEqual({line["id"] for line in person.history(general, 10_000)}, set(kept))
        stack.make_room(1, stack.pid("hub"))
        made = rest(stack, person.token, "POST", f"/guilds/{person.guild}/channels",
                    {"name": "attic"})
        self.assertEqual(made.status, 503, made)
        bar = f"/channels/{person.channels['bar']}"
        stays = rest(stack, person.token, "DELETE", bar)
        self.assertEqual(stays.status, 503, stays)
        self.assertEqual(rest(stack, person.token, "GET", bar).status, 200)
        # With room again it goes on; the channel that was not kept is kept before what is said
        # there.
        stack.make_room(pid=stack.pid("hub"))
        self.assertEqual(rest(stack, person.token, "POST", path, {"content": "x"}).status, 200)
        attic = next(one["id"] for one in person.ok("GET", f"/guilds/{person.guild}/channels")
                     if one["name"] == "attic")
        kept_there = rest(stack, person.token, "POST", f"/channels/{attic}/messages",
                          {"content": "x"}).json["id"]
        stack.file_bytes = None
        stack.fall()
        stack.start()
        again = Person(stack)
        self.addCleanup(again.close)
        self.assertLessEqual(set(kept), {line["id"] for line in again.history(general, 10_000)})
        self.assertEqual([line["id"] for line in again.history(attic)], [kept_there])
        self.assertEqual(again.channels["bar"], person.channels["bar"])

    def test_a_file_that_does_not_fit_is_refused_and_leaves_nothing(self):
        stack = self.hub(file_bytes=1_000_000)
        person = Person(stack)
        self.addCleanup(person.close)
        body, kind = multipart({"content": "look"}, [("files[0]", "a.bin", b"x" * 2_000_000)])
        reply = stack.request("hub", "POST", f"{API}/channels/{person.channels['general']}/messages",
                              body, {"Authorization": person.token, "Content-Type": kind})
        self.assertEqual(reply.status, 503, reply)
        self.assertIn("disk", reply.json["message"])
        self.assertEqual(list((stack.data / "hub" / "attachments").iterdir()), [])


class Files(HubTest):
    def test_files_go_with_their_message_and_orphans_at_the_start(self):
        stack = self.hub()
        person = Person(stack)
        self.addCleanup(person.close)
        folder = stack.data / "hub" / "attachments"

        def post(channel):
            body, kind = multipart({"content": "look"}, [("files[0]", "a.bin", b"x")])
            reply = stack.request("hub", "POST", f"{API}/channels/{channel}/messages", body,
                                  {"Authorization": person.token, "Content-Type": kind})
            self.assertEqual(reply.status, 200, reply)
            return reply.json

        def there():
            return {entry.name for entry in folder.iterdir()}

        attic = person.make_channel("attic")
        first, second = post(attic), post(attic)
        kept = post(person.channels["general"])["attachments"][0]["id"]
        self.assertEqual(len(there()), 3)
        person.ok("DELETE", f"/channels/{attic}/messages/{first['id']}")
        eventually(lambda: there() == {kept, second["attachments"][0]["id"]}, 10, "its file goes")
        person.ok("DELETE", f"/channels/{attic}")
        eventually(lambda: there() == {kept}, 10, "the channel's files go")
        stack.fall()
        (folder / "12345").write_bytes(b"left by a crash")
        stack.start()
        self.assertEqual(there(), {kept})

    def test_what_is_secret_is_nobody_elses_to_read(self):
        stack = self.hub()
        for name in ("tokens.json", "hub.db", "attachments"):
            mode = stat.S_IMODE((stack.data / "hub" / name).stat().st_mode)
            self.assertEqual(mode & 0o077, 0, name)


class Director(StackTest):
    """What people see of the stage, with a whole one behind the hub."""

    services = openapi.SERVICES

    @classmethod
    def settings(cls):
        return {"coordinator": {"weights": {"energy_budget": 0}}, "hub": FREE}

    def test_people_are_told_of_turns_and_may_look_behind_a_line(self):
        person = Person(self.stack)
        self.addCleanup(person.close)
        tokens = json.loads((self.stack.data / "hub" / "tokens.json").read_text(encoding="utf-8"))
        host, port = self.stack.address("hub")
        bot = ws.Gateway(f"ws://{host}:{port}/gateway", tokens["brian"], (1 << 0) | (1 << 9))
        self.addCleanup(bot.close)
        bot.wait_for("READY")
        general = person.channels["general"]
        person.say(general, "Peter, what is your favourite beer?")
        line = person.gateway.wait_for("MESSAGE_CREATE", lambda said: said["author"].get("bot"))
        news = person.gateway.wait_for(
            "TROUPE_STAGE", lambda told: told["status"] != "open" and told["character"] == "peter")
        self.assertEqual(news["channel_id"], general)
        path = f"/troupe/turns/{line['id']}"
        turn = eventually(lambda: (reply := person.call("GET", path)).status == 200 and reply.json,
                          20, "the line's turn is known")
        self.assertEqual((turn["character"], turn["channel"]), ("peter", general))
        stage = person.ok("GET", f"/troupe/stage?channel_id={general}")
        self.assertEqual((stage["channel_id"], stage["turn_id"]), (general, turn["turn_id"]))
        self.assertGreater(stage["message_count"], 0)
        bot.wait_for("MESSAGE_CREATE", lambda said: said["id"] == line["id"])
        self.assertEqual(bot.named("TROUPE_STAGE"), [], "it is for people")
        for refused in (path, f"/troupe/stage?channel_id={general}"):
            reply = rest(self.stack, f"Bot {tokens['brian']}", "GET", refused)
            self.assertEqual(reply.status, 403, reply)
        self.assertEqual(person.call("GET", "/troupe/turns/5").status, 404)
        for channel in ("5", "", "general"):
            self.assertEqual(person.call("GET", f"/troupe/stage?channel_id={channel}").json["code"],
                             10003)


class Alone(HubTest):
    def test_without_a_stage_the_hub_says_so_and_goes_on(self):
        stack = self.hub()
        person = Person(stack)
        self.addCleanup(person.close)
        self.assertEqual(person.call("GET", "/troupe/turns/5").status, 503)
        stage = person.ok("GET", f"/troupe/stage?channel_id={person.channels['general']}")
        self.assertEqual(stage["channel_id"], person.channels["general"])


class Cli(HubTest):
    def add(self, stack, *words):
        return subprocess.run([BIN / "troupe", "bot", "add", *words, "--run", stack.run],
                              capture_output=True, text=True, timeout=30, env=environment())

    def test_bot_add_prints_a_token_that_logs_in_and_a_new_one_when_asked_again(self):
        stack = self.hub()
        first = self.add(stack, "Mybot")
        self.assertEqual(first.returncode, 0, first.stderr)
        token = re.search(r"[\w-]+\.[\w-]+\.[\w-]+", first.stdout)[0]
        me = rest(stack, f"Bot {token}", "GET", "/users/@me")
        self.assertEqual((me.status, me.json["username"]), (200, "Mybot"))
        self.assertIn(f"http://{stack.instance('hub')['http']}/api", first.stdout)
        host, port = stack.address("hub")
        session = ws.Gateway(f"ws://{host}:{port}/gateway", token)
        self.addCleanup(session.close)
        session.wait_for("READY")
        self.assertEqual(self.add(stack, "Mybot").returncode, 0)
        eventually(lambda: session.closed == 4004, 10, "the session of the void token ends")
        self.assertEqual(rest(stack, f"Bot {token}", "GET", "/users/@me").status, 401)

    def test_bot_add_says_what_is_wrong(self):
        stack = self.hub()
        for words in ((), ("Peter",), ("a\nb",), ("x" * 200,)):
            with self.subTest(words=words):
                done = self.add(stack, *words)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr)
                self.assertNotIn("Traceback", done.stderr)


def multipart(payload, files, boundary="X"):
    """A body with payload_json and files (field, filename, bytes), and its Content-Type."""
    parts = [b'--%s\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n%s\r\n'
             % (boundary.encode(), json.dumps(payload).encode())]
    for field, name, data in files:
        parts.append(b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s'
                     b'\r\n' % (boundary.encode(), field.encode(), name.encode(), data))
    return b"".join(parts) + b"--%s--\r\n" % boundary.encode(), \
        f"multipart/form-data; boundary={boundary}"


class Hostile(HubTest):
    """Input that no library sends. The hub answers in Discord's form and stays up."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Hub()
        cls.addClassCleanup(cls.stack.destroy)
        cls.stack.start()
        cls.person = Person(cls.stack)
        cls.addClassCleanup(cls.person.close)
        cls.messages = f"/channels/{cls.person.channels['general']}/messages"
        cls.bot = cls.stack.add_bot("Tester")
        cls.as_bot = f"Bot {cls.bot['token']}"
        cls.pid = cls.stack.pid("hub")

    def tearDown(self):
        self.assertEqual(self.stack.pid("hub"), self.pid, "the hub has fallen")
        self.assertEqual(self.stack.get("hub", "/health", timeout=5).status, 200)

    def send(self, path, data, kind="application/json", method="POST", token=None, **headers):
        return self.stack.request("hub", method, API + path, data,
                                  {"Authorization": token or self.person.token,
                                   "Content-Type": kind, **headers})

    def refused(self, reply, *statuses):
        self.assertIn(reply.status, statuses, reply)
        self.assertIn("message", reply.json)
        return reply

    def test_bodies_that_are_no_json_are_refused(self):
        for body in (b"hello", b"{", b"[]", b"null", b'{"content":"\xff\xfe"}', b"\x00\x01",
                     b'{"content":"\xed\xa0\x80"}', b'{"content":"a","content":"b"}'):
            with self.subTest(body=body):
                self.refused(self.send(self.messages, body), 400)

    def test_deep_nesting_is_refused_wherever_it_stands(self):
        deep = b"[" * 100_000 + b"]" * 100_000
        for body in (deep, b'{"content":"x","embeds":' + deep + b"}",
                     b'{"content":"x","more":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001):
            self.refused(self.send(self.messages, body), 400)

    def test_a_megabyte_is_refused_where_no_file_may_come(self):
        self.refused(self.send(self.messages, json.dumps({"content": "x" * 1_000_000})), 400)
        self.refused(self.send("/users/@me/channels", b" " * 1_000_000), 413)
        # What is larger than anything here is refused before it is read, by HTTP.
        self.assertEqual(self.send(self.messages, b"x" * 64_000_000).status, 413)

    def test_forms_of_many_parts_are_refused(self):
        many = [(f"files[{i}]", "a.txt", b"x") for i in range(11)]
        body, kind = multipart({"content": "x"}, many)
        self.refused(self.send(self.messages, body, kind), 400)
        big, kind = multipart({"content": "x"}, [("files[0]", "a.bin", b"x" * 8_400_000)])
        self.refused(self.send(self.messages, big, kind), 413)
        for bad in (b"--X\r\n", b"--X", b"", b"--X\r\nContent-Disposition: form-data\r\n\r\n\r\n--X--"):
            self.refused(self.send(self.messages, bad, kind), 400)
        self.refused(self.send(self.messages, b"--X\r\n" * 200_000, kind), 400)

    def test_names_of_files_are_made_harmless(self):
        for given in ("../../etc/passwd", "..\\..\\boot.ini", "a\r\nSet-Cookie: b=c", "a\x00b",
                      'a"; filename="b', "....", "/", "x" * 5000, "\u202egnp.exe"):
            with self.subTest(name=given):
                body, kind = multipart({"content": "x"}, [("files[0]", given, b"<script>")])
                reply = self.send(self.messages, body, kind)
                self.assertIn(reply.status, (200, 400), reply)
                if reply.status != 200:
                    continue
                file = reply.json["attachments"][0]
                self.assertNotRegex(file["filename"], r'[/\\\x00-\x1f"\u202e]')
                self.assertFalse(file["filename"].startswith("."))
                self.assertLessEqual(len(file["filename"]), 100)
                path = re.sub(r"^http://[^/]*", "", file["url"])
                served = self.stack.get("hub", path)
                self.assertEqual((served.status, served.body), (200, b"<script>"))
                self.assertTrue(served.headers["Content-Disposition"].startswith("attachment"))
                self.assertEqual(served.headers["X-Content-Type-Options"], "nosniff")
                self.assertNotIn("Set-Cookie", served.headers)

    def test_no_path_leads_out_of_the_attachments_or_the_page(self):
        for path in ("/attachments/../tokens.json", "/attachments/1/../../tokens.json",
                     "/attachments/1/2/%2e%2e%2f%2e%2e%2ftokens.json", "/attachments/1/2",
                     "/attachments/", "/assets/../../../hub.db", "/..%2f..%2ftokens.json",
                     "/assets/%2e%2e/index.html", "//etc/passwd"):
            with self.subTest(path=path):
                reply = self.stack.get("hub", path)
                self.assertIn(reply.status, (400, 404), reply)

    def test_names_with_control_characters_are_refused_or_cleaned(self):
        guild = f"/guilds/{self.person.guild}/channels"
        for name in ("\x00", "a\nb", "\x1b[31m", "  ", "a" * 101, "\u202eevil"):
            with self.subTest(name=name):
                reply = self.send(guild, json.dumps({"name": name}))
                self.assertIn(reply.status, (201, 400), reply)
                if reply.status == 201:
                    self.assertNotRegex(reply.json["name"], r"[\x00-\x1f\u202e]")
                reply = self.stack.post("hub", "/bots", {"name": name})
                self.assertIn(reply.status, (200, 400), reply)
                if reply.status == 200:
                    self.assertEqual(name.strip(), name)
                    self.assertNotRegex(name, r"[\x00-\x1f\u202e]")

    def test_places_have_limits(self):
        def fill(method, path, body, token, limit):
            statuses = collections.Counter()
            for i in range(limit + 5):
                reply = rest(self.stack, token, method, path, body(i))
                statuses[reply.status] += 1
                if reply.status == 400:
                    self.assertGreater(reply.json["code"], 30000)
            self.assertGreater(statuses[400], 0, statuses)
            self.assertLessEqual(statuses[201] + statuses[200], limit)
        person = self.person.token
        fill("POST", f"/guilds/{self.person.guild}/channels", lambda i: {"name": f"c{i}"}, person,
             500)
        fill("POST", f"/channels/{self.person.channels['bar']}/webhooks",
             lambda i: {"name": f"w{i}"}, person, 15)
        app = self.bot["application_id"]
        fill("POST", f"/applications/{app}/commands",
             lambda i: {"name": f"c{i}", "description": "x"}, self.as_bot, 100)
        reply = rest(self.stack, self.as_bot, "PUT", f"/applications/{app}/commands",
                     [{"name": f"c{i}", "description": "x"} for i in range(101)])
        self.refused(reply, 400)

    def test_tokens_in_headers_are_read_as_text(self):
        for token in ("", "Bot", "Bot ", "Bearer x", "x" * 7000, "Bot \u00e9", "'; DROP TABLE"):
            with self.subTest(token=token[:20]):
                reply = self.stack.request("hub", "GET", f"{API}/users/@me",
                                           headers={"Authorization": token.encode()})
                self.assertIn(reply.status, (401, 400), reply)

    def test_heartbeats_that_are_asked_for_leave_room_for_other_payloads(self):
        stack = self.hub({"heartbeat_ms": 1000})
        person = Person(stack)
        self.addCleanup(person.close)
        for _ in range(150):
            person.gateway.send(1, None)
        person.gateway.send(8, {"guild_id": person.guild, "query": "", "limit": 0})
        person.gateway.wait_for("GUILD_MEMBERS_CHUNK")

    def test_searches_are_text_and_no_queries_of_the_index(self):
        for words in ('"', '" OR "', "a AND", "NEAR(", "*", "content:x", "\x00", "-", "(" * 900,
                      "a" * 1100):
            with self.subTest(words=words[:20]):
                reply = self.person.call(
                    "GET", f"/guilds/{self.person.guild}/messages/search?content={quote(words)}")
                self.assertIn(reply.status, (200, 400), reply)

    def test_numbers_beside_the_range_of_ids_are_nobodys(self):
        for number in ("0", "-1", "18446744073709551616", "9223372036854775808", "1e5", "%2f", "a"):
            for path in (f"/channels/{number}/messages", f"{self.messages}/{number}",
                         f"/users/{number}", f"/guilds/{number}", f"/webhooks/{number}"):
                with self.subTest(path=path):
                    self.refused(self.person.call("GET", path), 400, 404)

    def test_slow_bodies_do_not_keep_others_waiting(self):
        with contextlib.ExitStack() as held:
            for _ in range(200):
                sock = held.enter_context(self.stack.raw("hub"))
                sock.sendall(f"POST {API}{self.messages} HTTP/1.1\r\nHost: localhost\r\n"
                             f"Authorization: {self.person.token}\r\nContent-Length: 8000000\r\n"
                             "Content-Type: application/json\r\n\r\n{".encode())
            self.assertEqual(self.send(self.messages, b'{"content":"x"}').status, 200)

    def test_pages_of_others_open_neither_doors_nor_sockets(self):
        for headers, status in (({"Origin": "https://evil.example"}, 403),
                                ({"Origin": "null"}, 403),
                                ({"Sec-Fetch-Site": "cross-site"}, 403),
                                ({"Host": "evil.example"}, 421)):
            with self.subTest(headers=headers):
                for method, path in (("POST", f"{API}/session"), ("POST", API + self.messages),
                                     ("POST", "/bots"), ("GET", "/")):
                    reply = self.stack.request("hub", method, path, b"{}",
                                               {"Content-Type": "application/json",
                                                "Authorization": self.person.token, **headers})
                    self.assertEqual(reply.status, status, reply)
                reply = self.stack.request(
                    "hub", "GET", "/gateway?v=10&encoding=json",
                    headers={"Connection": "Upgrade", "Upgrade": "websocket",
                             "Sec-WebSocket-Version": "13",
                             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **headers})
                self.assertEqual(reply.status, status, reply)

    def test_an_account_of_the_cast_is_not_given_over_http(self):
        for path in ("/account", "/hub.account", "/rpc/hub.account"):
            reply = self.stack.post("hub", path, {"character": "peter"})
            self.assertEqual(reply.status, 404, reply)

    def test_a_webhook_cannot_be_guessed_nor_played(self):
        made = self.person.ok("POST", f"/channels/{self.person.channels['lab']}/webhooks",
                              {"name": "hook"})
        self.refused(rest(self.stack, "", "POST", f"/webhooks/{made['id']}/guess",
                          {"content": "x"}), 401)
        for name in ("Clyde", "dIsCoRd", "", "x" * 81):
            self.refused(rest(self.stack, "", "POST", f"/webhooks/{made['id']}/{made['token']}",
                              {"content": "x", "username": name}), 400)


if __name__ == "__main__":
    unittest.main()
