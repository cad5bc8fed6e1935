"""HTTP/1.1 on a plain socket, for what well-behaved clients do not do: pieces, pipelines, cuts."""

import socket


class Cut(OSError):
    """The connection ended inside an answer, or before it."""


class Wire:
    def __init__(self, address, timeout=30):
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.closing = False  # the last answer said that nothing follows it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def answer(self):
        """The (status, body) of the next answer."""
        head = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        self.closing = fields.get("connection") == "close"
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size + 2)[:-2]
            self.exactly(2)
        else:
            body = self.exactly(int(fields["content-length"]))
        return int(head[0].split()[1]), body

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Cut(f"after {self.buffer[:200]!r}")
        self.buffer += piece


def request(method, path, body=b"", host="localhost", extra=""):
    length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT") else ""
    return (f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{length}{extra}\r\n").encode() + body
