"""Calls to the API over HTTP, as one person. Knows nothing of pages."""

from collections.abc import Mapping
from typing import Any

import httpx

from models.errors import ArbiterError

PAGE = 500  # most tasks that one answer of the API holds
WITHIN_S = 10.0  # an answer comes, or there is none


class LoggedOut(ArbiterError):
    """The session has ended: log in again."""


class Refused(ArbiterError):
    """The API refused the request; the message is its own."""


class Silent(ArbiterError):
    """The API does not answer, or not as it should."""


def connect(base_url: str) -> httpx.Client:
    """Open a pool of connections that all readers share; proxies of the environment are not asked."""
    return httpx.Client(base_url=base_url, timeout=httpx.Timeout(WITHIN_S, connect=3), trust_env=False)


class Calls:
    """What one person asks of the API. `token` is null only before logging in."""

    def __init__(self, http: httpx.Client, token: str | None = None) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def log_in(self, name: str, password: str) -> Mapping[str, Any]:
        """Exchange a password for `{access_token, expires_at, role, name, client}`; raise `Refused` with the API's sentence."""
        try:
            answer: Mapping[str, Any] = self.post("/token", {"name": name, "password": password})
        except LoggedOut as error:  # here 401 means that name or password is wrong, not that a session ended
            raise Refused(str(error)) from error
        return answer

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the answer to GET; parameters that are null or empty are left out."""
        return _json(self._send("GET", path, params=_given(parameters)))

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, within_s: float = WITHIN_S, **parameters: Any
    ) -> Any:  # fmt: skip
        """Return the answer to POST; `key` says that what is sent with it again is the same request."""
        headers = {"Idempotency-Key": key} if key else {}
        timeout = httpx.Timeout(within_s, connect=3)
        return _json(self._send("POST", path, json=body if body is not None else {}, params=_given(parameters), headers=headers, timeout=timeout))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the answer to PUT."""
        return _json(self._send("PUT", path, json=body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the answer to PATCH."""
        return _json(self._send("PATCH", path, json=body))

    def delete(self, path: str) -> Any:
        """Return the answer to DELETE."""
        return _json(self._send("DELETE", path))

    def upload(self, path: str, content: bytes, **parameters: Any) -> Any:
        """Send bytes as they are; return the answer."""
        return _json(self._send("POST", path, content=content, params=_given(parameters)))

    def download(self, path: str) -> bytes:
        """Return the bytes of an artifact."""
        return self._send("GET", path).content

    def _send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, headers={**self._headers, **(headers or {})}, **options)
        except httpx.HTTPError as error:
            message = f"the API at {self._http.base_url} does not answer: {error}"
            raise Silent(message) from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise LoggedOut(_detail(response))
        if response.is_server_error:
            raise Silent(_detail(response))
        if response.is_error:
            raise Refused(_detail(response))
        return response


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "")}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        message = f"the API answered {response.request.url.path} with something that is not JSON"
        raise Silent(message) from error


def _detail(response: httpx.Response) -> str:
    """Return the sentence of a problem (RFC 9457), or the status when the answer is none."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if isinstance(problem, dict) and (sentence := problem.get("detail") or problem.get("title")):
        return str(sentence)
    return f"the API answered {response.status_code} to {response.request.method} {response.request.url.path}"
