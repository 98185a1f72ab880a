"""Backfills: making the fires of a window in the past, all of them or only those that are missing or failed, a few at a time."""

import itertools
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StrictInt
from sqlalchemy import bindparam, func, select

from models.clock import iso, new_id, to_us
from models.errors import IllegalMove, Invalid
from models.firing import Verdict
from models.recurrence import Fire
from models.task import Outcome, State
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import backfills, fires, schedules, tasks
from store.settings import Settings
from tasks.act import stop_all
from tasks.make_fire import OPEN_STATES, fire_row, make
from tasks.schedules import find, read_timing
from tasks.work import Strict, read_form

MOST = 100_000  # fires of one backfill
STEP = 50  # fires looked at in one transaction
PAST = 200  # newest fires that an estimate is made of


class Which(StrEnum):
    """Which fires of the window are made."""

    ALL = "all"
    MISSING = "missing"  # none was made at that time
    FAILED = "failed"  # one was, and the last such did not succeed


class NewBackfill(Strict):
    """What to make up for."""

    start: AwareDatetime  # included
    end: AwareDatetime  # not included
    which: Which = Which.MISSING
    at_once: Annotated[StrictInt, Field(ge=1, le=1000)] = 5  # so many fires have open work at most


_OF_DUE = Query(
    select(fires.c.id, fires.c.verdict, tasks.c.state, tasks.c.outcome)
    .outerjoin(tasks, tasks.c.fire_id == fires.c.id)
    .where(fires.c.schedule_id == bindparam("schedule_id"), fires.c.due_at == bindparam("due_at"))
    .order_by(fires.c.decided_at, fires.c.id),
)
_OPEN = Query(
    select(func.count(fires.c.id.distinct()).label("n"))
    .join(tasks, tasks.c.fire_id == fires.c.id)
    .where(fires.c.backfill_id == bindparam("backfill_id"), OPEN_STATES),
)
_OPEN_TASKS = Query(
    select(tasks).join(fires, fires.c.id == tasks.c.fire_id).where(fires.c.backfill_id == bindparam("backfill_id"), OPEN_STATES).order_by(tasks.c.id),
)
_NEWEST = (
    select(fires.c.id).where(fires.c.schedule_id == bindparam("schedule_id"), fires.c.verdict == "made").order_by(fires.c.due_at.desc()).limit(PAST)
).subquery()
_PAST = Query(
    select(
        tasks.c.fire_id, tasks.c.currency, func.sum(tasks.c.cost_cents).label("cost_cents"),
        (func.max(tasks.c.finished_at) - func.min(tasks.c.created_at)).label("took_us"),
    )
    .join(_NEWEST, _NEWEST.c.id == tasks.c.fire_id)
    .where(tasks.c.state == State.DONE)
    .group_by(tasks.c.fire_id, tasks.c.currency),
)  # fmt: skip
_LIST = Query(select(backfills).where(backfills.c.schedule_id == bindparam("schedule_id")).order_by(backfills.c.id.desc()))


def estimate(journal: Journal, name: str, data: Any) -> Row:
    """Return what a backfill would do, and do nothing.

    Returns:
        `fires` (how many it would make), `first` and `last` (their instants), `cost` (by currency, in minor units, from what past fires cost; null
        when none has ended) and `seconds` (from how long they took, `at_once` at a time; null likewise).

    """
    wanted = _read(data)
    with journal.look() as view:
        schedule = find(view, name)
        due = [one.at_us for one in _window(schedule, wanted, journal.clock()) if _is_wanted(view, schedule, one.at_us, wanted.which)]
        past = view.rows(_PAST, schedule_id=schedule["id"])
    times = [row["took_us"] for row in past]
    cost: dict[str, int] = {}
    for row in past:
        cost[row["currency"]] = cost.get(row["currency"], 0) + row["cost_cents"]
    known = len({row["fire_id"] for row in past})
    return {
        "fires": len(due),
        "first": iso(due[0]) if due else None,
        "last": iso(due[-1]) if due else None,
        "cost": {currency: round(cents / known * len(due)) for currency, cents in cost.items()} if known else None,
        "seconds": round(sum(times) / len(times) / 1e6 * len(due) / min(wanted.at_once, max(1, len(due))), 1) if times else None,
    }


def backfill(journal: Journal, name: str, data: Any, *, actor: str) -> Row:
    """Begin to make the fires of a window; the shift goes on with it. Returns its row.

    Raises `Invalid` for a window that does not lie in the past, holds no fire or too many, and `IllegalMove` for a deleted schedule.
    """
    wanted = _read(data)
    with journal.write(actor) as tx:
        schedule = find(tx, name)
        if schedule["state"] == "deleted":
            message = f"the schedule {schedule['name']!r} was deleted"
            raise IllegalMove(message)
        if not any(_is_wanted(tx, schedule, one.at_us, wanted.which) for one in _window(schedule, wanted, tx.now)):
            message = f"the window holds no fire that is wanted ({wanted.which})"
            raise Invalid(message)
        start = to_us(wanted.start)
        row = {
            "id": new_id("bf", tx.now), "schedule_id": schedule["id"], "from_at": start, "until_at": to_us(wanted.end), "which": str(wanted.which),
            "at_once": wanted.at_once, "state": "running", "decided_to": start - 1, "made": 0, "created_at": tx.now, "finished_at": None,
        }  # fmt: skip
        return tx.create(backfills, row, "backfill.begun", schedule=schedule["name"])


def cancel_backfill(journal: Journal, backfill_id: str, *, actor: str) -> Row:
    """End a backfill: it makes no further fires, and the open tasks of those that it made are cancelled."""
    with journal.write(actor) as tx:
        row = tx.get(backfills, backfill_id)
        if row["state"] == "cancelled":
            message = "this backfill was cancelled already"
            raise IllegalMove(message)
        stopped = stop_all(tx, tx.rows(_OPEN_TASKS, backfill_id=backfill_id), f"its backfill was cancelled by {actor}")
        patch = {"state": "cancelled", "finished_at": tx.now}
        tx.change(backfills, backfill_id, patch, "backfill.cancelled", tasks=stopped)
        return row | patch


def advance(tx: Tx, *, settings: Settings, backfill_id: str) -> None:
    """Make the next fires of a backfill, as many as may be open at once."""
    row = tx.get(backfills, backfill_id)
    schedule = tx.get(schedules, row["schedule_id"])
    counted = tx.one(_OPEN, backfill_id=backfill_id)
    free = row["at_once"] - (counted["n"] if counted else 0)
    if row["state"] != "running" or free < 1:
        return
    made, decided_to, more = 0, row["decided_to"], False
    for one in itertools.islice(_between(schedule, row["decided_to"], row["until_at"]), STEP):
        if made == free:
            more = True
            break
        decided_to = one.at_us
        if _is_wanted(tx, schedule, one.at_us, Which(row["which"])):
            known = {"id": f"{schedule['id']}@{one.at_us}#{backfill_id}", "cause": "backfill", "note": one.reason, "backfill_id": backfill_id}
            made += make(tx, settings, schedule, fire_row(schedule, one.at_us, tx.now, **known))["verdict"] == Verdict.MADE
    patch: Row = {"decided_to": decided_to, "made": row["made"] + made}
    if not more and next(_between(schedule, decided_to, row["until_at"]), None) is None:
        patch |= {"state": "done", "finished_at": tx.now}
    tx.change(backfills, backfill_id, patch, "backfill.done" if "state" in patch else "backfill.advanced")


def list_backfills(journal: Journal, name: str) -> list[Row]:
    """Return the backfills of a schedule, newest first."""
    with journal.look() as view:
        return view.rows(_LIST, schedule_id=find(view, name)["id"])


def _read(data: Any) -> NewBackfill:
    return read_form(NewBackfill, data, "backfill")


def _window(schedule: Row, wanted: NewBackfill, now: int) -> list[Fire]:
    start, end = to_us(wanted.start), to_us(wanted.end)
    if start >= end:
        message = "the window ends before it begins"
        raise Invalid(message)
    if end > now:
        message = f"the window ends at {iso(end)}, which is not past yet: what is to come fires by itself"
        raise Invalid(message)
    found = list(itertools.islice(_between(schedule, start - 1, end), MOST + 1))
    if len(found) > MOST:
        message = f"the window holds more than {MOST:,} fires: choose a shorter one"
        raise Invalid(message)
    return found


def _between(schedule: Row, after: int, until: int) -> Iterator[Fire]:
    return itertools.takewhile(lambda one: one.at_us < until, read_timing(schedule["timing"]).fires(after, identity=schedule["id"]))


def _is_wanted(view: View, schedule: Row, due_at: int, which: Which) -> bool:
    if which is Which.ALL:
        return True
    last: dict[str, list[Row]] = {}
    for row in view.rows(_OF_DUE, schedule_id=schedule["id"], due_at=due_at):
        if row["verdict"] in {Verdict.MADE, Verdict.QUEUED}:
            last.setdefault(row["id"], []).append(row)
    if not last:
        return which is Which.MISSING
    newest = last[next(reversed(last))]
    if which is Which.MISSING or any(row["state"] != State.DONE for row in newest):
        return False
    return any(row["outcome"] != Outcome.SUCCEEDED for row in newest)
