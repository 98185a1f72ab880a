"""Schedules: making, changing, pausing and deleting them. When they fire is for `tasks.fire` to decide."""

import functools
import itertools
import json
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, Field, StrictInt, StringConstraints, model_validator
from sqlalchemy import bindparam, select

from models.clock import SECOND, iso, new_id, to_us
from models.describing import describe
from models.errors import Conflict, IllegalMove, Invalid, NotFound
from models.firing import CatchUp, Overlap, Policy
from models.recurrence import LONGEST_S, Fire, Timing
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import fires, schedules
from store.settings import Settings
from tasks.submit import Origin, check_work
from tasks.template import Moment, Template, fill, read_template
from tasks.work import Strict, read_form

RESERVED = {"calendar", "preview"}  # addresses below /schedules

_NAMED = Query(select(schedules).where(schedules.c.name == bindparam("name"), schedules.c.state != "deleted"))
_QUEUED = Query(select(fires.c.id).where(fires.c.schedule_id == bindparam("schedule_id"), fires.c.verdict == "queued").order_by(fires.c.due_at))
_BACK_S = (120, 7200, 2 * 86_400, 40 * 86_400, 400 * 86_400, LONGEST_S)  # how far back the fire before is looked for


class Definition(Strict):
    """What a person says about a schedule."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$")]
    timing: dict[str, Any]
    work: Any
    catch_up: CatchUp = CatchUp.LAST
    within_s: Annotated[StrictInt, Field(ge=1, le=LONGEST_S)] | None = None  # of `within`
    overlap: Overlap = Overlap.SKIP
    grace_s: Annotated[StrictInt, Field(ge=1, le=LONGEST_S)] = 60

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.name in RESERVED:
            message = f"the name {self.name!r} is taken by the API"
            raise ValueError(message)
        if (self.catch_up is CatchUp.WITHIN) != (self.within_s is not None):
            message = "within_s is given with catch_up `within`, and only then"
            raise ValueError(message)
        return self


class Pause(Strict):
    """Why a schedule does not fire for a while."""

    why: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""
    until: AwareDatetime | None = None  # null: until somebody resumes it
    kind: Literal["pause"] = "pause"


def read_definition(data: Any) -> tuple[Definition, Timing, Template]:
    """Return JSON as a schedule, checked for form. Raises `Invalid` with what is wrong."""
    definition = read_form(Definition, data, "schedule")
    return definition, Timing.read(definition.timing), read_template(definition.work)


def create(journal: Journal, data: Any, *, settings: Settings, actor: str) -> Row:
    """Make a schedule; its work is checked as if it were submitted now. Returns its row.

    Raises `Invalid` for a wrong field, a timing that never comes, an unknown placeholder and whatever submitting its work would refuse;
    `Conflict` for a name that is taken.
    """
    definition, timing, template = read_definition(data)
    with journal.write(actor) as tx:
        _refuse_taken(tx, definition.name)
        timing = timing.anchored(tx.now)
        schedule_id = new_id("sc", tx.now)
        row = {
            "id": schedule_id, **_columns(definition, timing, template), "state": "active", "why": "", "resume_at": None, "decided_to": tx.now,
            **_coming(timing, tx.now, schedule_id), "made": 0, "version": 1, "created_at": tx.now,
        }  # fmt: skip
        if row["next_at"] is None:
            message = "the timing never comes: it ends before its first fire"
            raise Invalid(message)
        _try_out(tx, row, template, settings)
        return tx.create(schedules, row, "schedule.created")


def change(journal: Journal, name: str, data: Any, *, settings: Settings, actor: str) -> Row:
    """Define a schedule anew. With another timing it begins from now: what the old one left undecided is not made up for."""
    definition, timing, template = read_definition(data)
    with journal.write(actor) as tx:
        row = find(tx, name)
        timing = timing.anchored(read_timing(row["timing"]).anchor_us or tx.now)
        if row["state"] == "deleted":
            message = f"the schedule {name!r} was deleted"
            raise IllegalMove(message)
        new = _columns(definition, timing, template)
        if new["timing"] != row["timing"]:
            new |= {"decided_to": tx.now} | _coming(timing, tx.now, row["id"])
            if new["next_at"] is None:
                message = "the new timing never comes"
                raise Invalid(message)
            if row["state"] == "paused":
                new["wake_at"] = row["resume_at"]
            elif row["state"] == "ended":
                new |= {"state": "active", "why": "", "made": 0}
        patch = {column: value for column, value in new.items() if row[column] != value}
        if not patch:
            return row
        if "name" in patch:
            _refuse_taken(tx, definition.name)
        _try_out(tx, row | patch, template, settings)
        patch["version"] = row["version"] + 1
        tx.change(schedules, row["id"], patch, "schedule.changed")
        return row | patch


def pause(journal: Journal, name: str, wanted: Pause, *, actor: str) -> Row:
    """Keep a schedule from firing; what is due meanwhile is decided on by its catch-up policy when it goes on."""
    with journal.write(actor) as tx:
        row = find(tx, name)
        _must_be(row, "active", "paused")
        until = None if wanted.until is None else to_us(wanted.until)
        if until is not None and until <= tx.now:
            message = f"a pause until {wanted.until} would be over already"
            raise Invalid(message)
        said = f"paused by {actor}" + (f": {wanted.why}" if wanted.why else "")
        patch = {"state": "paused", "why": said, "resume_at": until, "wake_at": until}
        tx.change(schedules, row["id"], patch, "schedule.paused")
        return row | patch


def resume(journal: Journal, name: str, *, actor: str) -> Row:
    """Let a paused schedule go on."""
    with journal.write(actor) as tx:
        row = find(tx, name)
        _must_be(row, "paused")
        return go_on(tx, row)


def go_on(tx: Tx, row: Row) -> Row:
    """End a pause within a transaction; return the new row."""
    patch = {"state": "active", "why": "", "resume_at": None, "wake_at": row["next_at"]}
    tx.change(schedules, row["id"], patch, "schedule.resumed")
    return row | patch


def remove(journal: Journal, name: str, *, actor: str) -> Row:
    """Delete a schedule: it never fires again, its history stays, its name is free. Its open work goes on; fires that wait are cancelled."""
    with journal.write(actor) as tx:
        row = find(tx, name)
        _must_be(row, "active", "paused", "ended")
        for waiting in tx.rows(_QUEUED, schedule_id=row["id"]):
            tx.change(fires, waiting["id"], {"verdict": "cancelled", "why": "the schedule was deleted"}, "fire.cancelled", schedule_id=row["id"])
        patch = {"state": "deleted", "why": f"deleted by {actor}", "next_at": None, "wake_at": None, "resume_at": None}
        tx.change(schedules, row["id"], patch, "schedule.deleted")
        return row | patch


def find(view: View, name: str) -> Row:
    """Return a schedule by its name, or by its id, which a deleted one still has."""
    row = view.one(_NAMED, name=name)
    if row is not None:
        return row
    try:
        return view.get(schedules, name)
    except NotFound as error:
        message = f"there is no schedule {name!r}"
        raise NotFound(message) from error


def policy_of(row: Row) -> Policy:
    """Return how a schedule deals with what was missed and with what overlaps."""
    return Policy(catch_up=CatchUp(row["catch_up"]), within_s=row["within_s"], overlap=Overlap(row["overlap"]), grace_s=row["grace_s"])


@functools.lru_cache(maxsize=10_000)
def read_timing(text: str) -> Timing:
    """Return the timing that is kept as this text."""
    return Timing.read(json.loads(text))


def template_of(row: Row) -> Template:
    """Return the work that each fire of a schedule submits."""
    return Template.model_validate_json(row["work"])


def coming(row: Row, *, after: int, most: int) -> list[Fire]:
    """Return the next fires of a schedule after an instant, at most those that its maximum leaves."""
    timing = read_timing(row["timing"])
    left = most if timing.most is None else min(most, max(0, timing.most - row["made"]))
    return list(itertools.islice(timing.fires(after, identity=row["id"]), left))


def window_from(row: Row, due_at: int) -> int:
    """Return when the fire before one was due; for the first of all, when the schedule was made."""
    timing = read_timing(row["timing"])
    for span_s in _BACK_S:
        before = None
        for fire in timing.fires(due_at - span_s * SECOND, identity=row["id"]):
            if fire.at_us >= due_at:
                break
            before = fire.at_us
        if before is not None:
            return before
    return min(int(row["created_at"]), due_at)


def moment(row: Row, due_at: int, now: int) -> Moment:
    """Return what the placeholders of a fire stand for."""
    zone = read_timing(row["timing"]).zone
    return Moment(schedule=row["name"], zone=zone, due_at=due_at, window_from=lambda: window_from(row, due_at), now=now)


def shown(row: Row) -> Row:
    """Return a schedule as answers show it."""
    timing = read_timing(row["timing"])
    hidden = {"wake_at", "decided_to"}
    decoded = {"timing": json.loads(row["timing"]), "work": json.loads(row["work"]), "describes": describe(timing)}
    return {name: value for name, value in row.items() if name not in hidden} | decoded


def show_fire(fire: Fire) -> Row:
    """Return a coming fire as answers show it."""
    return {"at": iso(fire.at_us), "local": fire.local, "reason": fire.reason}


def _columns(definition: Definition, timing: Timing, template: Template) -> Row:
    return {
        "name": definition.name, "timing": json.dumps(timing.write(), ensure_ascii=False, sort_keys=True),
        "work": template.model_dump_json(exclude_defaults=True), "catch_up": definition.catch_up.value, "within_s": definition.within_s,
        "overlap": definition.overlap.value, "grace_s": definition.grace_s,
    }  # fmt: skip


def _coming(timing: Timing, after: int, schedule_id: str) -> Row:
    first = next(timing.fires(after, identity=schedule_id), None)
    at = first.at_us if first else None
    return {"next_at": at, "wake_at": at}


def _try_out(tx: Tx, row: Row, template: Template, settings: Settings) -> None:
    """Check the work of the next fire as if it were submitted now."""
    work = fill(template, moment(row, row["next_at"] or tx.now, tx.now))
    check_work(tx, work, settings=settings, origin=Origin(source="schedule", schedule_id=row["id"], fire_id=f"{row['id']}@"))


def _refuse_taken(tx: Tx, name: str) -> None:
    if tx.one(_NAMED, name=name) is not None:
        message = f"there is a schedule {name!r} already: change it, or choose another name"
        raise Conflict(message)


def _must_be(row: Row, *states: str) -> None:
    if row["state"] not in states:
        message = f"the schedule {row['name']!r} is {row['state']}"
        raise IllegalMove(message)
