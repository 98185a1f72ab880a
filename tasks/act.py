"""What people do to tasks: cancel, retry, approve, review, pause, resume, reprioritise.

Each returns the task's new row and raises `NotFound` for a task that does not exist or, where `client` is given, is not that client's.
"""

from typing import Any

from models.category import CATEGORIES
from models.errors import IllegalMove, Invalid
from models.readiness import queue_key
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx
from store.query import Row
from store.schema import tasks
from tasks.moves import finish, move, reopen, settle
from tasks.read import get_task


def cancel(journal: Journal, task_id: str, *, actor: str, why: str = "", client: str | None = None) -> Row:
    """End a task, or ask the agent that works on it to stop. Raises `IllegalMove` for one that has ended."""
    note = f"cancelled by {actor}" + (f": {why}" if why else "")
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
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


def retry(journal: Journal, task_id: str, *, actor: str, client: str | None = None) -> Row:
    """Try a task again that failed, expired or was cancelled, and with it those that ended because it did; or end its pause before the next try."""
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        if task["state"] == State.WAITING and task["reason"] == Reason.BACKOFF:
            _change(tx, task, "task.changed", {"reason": str(Reason.PERSON), "wake_at": None})
            return settle(tx, task_id)
        if task["outcome"] == Outcome.SUCCEEDED:
            message = "the task has succeeded: submit it again to have it done twice"
            raise IllegalMove(message)
        if task["deadline_at"] is not None and task["deadline_at"] <= tx.now and task["state"] == State.DONE:
            _change(tx, task, "task.changed", {"deadline_at": None})
            task |= {"deadline_at": None}
        return reopen(tx, task)


def approve(journal: Journal, task_id: str, *, actor: str, client: str | None = None) -> Row:
    """Let a task start that needs approval."""
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        if task["approval"] != "needed" or task["state"] == State.DONE:
            message = "the task waits for no approval"
            raise IllegalMove(message)
        _change(tx, task, "task.approved", {"approval": "given"})
        return settle(tx, task_id)


def review(journal: Journal, task_id: str, category: str, *, actor: str, client: str | None = None) -> Row:
    """Choose the category of a task that the categorizer was not sure about; the choice is a label to learn from."""
    if category not in CATEGORIES:
        message = f"unknown category {category!r}; there are {', '.join(CATEGORIES)}"
        raise Invalid(message)
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        facts = {"category": category, "guessed": task["category"], "confidence": task["confidence"]}
        patch = {"category": category, "category_by": "person", "reason": str(Reason.PERSON), "why": f"{actor} chose the category"}
        move(tx, task, "task.reviewed", **patch, facts=facts)
        return settle(tx, task_id)


def pause(journal: Journal, task_id: str, *, actor: str, why: str = "", client: str | None = None) -> Row:
    """Keep a task that has not started from starting."""
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        note = f"paused by {actor}" + (f": {why}" if why else "")
        return move(tx, task, "task.paused", reason=str(Reason.PERSON), why=note, wake_at=None)


def resume(journal: Journal, task_id: str, *, actor: str, client: str | None = None) -> Row:
    """Let a paused task go on."""
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        move(tx, task, "task.resumed", reason=str(Reason.PERSON), why=f"resumed by {actor}")
        return settle(tx, task_id)


def reprioritise(journal: Journal, task_id: str, priority: int, *, actor: str, client: str | None = None) -> Row:
    """Change how early in the queue a task stands: one point is worth one minute of waiting."""
    if isinstance(priority, bool) or not -1000 <= priority <= 1000:
        message = "a priority is a whole number from -1000 to 1000"
        raise Invalid(message)
    with journal.write(actor) as tx:
        task = get_task(tx, task_id, client)
        patch: dict[str, Any] = {"priority": priority}
        if task["state"] == State.READY:
            patch["queue_key"] = queue_key(task["ready_at"], priority)
        return _change(tx, task, "task.changed", patch)


def _change(tx: Tx, task: Row, kind: str, patch: Row) -> Row:
    tx.change(tasks, task["id"], patch, kind, client=task["client"])
    return task | patch
