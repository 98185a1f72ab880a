"""The only way by which agents fetch from the network: guarded, limited, and stopped with the attempt.

Only http and https; only addresses that `agents.reach` permits, checked again at each redirect; no proxy and no credentials from the environment;
a body larger than the limit is refused while it arrives.
"""

import codecs
import re
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from types import TracebackType
from typing import Any, Final, Self

import httpcore
import httpx

from agents.contract import AgentError, Control
from agents.pace import PACE
from agents.reach import CONNECT_S, Pinned, Resolve, system_addresses
from store.settings import Fetch

READ_S: Final = 30.0
REDIRECTS_MOST: Final = 10
_BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_META_CHARSET: Final = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said."""

    url: str  # of the page itself, after redirects, without user name and password
    status: int
    headers: Mapping[str, str]
    body: bytes

    def demand(self, expect: Collection[int] = (200,)) -> Self:
        """Return itself when the status is an expected one.

        Raises `AgentError`; a busy (408, 425, 429) or broken (5xx) server is worth another try.
        """
        if self.status in expect:
            return self
        message = f"{self.url} answered {self.status} ({responses.get(self.status, 'unknown status')})"
        raise AgentError(message, retryable=self.status in _BUSY or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR)

    @property
    def text(self) -> str:
        """The body as text: by the header's charset, else by the page's own, else UTF-8; what is no text becomes U+FFFD."""
        declared = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        sniffed = _META_CHARSET.search(self.body[:2048])
        name = declared[1] if declared else sniffed[1].decode("ascii") if sniffed else "utf-8-sig"
        try:
            return self.body.decode(codecs.lookup(name).name, errors="replace")
        except LookupError:
            return self.body.decode("utf-8-sig", errors="replace")


class Web:
    """A guarded HTTP client for one attempt; use as a context.

    `resolve` turns a name into addresses; a server that says nothing for `read_s` seconds did not answer.
    """

    def __init__(self, settings: Fetch, control: Control, *, resolve: Resolve = system_addresses, read_s: float = READ_S) -> None:
        self._most_bytes = settings.most_bytes
        self._per_host_per_s = settings.per_host_per_s
        self._control = control
        self._backend = Pinned(private_hosts=settings.private_hosts, control=control, resolve=resolve)
        self._client = httpx.Client(
            transport=_Guarded(self._backend),
            trust_env=False,
            timeout=httpx.Timeout(read_s, connect=CONNECT_S),
            headers={"User-Agent": "Arbiter", "Accept-Encoding": "gzip, deflate"},
        )
        self.sent = 0  # requests that began to go out; one that found no connection did not
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._cut_on_stop, daemon=True, name="web watch")

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._watch.join()
        self._client.close()
        self._backend.close()

    def get(self, url: str) -> Answer:
        """Return the page at an address, whatever its status, following redirects."""
        return self.send("GET", url)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        heard: Callable[[bytes], object] = lambda _part: None,
    ) -> Answer:
        """Send a request, with `body` as JSON when it is not null, and return the answer, whatever its status.

        `heard` is told each part of the answer's body when it arrives.

        Redirects are followed; to another host only if the request had no headers of its own and no body, which are meant for the first.
        Raises `AgentError`: retryable when the server cannot be reached, not when the address is refused, malformed, or its answer too large.
        """
        shown = url.partition("?")[0]
        try:
            address = httpx.URL(url)
            if params:  # added to the address's own query, which httpx would replace
                address = address.copy_merge_params(dict(params))
            request = self._client.build_request(method, address, headers=headers, json=body, extensions={"trace": self._trace})
            shown = _shown(request.url)
            return self._follow(request, heard, private=bool(headers) or body is not None)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol) as error:
            message = f"{shown} is not an http or https address: {error}"
            raise AgentError(message) from error
        except httpcore.TimeoutException as error:
            self._control.check()
            message = f"{shown} did not answer in time"
            raise AgentError(message, retryable=True) from error
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            self._control.check()  # the connection may have been cut because the attempt must stop
            message = f"{shown} cannot be reached: {str(error) or type(error).__name__}"
            raise AgentError(message, retryable=True) from error

    def _follow(self, request: httpx.Request, heard: Callable[[bytes], object], *, private: bool) -> Answer:
        origin = request.url.host, request.url.port, request.url.scheme
        for _ in range(REDIRECTS_MOST):
            answer, following = self._once(request, heard)
            if following is None:
                return answer
            if private and (following.url.host, following.url.port, following.url.scheme) != origin:
                told = f"{_shown(request.url)} redirects to another host, {following.url.host}"
                message = f"{told}: the request has headers or a body that were not meant for it"
                raise AgentError(message)
            request = following
        message = f"{_shown(request.url)}: more than {REDIRECTS_MOST} redirects"
        raise AgentError(message)

    def _once(self, request: httpx.Request, heard: Callable[[bytes], object]) -> tuple[Answer, httpx.Request | None]:
        self._control.check()
        if self._per_host_per_s is not None:
            PACE.wait(request.url.host, self._per_host_per_s, self._control)
        response = self._client.send(request, stream=True)
        try:
            following = response.next_request
            body = b"" if following else self._read(response, heard)
        finally:
            response.close()
        return Answer(url=_shown(request.url), status=response.status_code, headers=response.headers, body=body), following

    def _read(self, response: httpx.Response, heard: Callable[[bytes], object]) -> bytes:
        """Read the body up to the limit, measured after decompression, so that a small bomb is refused too."""
        coding = response.headers.get("content-encoding", "identity").lower()
        if coding not in {"identity", "gzip", "deflate"}:
            message = f"{_shown(response.url)} answers in a coding that was not asked for: {coding[:50]}"
            raise AgentError(message)
        body = bytearray()
        for chunk in response.iter_bytes():
            self._control.check()
            body += chunk
            if len(body) > self._most_bytes:
                message = f"{_shown(response.url)} is larger than the limit of {self._most_bytes} bytes (fetch.most_bytes)"
                raise AgentError(message)
            heard(chunk)
        return bytes(body)

    def _trace(self, event: str, _info: Any) -> None:
        self.sent += event == "http11.send_request_headers.started"

    def _cut_on_stop(self) -> None:
        """Cut the connections when the attempt must stop, because a wait for a silent server cannot notice it."""
        while not self._over.wait(0.2):
            if self._control.stopped.is_set() or self._control.remaining_s == 0:
                self._backend.cut()


class _Guarded(httpx.BaseTransport):
    """Sends httpx requests over pinned connections."""

    def __init__(self, backend: Pinned) -> None:
        self._pool = httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend, max_connections=10)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path)
        response = self._pool.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions)
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _shown(url: httpx.URL) -> str:
    """Return an address for messages: without user name, password and query, which may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))
