"""A bot on discord.py that does what it is told: a JSON command a line comes in, a JSON event a
line goes out. The same language as tests/npm/discord_js_client.mjs.

    python3 discord_py_client.py API GATEWAY TOKEN INTENT...
"""

import asyncio
import io
import json
import logging
import sys

import aiohttp
import discord
import yarl
from discord import app_commands

API, GATEWAY, TOKEN = sys.argv[1:4]
NAMES = {"guilds": "guilds", "messages": "guild_messages", "reactions": "guild_reactions",
         "typing": "guild_typing", "content": "message_content", "members": "members",
         "presences": "presences", "direct": "dm_messages"}

# Where this library finds Discord; it always asks for zlib-stream.
discord.http.Route.BASE = API
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY)


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Limits(logging.Handler):
    """The library tells of a 429 in its log alone."""

    def emit(self, record):
        if "responded with 429" in record.getMessage():
            say("429", **{"global": False})
        elif "Global rate limit has been hit" in record.getMessage():
            say("429", **{"global": True})


def told(message):
    reference = message.reference
    return {
        "id": str(message.id), "channel": str(message.channel.id), "content": message.content,
        "author": str(message.author.id), "bot": message.author.bot, "name": message.author.name,
        "nonce": message.nonce, "reference": str(reference.message_id) if reference else None,
        "edited": message.edited_at is not None,
        "webhook": str(message.webhook_id) if message.webhook_id else None,
        "attachments": [{"name": one.filename, "size": one.size, "url": one.url}
                        for one in message.attachments],
        "mentions": [str(user.id) for user in message.mentions],
        "reactions": [{"emoji": str(one.emoji), "count": one.count, "me": one.me}
                      for one in message.reactions]}


def reaction(event):
    return {"id": str(event.message_id), "emoji": event.emoji.name, "user": str(event.user_id)}


class Bot(discord.Client):
    def __init__(self):
        wanted = set(sys.argv[4:])
        # It takes a Gateway for dead only when it has read nothing at all for so many seconds; of
        # those it sleeps five itself before it identifies anew.
        patience = 7.0 if "impatient" in wanted else 60.0
        super().__init__(heartbeat_timeout=patience, intents=discord.Intents(
            **{NAMES[name]: True for name in wanted - {"impatient"}}))
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        self.orders = asyncio.create_task(self.obey())

    async def obey(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        running = set()
        while line := await reader.readline():
            task = asyncio.create_task(self.carry_out(json.loads(line)))
            running.add(task)
            task.add_done_callback(running.discard)
        await self.close()

    async def carry_out(self, order):
        try:
            result = await getattr(self, f"do_{order['do']}")(order)
            say("done", order=order["order"], result=result)
        except discord.HTTPException as error:
            say("done", order=order["order"], refused={
                "status": error.status, "code": error.code, "text": str(error)})
        except Exception as error:  # whatever a library trips over is for the test to see
            say("done", order=order["order"], refused={
                "status": 0, "code": 0, "text": repr(error)})

    # --- events -----------------------------------------------------------------------------------

    async def on_ready(self):
        say("ready", user=str(self.user.id), name=self.user.name, guilds=[
            {"id": str(guild.id), "name": guild.name,
             "channels": [{"id": str(one.id), "name": one.name, "type": one.type.value}
                          for one in guild.channels],
             "members": [str(one.id) for one in guild.members]} for guild in self.guilds])

    async def on_message(self, message):
        say("message", **told(message))

    async def on_message_edit(self, _, message):
        say("edit", **told(message))

    async def on_raw_message_delete(self, event):
        say("delete", id=str(event.message_id), channel=str(event.channel_id))

    async def on_raw_reaction_add(self, event):
        say("react", **reaction(event))

    async def on_raw_reaction_remove(self, event):
        say("unreact", **reaction(event))

    async def on_typing(self, channel, user, _):
        say("typing", channel=str(channel.id), user=str(user.id))

    async def on_presence_update(self, _, member):
        say("presence", user=str(member.id), status=str(member.status))

    async def on_resumed(self):
        say("resumed")

    async def on_disconnect(self):
        say("reconnecting")

    async def on_error(self, event, *_):
        say("error", text=f"{event}: {sys.exc_info()[1]!r}")

    # --- orders -----------------------------------------------------------------------------------

    async def message(self, order):
        return await (await self.fetch_channel(int(order["channel"]))).fetch_message(
            int(order["id"]))

    async def do_send(self, order):
        files = [discord.File(io.BytesIO(one["text"].encode()), one["name"])
                 for one in order.get("files", [])]
        channel = self.get_channel(int(order["channel"]))
        if channel is None:
            channel = await self.fetch_channel(int(order["channel"]))
        return told(await channel.send(order["content"], files=files, nonce=order.get("nonce")))

    async def do_reply(self, order):
        return told(await (await self.message(order)).reply(order["content"]))

    async def do_edit(self, order):
        return told(await (await self.message(order)).edit(content=order["content"]))

    async def do_delete(self, order):
        await (await self.message(order)).delete()

    async def do_react(self, order):
        await (await self.message(order)).add_reaction(order["emoji"])

    async def do_unreact(self, order):
        await (await self.message(order)).remove_reaction(order["emoji"], self.user)

    async def do_reactors(self, order):
        found = next(one for one in (await self.message(order)).reactions
                     if str(one.emoji) == order["emoji"])
        return [str(user.id) async for user in found.users()]

    async def do_type(self, order):
        async with self.get_channel(int(order["channel"])).typing():
            pass

    async def do_history(self, order):
        channel = self.get_channel(int(order["channel"]))
        given = {name: discord.Object(int(order[name]))
                 for name in ("before", "after", "around") if order.get(name)}
        found = [told(one) async for one in channel.history(
            limit=order["limit"], oldest_first="after" in given, **given)]
        return found

    async def do_members(self, _):
        return [{"id": str(one.id), "name": one.name} for one in await self.guilds[0].chunk()]

    async def do_presences(self, _):
        return [{"user": str(one.id), "status": str(one.status)} for one in self.guilds[0].members]

    async def do_presence(self, order):
        await self.change_presence(status=discord.Status(order["status"]))

    async def do_commands(self, _):
        guild = self.guilds[0]

        @self.tree.command(name="echo", description="Says it.", guild=guild)
        async def echo(call: discord.Interaction, text: str):
            self.called(call, text=text)
            await call.response.send_message(text)

        @self.tree.command(name="later", description="Takes its time.", guild=guild)
        async def later(call: discord.Interaction):
            self.called(call)
            await call.response.defer(ephemeral=True)
            await call.edit_original_response(content="here it is")
            await call.followup.send("and more", ephemeral=True)

        @self.tree.context_menu(name="Shout", guild=guild)
        async def shout(call: discord.Interaction, message: discord.Message):
            self.called(call, target=message.content)
            await call.response.send_message(message.content.upper(), ephemeral=True)

        @self.tree.error
        async def failed(_, error):
            say("error", text=repr(error))

        return [{"id": str(one.id), "name": one.name} for one in await self.tree.sync(guild=guild)]

    @staticmethod
    def called(call, target=None, text=None):
        say("called", name=call.command.name, user=str(call.user.id), target=target, text=text)

    async def do_webhook(self, order):
        channel = self.get_channel(int(order["channel"]))
        return str((await channel.create_webhook(name=order["name"])).id)

    async def do_speak_as(self, order):
        async with aiohttp.ClientSession() as session:
            hook = discord.Webhook.partial(int(order["hook"]), order["token"], session=session)
            sent = await hook.send(order["content"], username=order["as"], wait=True)
            edited = await sent.edit(content=order["content"] + "!")
            return {"id": str(sent.id), "name": sent.author.name, "edited": edited.content}

    async def do_direct(self, order):
        return told(await (await self.fetch_user(int(order["user"]))).send(order["content"]))

    async def do_download(self, order):
        async with aiohttp.ClientSession() as session, session.get(order["url"]) as answer:
            return await answer.text()

    async def do_quit(self, _):
        asyncio.get_running_loop().call_later(0.1, self.orders.cancel)
        asyncio.create_task(self.close())


async def main():
    discord.utils.setup_logging()
    logging.getLogger("discord.http").addHandler(Limits())
    try:
        async with Bot() as bot:
            await bot.start(TOKEN)
    except discord.PrivilegedIntentsRequired as error:
        say("stopped", code=4014, text=str(error))
    except discord.ConnectionClosed as error:
        say("stopped", code=error.code, text=str(error))
    except discord.LoginFailure as error:
        say("stopped", code=4004, text=str(error))


asyncio.run(main())
