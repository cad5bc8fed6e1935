"""WebSocket frames (RFC 6455), and a client of a Gateway as small as a test's person needs."""

import base64
import contextlib
import json
import os
import socket
import struct
import threading
from urllib.parse import urlsplit

from stack import eventually

_never = threading.Event()


def pause(seconds):
    """A wait that the other side has asked for."""
    _never.wait(seconds)


CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload, masked=False, final=True):
    """The bytes of one frame; a client masks, a server does not."""
    mark = 0x80 if masked else 0
    if len(payload) < 126:
        length = bytes([mark | len(payload)])
    elif len(payload) < 65536:
        length = struct.pack(">BH", mark | 126, len(payload))
    else:
        length = struct.pack(">BQ", mark | 127, len(payload))
    head = bytes([(0x80 if final else 0) | opcode]) + length
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + unmask(mask, payload)


def unmask(mask, payload):
    if not payload:
        return b""
    repeated = mask * (len(payload) // 4 + 1)
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:len(payload)], "big")
    return mixed.to_bytes(len(payload), "big")


class Messages:
    """Takes the bytes of one direction in any pieces; gives whole messages and control frames."""

    def __init__(self):
        self.buffer, self.parts, self.opcode = bytearray(), b"", None

    def feed(self, data):
        """The (opcode, payload) of all that is complete now."""
        self.buffer += data
        found = []
        while (one := self._frame()) is not None:
            final, opcode, payload = one
            if opcode >= CLOSE:
                found.append((opcode, payload))
                continue
            if opcode != CONTINUATION:
                self.opcode, self.parts = opcode, b""
            self.parts += payload
            if final:
                found.append((self.opcode, self.parts))
        return found

    def _frame(self):
        data = self.buffer
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7f, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(data) < at + wide:
                return None
            size = int.from_bytes(data[at:at + wide], "big")
            at += wide
        mask = b""
        if data[1] & 0x80:
            mask = bytes(data[at:at + 4])
            at += 4
        if len(data) < at + size:
            return None
        payload = bytes(data[at:at + size])
        final, opcode = bool(data[0] & 0x80), data[0] & 0x0f
        del data[:at + size]
        return final, opcode, unmask(mask, payload) if mask else payload


class Gateway:
    """Somebody's session, read by a thread of its own: `events` are all (name, data) so far."""

    def __init__(self, url, token, intents=0, identify=True):
        self.events, self.closed, self.lock = [], None, threading.Lock()
        self.sequence, self.token, self.intents = None, token, intents
        parts = urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port), 30)
        self.incoming = Messages()
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            (f"GET {parts.path or '/'}?v=10&encoding=json HTTP/1.1\r\nHost: {parts.netloc}\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.sock.recv(65536)
            if not piece:
                raise OSError(f"no upgrade: {head!r}")
            head += piece
        head, rest = head.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(f"no upgrade: {head!r}")
        self.identify = identify
        self.thread = threading.Thread(target=self._read, args=(rest,), daemon=True)
        self.thread.start()

    def send(self, op, data):
        message = json.dumps({"op": op, "d": data}).encode()
        with self.lock:
            self.sock.sendall(frame(TEXT, message, masked=True))

    def wait_for(self, name, match=lambda _: True, seconds=20):
        """The data of the first event of this name that matches, of now or of soon."""
        def find():
            for known, data in list(self.events):
                if known == name and match(data):
                    return [data]
            if self.closed is not None:
                raise AssertionError(f"closed with {self.closed} before {name}")
            return None
        return eventually(find, seconds, f"{name} over the Gateway")[0]

    def named(self, name):
        return [data for known, data in list(self.events) if known == name]

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.sock.close()

    def _read(self, data):
        try:
            # What waits without a beat is a person who looks on: long tests keep them short enough.
            self.sock.settimeout(300)
            while True:
                for opcode, payload in self.incoming.feed(data):
                    self._take(opcode, payload)
                data = self.sock.recv(65536)
                if not data:
                    break
        except OSError:
            pass
        if self.closed is None:
            self.closed = 1006

    def _take(self, opcode, payload):
        if opcode == CLOSE:
            self.closed = int.from_bytes(payload[:2], "big") if payload else 1005
        elif opcode == PING:
            with self.lock:
                self.sock.sendall(frame(PONG, payload, masked=True))
        elif opcode in (TEXT, BINARY):
            message = json.loads(payload)
            self.sequence = message.get("s") or self.sequence
            if message["op"] == 10 and self.identify:
                self._beat(message["d"]["heartbeat_interval"] / 1000)
                self.send(2, {"token": self.token, "intents": self.intents,
                              "properties": {"os": "linux", "browser": "t", "device": "t"}})
            elif message["op"] == 0:
                self.events.append((message["t"], message["d"]))
            elif message["op"] != 11:
                self.events.append((f"op {message['op']}", message["d"]))

    def _beat(self, interval):
        def beat():
            if self.closed is not None:
                return
            with contextlib.suppress(OSError):
                self.send(1, self.sequence)
                self._beat(interval)
        timer = threading.Timer(interval * 0.9, beat)
        timer.daemon = True
        timer.start()
