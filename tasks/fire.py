"""Firing: what is due becomes tasks, once, however many shifts run and whatever dies.

A fire is decided on and its tasks are written in one transaction, which also moves the schedule on to its next fire; a fire's id is its schedule and
its due time, so the ledger itself refuses a second one.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import BigInteger, bindparam, func, select

from models.errors import UserError
from models.firing import Judged, Overlap, Verdict, judge
from models.recurrence import Fire
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import backfills, fires, schedules
from store.settings import Settings
from tasks.act import stop_all
from tasks.alerts import raise_alert
from tasks.backfill import advance
from tasks.beats import holds
from tasks.freezes import frozen
from tasks.make_fire import fire_row, make, make_queued, note, open_tasks
from tasks.schedules import find, go_on, policy_of, read_timing

TOGETHER = 20  # schedules decided on in one transaction
MOST = 200  # fires of one schedule decided on in one transaction
SEEN_MOST = 1000  # schedules looked at before tasks get their turn

_DUE = Query(
    select(schedules.c.id)
    .where(schedules.c.wake_at <= bindparam("now", type_=BigInteger))
    .order_by(schedules.c.wake_at, schedules.c.id)
    .limit(bindparam("most")),
)
_NEXT = Query(select(func.min(schedules.c.wake_at).label("at")))
_WITH_QUEUE = Query(select(fires.c.schedule_id.label("id")).where(fires.c.verdict == "queued").distinct())
_QUEUED = Query(select(fires).where(fires.c.schedule_id == bindparam("schedule_id"), fires.c.verdict == "queued").order_by(fires.c.due_at))
_RUNNING = Query(select(backfills.c.id).where(backfills.c.state == "running").order_by(backfills.c.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The lane that a shift must hold while it fires."""

    name: str
    holder: str


def fire(journal: Journal, settings: Settings, lane: Lane) -> int | None:
    """Decide on what is due, for as long as the lane is held; return when to do so again, null when nothing comes or all is frozen."""
    with journal.look() as view:
        now = journal.clock()
        due = [row["id"] for row in view.rows(_DUE, now=now, most=SEEN_MOST)]
        queued = [row["id"] for row in view.rows(_WITH_QUEUE)]
        running = [row["id"] for row in view.rows(_RUNNING)]
        if (due or queued or running) and frozen(view, now):
            return None
        queued = [schedule_id for schedule_id in queued if not open_tasks(view, schedule_id)]
    for start in range(0, len(due), TOGETHER):
        _decide_together(journal, settings, lane, due[start : start + TOGETHER])
    for schedule_id in queued:
        job = partial(_release, settings=settings, schedule_id=schedule_id)
        _do(journal, lane, job, partial(_set_aside, journal, lane, schedule_id))
    for backfill_id in running:
        job = partial(advance, settings=settings, backfill_id=backfill_id)
        _do(journal, lane, job, partial(_end_backfill, journal, lane, backfill_id))
    with journal.look() as view:
        row = view.one(_NEXT)
    return row["at"] if row else None


def _do(journal: Journal, lane: Lane, job: Callable[[Tx], None], aside: Callable[[UserError], None]) -> None:
    """Run one job in a transaction, while the lane is held and nothing is frozen; what it cannot do is put aside, so that it stops nothing else."""
    try:
        with journal.write(f"shift:{lane.holder}") as tx:
            if holds(tx, lane.name, lane.holder, tx.now) and not frozen(tx, tx.now):
                job(tx)
    except UserError as error:
        aside(error)


def _decide_together(journal: Journal, settings: Settings, lane: Lane, ids: list[str]) -> None:
    """Decide on several schedules in one transaction; when one of them cannot be decided on, on each in its own."""

    def one_by_one(_error: UserError) -> None:
        for schedule_id in ids:
            job = partial(_decide_all, settings=settings, ids=[schedule_id])
            _do(journal, lane, job, partial(_set_aside, journal, lane, schedule_id))

    _do(journal, lane, partial(_decide_all, settings=settings, ids=ids), one_by_one)


def _set_aside(journal: Journal, lane: Lane, schedule_id: str, error: UserError) -> None:
    with journal.write(f"shift:{lane.holder}") as tx:
        schedule = tx.get(schedules, schedule_id)
        patch = {"state": "paused", "why": f"could not be decided on: {error}", "wake_at": None, "resume_at": None}
        tx.change(schedules, schedule_id, patch, "schedule.paused")
        advice = f"change it and resume it: {error}"
        title = f"{schedule['name']} was paused, because its fires cannot be decided on"
        raise_alert(tx, f"schedule:{schedule_id}", severity="critical", title=title, advice=advice, entity="schedules", entity_id=schedule_id)


def _end_backfill(journal: Journal, lane: Lane, backfill_id: str, error: UserError) -> None:
    with journal.write(f"shift:{lane.holder}") as tx:
        row = tx.get(backfills, backfill_id)
        tx.change(backfills, backfill_id, {"state": "cancelled", "finished_at": tx.now}, "backfill.cancelled")
        title = f"a backfill of {tx.get(schedules, row['schedule_id'])['name']} was ended, because it cannot go on"
        raise_alert(
            tx, f"backfill:{backfill_id}", severity="critical", title=title, advice=str(error), entity="schedules", entity_id=row["schedule_id"]
        )


def run_now(journal: Journal, settings: Settings, name: str, *, actor: str) -> Row:
    """Make a fire for this instant, whatever the timing, a pause or a freeze say; return its row."""
    with journal.write(actor) as tx:
        schedule = find(tx, name)
        return make(tx, settings, schedule, fire_row(schedule, tx.now, tx.now, id=f"{schedule['id']}@{tx.now}#now", cause="person"))


def _decide_all(tx: Tx, *, settings: Settings, ids: list[str]) -> None:
    for schedule_id in ids:
        _decide(tx, settings, tx.get(schedules, schedule_id))


def _decide(tx: Tx, settings: Settings, schedule: Row) -> None:
    """Decide on what is due of one schedule, and move it on."""
    if schedule["wake_at"] is None or schedule["wake_at"] > tx.now:
        return  # another shift did it
    if schedule["state"] == "paused":
        schedule = go_on(tx, schedule)
    timing = read_timing(schedule["timing"])
    ahead = list(itertools.islice(timing.fires(schedule["decided_to"], identity=schedule["id"]), MOST + 1))
    due = [one for one in ahead if one.at_us <= tx.now][:MOST]
    more = len(ahead) > MOST and ahead[MOST].at_us <= tx.now
    decided_to, made = _judge(tx, settings, schedule, due, more=more) if due else (schedule["decided_to"], schedule["made"])
    following = next(timing.fires(decided_to, identity=schedule["id"]), None)
    patch: Row = {"decided_to": decided_to, "made": made, "next_at": None, "wake_at": None}
    if timing.most is not None and made >= timing.most:
        patch |= {"state": "ended", "why": f"its {timing.most} fires were made"}
    elif following is None:
        patch |= {"state": "ended", "why": "its timing comes no more"}
    else:
        patch |= {"next_at": following.at_us, "wake_at": following.at_us}
    kind = "schedule.ended" if "state" in patch else "schedule.advanced"
    tx.change(schedules, schedule["id"], {column: value for column, value in patch.items() if schedule[column] != value}, kind)


def _judge(tx: Tx, settings: Settings, schedule: Row, due: list[Fire], *, more: bool) -> tuple[int, int]:
    """Write what becomes of fires that are due; return the instant up to which it is decided, and how many fires count against the maximum."""
    most = read_timing(schedule["timing"]).most
    policy = policy_of(schedule)
    queued = tx.rows(_QUEUED, schedule_id=schedule["id"])
    is_open = bool(queued) or bool(policy.overlap is not Overlap.ALLOW and open_tasks(tx, schedule["id"]))
    notes = {one.at_us: one.reason for one in due}
    decided_to, made = schedule["decided_to"], schedule["made"]
    for one in judge(list(notes), now=tx.now, policy=policy, is_open=is_open, queued=len(queued), more=more):
        if most is not None and made >= most:
            break
        _write(tx, settings, schedule, one, notes[one.due_at])
        decided_to = one.last_at
        made += one.verdict in {Verdict.MADE, Verdict.QUEUED}
    return decided_to, made


def _write(tx: Tx, settings: Settings, schedule: Row, judged: Judged, odd: str) -> None:
    row = fire_row(schedule, judged.due_at, tx.now, last_at=judged.last_at, count=judged.count, why=judged.why, note=odd, verdict=str(judged.verdict))
    if judged.verdict is not Verdict.MADE:
        note(tx, schedule, row)
        return
    if schedule["overlap"] == Overlap.REPLACE:
        stop_all(tx, open_tasks(tx, schedule["id"]), f"replaced by the next fire of {schedule['name']}")
    make(tx, settings, schedule, row)


def _release(tx: Tx, *, settings: Settings, schedule_id: str) -> None:
    """Make the fire that has waited longest, now that earlier work has ended."""
    schedule = tx.get(schedules, schedule_id)
    queued = tx.rows(_QUEUED, schedule_id=schedule_id)
    if queued and schedule["state"] not in {"paused", "deleted"} and not open_tasks(tx, schedule_id):
        make_queued(tx, settings, schedule, queued[0])
