"""An Ollama server whose model is a script: /api/tags, /api/chat, chunked NDJSON as Ollama's, and
/api/embed.

Each chat request plays the next behaviour of `script`, or `default` when it is empty; one whose last
message holds a key of `answers` plays what stands there, whoever else talks meanwhile. Behaviours are
functions of the request's handler; this file has those that the tests need.
"""

import collections
import contextlib
import itertools
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "fake-model:1b"
EMBED_MODEL = "fake-embed:latest"
DIMENSIONS = 4

# In Peter's voice, and no two alike: a good model.
PETER_LINES = [
    "Holy crap, that's easy! Pawtucket Patriot Ale, no contest, it's freakin' sweet!",
    "Oh man, you know what? I'd say the couch, a huge bag of chips and the game on TV!",
    "Hehehe, beats me, buddy! Lois handles that stuff, I just guard the fridge!",
    "Aw, come on! I was gonna nap, but you guys are way more awesome than my pillow!",
    "Whoa whoa whoa, this one time I ate so many wings that my pants gave up!",
    "Yeah, dude! Best day ever, and I'm just saying, it's only kinda legal!",
    "You know what, I bet Quagmire knows, but lemme tell you, he's weird about it!",
    "Hey hey! That reminds me of the truck I parked in a pool. Freakin' dumb pool!",
    "Holy crap, nachos! Sorry, what was that? I only heard my belly!",
    "Oh man, I wanna say yes, but Joe and Cleveland bet five bucks on no!",
    "Beats me, buddy! I was asleep for that one, and it was a sweet dream about burgers!",
    "No contest, dude! The Clam has peanuts, and I gotta go where the peanuts are!",
]


def vector_of(text):
    """What stands for a text: float32 can say these numbers."""
    return [len(text), text.count("a") / 2, text.count(" ") / 4, -1.0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.server.fake.connections.add(self.connection)

    def finish(self):
        self.server.fake.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self):
        if self.path != "/api/tags":
            return self.send_error(404)
        self.whole(200, {"models": [{"name": EMBED_MODEL, "model": EMBED_MODEL},
                                    {"name": MODEL, "model": MODEL}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/embed":
            return self.embed(body)
        behaviour = self.server.fake.seen(self.path, body)
        with contextlib.suppress(OSError):  # a caller that has given up is part of the game
            behaviour(self)

    def embed(self, body):
        self.server.fake.embeds.append(body)
        if body["model"] not in (EMBED_MODEL, EMBED_MODEL.split(":")[0]):
            return self.whole(404, {"error": f"model '{body['model']}' not found"})
        self.whole(200, {"model": EMBED_MODEL, "prompt_eval_count": 7,
                         "embeddings": [vector_of(text) for text in body["input"]]})

    # --- what behaviours are made of ---

    def whole(self, status, message, headers=()):
        data = json.dumps(message).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def text(self, piece):
        self.chunk(json.dumps({"model": MODEL, "message": {"role": "assistant", "content": piece},
                               "done": False}).encode() + b"\n")

    def end(self):
        self.chunk(json.dumps({"model": MODEL, "message": {"role": "assistant", "content": ""},
                               "done": True, "done_reason": "stop", "prompt_eval_count": 321,
                               "eval_count": 21}).encode() + b"\n")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def cut(self):
        """Closes the connection where it stands."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def hang(self):
        """Says nothing more until the server stops."""
        self.server.fake.over.wait(60)
        self.cut()


def say(line):
    def behave(handler):
        handler.begin()
        words = line.split(" ")
        for i, word in enumerate(words):
            handler.text(word if i == 0 else " " + word)
        handler.end()
    return behave


def stall(handler):
    handler.begin()
    handler.hang()


def stall_after(text):
    def behave(handler):
        handler.begin()
        handler.text(text)
        handler.hang()
    return behave


def cut_after(text):
    def behave(handler):
        handler.begin()
        handler.text(text)
        handler.cut()
    return behave


def garbage(handler):
    handler.begin()
    handler.chunk(b"<html>this is no model</html>\n")
    handler.end()


def refuse_with(status):
    return lambda handler: handler.whole(status, {"error": f"scripted {status}"})


class FakeOllama:
    """Thread-safe. `requests` are the bodies of all chats so far, oldest first; `embeds` those of
    all requests for embeddings."""

    handler = Handler

    def __init__(self):
        self.over = threading.Event()
        self.connections = set()
        self.lock = threading.Lock()
        self.reset()
        self.port = 0
        self._listen()

    def reset(self):
        """Back to the good model."""
        with self.lock:
            self.requests = []
            self.embeds = []
            self.script = collections.deque()
            self.answers = {}
            lines = itertools.cycle(PETER_LINES)
            self.default = lambda handler: say(next(lines))(handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def seen(self, path, body):
        with self.lock:
            self.requests.append({"path": path, **body})
            last = str((body.get("messages") or [{}])[-1].get("content"))
            for words, behaviour in self.answers.items():
                if words in last:
                    return behaviour
            return self.script.popleft() if self.script else self.default

    def _listen(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.server.daemon_threads = True
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def _close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.socket.close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def refusing(self):
        """Connections are refused inside: the port is held, but nobody listens."""
        self._close()
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", self.port))
            try:
                yield
            finally:
                self._listen()

    def stop(self):
        self.over.set()
        self._close()
