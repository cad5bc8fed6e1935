"""The hub on its own, and a person who uses it as the page does: by REST and the Gateway."""

import http.client
import itertools
import json
from urllib.parse import quote

import ws
from stack import Stack, eventually

API = "/api/v10"
# Tests talk faster than people; those of limits set their own.
FREE = {"message_limit": 1_000_000, "route_limit": 1_000_000, "global_per_second": 1_000_000}


class HubStack(Stack):
    """The hub alone, with nobody to talk to but those who come."""

    def start(self):
        self.launch("hub")
        eventually(self.up, 30, "the hub answers")

    def up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the hub ended with {self.process.returncode}")
        return self.answers("hub", "/health")

    def add_bot(self, name):
        reply = self.post("hub", "/bots", {"name": name})
        if reply.status != 200:
            raise AssertionError(f"no bot {name}: {reply}")
        return reply.json


def rest(stack, token, method, path, body=None, timeout=30):
    """One call of the hub's REST with somebody's token ("Bot ..." for a bot)."""
    headers = {"Authorization": token}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body)
    return stack.request("hub", method, API + path, data, headers, timeout)


class Person:
    """The local person of a hub. `channels` are the ids of the guild's channels by name."""

    nonces = itertools.count(1)

    def __init__(self, stack):
        self.stack = stack
        tokens = json.loads((stack.data / "hub" / "tokens.json").read_text(encoding="utf-8"))
        self.token = tokens["person"]
        self.connect()

    def connect(self):
        host, port = self.stack.address("hub")
        self.gateway = ws.Gateway(f"ws://{host}:{port}/gateway", self.token)
        self.user = self.gateway.wait_for("READY")["user"]
        guild = self.gateway.wait_for("GUILD_CREATE")
        self.guild = guild["id"]
        self.channels = {one["name"]: one["id"] for one in guild["channels"] if one["type"] == 0}
        self.members = {one["user"]["username"]: one["user"]["id"] for one in guild["members"]}

    def close(self):
        self.gateway.close()

    def call(self, method, path, body=None):
        """The answer of REST; limits are waited out as a library does."""
        while True:
            reply = rest(self.stack, self.token, method, path, body)
            if reply.status != 429:
                return reply
            ws.pause(reply.json["retry_after"])

    def ok(self, method, path, body=None):
        reply = self.call(method, path, body)
        if reply.status not in (200, 201, 204):
            raise AssertionError(f"{method} {path}: {reply}")
        return reply.json if reply.body else None

    def say(self, channel, content, **more):
        """Posts a message, and again with the same nonce when the hub was away."""
        body = {"content": content, "nonce": f"p{next(self.nonces)}", "enforce_nonce": True, **more}

        def post():
            try:
                return self.ok("POST", f"/channels/{channel}/messages", body)
            except (OSError, LookupError, http.client.HTTPException):
                return None
        return eventually(post, 30, "the hub takes a message")

    def history(self, channel, limit=100):
        """The channel's messages, the oldest first."""
        found, before = [], ""
        while len(page := self.ok("GET", f"/channels/{channel}/messages?limit=100{before}")) == 100:
            found += page
            before = f"&before={page[-1]['id']}"
            if len(found) >= limit:
                break
        return sorted(found + page, key=lambda one: int(one["id"]))

    def react(self, channel, message, emoji):
        self.ok("PUT", f"/channels/{channel}/messages/{message}/reactions/{quote(emoji)}/@me")

    def invoke(self, channel, command, application, **data):
        """Calls an application command, as the page does for a person."""
        self.ok("POST", "/interactions", {
            "type": 2, "application_id": application, "guild_id": self.guild, "channel_id": channel,
            "session_id": "page", "nonce": f"p{next(self.nonces)}",
            "data": {"type": 1, **command, **data}})

    def make_channel(self, name):
        made = self.ok("POST", f"/guilds/{self.guild}/channels", {"name": name, "type": 0})
        self.channels[name] = made["id"]
        return made["id"]
