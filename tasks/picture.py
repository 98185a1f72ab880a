"""How things are at one sequence number, for those who follow the feed from there."""

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, func, or_, select

from models.task import State
from models.topics import Scope
from store.journal import Journal
from store.query import Query, Row
from store.schema import agents, alerts, attempts, journal, tasks
from tasks.moves import public

MOST = 1000  # open tasks in one picture

_HEAD = Query(select(func.coalesce(func.max(journal.c.seq), 0).label("seq")))
_AGENTS = Query(select(agents).order_by(agents.c.id))
_TRIED = attempts.alias("tried")
_ALERTS = Query(select(alerts).where(alerts.c.state == "open").order_by(alerts.c.opened_at.desc()).limit(200))


def picture(source: Journal, scope: Scope) -> Row:
    """Return what viewers of a scope see now, all of one moment.

    Returns:
        `{"seq", "tasks", "complete", "counts", "attempts", "agents", "alerts"}`: the last sequence number; open tasks without their inputs and
        results, those that are worked on first, then the newest; whether these are all; how many tasks are in each state; the attempts that run; and
        where the topics are followed, agents and open alerts.

    """
    fits, given = _fitting(scope)
    first = case((tasks.c.state == State.RUNNING, 0), else_=1)
    columns = [column for column in tasks.c if column.name not in {"inputs", "result", "description"}]
    open_tasks = select(*columns).where(tasks.c.state != State.DONE, *fits).order_by(first, tasks.c.id.desc()).limit(bindparam("most"))
    counts = select(tasks.c.state, func.count().label("n")).where(*fits).group_by(tasks.c.state)
    running = select(attempts).join(tasks, tasks.c.id == attempts.c.task_id).where(attempts.c.state == "running", *fits).order_by(attempts.c.id)
    empty: Row = {"tasks": [], "complete": True, "counts": {}, "attempts": [], "agents": [], "alerts": []}
    with source.look() as view:
        found = empty | {"seq": view.rows(_HEAD)[0]["seq"]}
        if "tasks" in scope.topics:
            rows = view.rows(Query(open_tasks), **given, most=MOST + 1)
            found |= {"tasks": [public(row) for row in rows[:MOST]], "complete": len(rows) <= MOST}
            found |= {"counts": {row["state"]: row["n"] for row in view.rows(Query(counts), **given)}, "attempts": view.rows(Query(running), **given)}
        if "agents" in scope.topics:
            found["agents"] = [public(row) for row in view.rows(_AGENTS) if {scope.agent, scope.wanted.agent} <= {None, row["id"]}]
        if "alerts" in scope.topics:
            found["alerts"] = view.rows(_ALERTS)
    return found


def _fitting(scope: Scope) -> tuple[list[ColumnElement[bool]], dict[str, Any]]:
    """Return the conditions that tasks of a scope fulfil, and their parameters."""
    wanted = scope.wanted
    given = {"client": scope.client, "wanted_client": wanted.client, "category": wanted.category, "task": wanted.task}
    columns = {"client": tasks.c.client, "wanted_client": tasks.c.client, "category": tasks.c.category, "task": tasks.c.id}
    fits: list[ColumnElement[bool]] = [columns[name] == bindparam(name) for name, value in given.items() if value is not None]
    found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, agent in (("agent", scope.agent), ("wanted_agent_id", wanted.agent)):
        if agent is not None:
            worked = exists().where(and_(_TRIED.c.task_id == tasks.c.id, _TRIED.c.agent_id == bindparam(name)))
            fits.append(or_(tasks.c.wanted_agent == bindparam(name), worked))
            found[name] = agent
    if wanted.mine:
        fits.append(tasks.c.approver == bindparam("user"))
        found["user"] = scope.user
    return fits, found
