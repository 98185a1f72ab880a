"""Promises: when the result of a task is due, what is done as that comes near, and whether it will be missed.

`deadline_at` says that a task need not be started any more after it; `due_at` is a promise: missing it is told, and the task goes on.
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, bindparam, select

from models import group
from models.clock import HOUR, MINUTE, iso
from models.task import State
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import alerts, tasks
from store.settings import Promises, Step
from tasks.act import reassign_task, reprioritise_task
from tasks.alerts import raise_alert, resolve
from tasks.groups import Durations, durations, edges_of, expected, members_of
from tasks.moves import about

MOST = 200  # tasks looked at in one transaction
PRIORITY_MOST = 1000

_STEPS = Query(
    select(tasks.c.id)
    .where(tasks.c.due_wake_at <= bindparam("now", type_=BigInteger), tasks.c.state != State.DONE)
    .order_by(tasks.c.due_wake_at)
    .limit(MOST),
)
_PROMISED = Query(select(tasks).where(tasks.c.due_at.is_not(None), tasks.c.state != State.DONE).order_by(tasks.c.due_at, tasks.c.id).limit(MOST))
_KEPT = Query(
    select(alerts.c.name)
    .join(tasks, tasks.c.id == alerts.c.entity_id)
    .where(alerts.c.state == "open", alerts.c.entity == "tasks", tasks.c.state == State.DONE)
    .order_by(alerts.c.name),
)


def promised(settings: Promises, task: Row, due_at: int | None, now: int) -> Row:
    """Return the columns of a new task that say when it is due: as it says itself, else as its category or its client was promised, the sooner."""
    hours = [given[key] for given, key in ((settings.categories, task["category"]), (settings.clients, task["client"])) if key in given]
    due = due_at if due_at is not None else min((now + round(one * HOUR) for one in hours), default=None)
    first = settings.steps[0].at if settings.steps else None
    wake = None if due is None or first is None else now + round((due - now) * first)
    return {"due_at": due, "due_wake_at": wake, "due_steps": 0}


def escalate(journal: Journal, settings: Promises) -> None:
    """Take the steps that have come for tasks that are not done, and close the alerts of those that are."""
    steps = sorted(settings.steps, key=lambda step: step.at)
    with journal.look() as view:
        come = view.rows(_STEPS, now=journal.clock())
        kept = view.rows(_KEPT)
    if come or kept:
        with journal.write("watch") as tx:
            for row in kept:
                resolve(tx, row["name"])
            for row in come:
                _escalate(tx, tx.get(tasks, row["id"]), steps)


def foresee(journal: Journal) -> None:
    """Warn of the tasks that will miss what was promised, by what past tasks of the kind took; those that nobody can foresee are left out."""
    with journal.look() as view:
        rows = view.rows(_PROMISED)
        late = _late(view, rows, durations(view), journal.clock()) if rows else {}
    if late:
        with journal.write("watch") as tx:
            for row in rows:
                if row["id"] in late and row["due_at"] > tx.now:
                    minutes = -(-(late[row["id"]] - row["due_at"]) // MINUTE)
                    _tell(tx, row, "warning", f"{row['title'][:80]} will miss its promise by {minutes} min")


def expected_ends(view: View, rows: Sequence[Row], past: Durations, now: int) -> dict[str, int]:
    """Return when tasks will end, as far as anybody can say: alone, or as part of their groups."""
    ends: dict[str, int] = {}
    for group_id in dict.fromkeys(row["group_id"] for row in rows):
        members = members_of(view, group_id) if group_id else [row for row in rows if row["group_id"] is None]
        edges = [(edge["task_id"], edge["needs_id"]) for edge in edges_of(view, group_id)] if group_id else []
        plan = group.plan(members, edges, expected(members, past), now)
        ends |= {task_id: outlook.end for task_id, outlook in plan.outlook.items() if outlook.end is not None}
    return ends


def _late(view: View, rows: Sequence[Row], past: Durations, now: int) -> dict[str, int]:
    ends = expected_ends(view, rows, past, now)
    return {row["id"]: ends[row["id"]] for row in rows if row["id"] in ends and ends[row["id"]] > row["due_at"]}


def _escalate(tx: Tx, task: Row, steps: Sequence[Step]) -> None:
    """Take every step of a task that has come by now, in their order."""
    if task["state"] == State.DONE or task["due_at"] is None:
        return
    length = task["due_at"] - task["created_at"]
    taken = task["due_steps"] or 0
    while taken < len(steps) and task["created_at"] + round(length * steps[taken].at) <= tx.now:
        _take(tx, tx.get(tasks, task["id"]), steps[taken])
        taken += 1
    wake = task["created_at"] + round(length * steps[taken].at) if taken < len(steps) else None
    tx.change(tasks, task["id"], {"due_steps": taken, "due_wake_at": wake}, "task.escalated", **about(task))


def _take(tx: Tx, task: Row, step: Step) -> None:
    match step.do:
        case "warn":
            _tell(tx, task, "warning", f"{task['title'][:80]} is due at {iso(task['due_at'])} and is {task['state']}")
        case "alert":
            _tell(tx, task, "critical", f"{task['title'][:80]} was due at {iso(task['due_at'])} and is {task['state']}")
        case "raise":
            reprioritise_task(tx, task, min(PRIORITY_MOST, task["priority"] + step.by))
        case "reassign" if task["wanted_agent"] is not None and task["state"] not in {State.RUNNING, State.DONE}:
            reassign_task(tx, task, None)


def _tell(tx: Tx, task: Row, severity: str, title: str) -> None:
    advice = f"it stands where it stands because: {task['why']}" if task["why"] else "see `arbiter task`"
    raise_alert(tx, f"due:{task['id']}", severity=severity, title=title, advice=advice, entity="tasks", entity_id=task["id"])
