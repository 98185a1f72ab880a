"""The outside world of the demonstration: a catalogue to scrape and a web API to call, served on this machine only.

Run it with `python -m examples.web --port 8602`. It answers:

- `GET /`: the site below `site/`
- `POST /api/token` with `{"key": "calder-demo"}`: a token, which the next two want in the header `X-Token`
- `GET /api/orders?page=1`: one page of orders; `next` is the number of the next page or null
- `GET /api/rates`: exchange rates
- `GET /api/flaky?key=…`: 503 to the first request of a key, 200 to each later one, like a partner that is down for a moment
"""

import argparse
import json
import mimetypes
import secrets
import signal
import sys
import threading
from collections import OrderedDict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

HERE = Path(__file__).resolve().parent
KEY = "calder-demo"  # opens nothing but this invented API
ORDERS_A_PAGE = 40
CONNECTIONS_MOST = 64
SLOT_S = 1.0
KEYS_MOST = 1000  # of /api/flaky that are remembered; the oldest is forgotten
BODY_MOST = 10_000  # bytes
IDLE_S = 10.0  # a connection that is silent for so long is closed


class Refused(Exception):
    """The request cannot be answered as it stands."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Partner:
    """What the API knows. Safe to share between threads."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._orders = data["orders"]
        self._rates = data["rates"]
        self._token = secrets.token_urlsafe(24)
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def token(self, body: Any) -> dict[str, Any]:
        """Return the token for the right key."""
        if not isinstance(body, dict) or body.get("key") != KEY:
            raise Refused(HTTPStatus.UNAUTHORIZED, "the key is wrong")
        return {"token": self._token, "header": "X-Token"}

    def orders(self, query: dict[str, list[str]], token: str | None) -> dict[str, Any]:
        """Return one page of orders."""
        self._check(token)
        pages = -(-len(self._orders) // ORDERS_A_PAGE)
        page = query.get("page", ["1"])[0]
        if not (page.isascii() and page.isdigit() and len(page) < 9 and 1 <= int(page) <= pages):
            raise Refused(HTTPStatus.NOT_FOUND, f"page is a number from 1 to {pages}")
        number = int(page)
        orders = self._orders[(number - 1) * ORDERS_A_PAGE : number * ORDERS_A_PAGE]
        return {"page": number, "pages": pages, "total": len(self._orders), "next": number + 1 if number < pages else None, "orders": orders}

    def rates(self, token: str | None) -> dict[str, Any]:
        """Return the exchange rates of the day that they name."""
        self._check(token)
        return dict(self._rates)

    def flaky(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Refuse the first request of a key and answer each later one; other keys are not touched."""
        key = query.get("key", [""])[0]
        if not 1 <= len(key) <= 100:
            raise Refused(HTTPStatus.BAD_REQUEST, "key is a text of 1 to 100 characters")
        with self._lock:
            times = self._seen[key] = self._seen.pop(key, 0) + 1
            if len(self._seen) > KEYS_MOST:
                self._seen.popitem(last=False)
        if times == 1:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "down for a moment: ask again")
        return {"key": key, "answer": "accepted", "request": times}

    def _check(self, token: str | None) -> None:
        if token is None or not secrets.compare_digest(token.encode(), self._token.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "ask POST /api/token for a token and send it as X-Token")


class Server(ThreadingHTTPServer):
    """The server on 127.0.0.1: at most `CONNECTIONS_MOST` connections at once; a further one waits `SLOT_S` for a place and is closed then."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        self.partner = Partner(json.loads((HERE / "data" / "partner.json").read_text(encoding="utf-8")))
        self.site = HERE / "site"
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MOST)
        super().__init__(("127.0.0.1", port), Exchange)

    @property
    def url(self) -> str:
        """The base of all addresses, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, when there is a place."""
        if not self._slots.acquire(timeout=SLOT_S):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the slot back when the connection ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show an error, unless a visitor just hung up."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Exchange(BaseHTTPRequestHandler):
    """One connection with its requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server_version = "ArbiterExamples"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a page or a call of the API."""
        self._answer(self._get)

    def do_HEAD(self) -> None:
        """Answer like GET, without the body."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answer the one call that has a body."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the standard library
        """Write one line for each request that failed; a whole scrape would fill the screen otherwise."""
        if len(args) > 1 and str(args[1]) >= "400":
            super().log_message(format, *args)

    def _answer(self, find: Any) -> None:
        try:
            status, media_type, body = find(urlsplit(self.path))
        except Refused as refused:
            problem = {"title": refused.status.phrase, "status": int(refused.status), "detail": refused.detail}
            status, media_type, body = refused.status, "application/problem+json", json.dumps(problem).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _get(self, url: Any) -> tuple[HTTPStatus, str, bytes]:
        query, token = parse_qs(url.query), self.headers.get("X-Token")
        match url.path:
            case "/api/orders":
                return _json(self.server.partner.orders(query, token))
            case "/api/rates":
                return _json(self.server.partner.rates(token))
            case "/api/flaky":
                return _json(self.server.partner.flaky(query))
        return self._page(url.path)

    def _post(self, url: Any) -> tuple[HTTPStatus, str, bytes]:
        body = self._body()
        if url.path != "/api/token":
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no call {url.path}")
        return _json(self.server.partner.token(body))

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 9):
            self.close_connection = True  # what follows cannot be told apart from the next request
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "send a body with Content-Length")
        if int(length) > BODY_MOST:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has {BODY_MOST} bytes at most")
        try:
            return json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error

    def _page(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        name = unquote(path).lstrip("/") or "index.html"
        site = self.server.site
        file = None if "\0" in name else (site / name).resolve()
        if file is None or not file.is_relative_to(site) or not file.is_file():
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        charset = "; charset=utf-8" if media_type.startswith("text/") else ""
        return HTTPStatus.OK, media_type + charset, file.read_bytes()


def _json(value: dict[str, Any]) -> tuple[HTTPStatus, str, bytes]:
    return HTTPStatus.OK, "application/json", json.dumps(value, ensure_ascii=False).encode()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.web", description="Serves the examples on this machine only.")
    parser.add_argument("--port", type=int, default=8602, help="0 takes a free one")
    port = parser.parse_args().port
    try:
        server = Server(port)
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"port {port} cannot be used ({error}): choose another with --port\n")
        return 3
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    sys.stdout.write(f"examples: {server.url}\n")
    sys.stdout.flush()
    ended.wait()
    server.shutdown()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
