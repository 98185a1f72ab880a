"""Groups of tasks, and what past tasks tell of those to come."""

import statistics
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, or_, select

from models import group
from models.errors import NotFound
from models.task import State
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import attempts, dependencies, tasks
from tasks.moves import public

ENOUGH = 5  # attempts that succeeded, before their durations tell anything
PAST = 2000  # newest attempts that are looked at
MOST = 1000  # tasks of one group

_MINE = or_(bindparam("client", type_=tasks.c.client.type).is_(None), tasks.c.client == bindparam("client", type_=tasks.c.client.type))
_NEWEST_GROUPS = (
    select(tasks.c.group_id, func.min(tasks.c.id).label("first_id"), func.min(tasks.c.created_at).label("created_at"))
    .where(tasks.c.group_id.is_not(None), _MINE)
    .group_by(tasks.c.group_id)
    .order_by(func.min(tasks.c.created_at).desc(), tasks.c.group_id.desc())
    .limit(bindparam("most"))
).subquery()
_GROUPS = Query(
    select(tasks.c.group_id, tasks.c.title, tasks.c.client, tasks.c.source, _NEWEST_GROUPS.c.created_at)
    .join(_NEWEST_GROUPS, _NEWEST_GROUPS.c.first_id == tasks.c.id)
    .order_by(_NEWEST_GROUPS.c.created_at.desc(), tasks.c.group_id.desc()),
)
_STANDINGS = Query(
    select(tasks.c.group_id, tasks.c.state, tasks.c.outcome, func.count().label("count"))
    .join(_NEWEST_GROUPS, _NEWEST_GROUPS.c.group_id == tasks.c.group_id)
    .where(_MINE)
    .group_by(tasks.c.group_id, tasks.c.state, tasks.c.outcome),
)
_OF_GROUP = Query(select(tasks).where(tasks.c.group_id == bindparam("group_id")).order_by(tasks.c.id).limit(MOST))
_EDGES = Query(
    select(dependencies.c.task_id, dependencies.c.needs_id, dependencies.c.condition)
    .join(tasks, tasks.c.id == dependencies.c.task_id)
    .where(tasks.c.group_id == bindparam("group_id"))
    .order_by(dependencies.c.id),
)
_NEWEST = (
    select(attempts.c.task_id, attempts.c.started_at, attempts.c.finished_at)
    .where(attempts.c.state == "succeeded")
    .order_by(attempts.c.id.desc())
    .limit(PAST)
).subquery()
_PAST = Query(
    select(tasks.c.category, tasks.c.kind, (_NEWEST.c.finished_at - _NEWEST.c.started_at).label("took_us")).join(
        _NEWEST, _NEWEST.c.task_id == tasks.c.id
    ),
)

Durations = Mapping[tuple[str | None, str], int]  # by category and kind: the median, µs


def durations(view: View) -> Durations:
    """Return how long attempts that succeeded took of late, the median by category and kind; what was done fewer than `ENOUGH` times is absent."""
    found: dict[tuple[str | None, str], list[int]] = {}
    for row in view.rows(_PAST):
        found.setdefault((row["category"], row["kind"]), []).append(row["took_us"])
    return {key: round(statistics.median(times)) for key, times in found.items() if len(times) >= ENOUGH}


def list_groups(journal: Journal, *, client: str | None = None, most: int = 50) -> list[Row]:
    """Return groups, newest first, each with its state, its outcome and how many of its tasks are done; `client` sees those with tasks of its own."""
    with journal.look() as view:
        found = view.rows(_GROUPS, client=client, most=most)
        standings: dict[str, list[Row]] = {row["group_id"]: [] for row in found}
        for row in view.rows(_STANDINGS, client=client, most=most):
            standings[row["group_id"]].append(row)
    return [row | _summary(standings[row["group_id"]]) for row in found]


def group_detail(journal: Journal, group_id: str, *, client: str | None = None) -> Row:
    """Return a group with its tasks in order, what waits for what, its critical path and what is expected.

    Returns:
        `{"group": {"id", "state", "outcome", "tasks", "done", "expected_end_at", "critical": [id, …]}, "tasks": [task | {"expected_start_at",
        "expected_end_at", "slack_us"}, …], "edges": [{"task_id", "needs_id", "condition"}, …]}`; instants are µs, and null where nobody can say.

    """
    with journal.look() as view:
        found = [task for task in members_of(view, group_id) if client is None or task["client"] == client]
        if not found:
            message = f"there is no group {group_id!r}"
            raise NotFound(message)
        edges = [row for row in edges_of(view, group_id) if {row["task_id"], row["needs_id"]} <= {task["id"] for task in found}]
        past = durations(view)
    plan = group.plan(found, [(row["task_id"], row["needs_id"]) for row in edges], expected(found, past), journal.clock())
    state, outcome = group.standing(found)
    head: dict[str, Any] = {"id": group_id, "state": state, "outcome": outcome, "expected_end_at": plan.end, "critical": list(plan.critical)}
    head |= {"tasks": len(found), "done": sum(task["state"] == State.DONE for task in found)}
    return {"group": head, "tasks": [_shown(task, plan) for task in found], "edges": edges}


def members_of(view: View, group_id: str) -> list[Row]:
    """Return the tasks of a group in their order."""
    return view.rows(_OF_GROUP, group_id=group_id)


def edges_of(view: View, group_id: str) -> list[Row]:
    """Return what waits for what in a group: `task_id`, `needs_id` and the condition."""
    return view.rows(_EDGES, group_id=group_id)


def expected(found: list[Row], past: Durations) -> dict[str, int | None]:
    """Return how long each task will take, by what others of its category and kind took; null where that is not known yet."""
    return {task["id"]: past.get((task["category"], task["kind"])) for task in found}


def _summary(standings: list[Row]) -> Row:
    state, outcome = group.standing(standings)
    done = sum(row["count"] for row in standings if row["state"] == State.DONE)
    return {"tasks": sum(row["count"] for row in standings), "done": done, "state": state, "outcome": outcome}


def _shown(task: Row, plan: group.Plan) -> Row:
    outlook = plan.outlook[task["id"]]
    ahead = (
        {"expected_start_at": outlook.start, "expected_end_at": outlook.end}
        if outlook.expected
        else {"expected_start_at": None, "expected_end_at": None}
    )
    return public(task) | ahead | {"slack_us": plan.slack[task["id"]]}
