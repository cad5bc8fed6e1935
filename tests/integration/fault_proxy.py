"""A proxy between a bot and a hub that does to both what networks, and Discord itself, do.

It understands REST (a request at a time) and the Gateway's WebSocket, zlib-stream included, and
rewrites the addresses in GET /gateway/bot and READY, so that a bot stays behind it. Faults of REST
are `rules`: the first that fits a request takes it. Faults of the Gateway are methods. All that
went through is counted, with times. Its own thread runs it; any thread may call.
"""

import asyncio
import contextlib
import http
import json
import threading
import time
import zlib
from dataclasses import dataclass
from typing import Callable

import ws

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
BODY_MAX = 32 * 1024 * 1024
SUFFIX = b"\x00\x00\xff\xff"


@dataclass
class Rule:
    """`act` is `answer` (status, headers and body instead of the hub's), `swallow_request` (it
    never arrives), `swallow_answer` (it was carried out), or `slow` (the answer comes byte by byte)."""
    act: str
    method: str = ""
    path: str = ""  # a part of it
    times: int = 1
    status: int = 500
    headers: tuple = ()
    body: dict | None = None

    def fits(self, method, path):
        return self.times > 0 and self.method in ("", method) and self.path in path


@dataclass
class Seen:
    at: float
    method: str
    path: str
    status: int  # 0: nobody was answered
    body: bytes
    answer: bytes
    forwarded: bool


class Session:
    """One WebSocket between a bot and the hub."""

    def __init__(self, to_bot, to_hub, compressed):
        self.to_bot, self.to_hub = to_bot, to_hub
        self.inflate = zlib.decompressobj() if compressed else None
        self.deflate = zlib.compressobj() if compressed else None
        self.half, self.dispatched, self.turn = b"", [], asyncio.Lock()

    def message(self, payload):
        """The text in a binary message of zlib-stream, or None when it is not at its end."""
        if self.inflate is None:
            return payload
        self.half += payload
        if not self.half.endswith(SUFFIX):
            return None
        whole, self.half = self.inflate.decompress(self.half), b""
        return whole

    def packed(self, text):
        if self.deflate is None:
            return ws.TEXT, text
        return ws.BINARY, self.deflate.compress(text) + self.deflate.flush(zlib.Z_SYNC_FLUSH)

    def abort(self):
        self.to_bot.transport.abort()
        self.to_hub.transport.abort()


class FaultProxy:
    def __init__(self, upstream):
        """`upstream()` is the (host, port) of the hub at this moment: it may have moved."""
        self.upstream = upstream
        self.rules, self.seen = [], []
        self.connects, self.identifies, self.resumes, self.beats = [], [], [], 0
        self.refuse = False          # neither REST nor Gateway answers: the hub is away
        self.swallow_acks = False
        self.split = False           # frames in fragments, fragments in pieces
        self.pace = 0.0              # seconds between the pieces
        self.tamper: Callable[[dict], dict | None] = lambda message: message
        self.sessions = []
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self._client, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api/v10"
        self.gateway = f"ws://127.0.0.1:{self.port}/gateway"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def _end(self):
        self.server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- faults of the Gateway, to all who are connected ------------------------------------------

    def cut(self):
        """Both ends lose the connection without a word."""
        self._each(self._abort)

    def close(self, code):
        """The bot is told that the hub closes; the hub sees a lost connection."""
        async def act(session):
            await self._write(session, ws.CLOSE, code.to_bytes(2, "big"))
            session.to_hub.transport.abort()
        self._each(act)

    def inject(self, op, data=None):
        async def act(session):
            await self._tell(session, {"op": op, "d": data, "s": None, "t": None})
        self._each(act)

    def replay(self, count):
        """The latest dispatches come once more."""
        async def act(session):
            for message in session.dispatched[-count:]:
                await self._tell(session, message)
        self._each(act)

    def behave(self):
        """No more faults."""
        self.rules.clear()
        self.refuse = self.swallow_acks = self.split = False
        self.pace = 0.0
        self.tamper = lambda message: message

    # --- what went through ------------------------------------------------------------------------

    def posts(self, part="/messages"):
        """POSTs whose path ends so and that the hub has got."""
        return [one for one in list(self.seen)
                if one.method == "POST" and one.path.split("?")[0].endswith(part) and one.forwarded]

    def per_second(self):
        """The most requests and connects within any one second."""
        times = sorted([one.at for one in list(self.seen)] + list(self.connects))
        most, first = 0, 0
        for last, at in enumerate(times):
            while at - times[first] > 1:
                first += 1
            most = max(most, last - first + 1)
        return most

    # --- inside -----------------------------------------------------------------------------------

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def _each(self, act):
        async def all_of_them():
            for session in list(self.sessions):
                with contextlib.suppress(OSError):
                    await act(session)
        self._call(all_of_them())

    @staticmethod
    async def _abort(session):
        session.abort()

    async def _client(self, reader, writer):
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, EOFError, LookupError, asyncio.LimitOverrunError, ValueError,
                asyncio.CancelledError):
            pass  # either side has gone, there is no hub at the moment, or all is over
        finally:
            writer.transport.abort()

    async def _request(self, reader, writer):
        """One request; whether another may follow on the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        fields = {name.lower(): value.strip()
                  for name, _, value in (line.partition(":") for line in lines) if name}
        if fields.get("upgrade", "").lower() == "websocket":
            await self._websocket(reader, writer, path, lines)
            return False
        body = await self._body(reader, fields)
        rule = next((rule for rule in self.rules if rule.fits(method, path)), None)
        if rule:
            rule.times -= 1
        seen = Seen(time.monotonic(), method, path, 0, body, b"", False)
        self.seen.append(seen)
        if self.refuse or rule and rule.act == "swallow_request":
            return False
        if rule and rule.act == "answer":
            seen.status, seen.answer = rule.status, json.dumps(rule.body or {}).encode()
            answer = self._answer(rule.status, rule.headers, seen.answer)
        else:
            seen.forwarded = True
            seen.status, headers, seen.answer = await self._forward(method, path, lines, body)
            answer = self._answer(seen.status, headers, seen.answer)
        if rule and rule.act == "swallow_answer":
            return False
        step = 1 if rule and rule.act == "slow" else len(answer)
        for at in range(0, len(answer), step):
            writer.write(answer[at:at + step])
            await writer.drain()
            await asyncio.sleep(0)
        return fields.get("connection", "").lower() != "close"

    @staticmethod
    async def _body(reader, fields):
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
            return body
        size = int(fields.get("content-length", 0))
        if size > BODY_MAX:
            raise ValueError("too large")
        return await reader.readexactly(size)

    async def _forward(self, method, path, lines, body):
        host, port = self.upstream()
        reader, writer = await asyncio.open_connection(host, port)
        try:
            kept = [line for line in lines if line and line.split(":")[0].lower() not in
                    ("host", "connection", "content-length", "transfer-encoding", "expect",
                     "accept-encoding")]
            writer.write("\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}:{port}",
                                      "Connection: close", f"Content-Length: {len(body)}",
                                      *kept, "", ""]).encode("latin-1") + body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            status = int(first.split(" ")[1])
            headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines if line]
            fields = {name.lower(): value for name, value in headers}
            answer = b""
            if status not in (204, 304):
                answer = (await self._body(reader, fields) if "content-length" in fields or
                          "transfer-encoding" in fields else await reader.read())
            if path.split("?")[0].endswith(("/gateway", "/gateway/bot")) and status == 200:
                answer = json.dumps({**json.loads(answer), "url": self.gateway}).encode()
            return status, headers, answer
        finally:
            writer.transport.abort()

    @staticmethod
    def _answer(status, headers, body):
        kept = [f"{name}: {value}" for name, value in headers
                if name.lower() not in ("connection", "content-length", "transfer-encoding")]
        if body and not any(line.lower().startswith("content-type:") for line in kept):
            kept.append("Content-Type: application/json")
        phrase = http.HTTPStatus(status).phrase
        if status != 204:
            kept.append(f"Content-Length: {len(body)}")
        return "\r\n".join([f"HTTP/1.1 {status} {phrase}", *kept, "", ""]).encode("latin-1") + body

    async def _websocket(self, reader, writer, path, lines):
        self.connects.append(time.monotonic())
        if self.refuse:
            return
        host, port = self.upstream()
        hub_reader, hub_writer = await asyncio.open_connection(host, port)
        kept = [line for line in lines if line and
                line.split(":")[0].lower() not in ("host", "sec-websocket-extensions")]
        hub_writer.write("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}:{port}", *kept, "",
                                      ""]).encode("latin-1"))
        session = Session(writer, hub_writer, "compress=zlib-stream" in path)
        try:
            head = await hub_reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            if b" 101 " not in head.split(b"\r\n")[0]:
                return
            self.sessions.append(session)
            both = [asyncio.ensure_future(self._down(session, hub_reader)),
                    asyncio.ensure_future(self._up(session, reader))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0.05)  # the last frame, a close, gets where it was sent
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        finally:
            if session in self.sessions:
                self.sessions.remove(session)
            session.abort()

    async def _down(self, session, reader):
        """From the hub to the bot."""
        incoming = ws.Messages()
        while data := await reader.read(65536):
            for opcode, payload in incoming.feed(data):
                if opcode not in (ws.TEXT, ws.BINARY):
                    await self._write(session, opcode, payload)
                    if opcode == ws.CLOSE:
                        return
                    continue
                text = session.message(payload)
                if text is not None:
                    await self._pass(session, json.loads(text))

    async def _pass(self, session, message):
        if message["op"] == ACK and self.swallow_acks:
            return
        if message.get("t") == "READY":
            message["d"]["resume_gateway_url"] = self.gateway
        if message["op"] == DISPATCH:
            session.dispatched.append(message)
            del session.dispatched[:-100]
        message = self.tamper(message)
        if message is not None:
            await self._tell(session, message)

    async def _up(self, session, reader):
        """From the bot to the hub."""
        incoming = ws.Messages()
        while data := await reader.read(65536):
            for opcode, payload in incoming.feed(data):
                if opcode == ws.TEXT:
                    self._count(json.loads(payload).get("op"))
                session.to_hub.write(ws.frame(opcode, payload, masked=True))
                await session.to_hub.drain()
                if opcode == ws.CLOSE:
                    return

    def _count(self, op):
        now = time.monotonic()
        if op == IDENTIFY:
            self.identifies.append(now)
        elif op == RESUME:
            self.resumes.append(now)
        elif op == HEARTBEAT:
            self.beats += 1

    async def _tell(self, session, message):
        async with session.turn:  # compressed in the order in which it is sent
            opcode, payload = session.packed(json.dumps(message).encode())
            await self._send(session, opcode, payload)

    async def _write(self, session, opcode, payload):
        async with session.turn:
            await self._send(session, opcode, payload)

    async def _send(self, session, opcode, payload):
        writer = session.to_bot
        if not self.split or opcode >= ws.CLOSE or len(payload) < 3:
            writer.write(ws.frame(opcode, payload))
            await writer.drain()
            return
        third = len(payload) // 3
        fragments = (ws.frame(opcode, payload[:third], final=False) +
                     ws.frame(ws.CONTINUATION, payload[third:2 * third], final=False) +
                     ws.frame(ws.CONTINUATION, payload[2 * third:]))
        step = max(1, len(fragments) // 16)
        for at in range(0, len(fragments), step):
            writer.write(fragments[at:at + step])
            await writer.drain()
            await asyncio.sleep(self.pace)
