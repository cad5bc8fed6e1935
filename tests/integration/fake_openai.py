"""A server of OpenAI's kind whose model is a script: /v1/models, /v1/chat/completions as server-sent
events, /v1/embeddings. Who does not send its key gets 401.

The behaviours of fake_ollama.py play here as well.
"""

import base64
import json
import struct

import fake_ollama

MODEL = "fake-gpt"
EMBED_MODEL = "fake-embedding-3"


class Handler(fake_ollama.Handler):
    def known(self):
        self.server.fake.keys.add(self.headers["Authorization"])
        if self.headers["Authorization"] == f"Bearer {self.server.fake.key}":
            return True
        self.whole(401, {"error": {"message": f"bad key: {self.headers['Authorization']}",
                                   "type": "invalid_request_error", "code": "invalid_api_key"}})
        return False

    def do_GET(self):
        if not self.known():
            return None
        if self.path != "/v1/models":
            return self.send_error(404)
        return self.whole(200, {"object": "list", "data": [
            {"id": name, "object": "model"} for name in ("whisper-1", EMBED_MODEL, MODEL)]})

    def do_POST(self):
        if self.path == "/v1/embeddings":
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return self.known() and self.embed(body)
        self.server.fake.arrived += 1
        if self.headers["Authorization"] != f"Bearer {self.server.fake.key}":
            self.rfile.read(int(self.headers["Content-Length"]))
            return self.known()
        return super().do_POST()

    def embed(self, body):
        self.server.fake.embeds.append(body)
        data = []
        for index, text in enumerate(body["input"]):
            vector = fake_ollama.vector_of(text)[:body.get("dimensions")]
            packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.insert(0, {"object": "embedding", "index": index, "embedding": packed})
        self.whole(200, {"object": "list", "data": data, "model": EMBED_MODEL,
                         "usage": {"prompt_tokens": 5, "total_tokens": 5}})

    def event(self, value):
        text = value if isinstance(value, str) else json.dumps(value)
        self.chunk(f"data: {text}\n\n".encode())

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.delta({"role": "assistant", "content": ""})

    def delta(self, delta, finish=None):
        self.event({"id": "c", "object": "chat.completion.chunk", "model": MODEL, "choices": [
            {"index": 0, "delta": delta, "finish_reason": finish}], "usage": None})

    def text(self, piece):
        self.delta({"content": piece})

    def end(self):
        self.delta({}, "stop")
        self.event({"choices": [], "usage": {"prompt_tokens": 321, "completion_tokens": 21}})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def rate_limit(seconds):
    return lambda handler: handler.whole(
        429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
        [("Retry-After", str(seconds))])


def error_after(text, message):
    """An error object in the stream, behind some text or before any."""
    def behave(handler):
        handler.begin()
        if text:
            handler.text(text)
        handler.event({"error": {"message": message, "type": "server_error"}})
        handler.cut()
    return behave


def error_as_answer(message):
    return lambda handler: handler.whole(200, {"error": {"message": message}})


class FakeOpenAi(fake_ollama.FakeOllama):
    """Also: `keys` are the Authorization headers that arrived, `arrived` counts the chats, also
    those without a good key."""

    handler = Handler

    def __init__(self, key):
        self.key, self.keys, self.arrived = key, set(), 0
        super().__init__()

    @property
    def url(self):
        return super().url + "/v1"
