"""Approvals: before a task starts, and before its result is delivered; with a note, an approver who may hand it on, and an end."""

from sqlalchemy import bindparam, select

from models.access import OPERATORS
from models.clock import SECOND
from models.errors import Forbidden, IllegalMove, Invalid
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import tasks, users
from tasks.moves import about, finish, move, settle
from tasks.once import once
from tasks.read import get_task

_USER = Query(select(users).where(users.c.id == bindparam("name")))


def approve(
    journal: Journal, task_id: str, *, actor: str, note: str = "", anyone: bool = True, client: str | None = None, key: str | None = None
) -> Row:
    """Let a task start that needs approval, or accept the result of one that waits for that; return its row.

    Args:
        journal: where it is written.
        task_id: of the task.
        actor: who approves.
        note: kept with the event.
        anyone: whether the actor may approve what somebody else is asked to: an administrator may.
        client: whose task it must be, if given.
        key: asked again with the same key it changes nothing and returns the same.

    """

    def give(tx: Tx) -> Row:
        task = _asked(get_task(tx, task_id, client), actor, anyone=anyone)
        if _is_presented(task):
            tx.change(tasks, task_id, {"delivery": "given", "approval_until_at": None}, "task.approved", **about(task), note=note)
            why = f"{actor} accepted the result" + (f": {note}" if note else "")
            return finish(tx, tx.get(tasks, task_id), Outcome.SUCCEEDED, Reason.RESULT, why, result=task["result"])
        tx.change(tasks, task_id, {"approval": "given", "approval_until_at": None}, "task.approved", **about(task), note=note)
        return settle(tx, task_id)

    return once(journal, actor, give, key=key, asked=f"approve {task_id} {note}")


def reject(journal: Journal, task_id: str, *, actor: str, note: str, anyone: bool = True, client: str | None = None, key: str | None = None) -> Row:
    """Refuse a task its start, which ends it, or refuse a result, which has it done again; the note says why. Returns its row."""
    if not note.strip():
        message = "say why in a note: whoever does it again, or asks why it ended, needs that"
        raise Invalid(message)

    def refuse(tx: Tx) -> Row:
        task = _asked(get_task(tx, task_id, client), actor, anyone=anyone)
        if _is_presented(task):
            known = {"attempts_most": max(task["attempts_most"], task["attempts"] + 1), "result": None, "approval_until_at": None, "wake_at": None}
            move(tx, task, "task.rejected", reason=str(Reason.PERSON), why=f"{actor} rejected the result: {note}", **known, facts={"note": note})
            return settle(tx, task_id)
        return finish(tx, task, Outcome.CANCELLED, Reason.PERSON, f"{actor} did not approve it: {note}")

    return once(journal, actor, refuse, key=key, asked=f"reject {task_id} {note}")


def delegate(journal: Journal, task_id: str, to: str, *, actor: str, anyone: bool = True, key: str | None = None) -> Row:
    """Ask somebody else for the approval; return the task's row."""

    def hand_on(tx: Tx) -> Row:
        task = _asked(get_task(tx, task_id), actor, anyone=anyone)
        check_approver(tx, to)
        patch = {"approver": to} | ({"why": f"waits for {to} to accept its result"} if _is_presented(task) else {})
        tx.change(tasks, task_id, patch, "task.changed", **about(task))
        return settle(tx, task_id)

    return once(journal, actor, hand_on, key=key, asked=f"delegate {task_id} {to}")


def present(tx: Tx, task: Row, *, value: str, cost: int) -> Row:
    """Put a result before whoever must accept it."""
    by = None if task["approval_s"] is None else tx.now + task["approval_s"] * SECOND
    why = f"waits for {task['approver'] or 'an operator'} to accept its result"
    known = {"result": value, "cost_cents": cost, "attempt_id": None, "wake_at": by, "approval_until_at": by}
    return move(tx, task, "task.presented", reason=str(Reason.APPROVAL), why=why, **known)


def check_approver(tx: Tx, name: str) -> None:
    """Raise `Invalid` unless somebody of this name may approve."""
    user = tx.one(_USER, name=name)
    if user is None or user["state"] != "active" or user["role"] not in OPERATORS:
        message = f"{name!r} cannot approve: there is no such user, or it is disabled, or neither operator nor admin"
        raise Invalid(message)


def _is_presented(task: Row) -> bool:
    return bool(task["state"] == State.REVIEW and task["reason"] == Reason.APPROVAL)


def _asked(task: Row, actor: str, *, anyone: bool) -> Row:
    """Return a task that waits for an approval which the actor can give; raise `Forbidden` or `IllegalMove` for another."""
    if task["approver"] is not None and not anyone and actor != f"user:{task['approver']}":
        message = f"this approval is {task['approver']}'s: they or an administrator can give it or hand it on"
        raise Forbidden(message)
    if not _is_presented(task) and (task["approval"] != "needed" or task["state"] == State.DONE):
        message = "the task waits for no approval"
        raise IllegalMove(message)
    return task
