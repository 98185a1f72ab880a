"""The inbox: one line for each thing that a person should know. It waits for who is offline, and a cursor tells what was read.

Lines have numbers that grow in each inbox; a line that has news gets the next number. So one number tells what was read, and nothing that came later.
"""

from typing import Annotated, Any

from pydantic import Field, StrictInt
from sqlalchemy import BigInteger, Text, bindparam, func, or_, select

from models.access import STAFF
from models.clock import DAY, new_id, to_us
from models.errors import IllegalMove, Invalid
from models.happening import RANK, Happening
from store.journal import Journal, Tx, View
from store.query import Query, Row, any_of
from store.schema import inboxes, notices, users
from tasks.work import Moment, Name, Strict, read_form

SNOOZE_MOST = 90 * DAY
STATES = ("open", "acknowledged", "resolved", "snoozed")


def _unless_null(name: str, column: Any) -> Any:
    given = bindparam(name, type_=Text)
    return or_(given.is_(None), column == given)


_INBOX = Query(select(inboxes).where(inboxes.c.id == bindparam("user")))
_LATEST = Query(
    select(notices)
    .where(notices.c.user_id == bindparam("user"), notices.c.group_key == bindparam("group"))
    .order_by(notices.c.number.desc())
    .limit(1),
)
_LIVING = Query(
    select(notices).where(notices.c.group_key == bindparam("group"), any_of(notices.c.state, "open", "acknowledged")).order_by(notices.c.id),
)
_LIST = Query(
    select(notices)
    .where(
        notices.c.user_id == bindparam("user"), notices.c.number < bindparam("before", type_=BigInteger),
        notices.c.number > bindparam("after", type_=BigInteger), _unless_null("state", notices.c.state),
        _unless_null("severity", notices.c.severity), notices.c.snoozed_until_at.is_(None),
    )
    .order_by(notices.c.number.desc())
    .limit(bindparam("most")),
)  # fmt: skip
_SNOOZED = Query(
    select(notices)
    .where(notices.c.user_id == bindparam("user"), notices.c.snoozed_until_at.is_not(None), notices.c.number < bindparam("before", type_=BigInteger))
    .order_by(notices.c.number.desc())
    .limit(bindparam("most")),
)
_UNREAD = Query(
    select(func.count().label("n")).where(
        notices.c.user_id == bindparam("user"), notices.c.number > bindparam("read_to", type_=BigInteger), notices.c.state != "acknowledged",
        notices.c.snoozed_until_at.is_(None),
    ),
)  # fmt: skip
_WAKING = Query(select(notices).where(notices.c.snoozed_until_at <= bindparam("now", type_=BigInteger)).order_by(notices.c.id).limit(200))


class Read(Strict):
    """Up to which number an inbox was read."""

    to: Annotated[StrictInt, Field(ge=0, le=2**53)]


class Snooze(Strict):
    """When a notice comes back."""

    until: Moment


class Assign(Strict):
    """Who takes care of it."""

    to: Name


def list_inbox(
    journal: Journal, user: str, *, state: str | None = None, severity: str | None = None, unread: bool = False, cursor: int | None = None,
    most: int = 50,
) -> Row:  # fmt: skip
    """Return an inbox, newest first: `items`, each with whether it is `unread`; how many are unread; up to where it was read; `next` for more."""
    if state is not None and state not in STATES:
        message = f"the state of a notice is one of {', '.join(STATES)}"
        raise Invalid(message)
    if severity is not None and severity not in RANK:
        message = f"a severity is one of {', '.join(RANK)}"
        raise Invalid(message)
    with journal.look() as view:
        box = _box(view, user)
        before = 2**62 if cursor is None else cursor
        if state == "snoozed":
            rows = view.rows(_SNOOZED, user=user, before=before, most=most + 1)
        else:
            after = box["read_to"] if unread else 0
            rows = view.rows(_LIST, user=user, before=before, after=after, state=state, severity=severity, most=most + 1)
        count = view.one(_UNREAD, user=user, read_to=box["read_to"])
    items = [row | {"unread": row["number"] > box["read_to"] and row["state"] != "acknowledged"} for row in rows[:most]]
    more = items[-1]["number"] if len(rows) > most else None
    return {"items": items, "unread": count["n"] if count else 0, "read_to": box["read_to"], "last": box["last"], "next": more}


def read_to(journal: Journal, user: str, data: Any, *, actor: str) -> Row:
    """Move the cursor of an inbox forward; return the inbox. It never goes back, and never beyond what there is."""
    wanted = read_form(Read, data, "cursor")
    with journal.write(actor) as tx:
        box = _box(tx, user)
        if wanted.to > box["last"]:
            message = f"the newest notice has the number {box['last']}"
            raise Invalid(message)
        if wanted.to > box["read_to"]:
            tx.change(inboxes, user, {"read_to": wanted.to}, "inbox.read", user=user)
        return box | {"read_to": max(wanted.to, box["read_to"])}


def acknowledge(journal: Journal, notice_id: str, *, user: str | None, actor: str) -> Row:
    """Take note of a notice: what it is about is not escalated any more, for nobody. `user` is whose it must be, null: anybody's."""
    with journal.write(actor) as tx:
        row = _mine(tx, notice_id, user)
        if row["state"] != "open":
            return row
        patch = {"state": "acknowledged", "acknowledged_at": tx.now, "escalate_at": None, "snoozed_until_at": None}
        tx.change(notices, notice_id, patch, "notice.acknowledged", user=row["user_id"])
        for other in tx.rows(_LIVING, group=row["group_key"]):
            if other["escalate_at"] is not None:
                tx.change(notices, other["id"], {"escalate_at": None}, "notice.changed", user=other["user_id"])
        return row | patch


def snooze(journal: Journal, notice_id: str, data: Any, *, user: str | None, actor: str) -> Row:
    """Put a notice away until an instant; then it is unread again."""
    until = to_us(read_form(Snooze, data, "snooze").until)
    with journal.write(actor) as tx:
        row = _mine(tx, notice_id, user)
        if row["state"] == "resolved":
            message = "this is resolved: there is nothing to come back to"
            raise IllegalMove(message)
        if not tx.now < until <= tx.now + SNOOZE_MOST:
            message = "a notice can be put away until an instant within the next 90 days"
            raise Invalid(message)
        tx.change(notices, notice_id, {"snoozed_until_at": until}, "notice.snoozed", user=row["user_id"])
        return row | {"snoozed_until_at": until}


def assign(journal: Journal, notice_id: str, data: Any, *, user: str | None, actor: str) -> Row:
    """Give what a notice is about to somebody of the house: it comes into their inbox, and here it says whose it is."""
    to = read_form(Assign, data, "assignment").to
    with journal.write(actor) as tx:
        row = _mine(tx, notice_id, user)
        person = tx.get(users, to)
        if person["state"] != "active" or person["role"] not in STAFF:
            message = f"{to!r} cannot take care of it: it is disabled, or not of the house"
            raise Invalid(message)
        tx.change(notices, notice_id, {"assigned_to": to}, "notice.assigned", user=row["user_id"])
        if to != row["user_id"]:
            _put(tx, to, row | {"title": f"{actor.removeprefix('user:')} gives you: {row['title']}"[:200], "rule_id": None, "escalate_at": None})
        return row | {"assigned_to": to}


def tell(tx: Tx, user: str, rule_id: str | None, happening: Happening, *, escalate_at: int | None = None) -> None:
    """Put a happening into an inbox: into the line about the same thing where one is open, else as a new one."""
    line = {
        "rule_id": rule_id, "kind": happening.kind, "severity": str(happening.severity), "title": happening.title, "text": happening.text,
        "entity": happening.entity, "entity_id": happening.entity_id, "seq": happening.seq, "group_key": happening.group,
        "escalate_at": escalate_at, "state": "resolved" if happening.resolves else "open",
    }  # fmt: skip
    _put(tx, user, line)


def close(tx: Tx, group: str) -> None:
    """Note that what a group is about is over: nobody needs to acknowledge it any more."""
    for row in tx.rows(_LIVING, group=group):
        patch = {"state": "resolved", "resolved_at": tx.now, "escalate_at": None, "snoozed_until_at": None}
        tx.change(notices, row["id"], patch, "notice.resolved", user=row["user_id"])


def is_open(view: View, group: str) -> bool:
    """Tell whether anybody has a line about this that is not resolved."""
    return view.one(_LIVING, group=group) is not None


def wake(journal: Journal, *, actor: str) -> None:
    """Bring back what was put away until now."""
    with journal.look() as view:
        if not view.rows(_WAKING, now=journal.clock()):
            return
    with journal.write(actor) as tx:
        for row in tx.rows(_WAKING, now=tx.now):
            patch = {"snoozed_until_at": None, "number": _next(tx, row["user_id"]), "at": tx.now}
            tx.change(notices, row["id"], patch, "notice.returned", user=row["user_id"])


def _put(tx: Tx, user: str, line: Row) -> None:
    known = tx.one(_LATEST, user=user, group=line["group_key"])
    over = line["state"] == "resolved"
    if known is not None and (known["state"] == "open" or (over and known["resolved_at"] == tx.now)):
        severity = line["severity"] if over else max(known["severity"], line["severity"], key=RANK.__getitem__)
        patch = {name: line[name] for name in ("kind", "title", "text", "seq")} | {"severity": severity, "count": known["count"] + 1}
        patch |= {"number": _next(tx, user), "at": tx.now, "snoozed_until_at": None}
        if known["escalate_at"] is None and not over:
            patch["escalate_at"] = line["escalate_at"]
        tx.change(notices, known["id"], patch, "notice.changed", user=user)
        return
    names = ("rule_id", "kind", "severity", "title", "text", "entity", "entity_id", "seq", "group_key")
    row = {name: line[name] for name in names} | {
        "id": new_id("no", tx.now), "user_id": user, "number": _next(tx, user), "count": 1, "state": "resolved" if over else "open",
        "snoozed_until_at": None, "assigned_to": None, "acknowledged_at": None, "resolved_at": tx.now if over else None,
        "escalate_at": None if over else line["escalate_at"], "created_at": tx.now, "at": tx.now,
    }  # fmt: skip
    tx.create(notices, row, "notice.made", user=user)


def _next(tx: Tx, user: str) -> int:
    """Return the next number of an inbox."""
    known = tx.one(_INBOX, user=user)
    if known is None:
        tx.create(inboxes, {"id": user, "last": 1, "read_to": 0, "calendar_sha256": None}, "inbox.opened", user=user)
        return 1
    number: int = known["last"] + 1
    tx.change(inboxes, user, {"last": number}, "inbox.grew", user=user)
    return number


def _box(view: View, user: str) -> Row:
    return view.one(_INBOX, user=user) or {"id": user, "last": 0, "read_to": 0, "calendar_sha256": None}


def _mine(tx: Tx, notice_id: str, user: str | None) -> Row:
    """Return a notice; to whom it does not belong it is not there."""
    row = tx.get(notices, notice_id)
    return row if user is None or row["user_id"] == user else tx.get(notices, f"{notice_id} of {user}")
