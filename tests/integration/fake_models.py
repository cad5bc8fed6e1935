"""Model providers as OpenAI's, Ollama's and Anthropic's servers speak, whose model is a script.

A Play says what comes of one request: an answer, a refusal, or a fault at any place. It is given by
the provider's `plays`, or it stands in the prompt itself, so that any client can ask for it:

    What do you say? <<{"text": "Hello!", "fault": "cut", "after": 1}>>

Each provider keeps a log of what it was asked, how that ended and how many tokens it took: the
truth that the books of whoever stands between must agree with. GET /control/hangs?id=N answers when the
play with that "id" has reached its fault, and /control/gone?id=N when the asker has closed its
connection: a test waits for both without sleeping.
"""

import asyncio
import base64
import contextlib
import dataclasses
import json
import re
import socket
import struct
import threading
import time
import urllib.parse

WAIT_SECONDS_MAX = 20
BODY_BYTES_MAX = 64 * 1024 * 1024
GARBAGE = b"<html><body>It works!</body></html>\n"


def tokens_of(text):
    """A token is a short word with the blank before it, a piece of a longer one, or a sign."""
    return re.findall(r"\s?\w{1,7}|\s?[^\w\s]|\s", text)


def vector_of(text):
    """What stands for a text: float32 can say these numbers."""
    return [len(text), text.count("a") / 2, text.count(" ") / 4, -1.0]


@dataclasses.dataclass
class Play:
    """What comes of one request. `after` is where the fault is: "head" before anything was sent,
    "token" before the first token, or the number of tokens before it."""
    id: str = ""
    text: str = "Holy crap, that is easy!"
    calls: tuple = ()  # [name, arguments] of the tools that are called
    then: str = ""     # the text, once their results are there
    finish: str = "stop"  # or length
    usage: bool = True    # whether tokens are reported
    cached: int = 0       # tokens of the prompt
    status: int = 200
    message: str = "scripted"
    retry_after: int = 0
    fault: str = ""  # hang, reset, cut, garbage, error; pause: it goes on when it is told to
    after: object = "head"
    slice: int = 0  # bytes of each write, 0: as they come

    @staticmethod
    def of(text):
        found = re.findall(r"<<(\{.*?\})>>", text, re.DOTALL)
        return Play(**json.loads(found[-1])) if found else None


class Asked:
    """One request in the log. `ended` is how: whole, refused, the name of the fault, or `gone` when
    the asker went first; `hung` and `closed` that it reached its fault, and lost its asker."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.play, self.ended = None, ""
        self.sent = 0  # tokens of the answer
        self.prompt, self.prompt_reported, self.reported = 0, False, False
        self.began, self.took = time.monotonic(), 0.0  # seconds, of a whole answer
        self.hung, self.closed, self.told = asyncio.Event(), asyncio.Event(), asyncio.Event()


def texts_in(value):
    """All that is said in a message's content, in any provider's form."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(texts_in(part.get("text") or part.get("content") or "") for part in value
                         if isinstance(part, dict))
    return ""


def last_said(body):
    """The user's last text, and whether results of tools follow it."""
    messages = body.get("messages") or [{"role": "user", "content": body.get("prompt", "")}]
    for message in reversed(messages):
        text = texts_in(message.get("content"))
        if message["role"] == "user" and "tool_result" not in json.dumps(message):
            return text, message is not messages[-1]
    return "", False


# --- the three ways to speak --------------------------------------------------------------------
#
# frames() gives (is it a token, bytes); whole() the body of an answer that is not streamed.


class OpenAi:
    models_path, chats, embed_path = "/v1/models", {"/v1/chat/completions"}, "/v1/embeddings"
    stream_type = "text/event-stream"
    root = "/v1"

    @staticmethod
    def key_of(headers):
        return headers.get("authorization", "").removeprefix("Bearer ")

    @staticmethod
    def streams(body):
        return bool(body.get("stream"))

    @staticmethod
    def wrong(body):
        """What a body is refused for, if anything: a sample of what the real servers check."""
        return "temperature: must be at most 2" if body.get("temperature", 1) > 2 else ""

    @staticmethod
    def listed(models):
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 1,
                                            "owned_by": "fake"} for name in models]}

    @staticmethod
    def refusal(status, message):
        kind, code = {401: ("invalid_request_error", "invalid_api_key"),
                      404: ("invalid_request_error", "model_not_found"),
                      429: ("rate_limit_error", "rate_limit_exceeded"),
                      500: ("server_error", None), 503: ("server_error", None)}.get(
                          status, ("invalid_request_error", None))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    @staticmethod
    def error_frame(message):
        return event({"error": {"message": message, "type": "server_error"}}) + event("[DONE]")

    @staticmethod
    def calls_of(calls):
        return [{"id": f"call_{i}", "type": "function", "index": i,
                 "function": {"name": name, "arguments": json.dumps(arguments)}}
                for i, (name, arguments) in enumerate(calls)]

    @staticmethod
    def usage_of(counts):
        prompt, completion, cached = counts
        return {"prompt_tokens": prompt, "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": cached}}

    def whole(self, body, answer):
        message = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.calls:
            message["tool_calls"] = [{key: value for key, value in call.items() if key != "index"}
                                     for call in self.calls_of(answer.calls)]
        usage = {"usage": self.usage_of(answer.counts)} if answer.usage else {}
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                "model": body["model"], "choices": [{"index": 0, "message": message,
                "logprobs": None, "finish_reason": answer.reason("tool_calls")}], **usage}

    def frames(self, body, answer):
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                "model": body["model"]}

        def chunk(delta, finish=None):
            return event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None,
                                               "finish_reason": finish}]})
        yield False, chunk({"role": "assistant", "content": ""})
        for piece in tokens_of(answer.text):
            yield True, chunk({"content": piece})
        for call in self.calls_of(answer.calls):
            arguments = call["function"]["arguments"]
            yield True, chunk({"tool_calls": [{**call, "function": {**call["function"],
                                                                    "arguments": ""}}]})
            for piece in tokens_of(arguments):
                yield True, chunk({"tool_calls": [{"index": call["index"],
                                                   "function": {"arguments": piece}}]})
        yield False, chunk({}, answer.reason("tool_calls"))
        if answer.usage and (body.get("stream_options") or {}).get("include_usage"):
            yield None, event({**head, "choices": [], "usage": self.usage_of(answer.counts)})
        yield False, event("[DONE]")

    @staticmethod
    def embeddings(body, model):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = []
        for i, text in enumerate(inputs):
            vector = vector_of(text)[:body.get("dimensions")]
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            data.append({"object": "embedding", "index": i, "embedding": vector})
        count = sum(len(tokens_of(text)) for text in inputs)
        return count, {"object": "list", "model": model, "data": data,
                       "usage": {"prompt_tokens": count, "total_tokens": count}}


class Ollama:
    models_path, chats, embed_path = "/api/tags", {"/api/chat", "/api/generate"}, "/api/embed"
    stream_type = "application/x-ndjson"
    root = ""
    key_of = staticmethod(OpenAi.key_of)

    @staticmethod
    def streams(body):
        return body.get("stream", True)

    @staticmethod
    def wrong(body):
        bad = isinstance(body.get("options", {}).get("top_p", 1), str)
        return "option \"top_p\" must be of type float32" if bad else ""

    @staticmethod
    def listed(models):
        return {"models": [{"name": name, "model": name, "modified_at": "2026-01-31T00:00:00Z",
                            "size": 1, "digest": "d", "details": {}} for name in models]}

    @staticmethod
    def refusal(_, message):
        return {"error": message}

    @staticmethod
    def error_frame(message):
        return line({"error": message})

    @staticmethod
    def message(body, text="", calls=()):
        if "messages" not in body:
            return {"response": text}
        made = {"role": "assistant", "content": text}
        if calls:
            made["tool_calls"] = [{"function": {"name": name, "arguments": arguments}}
                                  for name, arguments in calls]
        return {"message": made}

    @staticmethod
    def tail(answer):
        prompt, completion, _ = answer.counts
        counts = {"prompt_eval_count": prompt, "eval_count": completion} if answer.usage else {}
        return {"done": True, "done_reason": answer.finish, "total_duration": 1, **counts}

    def whole(self, body, answer):
        return {"model": body["model"], "created_at": "2026-01-31T00:00:00Z",
                **self.message(body, answer.text, answer.calls), **self.tail(answer)}

    def frames(self, body, answer):
        head = {"model": body["model"], "created_at": "2026-01-31T00:00:00Z"}
        for piece in tokens_of(answer.text):
            yield True, line({**head, **self.message(body, piece), "done": False})
        for call in answer.calls:
            yield True, line({**head, **self.message(body, "", [call]), "done": False})
        yield None if answer.usage else False, line({**head, **self.message(body),
                                                     **self.tail(answer)})

    @staticmethod
    def embeddings(body, model):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        count = sum(len(tokens_of(text)) for text in inputs)
        return count, {"model": model, "embeddings": [vector_of(text) for text in inputs],
                       "prompt_eval_count": count}


class Anthropic:
    models_path, chats, embed_path = "/v1/models", {"/v1/messages"}, None
    stream_type = "text/event-stream"
    root = "/v1"
    streams = staticmethod(OpenAi.streams)

    @staticmethod
    def key_of(headers):
        return headers.get("x-api-key", "")

    @staticmethod
    def wrong(body):
        return "max_tokens: must be at least 1" if body.get("max_tokens", 0) < 1 else ""

    @staticmethod
    def listed(models):
        return {"data": [{"type": "model", "id": name, "display_name": name,
                          "created_at": "2026-01-31T00:00:00Z"} for name in models],
                "has_more": False, "first_id": models[0], "last_id": models[-1]}

    @staticmethod
    def refusal(status, message):
        kind = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
                404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error",
                529: "overloaded_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def error_frame(self, message):
        return event(self.refusal(529, message), "error")

    @staticmethod
    def usage_of(counts):
        prompt, completion, cached = counts
        return {"input_tokens": prompt - cached, "cache_read_input_tokens": cached,
                "cache_creation_input_tokens": 0, "output_tokens": completion}

    @staticmethod
    def blocks(answer):
        if answer.text:
            yield {"type": "text", "text": answer.text}
        for i, (name, arguments) in enumerate(answer.calls):
            yield {"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": arguments}

    def whole(self, body, answer):
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
                "content": list(self.blocks(answer)), "stop_sequence": None,
                "stop_reason": self.reason(answer), "usage": self.usage_of(answer.counts)}

    @staticmethod
    def reason(answer):
        reason = answer.reason("tool_use")
        return {"stop": "end_turn", "length": "max_tokens"}.get(reason, reason)

    def frames(self, body, answer):
        def named(kind, **members):
            return event({"type": kind, **members}, kind)
        prompt, completion, cached = answer.counts
        begun = {**self.whole(body, answer), "content": [], "stop_reason": None,
                 "usage": self.usage_of((prompt, 1, cached))}
        yield False, named("message_start", message=begun) + named("ping")
        for i, block in enumerate(self.blocks(answer)):
            text = block["type"] == "text"
            empty = {**block, "text": ""} if text else {**block, "input": {}}
            start = named("content_block_start", index=i, content_block=empty)
            yield not text, start
            for piece in tokens_of(block["text"] if text else json.dumps(block["input"])):
                delta = ({"type": "text_delta", "text": piece} if text else
                         {"type": "input_json_delta", "partial_json": piece})
                yield True, named("content_block_delta", index=i, delta=delta)
            yield False, named("content_block_stop", index=i)
        usage = {"output_tokens": completion}
        yield None, named("message_delta", usage=usage, delta={
            "stop_reason": self.reason(answer), "stop_sequence": None})
        yield False, named("message_stop")


KINDS = {"openai": OpenAi(), "ollama": Ollama(), "anthropic": Anthropic()}


def event(value, name=""):
    data = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def line(value):
    return json.dumps(value).encode() + b"\n"


@dataclasses.dataclass
class Answer:
    """What a play says, with (prompt, completion, cached) tokens."""
    text: str
    calls: tuple
    finish: str
    usage: bool
    counts: tuple

    def reason(self, calling):
        return calling if self.calls else self.finish


class FakeModels:
    """One provider, on a thread of its own; the log may be read from any. `plays(asked)` gives the
    Play of a request that names none."""

    def __init__(self, kind, models, key=None, plays=None):
        self.kind, self.speaker, self.models, self.key = kind, KINDS[kind], models, key
        self.plays = plays or (lambda asked: Play())
        self.log, self.by_id, self.expected = [], {}, asyncio.Event()
        self.listed, self.connections = 0, set()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.speaker.root}"

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def asked(self, play_id):
        """The request whose play has this id."""
        return self.by_id[play_id]

    def paused(self, play_id):
        """Whether that play stands where it shall pause."""
        return play_id in self.by_id and self.by_id[play_id].hung.is_set()

    def go_on(self, play_id):
        self.loop.call_soon_threadsafe(self.by_id[play_id].told.set)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(
            self._serve, "127.0.0.1", 0, limit=BODY_BYTES_MAX, backlog=512))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _serve(self, reader, writer):
        # A server that is stopped cancels this; whoever ends here closes what is open.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            early = b""
            while early is not None:
                early = await self._request(reader, writer, early)
        with contextlib.suppress(OSError):
            writer.close()

    async def _request(self, reader, writer, early):
        """Serves one request of which `early` has been read already. What has been read of the
        next one, or None if the connection ends."""
        head = (early + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in
                   (field.partition(":") for field in head[1:] if field)}
        data = await reader.readexactly(int(headers.get("content-length", 0)))
        out = Out(writer)
        path, _, query = target.partition("?")
        if path.startswith("/control/"):
            await self._control(path, urllib.parse.parse_qs(query)["id"][0], out)
            return b""
        if method == "GET":
            await self._list(path, headers, out)
            return b""
        asked = Asked(path, headers, json.loads(data))
        return await self._while_there(reader, asked, self._answer(asked, out))

    async def _while_there(self, reader, asked, coroutine):
        """Runs it until the asker closes its connection. As _request()."""
        work = asyncio.ensure_future(coroutine)
        watch = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if watch.done() and watch.result():  # the answer is out, and the next request comes
                await work
            if work.done():
                early = watch.result() if watch.done() else b""
                return early if work.result() else None
        except OSError:  # the asker's end, as a write met it
            pass
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
        asked.ended = asked.ended or "gone"
        asked.closed.set()
        return None

    async def _control(self, path, play_id, out):
        async def reached():
            while play_id not in self.by_id:
                await self.expected.wait()
            asked = self.by_id[play_id]
            await (asked.hung if path.endswith("/hangs") else asked.closed).wait()
        try:
            await asyncio.wait_for(reached(), WAIT_SECONDS_MAX)
        except asyncio.TimeoutError:
            return await out.whole(504, {"error": f"{path} {play_id}: not within the time"})
        return await out.whole(200, {})

    async def _list(self, path, headers, out):
        if path != self.speaker.models_path:
            return await out.whole(404, self.speaker.refusal(404, "no such door"))
        if self.key is not None and self.speaker.key_of(headers) != self.key:
            return await out.whole(401, self.speaker.refusal(401, "bad key"))
        self.listed += 1
        return await out.whole(200, self.speaker.listed(self.models))

    async def _answer(self, asked, out):
        body, speaker = asked.body, self.speaker
        self.log.append(asked)
        if self.key is not None and speaker.key_of(asked.headers) != self.key:
            return await self._refuse(asked, out, 401, "bad key")
        if body.get("model") not in self.models:
            return await self._refuse(asked, out, 404, f"model '{body.get('model')}' not found")
        if asked.path == speaker.embed_path:
            asked.prompt, made = speaker.embeddings(body, body["model"])
            asked.ended, asked.reported = "whole", True
            return await out.whole(200, made)
        if asked.path not in speaker.chats:
            return await self._refuse(asked, out, 404, "no such door")
        if wrong := speaker.wrong(body):
            return await self._refuse(asked, out, 400, wrong)
        text, answered = last_said(body)
        play = asked.play = Play.of(text) or self.plays(asked)
        self._expect(asked)
        if play.status != 200:
            extra = [("Retry-After", play.retry_after)] if play.retry_after else []
            return await self._refuse(asked, out, play.status, play.message, extra)
        said, calls = (play.then, ()) if answered and play.then else (play.text, play.calls)
        if calls and "text" not in text:
            said = ""
        asked.prompt = len(tokens_of(json.dumps([message.get("content") for message in
                                                 body.get("messages", [])], ensure_ascii=False)))
        answer = Answer(said, tuple(calls), play.finish, play.usage, ())
        frames = list(speaker.frames(body, dataclasses.replace(answer, counts=(0, 0, 0))))
        completion = sum(1 for token, _ in frames if token)
        answer.counts = (asked.prompt, completion, play.cached)
        out.slice = play.slice
        if speaker.streams(body):
            return await self._stream(asked, out, list(speaker.frames(body, answer)))
        return await self._whole(asked, out, speaker.whole(body, answer), completion)

    def _expect(self, asked):
        if asked.play.id:
            self.by_id[asked.play.id] = asked
            self.expected.set()
            self.expected = asyncio.Event()

    async def _refuse(self, asked, out, status, message, extra=()):
        asked.ended = "refused"
        return await out.whole(status, self.speaker.refusal(status, message), extra)

    async def _whole(self, asked, out, value, completion):
        play, data = asked.play, json.dumps(value).encode()
        if play.fault == "pause":
            await self._pause(asked)
        elif play.fault:
            if play.after != "head":
                await out.head(200, [("Content-Type", "application/json"),
                                     ("Content-Length", len(data))])
                await out.write(data[:len(data) // 2])
            return await self._fault(asked, out, play.after != "head", play.after != "head")
        asked.sent, asked.reported, asked.ended = completion, play.usage, "whole"
        asked.took = time.monotonic() - asked.began
        return await out.whole(200, value)

    async def _stream(self, asked, out, frames):
        play = asked.play
        pauses = play.fault == "pause"
        if pauses and play.after == "head":
            await self._pause(asked)
        elif play.fault and play.after == "head":
            return await self._fault(asked, out, False)
        await out.head(200, [("Content-Type", self.speaker.stream_type),
                             ("Transfer-Encoding", "chunked")])
        stop = play.after if isinstance(play.after, int) else 0
        for token, frame in frames:
            asked.prompt_reported |= b"message_start" in frame
            if play.fault and token is not False and asked.sent >= stop:
                if not pauses:
                    return await self._fault(asked, out, True)
                await self._pause(asked)
            await out.chunk(frame)
            asked.sent += token is True
            asked.reported |= token is None
        asked.ended, asked.took = "whole", time.monotonic() - asked.began
        await out.write(b"0\r\n\r\n")
        return True

    async def _pause(self, asked):
        asked.hung.set()
        await asked.told.wait()

    async def _fault(self, asked, out, begun, sized=False):
        asked.ended = asked.play.fault
        asked.hung.set()
        if asked.ended == "hang":
            await asyncio.Event().wait()
        elif asked.ended == "reset":
            out.reset()
        elif asked.ended in ("garbage", "error"):
            if not begun:
                await out.head(200, [("Content-Type", self.speaker.stream_type),
                                     ("Transfer-Encoding", "chunked")])
            error = self.speaker.error_frame(asked.play.message)
            await out.chunk(GARBAGE if asked.ended == "garbage" else error)
            await out.write(b"0\r\n\r\n")
            return not sized  # what has said that it stays open does so
        return False  # a cut


class Out:
    """The writing side of a connection."""

    def __init__(self, writer):
        self.writer, self.slice = writer, 0

    async def write(self, data):
        step = self.slice or len(data) or 1
        for at in range(0, len(data), step):
            self.writer.write(data[at:at + step])
            await self.writer.drain()
            if self.slice:
                await asyncio.sleep(0)

    async def head(self, status, headers):
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
        await self.write(f"HTTP/1.1 {status} Scripted\r\n{fields}\r\n".encode())

    async def chunk(self, data):
        await self.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def whole(self, status, value, extra=()):
        data = json.dumps(value).encode()
        await self.head(status, [("Content-Type", "application/json"),
                                 ("Content-Length", len(data)), *extra])
        await self.write(data)
        return True

    def reset(self):
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
