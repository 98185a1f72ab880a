"""Users and their passwords.

A user's row is in the ledger; the hash of its password is beside it, in `credentials`, because the journal has many readers. Raising
`session_version` ends every session of a user.
"""

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import bindparam, delete, insert, select

from models.access import Role, Viewer
from models.clock import MINUTE, now_us
from models.errors import Conflict, Invalid, NotFound, TooManyRequests, Unauthorized
from store import schema
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import credentials, users

PASSWORD_LEAST = 10  # characters
PASSWORD_MOST = 1000  # characters: a longer one only costs time
HASHING_MOST = 2  # at once: each takes 19 MiB and a core for some 50 ms
WAITING_MOST = 16  # log-ins that wait for their turn; more are refused, so that they cannot occupy all threads

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # argon2id as OWASP advises; its default costs five times as much
_DUMMY = _HASHER.hash(secrets.token_hex(16))  # checked for names that do not exist, so that time does not tell which do

_USER = Query(select(users).where(users.c.id == bindparam("name")))
_ANY_ADMIN = Query(select(users.c.id).where(users.c.role == Role.ADMIN).limit(1))
_AGENT = Query(select(schema.agents.c.id).where(schema.agents.c.id == bindparam("name")))
_HASH = Query(select(credentials.c.password_hash).where(credentials.c.user_id == bindparam("name")))
_FORGET = Query(delete(credentials).where(credentials.c.user_id == bindparam("name")))
_KEEP = Query(insert(credentials).values(user_id=bindparam("owner"), password_hash=bindparam("hash")))


def add_user(
    journal: Journal,
    name: str,
    role: str,
    password: str,
    *,
    actor: str,
    client: str | None = None,
    label: str | None = None,
) -> Row:
    """Add a user; return the row. A user of role agent bears the id of its agent; one of role client says whose tasks it sees.

    Raises:
        Invalid: name, role, client or password are not acceptable.
        Conflict: the name is taken.
        NotFound: there is no such agent.

    """
    _check_name(name)
    if role not in set(Role):
        message = f"unknown role {role!r}; there are {', '.join(Role)}"
        raise Invalid(message)
    Viewer(name=name, role=Role(role), client=client)
    digest = hashed(password)
    with journal.write(actor) as tx:
        return add_user_in(tx, name, Role(role), digest, client=client, label=label)


def set_password(journal: Journal, name: str, password: str, *, actor: str) -> Row:
    """Give a user a new password and end all sessions that the old one opened; return the row."""
    digest = hashed(password)
    with journal.write(actor) as tx:
        row = tx.get(users, name)
        patch = {"session_version": row["session_version"] + 1}
        _keep(tx, name, digest)
        tx.change(users, name, patch, "user.password_set")
    return row | patch


def disable(journal: Journal, name: str, *, actor: str) -> Row:
    """Shut a user out at once; return the row."""
    return _set_state(journal, name, "disabled", actor)


def enable(journal: Journal, name: str, *, actor: str) -> Row:
    """Let a user in again that was disabled; return the row."""
    return _set_state(journal, name, "active", actor)


def end_sessions(journal: Journal, name: str, *, actor: str) -> Row:
    """Refuse every token that a user has so far; return the row."""
    with journal.write(actor) as tx:
        row = tx.get(users, name)
        patch = {"session_version": row["session_version"] + 1}
        tx.change(users, name, patch, "user.changed")
    return row | patch


def ensure_first_admin(journal: Journal, name: str = "admin") -> str | None:
    """Make the first administrator with a generated password and return it, to be shown once; null when there is one already."""
    password = secrets.token_urlsafe(15)
    digest = hashed(password)
    try:
        with journal.write("system") as tx:
            if tx.one(_ANY_ADMIN) is not None:
                return None
            add_user_in(tx, name, Role.ADMIN, digest)
    except Conflict:
        with journal.look() as view:
            if view.one(_ANY_ADMIN) is None:  # the name is somebody else's
                raise
        return None  # another process was faster
    return password


def find_user(view: View, name: str) -> Row | None:
    """Return a user's row, or null."""
    return view.one(_USER, name=name) if _NAME.fullmatch(name) else None


class Tries:
    """How often a log-in failed lately, by name and address. Bounded: the pair that was quiet longest is forgotten first."""

    def __init__(self, *, most: int = 10, window_us: int = 5 * MINUTE, kept: int = 10_000, clock: Callable[[], int] = now_us) -> None:
        self._most = most
        self._window_us = window_us
        self._kept = kept  # hashing bounds how fast pairs are tried: fewer than these in one window
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[tuple[str, str], list[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failed)

    def check(self, name: str, address: str) -> None:
        """Raise `TooManyRequests` when this pair failed too often within the window."""
        with self._lock:
            recent = self._recent((name, address))
        if len(recent) >= self._most:
            message = f"too many failed log-ins: try again in {-(-(recent[0] + self._window_us - self._clock()) // 1_000_000)} seconds"
            raise TooManyRequests(message)

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failed[name, address] = [*self._recent((name, address)), self._clock()][-self._most :]
            self._failed.move_to_end((name, address))
            while len(self._failed) > self._kept:
                self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures before a success."""
        with self._lock:
            self._failed.pop((name, address), None)

    def _recent(self, pair: tuple[str, str]) -> list[int]:
        since = self._clock() - self._window_us
        return [at for at in self._failed.get(pair, ()) if at > since]


class Door:
    """Where people log in: knows passwords, counts failures, and lets few in at a time. One a process; safe to share between threads."""

    def __init__(self, journal: Journal, tries: Tries | None = None) -> None:
        self._journal = journal
        self._tries = Tries() if tries is None else tries
        self._waiting = threading.BoundedSemaphore(WAITING_MOST)
        self._hashing = threading.BoundedSemaphore(HASHING_MOST)

    def check_password(self, name: str, password: str, *, address: str = "") -> Row:
        """Return the row of the user with this name and password; raise `Unauthorized`, the same for every cause, or `TooManyRequests`."""
        known_as = name if _NAME.fullmatch(name) else ""
        self._tries.check(known_as, address)
        with self._journal.look() as view:
            row = find_user(view, name)
            kept = view.one(_HASH, name=name) if row is not None else None
        with self._turn():
            right = matches(kept["password_hash"] if kept else _DUMMY, password)
        if row is None or kept is None or not right or row["state"] != "active":
            self._tries.failed(known_as, address)
            message = "name or password is wrong"
            raise Unauthorized(message)
        self._tries.succeeded(known_as, address)
        return row

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            message = "too many people log in at this moment: try again"
            raise TooManyRequests(message)
        try:
            with self._hashing:
                yield
        finally:
            self._waiting.release()


def matches(digest: str, password: str) -> bool:
    """Tell whether a password belongs to a hash, in the time that the hash asks for."""
    if len(password) > PASSWORD_MOST:
        return False
    try:
        return _HASHER.verify(digest, password.encode(errors="surrogatepass"))
    except VerificationError:
        return False


def add_user_in(tx: Tx, name: str, role: Role, digest: str, *, client: str | None = None, label: str | None = None) -> Row:
    """Add a user within a transaction, whose password has this hash."""
    if tx.one(_USER, name=name) is not None:
        message = f"there is a user {name!r} already"
        raise Conflict(message)
    if role is Role.AGENT and tx.one(_AGENT, name=name) is None:
        message = f"there is no agent {name!r}: a user of role agent bears the id of its agent"
        raise NotFound(message)
    row = {"id": name, "role": role, "client": client, "state": "active", "session_version": 1, "label": label, "created_at": tx.now}
    tx.create(users, row, "user.added")
    _keep(tx, name, digest)
    return row


def _set_state(journal: Journal, name: str, state: str, actor: str) -> Row:
    with journal.write(actor) as tx:
        row = tx.get(users, name)
        patch = {"state": state, "session_version": row["session_version"] + 1}
        if row["state"] == state:
            return row
        tx.change(users, name, patch, "user.changed")
    return row | patch


def _keep(tx: Tx, name: str, digest: str) -> None:
    tx.run(_FORGET, name=name)
    tx.run(_KEEP, owner=name, hash=digest)


def hashed(password: str) -> str:
    """Return the hash of a password that is acceptable. Raises `Invalid` for one that is not."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        message = f"a password has {PASSWORD_LEAST} to {PASSWORD_MOST} characters"
        raise Invalid(message)
    return _HASHER.hash(password)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        message = f"{name!r} is no user name: 1 to 63 small letters, digits and . _ @ -, a letter or digit first"
        raise Invalid(message)
