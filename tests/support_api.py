"""A twin of the API in memory: a real server on a real port that answers what a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, Any]
Asked = tuple[str, str, dict[str, Any], dict[str, str]]  # method, path, parameters or body, headers


class Twin:
    """What the server answers, by `METHOD /path`: a function of the parameters or the body. Anything else is refused as a missing route."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def says(self, route: str, value: Any, status: int = 200) -> None:
        """Answer a route with a value from now on."""
        self.answers[route] = lambda _given: (status, value)

    def answer(self, method: str, path: str, given: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        """Return status and body for one request."""
        self.asked.append((method, path, given, dict(headers)))
        found: Callable[[dict[str, Any]], Answer] | None = self.answers.get(f"{method} {path}")
        if found is None:
            return 404, {"title": "Not Found", "status": 404, "detail": f"there is no {method} {path}"}
        return found(given)


@contextmanager
def serve(twin: Twin) -> Iterator[Twin]:
    """Serve a twin on a free port while the block runs."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._reply(twin.answer("GET", parts.path, dict(parse_qsl(parts.query)), dict(self.headers)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
            self._reply(twin.answer("POST", urlsplit(self.path).path, body, dict(self.headers)))

        def _reply(self, answer: Answer) -> None:
            status, value = answer
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    twin.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield twin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
