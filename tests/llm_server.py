"""A server on a real port that speaks OpenAI's chat completions, and misbehaves as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


class Model:
    """What the server says, and what it was asked. Each request takes the first of `next`, if there is one, else gets a good answer."""

    def __init__(self) -> None:
        self.port = 0
        self.bodies: list[Body] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.next: list[Callable[[Handler, Body], None]] = []
        self.answer: Any = {"answer": "42"}  # the object that it writes; a text is written as it is
        self.usage: Any = {"prompt_tokens": 120, "completion_tokens": 8, "total_tokens": 128}  # null: it does not say
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def config(self, **more: Any) -> Body:
        return {"url": self.url, "model": "small-1", "max_tokens": 500, "context_tokens": 100_000, **more}

    @property
    def text(self) -> str:
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw)
        self.model.raw.append(raw)
        self.model.bodies.append(body)
        self.model.headers.append(dict(self.headers))
        if self.path != "/v1/chat/completions":
            self.send(404, {"error": {"message": f"no {self.path}"}})
        elif self.model.next:
            self.model.next.pop(0)(self, body)
        else:
            self.speak(body)

    def speak(self, body: Body, *, finish: str | None = "stop", pause_s: float = 0, pieces_most: int = 10**9) -> None:
        """Answer as asked: whole, or piece by piece."""
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": self.model.text}, "finish_reason": finish}
            self.send(200, {"object": "chat.completion", "choices": [choice], "usage": self.model.usage})
            return
        self.begin()
        text = self.model.text
        size = max(7, len(text) // 1000)
        for number, piece in enumerate(text[n : n + size] for n in range(0, len(text), size)):
            if number >= pieces_most:
                self.close_connection = True
                return
            self.chunk({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            self.model.over.wait(pause_s)
        if finish:
            self.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if body.get("stream_options", {}).get("include_usage"):
            self.chunk({"choices": [], "usage": self.model.usage})
        self.part(b"data: [DONE]\n\n" if finish else b"")
        self.wfile.write(b"0\r\n\r\n")

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, value: Any) -> None:
        self.part(f"data: {json.dumps(value)}\n\n".encode())

    def part(self, data: bytes) -> None:
        if data:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

    def send(self, status: int, value: Any, **headers: str) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError):  # the client cut the line, as it must when it stops
            super().handle()


def says(status: int, value: Any = b"{}", **headers: str) -> Callable[[Handler, Body], None]:
    """A status with a body; names of headers with _ for -."""
    return lambda handler, _: handler.send(status, value, **headers)


def writes(answer: Any, **how: Any) -> Callable[[Handler, Body], None]:
    """Another answer, once."""

    def speak(handler: Handler, body: Body) -> None:
        usual, handler.model.answer = handler.model.answer, answer
        try:
            handler.speak(body, **how)
        finally:
            handler.model.answer = usual

    return speak


def hangs_up(handler: Handler, _: Body) -> None:
    """No answer at all."""
    handler.close_connection = True


def hangs(handler: Handler, _: Body) -> None:
    """Nothing for a long time."""
    handler.model.over.wait(60)
    handler.close_connection = True


def slow(handler: Handler, body: Body) -> None:
    """Piece by piece, for a long time."""
    writes({"answer": "x" * 7000}, pause_s=0.1)(handler, body)


@contextmanager
def model() -> Iterator[Model]:
    """Serve a model until the context ends."""
    served = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"model": served}))
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        served.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
