"""Making one fire: its row and its tasks, in the transaction of whoever decided on it."""

from sqlalchemy import bindparam, select

from models.errors import UserError
from models.firing import Verdict
from models.task import State
from store.journal import Tx, View
from store.query import Query, Row, any_of
from store.schema import fires, tasks
from store.settings import Settings
from tasks.alerts import raise_alert, resolve
from tasks.schedules import moment, template_of
from tasks.submit import Origin, check_work, write
from tasks.template import fill

OPEN_STATES = any_of(tasks.c.state, *(state for state in State if state is not State.DONE))
_OPEN = Query(
    select(tasks)
    .join(fires, fires.c.id == tasks.c.fire_id)
    .where(tasks.c.schedule_id == bindparam("schedule_id"), OPEN_STATES, fires.c.backfill_id.is_(None))
    .order_by(tasks.c.id),
)


def fire_row(schedule: Row, due_at: int, now: int, **known: object) -> Row:
    """Return a row of `fires`: one by the clock, decided on now, unless `known` says otherwise."""
    row: Row = {
        "id": f"{schedule['id']}@{due_at}", "schedule_id": schedule["id"], "due_at": due_at, "last_at": due_at, "count": 1, "cause": "clock",
        "verdict": Verdict.QUEUED, "why": "", "note": "", "version": schedule["version"], "backfill_id": None, "group_id": None, "decided_at": now,
        "made_at": None,
    }  # fmt: skip
    return row | known


def make(tx: Tx, settings: Settings, schedule: Row, row: Row) -> Row:
    """Write a fire that is new and its tasks; when the template cannot be submitted any more, write that and raise an alert. Returns its row."""
    made = row | _submit(tx, settings, schedule, row)
    return tx.create(fires, made, f"fire.{made['verdict']}", **_facts(schedule, made))


def make_queued(tx: Tx, settings: Settings, schedule: Row, row: Row) -> Row:
    """Make a fire that waited; return its row."""
    patch = _submit(tx, settings, schedule, row)
    tx.change(fires, row["id"], patch, f"fire.{patch['verdict']}", **_facts(schedule, row | patch))
    return row | patch


def note(tx: Tx, schedule: Row, row: Row) -> None:
    """Write a fire that is not made, or not yet."""
    tx.create(fires, row, f"fire.{row['verdict']}", **_facts(schedule, row))


def open_tasks(view: View, schedule_id: str) -> list[Row]:
    """Return the tasks of a schedule that have not ended, without those of backfills."""
    return view.rows(_OPEN, schedule_id=schedule_id)


def _submit(tx: Tx, settings: Settings, schedule: Row, row: Row) -> Row:
    alert = f"fire:{schedule['id']}"
    try:
        work = fill(template_of(schedule), moment(schedule, row["due_at"], tx.now))
        origin = Origin(source="schedule", schedule_id=schedule["id"], fire_id=row["id"])
        answer = write(tx, check_work(tx, work, settings=settings, origin=origin))
    except UserError as error:  # what was right when the schedule was saved is so no more: an agent has left, a file is gone
        advice = f"change the schedule: {error}"
        title = f"{schedule['name']} fired, and its work was refused"
        raise_alert(tx, alert, severity="critical", title=title, advice=advice, entity="schedules", entity_id=schedule["id"])
        return {"verdict": str(Verdict.FAILED), "why": str(error), "made_at": None}
    resolve(tx, alert)
    return {"verdict": str(Verdict.MADE), "group_id": answer["group_id"], "made_at": tx.now}


def _facts(schedule: Row, row: Row) -> Row:
    """Return what readers of the journal want to know of a fire: whose it is, and how late."""
    late_us = None if row["made_at"] is None else row["made_at"] - row["due_at"]
    return {"schedule_id": schedule["id"], "schedule": schedule["name"], "due_at": row["due_at"], "cause": row["cause"], "late_us": late_us}
