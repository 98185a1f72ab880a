"""Tokens: what shows for some minutes that somebody logged in; and tickets, which open one connection to the feed.

Both are JSON Web Tokens signed with the Ed25519 key of the home; one algorithm, every claim required. Each use asks the ledger, at most a second
late, whether the user was disabled or its sessions were ended. A ticket is bound to its user and opens once, not later than 30 seconds after it was
given.
"""

import contextlib
import os
import secrets
import tempfile
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from models.access import Role, Viewer
from models.clock import HOUR, MINUTE, SECOND, now_us
from models.errors import Invalid, StoreError, Unauthorized
from store.journal import Journal
from store.query import Row
from store.settings import Settings
from tasks.users import find_user

ISSUER = "arbiter"
ALGORITHM = "EdDSA"
CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti", "typ", "role", "session_version", "since"]
TICKET_S = 30
CACHE_S = 1.0  # how late the end of a session may be noticed
SESSION_MOST = 12 * HOUR  # a token may be renewed this long after the password was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A signed token with the instant at which it ends."""

    text: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a valid token or ticket says."""

    viewer: Viewer
    session_version: int
    since: int  # when the password was given
    expires_at: int  # of the token; a ticket carries the end of the token that it was asked for with
    token_id: str


class Tokens:
    """Issues and checks tokens and tickets of one home; safe to share between threads, and by several processes."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._minutes = settings.api.token_minutes
        self._key = load_key(settings.home / "keys")
        self._public = self._key.public_key()
        self._kid = sha256(self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
        self._used = Used(settings.run / "tickets")
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Row | None]] = {}

    def issue(self, user: Row, *, lasts_us: int | None = None, since: int | None = None) -> Pass:
        """Sign a token for a user's row; it lasts as long as the settings say, and not beyond the longest session."""
        now = now_us()
        began = now if since is None else since
        end = min(now + (self._minutes * MINUTE if lasts_us is None else lasts_us), began + SESSION_MOST) // SECOND * SECOND  # claims count seconds
        return Pass(text=self._sign("access", _viewer(user), user["session_version"], end, {"since": began}), expires_at=end)

    def renew(self, session: Session) -> Pass:
        """Sign a fresh token for somebody who has a valid one."""
        with self._journal.look() as view:
            user = find_user(view, session.viewer.name)
        return self.issue(_active(user, session), since=session.since)

    def verify(self, text: str) -> Session:
        """Return whose token this is; raise `Unauthorized` when it is not valid now."""
        session = self._read(text, "access")
        _active(self._user(session.viewer.name), session)
        return session

    def ticket(self, session: Session) -> Pass:
        """Sign a ticket for one connection to the feed, which may last as long as the token."""
        end = (now_us() // SECOND + TICKET_S) * SECOND
        claims = {"since": session.since, "until": session.expires_at}
        return Pass(text=self._sign("feed", session.viewer, session.session_version, end, claims), expires_at=end)

    def redeem(self, text: str) -> Session:
        """Return whose ticket this is, the first time; raise `Unauthorized` when it was used, is too old or its user may not enter any more."""
        session = self._read(text, "feed")
        if not self._used.mark(session.token_id):
            message = "the ticket was used before: ask for a new one"
            raise Unauthorized(message)
        self.check(session)
        return session

    def check(self, session: Session) -> None:
        """Ask the ledger itself whether a session still holds; raise `Unauthorized` when not."""
        self.forget(session.viewer.name)
        _active(self._user(session.viewer.name), session)

    def forget(self, name: str) -> None:
        """Ask the ledger again at the next use of a token of this user."""
        with self._lock:
            self._known.pop(name, None)

    def _sign(self, purpose: str, viewer: Viewer, session_version: int, end: int, more: dict[str, Any]) -> str:
        claims = {
            "iss": ISSUER, "aud": f"arbiter-{purpose}", "sub": viewer.name, "exp": end // SECOND, "iat": now_us() // SECOND,
            "jti": secrets.token_hex(16), "typ": purpose, "role": viewer.role, "client": viewer.client, "session_version": session_version,
        }  # fmt: skip
        return jwt.encode(claims | more, self._key, algorithm=ALGORITHM, headers={"kid": self._kid})

    def _read(self, text: str, purpose: str) -> Session:
        try:
            claims = jwt.decode(
                text, self._public, algorithms=[ALGORITHM], audience=f"arbiter-{purpose}", issuer=ISSUER, options={"require": CLAIMS},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            message = f"the {'ticket' if purpose == 'feed' else 'token'} is not valid: {error}"
            raise Unauthorized(message) from error
        return _session(claims, purpose)

    def _user(self, name: str) -> Row | None:
        with self._lock:
            at, row = self._known.get(name, (0.0, None))
        if at and time.monotonic() - at < CACHE_S:
            return row
        asked = time.monotonic()
        with self._journal.look() as view:
            row = find_user(view, name)
        with self._lock:
            self._known[name] = (asked, row)  # names come from signed tokens only, so there are no more than users
        return row


class Used:
    """Tickets that were used, as empty files: a name can be made once only, also by several processes and across their deaths."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._swept_at = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def mark(self, ticket_id: str) -> bool:
        """Note that a ticket was used; false when it had been."""
        self._sweep()
        try:
            os.close(os.open(self._folder / ticket_id, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def _sweep(self) -> None:
        """Forget tickets that are too old to be taken anyway."""
        if time.time() - self._swept_at < TICKET_S:
            return
        self._swept_at = time.time()
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process sweeps too
                if path.stat().st_mtime < self._swept_at - 4 * TICKET_S:
                    path.unlink()


def load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key that signs tokens, `token.pem`; make it first where there is none. Several processes may do so at once: one key wins."""
    path = folder / "token.pem"
    if not path.exists():
        _make_key(path)
    if path.stat().st_mode & 0o077:
        message = f"{path} can be read by others: run `chmod 600 {path}`, and delete it if somebody may have read it"
        raise StoreError(message)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        message = f"{path} holds no Ed25519 key: delete it, and everybody logs in again"
        raise StoreError(message)
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".token-") as whole:  # made with mode 0600
        whole.write(pem)
        whole.flush()
        os.fsync(whole.fileno())
        with contextlib.suppress(FileExistsError):  # a link appears whole or not at all, and never replaces
            os.link(whole.name, path)


def _session(claims: dict[str, Any], purpose: str) -> Session:
    """Return what claims say whose signature was checked."""
    try:
        viewer = Viewer(name=claims["sub"], role=Role(claims["role"]), client=claims.get("client"))
    except (ValueError, Invalid) as error:  # signed by a version that knew other roles
        raise Unauthorized from error
    if claims["typ"] != purpose:
        raise Unauthorized
    return Session(
        viewer=viewer,
        session_version=claims["session_version"],
        since=claims["since"],
        expires_at=claims.get("until", claims["exp"] * SECOND),
        token_id=claims["jti"],
    )


def _viewer(user: Row) -> Viewer:
    return Viewer(name=user["id"], role=Role(user["role"]), client=user["client"])


def _active(user: Row | None, session: Session) -> Row:
    """Return the user of a session that still holds."""
    if user is None or user["state"] != "active" or user["session_version"] != session.session_version or _viewer(user) != session.viewer:
        message = "the session has ended: log in again"
        raise Unauthorized(message)
    return user
