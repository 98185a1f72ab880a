"""Moving tasks from state to state: every change of a task's state in the whole product is made here."""

import json
from typing import Any

from sqlalchemy import bindparam, func, select

from models.readiness import AHEAD_MOST, Need, Stand, queue_key, stand
from models.task import Condition, Outcome, Reason, State, target_of
from store.journal import Tx, View
from store.query import Query, Row
from store.schema import attempts, dependencies, tasks

_NEEDS = Query(
    select(dependencies.c.needs_id, dependencies.c.condition, tasks.c.outcome)
    .join(tasks, tasks.c.id == dependencies.c.needs_id)
    .where(dependencies.c.task_id == bindparam("task_id"))
    .order_by(dependencies.c.id),
)
_DEPENDENTS = Query(
    select(tasks)
    .join(dependencies, dependencies.c.task_id == tasks.c.id)
    .where(dependencies.c.needs_id == bindparam("task_id"))
    .order_by(tasks.c.id),
)
_AHEAD = Query(
    select(func.count().label("n")).select_from(
        select(tasks.c.id).where(tasks.c.client == bindparam("client"), tasks.c.state == State.READY).limit(bindparam("most")).subquery(),
    ),
)
_LAST_AGENT = Query(
    select(attempts.c.agent_id).where(attempts.c.task_id == bindparam("task_id")).order_by(attempts.c.number.desc()).limit(1),
)

_JSON = ("inputs", "result", "skills", "config", "candidates", "flips", "flags", "secondary", "languages", "calendar", "budget")


def about(task: Row) -> Row:
    """Return what every event about a task says in its facts, for those who follow only a part of them."""
    return {"client": task["client"], "category": task["category"]}


def move(tx: Tx, task: Row, kind: str, **patch: Any) -> Row:
    """Move a task by an event of `models.task.MOVES`; return its new row. `facts` may be given beside the columns to change.

    `task` must be its row as it is now: whoever moves several tasks in one transaction reads each again first.
    """
    facts = patch.pop("facts", {})
    patch["state"] = target_of(kind, task["state"])
    tx.change(tasks, task["id"], patch, kind, **about(task) | facts)
    return task | patch


def settle(tx: Tx, task_id: str) -> Row:
    """Look at a waiting task again: release it, end it, or say what it waits for. A task in any other state stays as it is."""
    task = tx.get(tasks, task_id)
    if task["state"] != State.WAITING:
        return task
    looked_at = _look(tx, task)
    if looked_at["state"] == State.DONE:
        _tell_dependents(tx, task_id)
    return looked_at


def finish(tx: Tx, task: Row, outcome: Outcome, reason: Reason, why: str, **patch: Any) -> Row:
    """End a task and look at all tasks that waited for it, and at those that waited for them."""
    ended = _end(tx, task, outcome, reason, why, **patch)
    _tell_dependents(tx, task["id"])
    return ended


def reopen(tx: Tx, task: Row) -> Row:
    """Take back the end of a task, and of those that ended only because this one did; return its new row."""
    reopened, closed = [], [task["id"]]
    while closed:
        current = tx.get(tasks, closed.pop())
        if current["state"] != State.DONE:
            continue  # reached before, on another way
        _take_back_end(tx, current)
        reopened.append(current["id"])
        closed += [row["id"] for row in tx.rows(_DEPENDENTS, task_id=current["id"]) if row["reason"] == Reason.UNMET]
    for task_id in reopened:
        settle(tx, task_id)
    return tx.get(tasks, task["id"])


def needs_of(view: View, task_id: str) -> list[Need]:
    """Return the tasks that a task waits for, as they stand."""
    return [
        Need(task_id=row["needs_id"], condition=Condition(row["condition"]), outcome=Outcome(row["outcome"]) if row["outcome"] else None)
        for row in view.rows(_NEEDS, task_id=task_id)
    ]


def end_facts(view: View, task: Row) -> Row:
    """Return what readers of the journal need about a task that ended: all that measures are made of."""
    last = view.one(_LAST_AGENT, task_id=task["id"])
    names = (
        "category", "kind", "source", "outcome", "reason", "price_cents", "currency", "cost_cents", "created_at", "ready_at", "started_at",
        "finished_at", "deadline_at", "attempts", "priority", "group_id",
    )  # fmt: skip
    return {"task_id": task["id"], "agent_id": last["agent_id"] if last else None} | {name: task[name] for name in names}


def public(row: Row) -> Row:
    """Return a row of the ledger with its JSON columns decoded, as answers show it."""
    decoded = {name: json.loads(row[name]) for name in _JSON if isinstance(row.get(name), str)}
    return {name: value for name, value in row.items() if name not in {"queue_key", "wake_at"}} | decoded


def _look(tx: Tx, task: Row) -> Row:
    verdict = stand(task, needs_of(tx, task["id"]), tx.now)
    match verdict.kind:
        case "task.released":
            counted = tx.one(_AHEAD, client=task["client"], most=AHEAD_MOST)
            key = queue_key(tx.now, task["priority"], counted["n"] if counted else 0)
            return move(tx, task, verdict.kind, **_standing(verdict), ready_at=tx.now, queue_key=key)
        case "task.finished":
            return _end(tx, task, verdict.outcome or Outcome.CANCELLED, verdict.reason, verdict.why)
        case _:
            return _explain(tx, task, verdict)


def _tell_dependents(tx: Tx, ended_id: str) -> None:
    ended = [ended_id]
    while ended:
        waiting = [row for row in tx.rows(_DEPENDENTS, task_id=ended.pop()) if row["state"] == State.WAITING]
        ended += [row["id"] for row in waiting if _look(tx, row)["state"] == State.DONE]


def _end(tx: Tx, task: Row, outcome: Outcome, reason: Reason, why: str, **patch: Any) -> Row:
    patch |= {"outcome": outcome, "reason": reason, "why": why, "finished_at": tx.now, "wake_at": None, "attempt_id": None}
    return move(tx, task, "task.finished", **patch, facts=end_facts(tx, task | patch))


def _take_back_end(tx: Tx, task: Row) -> None:
    facts = end_facts(tx, task)
    patch = {"outcome": None, "finished_at": None, "result": None, "stop_at": None, "reason": Reason.PERSON, "why": "reopened", "lost": 0}
    move(tx, task, "task.reopened", **patch, attempts_most=max(task["attempts_most"], task["attempts"] + 1), facts=facts)


def _explain(tx: Tx, task: Row, verdict: Stand) -> Row:
    new = _standing(verdict)
    changed = {name: value for name, value in new.items() if task[name] != value}
    if changed:
        tx.change(tasks, task["id"], changed, "task.changed", **about(task))
    return task | changed


def _standing(verdict: Stand) -> Row:
    return {"reason": str(verdict.reason), "why": verdict.why, "wake_at": verdict.wake_at}
