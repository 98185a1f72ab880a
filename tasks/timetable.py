"""Reading schedules: what comes, what became of what was due, and how late it was."""

import heapq
import itertools
from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, case, func, select

from models.describing import describe
from models.errors import Invalid
from models.recurrence import Fire, Timing
from models.task import State
from store.journal import Journal
from store.query import Query, Row, any_of
from store.schema import fires, schedules, tasks
from tasks.freezes import frozen
from tasks.schedules import coming, find, read_definition, read_timing, show_fire, shown

SOON = 5  # coming fires shown with a schedule
LATEST = 60  # fires whose lateness is drawn
PREVIEW_MOST = 1000
EACH_MOST = 200  # fires of one schedule in the calendar: one that fires every minute must not hide the others

_LIST = Query(select(schedules).where(schedules.c.state != "deleted").order_by(schedules.c.name))
_HISTORY = Query(
    select(
        *fires.c,
        func.count(tasks.c.id).label("tasks"),
        func.coalesce(func.sum(case((tasks.c.state == State.DONE, 1), else_=0)), 0).label("done"),
        func.coalesce(func.sum(case((tasks.c.outcome == "succeeded", 1), else_=0)), 0).label("succeeded"),
    )
    .outerjoin(tasks, tasks.c.fire_id == fires.c.id)
    .where(fires.c.schedule_id == bindparam("schedule_id"))
    .group_by(*fires.c)
    .order_by(fires.c.due_at.desc(), fires.c.id.desc())
    .limit(bindparam("most")),
)
_LATEST = Query(
    select(fires.c.due_at, fires.c.made_at, fires.c.verdict)
    .where(fires.c.schedule_id == bindparam("schedule_id"), any_of(fires.c.verdict, "made", "failed", "skipped"), fires.c.cause == "clock")
    .order_by(fires.c.due_at.desc())
    .limit(LATEST),
)
_TASKS = Query(select(tasks.c.id, tasks.c.title, tasks.c.state, tasks.c.outcome).where(tasks.c.fire_id == bindparam("fire_id")).order_by(tasks.c.id))


def list_schedules(journal: Journal) -> list[Row]:
    """Return the schedules that were not deleted, each with its last fires: `lateness` holds their seconds from due to made, oldest first."""
    with journal.look() as view:
        found = []
        for row in view.rows(_LIST):
            latest = view.rows(_LATEST, schedule_id=row["id"])
            late = [round((one["made_at"] - one["due_at"]) / 1e6, 3) for one in reversed(latest) if one["made_at"] is not None]
            last = latest[0] if latest else None
            found.append(shown(row) | {"last_due_at": last and last["due_at"], "last_verdict": last and last["verdict"], "lateness": late})
    return found


def schedule_detail(journal: Journal, name: str, *, most: int = 100) -> Row:
    """Return a schedule with its next fires, its history (newest first) and a freeze that holds it up, or null."""
    if not 1 <= most <= PREVIEW_MOST:
        message = f"a history has 1 to {PREVIEW_MOST} fires"
        raise Invalid(message)
    now = journal.clock()
    with journal.look() as view:
        row = find(view, name)
        history = [fire | {"tasks": int(fire["tasks"]), "late_s": _late_s(fire)} for fire in view.rows(_HISTORY, schedule_id=row["id"], most=most)]
        lasting = frozen(view, now)
    next_fires = [show_fire(one) for one in coming(row, after=row["decided_to"], most=SOON)] if row["state"] in {"active", "paused"} else []
    return {"schedule": shown(row), "next": next_fires, "history": history, "frozen": lasting and lasting["why"]}


def fire_tasks(journal: Journal, fire_id: str) -> list[Row]:
    """Return the tasks of one fire."""
    with journal.look() as view:
        return view.rows(_TASKS, fire_id=fire_id)


def calendar(journal: Journal, *, until: int, most: int = 500) -> Row:
    """Return the coming fires of all active schedules.

    Returns:
        `{"items": [{"at", "local", "reason", "schedule"}, …], "cut": [{"schedule", "at"}, …]}`: the fires until an instant, in order, at most
        `most` of them; and the schedules that fire more often than `EACH_MOST` times until then, with the last of their fires that is in the list.

    """
    with journal.look() as view:
        rows = [row for row in view.rows(_LIST) if row["state"] == "active"]
    now = journal.clock()
    cut: list[Row] = []
    merged = heapq.merge(*(_coming_until(row, now, until, cut) for row in rows), key=lambda one: (one[0].at_us, one[1]))
    return {"items": [show_fire(fire) | {"schedule": name} for fire, name in itertools.islice(merged, most)], "cut": cut}


def _coming_until(row: Row, after: int, until: int, cut: list[Row]) -> Iterator[tuple[Fire, str]]:
    """Yield the next fires of a schedule with its name, as they are asked for; one that has more than are given joins those that are cut."""
    timing = read_timing(row["timing"])
    left = None if timing.most is None else max(0, timing.most - row["made"])
    coming_fires = itertools.takewhile(lambda fire: fire.at_us <= until, itertools.islice(timing.fires(after, identity=row["id"]), left))
    last = None
    for last in itertools.islice(coming_fires, EACH_MOST):
        yield last, row["name"]
    if last is not None and next(coming_fires, None) is not None:
        cut.append({"schedule": row["name"], "at": show_fire(last)["at"]})


def preview(data: Any, *, after: int, most: int = SOON) -> Row:
    """Return what a timing means: its description and its next fires. Raises `Invalid` for one that is wrong or never comes."""
    if not 1 <= most <= PREVIEW_MOST:
        message = f"a preview has 1 to {PREVIEW_MOST} fires"
        raise Invalid(message)
    timing = Timing.read(data).anchored(after)
    return {"describes": describe(timing), "fires": [show_fire(one) for one in itertools.islice(timing.fires(after), most)]}


def changes(journal: Journal, name: str, data: Any, *, most: int = SOON) -> Row:
    """Return what a change would do to the next fires, and change nothing: `{"before": [fire, …], "after": [fire, …], "describes": text}`."""
    _, timing, _ = read_definition(data)
    now = journal.clock()
    with journal.look() as view:
        row = find(view, name)
    timing = timing.anchored(read_timing(row["timing"]).anchor_us or now)
    return {
        "before": [show_fire(fire) for fire in coming(row, after=now, most=most)],
        "after": [show_fire(fire) for fire in itertools.islice(timing.fires(now, identity=row["id"]), most)],
        "describes": describe(timing),
    }


def _late_s(fire: Row) -> float | None:
    return None if fire["made_at"] is None else round((fire["made_at"] - fire["due_at"]) / 1e6, 3)
