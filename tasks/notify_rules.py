"""Rules of notifying: their form, who may make which, and those that a house begins with."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator
from sqlalchemy import select

from models.access import OPERATORS, Role, Viewer
from models.clock import new_id, to_us
from models.errors import Forbidden, Invalid, NotFound
from models.happening import Severity
from models.notifying import Rule, is_wall
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import channels, journal, notify_rules, readers, users
from tasks.work import Moment, Name, Strict, Text, Zone, read_form

READER = "notify"

_ALL = Query(select(notify_rules).where(notify_rules.c.state == "active").order_by(notify_rules.c.id))
_CURSOR = Query(select(readers).where(readers.c.id == READER))
_HEAD = Query(select(journal.c.seq).order_by(journal.c.seq.desc()).limit(1))

DEFAULTS: Sequence[tuple[str, str, dict[str, Any]]] = (
    ("nr_alerts", "Alerts", {"to": ["role:admin", "role:operator"], "events": ["alert.*"]}),
    ("nr_decisions", "Decisions that wait for me", {"to": ["approver"], "events": ["approval.needed", "review.needed"]}),
    ("nr_work", "Work for me", {"to": ["assignee"], "events": ["work.assigned"]}),
    ("nr_client", "My work", {"to": ["client"], "events": ["task.succeeded", "task.failed", "task.expired"]}),
)


def _wall(text: str) -> str:
    if not is_wall(text):
        message = "is no time of day such as 22:00"
        raise ValueError(message)
    return text


Wall = Annotated[str, AfterValidator(_wall)]
Told = Annotated[Text, Field(pattern=r"^(user:.{1,100}|role:(admin|operator|analyst|client)|client|approver|assignee)$")]
Kind = Annotated[Text, Field(pattern=r"^[a-z_]+\.([a-z_]+|\*)$")]
Some = Annotated[tuple[Name, ...], Field(max_length=50)]


class NewRule(Strict):
    """A rule as somebody gives it."""

    name: Name
    to: Annotated[tuple[Told, ...], Field(min_length=1, max_length=50)]
    events: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=50)]
    severity: Severity = Severity.INFO
    clients: Some = ()
    categories: Some = ()
    sources: Some = ()
    price_least_cents: Annotated[StrictInt, Field(ge=0, le=10**15)] | None = None
    channels: Some = ()
    group_by: Literal["thing", "kind", "client", "category", "rule"] = "thing"
    zone: Zone = "UTC"
    quiet_from: Wall | None = None
    quiet_until: Wall | None = None
    digest_s: Annotated[StrictInt, Field(ge=60, le=7 * 86_400)] | None = None
    digest_at: Wall | None = None
    flap_most: Annotated[StrictInt, Field(ge=1, le=1000)] = 4
    flap_s: Annotated[StrictInt, Field(ge=10, le=86_400)] = 600
    escalate_s: Annotated[StrictInt, Field(ge=10, le=7 * 86_400)] | None = None
    escalate_to: Annotated[tuple[Told, ...], Field(max_length=50)] = ()
    escalate_channels: Some = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        pairs = (
            (self.quiet_from is None) != (self.quiet_until is None) and "quiet hours need quiet_from and quiet_until",
            self.quiet_from is not None and self.quiet_from == self.quiet_until and "quiet hours that last all day: mute the rule instead",
            self.digest_s is not None and self.digest_at is not None and "a digest has digest_s or digest_at",
            (self.escalate_s is None) != (not self.escalate_to and not self.escalate_channels)
            and "an escalation needs escalate_s and escalate_to or escalate_channels",
        )
        for wrong in pairs:
            if wrong:
                raise ValueError(wrong)
        return self


class Mute(Strict):
    """How long a rule is muted; null: not any more."""

    until: Moment | None = None


def add_rule(journal: Journal, data: Any, *, viewer: Viewer | None, actor: str) -> Row:
    """Add a rule. `viewer` null is the house itself; a viewer who is no operator makes rules for itself only, with its own channels."""
    wanted = read_form(NewRule, data, "rule")
    with journal.write(actor) as tx:
        _check(tx, wanted, viewer)
        owner = viewer.name if viewer is not None and viewer.role not in OPERATORS else None
        row = {
            "id": new_id("nr", tx.now), "name": wanted.name, "user_id": owner, "definition": _definition(wanted), "state": "active",
            "muted_until_at": None, "since_at": tx.now, "created_at": tx.now,
        }  # fmt: skip
        return shown(tx.create(notify_rules, row, "rule.added"))


def replace_rule(journal: Journal, rule_id: str, data: Any, *, viewer: Viewer | None, actor: str) -> Row:
    """Put another definition in the place of a rule's; what happened before now is none of its business."""
    wanted = read_form(NewRule, data, "rule")
    with journal.write(actor) as tx:
        row = _own(tx, rule_id, viewer)
        _check(tx, wanted, viewer)
        patch = {"name": wanted.name, "definition": _definition(wanted), "since_at": tx.now}
        tx.change(notify_rules, rule_id, patch, "rule.changed")
        return shown(row | patch)


def mute_rule(journal: Journal, rule_id: str, data: Any, *, viewer: Viewer | None, actor: str) -> Row:
    """Send nothing through a rule's channels until an instant; the inbox goes on."""
    wanted = read_form(Mute, data, "mute")
    with journal.write(actor) as tx:
        row = _own(tx, rule_id, viewer)
        patch = {"muted_until_at": None if wanted.until is None else to_us(wanted.until)}
        tx.change(notify_rules, rule_id, patch, "rule.muted" if wanted.until else "rule.unmuted")
        return shown(row | patch)


def remove_rule(journal: Journal, rule_id: str, *, viewer: Viewer | None, actor: str) -> Row:
    """Delete a rule; what it made stays."""
    with journal.write(actor) as tx:
        row = _own(tx, rule_id, viewer)
        tx.change(notify_rules, rule_id, {"state": "deleted"}, "rule.removed")
        return shown(row | {"state": "deleted"})


def list_rules(journal: Journal, *, viewer: Viewer | None) -> list[Row]:
    """Return all rules, or those of a viewer who is no operator."""
    with journal.look() as view:
        return [shown(row) for row in view.rows(_ALL) if viewer is None or viewer.role in OPERATORS or row["user_id"] == viewer.name]


def rules_of(view: View) -> list[Rule]:
    """Return the rules that count, as values."""
    return [to_rule(row) for row in view.rows(_ALL)]


def to_rule(row: Row) -> Rule:
    """Return a row as the value that decisions are made with."""
    found: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(row["definition"]).items()}
    return Rule(id=row["id"], muted_until=row["muted_until_at"], since=row["since_at"], **found)


def shown(row: Row) -> Row:
    """Return a row with its definition spread out, as answers show it."""
    definition: Row = json.loads(row["definition"])
    return {name: value for name, value in row.items() if name != "definition"} | definition


def ensure_notifying(journal: Journal, *, actor: str) -> None:
    """Begin to notify, once in a home: from what happens now on, by the rules of the house. Safe to run again."""
    with journal.look() as view:
        if view.one(_CURSOR) is not None:
            return
    with journal.write(actor) as tx:
        if tx.one(_CURSOR) is not None:
            return
        for rule_id, name, definition in DEFAULTS:
            whole = NewRule.model_validate({"name": name} | definition)
            row = {
                "id": rule_id, "name": name, "user_id": None, "definition": _definition(whole), "state": "active", "muted_until_at": None,
                "since_at": tx.now, "created_at": tx.now,
            }  # fmt: skip
            tx.create(notify_rules, row, "rule.added")
        head = tx.one(_HEAD)
        tx.create(readers, {"id": READER, "seq": head["seq"] if head else 0}, "reader.began")


def _definition(wanted: NewRule) -> str:
    return json.dumps(wanted.model_dump(mode="json", exclude={"name"}), sort_keys=True)


def _check(tx: Tx, wanted: NewRule, viewer: Viewer | None) -> None:
    """Refuse people and channels that there are not, and what the viewer may not ask for."""
    operator = viewer is None or viewer.role in OPERATORS
    told = {*wanted.to, *wanted.escalate_to}
    if viewer is not None and not operator and told != {f"user:{viewer.name}"}:
        message = f"your rules tell yourself: write user:{viewer.name}"
        raise Forbidden(message)
    for one in told:
        if one.startswith("user:") and tx.get(users, one.removeprefix("user:"))["role"] == Role.AGENT:
            message = f"{one} is a program and has no inbox"
            raise Invalid(message)
    for channel_id in {*wanted.channels, *wanted.escalate_channels}:
        row = tx.get(channels, channel_id)
        if row["state"] == "deleted" or (viewer is not None and not operator and row["user_id"] != viewer.name):
            message = f"there is no channel {channel_id!r}"
            raise NotFound(message)


def _own(tx: Tx, rule_id: str, viewer: Viewer | None) -> Row:
    row = tx.get(notify_rules, rule_id)
    foreign = viewer is not None and viewer.role not in OPERATORS and row["user_id"] != viewer.name
    if foreign or row["state"] == "deleted":
        message = f"there is no rule {rule_id!r}"
        raise NotFound(message)
    return row
