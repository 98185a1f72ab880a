"""Who is logged in, kept by this server so that a reload of the page does not ask again.

The token of the API never leaves this process. The browser holds a random name of the session in a cookie that scripts cannot read; a page that has
just logged in gets that cookie by handing in a code that is valid once and for a moment (a page's own socket cannot set cookies).
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST = 1000  # sessions; the oldest goes first
CODE_S = 30.0  # how long a code may wait for its browser


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One person, logged in."""

    name: str
    role: str
    client: str | None  # whose tasks a person of role client sees
    token: str
    expires: float  # Unix seconds


class Sessions:
    """Logins by session, in memory; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logins: dict[str, Login] = {}
        self._codes: dict[str, tuple[str, float]] = {}  # code → session, until

    def open(self, login: Login) -> tuple[str, str]:
        """Begin a session; return its name and the code that its browser exchanges for the cookie."""
        session, code = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self._lock:
            self._sweep()
            self._logins[session] = login
            self._codes[code] = (session, self._clock() + CODE_S)
        return session, code

    def claim(self, code: str) -> tuple[str, int] | None:
        """Return the session of a code and how many seconds it still lasts, once; null for a code that is unknown, used or too old."""
        with self._lock:
            session, until = self._codes.pop(code, ("", 0.0))
            login = self._logins.get(session)
            if login is None or until < self._clock():
                return None
            return session, max(0, int(login.expires - self._clock()))

    def find(self, session: str | None) -> Login | None:
        """Return who is logged in in a session, null when it is unknown or over."""
        with self._lock:
            login = self._logins.get(session or "")
            return login if login is not None and login.expires > self._clock() else None

    def renew(self, session: str, login: Login) -> None:
        """Put a fresh login in the place of the one of a session that is still open."""
        with self._lock:
            if session in self._logins:
                self._logins[session] = login

    def close(self, session: str | None) -> None:
        """End a session: its cookie opens nothing any more."""
        with self._lock:
            self._logins.pop(session or "", None)

    def _sweep(self) -> None:
        now = self._clock()
        self._codes = {code: kept for code, kept in self._codes.items() if kept[1] >= now}
        self._logins = {name: login for name, login in self._logins.items() if login.expires > now}
        while len(self._logins) >= MOST:
            del self._logins[next(iter(self._logins))]


def cookie_name(port: int | None) -> str:
    """Return the name of the session's cookie: cookies know hosts, not ports, and two homes may run on one machine."""
    return f"arbiter_session_{port or 0}"


SESSIONS = Sessions()  # one process serves all pages, so they share one
