"""The calendar feed: coming fires and deadlines as iCalendar, at an address that a calendar program can read without logging in.

The key in the address is random and known by its hash only; a new link makes the old one useless.
"""

import hashlib
import secrets

from icalendar import Calendar, Event
from sqlalchemy import bindparam, or_, select

from models.access import STAFF, Role
from models.clock import DAY, MINUTE, to_datetime
from models.errors import Invalid, NotFound
from models.task import State
from models.untrusted import Untrusted
from models.zones import instant
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import inboxes, tasks, users
from tasks.timetable import calendar

DAYS = 30  # of fires to come
MOST = 500

_BOX = Query(select(inboxes).where(inboxes.c.id == bindparam("user")))
_KEY = Query(
    select(users).join(inboxes, inboxes.c.id == users.c.id).where(inboxes.c.calendar_sha256 == bindparam("digest"), users.c.state == "active"),
)
_DUE = Query(
    select(tasks.c.id, tasks.c.title, tasks.c.client, tasks.c.deadline_at, tasks.c.due_at)
    .where(
        or_(tasks.c.deadline_at.is_not(None), tasks.c.due_at.is_not(None)), tasks.c.state != State.DONE,
        or_(bindparam("client", type_=tasks.c.client.type).is_(None), tasks.c.client == bindparam("client", type_=tasks.c.client.type)),
    )
    .order_by(tasks.c.id)
    .limit(MOST),
)  # fmt: skip


def make_link(journal: Journal, user: str, *, actor: str) -> str:
    """Return the key of a fresh link, this once; the link before it opens nothing any more."""
    key = secrets.token_urlsafe(32)
    with journal.write(actor) as tx:
        _set(tx, user, _digest(key), "calendar.linked")
    return key


def revoke_link(journal: Journal, user: str, *, actor: str) -> None:
    """Let the link of a user open nothing any more."""
    with journal.write(actor) as tx:
        _set(tx, user, None, "calendar.unlinked")


def feed(journal: Journal, key: str) -> bytes:
    """Return the calendar of whose key this is. Raises `NotFound` for a key that is wrong, revoked, or of somebody who was disabled."""
    with journal.look() as view:
        user = view.one(_KEY, digest=_digest(key))
        if user is None:
            message = "there is no such calendar: ask for a new link"
            raise NotFound(message)
        due = view.rows(_DUE, client=user["client"]) if user["role"] in STAFF | {Role.CLIENT} else []
    now = journal.clock()
    found = Calendar.new(prodid="-//Arbiter//EN", name="Arbiter")
    fires = calendar(journal, until=now + DAYS * DAY, most=MOST)["items"] if user["role"] in STAFF else []
    for fire in fires:
        found.add_component(_entry(f"{fire['schedule']}@{fire['at']}", f"{fire['schedule']} fires", instant(fire["at"], "UTC"), now, fire["reason"]))
    for task in due:
        for name, what in (("deadline_at", "Must start"), ("due_at", "Promised")):
            if task[name] is not None:
                found.add_component(_entry(f"{task['id']}-{name}", f"{what}: {task['title']}", task[name], now, f"{task['id']}, {task['client']}"))
    return bytes(found.to_ical())


def _entry(uid: str, title: str, at: int, now: int, more: str | None) -> Event:
    return Event.new(
        uid=f"{uid}@arbiter", summary=Untrusted(title).line(200), start=to_datetime(at), end=to_datetime(at + 15 * MINUTE), stamp=to_datetime(now),
        description=Untrusted(more).line(600) if more else None,
    )  # fmt: skip


def _set(tx: Tx, user: str, digest: str | None, kind: str) -> None:
    box: Row | None = tx.one(_BOX, user=user)
    if tx.get(users, user)["role"] == Role.AGENT:
        message = f"{user} is a program and has no calendar"
        raise Invalid(message)
    if box is None:
        tx.create(inboxes, {"id": user, "last": 0, "read_to": 0, "calendar_sha256": digest}, kind, user=user)
    else:
        tx.change(inboxes, user, {"calendar_sha256": digest}, kind, user=user)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
