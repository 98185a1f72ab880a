"""What people do to tasks: cancel, retry, pause, resume, reprioritise, reassign; `tasks.review` is about their categories.

Each returns the task's new row and raises `NotFound` for a task that does not exist or, where `client` is given, is not that client's. Asked again
with the same `key` it changes nothing and returns the same. Those that end in `_task` do it within a transaction, for whoever does it to many.
"""

from collections.abc import Iterable
from typing import Any

from agents import registry
from models.clock import MINUTE, SECOND
from models.errors import IllegalMove, Invalid
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx
from store.query import Row
from store.schema import agents, tasks
from tasks.moves import about, finish, move, reopen, settle
from tasks.once import once
from tasks.read import get_task


def cancel(journal: Journal, task_id: str, *, actor: str, why: str = "", client: str | None = None, key: str | None = None) -> Row:
    """End a task, or ask the agent that works on it to stop. Raises `IllegalMove` for one that has ended."""
    note = _note("cancelled", actor, why)
    return once(journal, actor, lambda tx: stop(tx, get_task(tx, task_id, client), note), key=key, asked=f"cancel {task_id} {why}")


def stop(tx: Tx, task: Row, note: str) -> Row:
    """Cancel a task within a transaction. Raises `IllegalMove` for one that has ended."""
    match State(task["state"]):
        case State.DONE:
            message = f"the task has ended: {task['outcome']}"
            raise IllegalMove(message)
        case State.RUNNING:
            if task["stop_at"] is not None:
                return task
            patch = {"stop_at": tx.now, "reason": str(Reason.STOPPING), "why": note}
            return _change(tx, task, "task.stop_requested", patch)
        case _:
            return finish(tx, task, Outcome.CANCELLED, Reason.PERSON, note)


def stop_all(tx: Tx, found: Iterable[Row], note: str) -> int:
    """Cancel tasks within a transaction, as far as they have not ended meanwhile because another one was; return how many were open."""
    count = 0
    for task in found:
        current = tx.get(tasks, task["id"])
        if current["state"] != State.DONE:
            stop(tx, current, note)
            count += 1
    return count


def retry(journal: Journal, task_id: str, *, actor: str, client: str | None = None, key: str | None = None) -> Row:
    """Try a task again that failed, expired or was cancelled, and with it those that ended because it did; or end its pause before the next try."""
    return once(journal, actor, lambda tx: retry_task(tx, get_task(tx, task_id, client)), key=key, asked=f"retry {task_id}")


def retry_task(tx: Tx, task: Row) -> Row:
    """Try a task again, within a transaction."""
    if task["state"] == State.WAITING and task["reason"] == Reason.BACKOFF:
        _change(tx, task, "task.changed", {"reason": str(Reason.PERSON), "wake_at": None})
        return settle(tx, task["id"])
    if task["outcome"] == Outcome.SUCCEEDED:
        message = "the task has succeeded: submit it again to have it done twice"
        raise IllegalMove(message)
    if task["deadline_at"] is not None and task["deadline_at"] <= tx.now and task["state"] == State.DONE:
        _change(tx, task, "task.changed", {"deadline_at": None})
        task |= {"deadline_at": None}
    if task["approval_until_at"] is not None and task["approval_until_at"] <= tx.now and task["state"] == State.DONE:
        again = tx.now + (task["approval_s"] or 0) * SECOND if task["approval"] == "needed" else None
        _change(tx, task, "task.changed", {"approval_until_at": again})
        task |= {"approval_until_at": again}
    return reopen(tx, task)


def pause(journal: Journal, task_id: str, *, actor: str, why: str = "", client: str | None = None, key: str | None = None) -> Row:
    """Keep a task that has not started from starting, or hold up one that runs."""
    note = _note("paused", actor, why)
    return once(journal, actor, lambda tx: pause_task(tx, get_task(tx, task_id, client), note), key=key, asked=f"pause {task_id} {why}")


def pause_task(tx: Tx, task: Row, note: str) -> Row:
    """Pause a task, within a transaction; one that runs is held up where it is, if its agent can."""
    if task["state"] == State.RUNNING:
        return _hold(tx, task, note)
    refuse_presented(task)
    return move(tx, task, "task.paused", reason=str(Reason.PERSON), why=note, wake_at=None)


def resume(journal: Journal, task_id: str, *, actor: str, client: str | None = None, key: str | None = None) -> Row:
    """Let a paused task go on."""
    note = f"resumed by {actor}"
    return once(journal, actor, lambda tx: resume_task(tx, get_task(tx, task_id, client), note), key=key, asked=f"resume {task_id}")


def resume_task(tx: Tx, task: Row, note: str) -> Row:
    """Resume a task, within a transaction."""
    if task["state"] == State.RUNNING and task["hold_at"] is not None:
        held = (task["held_us"] or 0) + tx.now - task["hold_at"]
        return _change(tx, task, "task.changed", {"hold_at": None, "held_us": held, "reason": str(Reason.AGENT), "why": note})
    move(tx, task, "task.resumed", reason=str(Reason.PERSON), why=note)
    return settle(tx, task["id"])


def _hold(tx: Tx, task: Row, note: str) -> Row:
    wrong = {
        "is paused already": task["hold_at"] is not None,
        "is being cancelled": task["stop_at"] is not None,
        "runs elsewhere, where it cannot be paused: cancel it": not registry.pausable(task["kind"]),
    }
    for reason, applies in wrong.items():
        if applies:
            message = f"the task {reason}"
            raise IllegalMove(message)
    return _change(tx, task, "task.changed", {"hold_at": tx.now, "reason": str(Reason.PERSON), "why": note})


def reprioritise(journal: Journal, task_id: str, priority: int, *, actor: str, client: str | None = None, key: str | None = None) -> Row:
    """Change how early in the queue a task stands: one point is worth one minute of waiting."""
    asked = f"priority {task_id} {priority}"
    return once(journal, actor, lambda tx: reprioritise_task(tx, get_task(tx, task_id, client), priority), key=key, asked=asked)


def reprioritise_task(tx: Tx, task: Row, priority: int) -> Row:
    """Change a task's priority, within a transaction."""
    if isinstance(priority, bool) or not -1000 <= priority <= 1000:
        message = "a priority is a whole number from -1000 to 1000"
        raise Invalid(message)
    patch: dict[str, Any] = {"priority": priority}
    if task["queue_key"] is not None:
        patch["queue_key"] = task["queue_key"] - (priority - task["priority"]) * MINUTE
    return _change(tx, task, "task.changed", patch)


def reassign(journal: Journal, task_id: str, agent: str | None, *, actor: str, client: str | None = None, key: str | None = None) -> Row:
    """Ask for another agent for a task that does not run; null: for whichever is best."""
    return once(journal, actor, lambda tx: reassign_task(tx, get_task(tx, task_id, client), agent), key=key, asked=f"agent {task_id} {agent}")


def reassign_task(tx: Tx, task: Row, agent: str | None) -> Row:
    """Ask for another agent, within a transaction."""
    if task["state"] in {State.RUNNING, State.DONE}:
        message = f"a task that is {task['state']} cannot be given to another agent"
        raise IllegalMove(message)
    if agent is not None:
        asked = tx.get(agents, agent)
        if task["kind"] not in {registry.takes(asked["kind"]), *registry.also_takes(asked["kind"], asked["config"])}:
            message = f"agent {agent!r} is of kind {asked['kind']}, the task's inputs are for {task['kind']}"
            raise Invalid(message)
    changed = _change(tx, task, "task.changed", {"wanted_agent": agent})
    if task["state"] == State.WAITING and task["reason"] == Reason.NO_AGENT:
        return settle(tx, task["id"])
    return changed


def refuse_presented(task: Row) -> None:
    """Raise `IllegalMove` for a task whose result waits to be accepted or rejected."""
    if task["state"] == State.REVIEW and task["reason"] == Reason.APPROVAL:
        message = "its result waits to be accepted or rejected, and nothing else can be done about it but cancelling it"
        raise IllegalMove(message)


def _note(deed: str, actor: str, why: str) -> str:
    return f"{deed} by {actor}" + (f": {why}" if why else "")


def _change(tx: Tx, task: Row, kind: str, patch: Row) -> Row:
    tx.change(tasks, task["id"], patch, kind, **about(task))
    return task | patch
