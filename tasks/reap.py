"""Taking back what dead shifts held."""

from sqlalchemy import select

from models.clock import MINUTE
from models.readiness import queue_key
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import attempts, tasks
from tasks.beats import bury, living
from tasks.moves import finish, move

_HELD = Query(select(attempts).where(attempts.c.state == "running").order_by(attempts.c.id))
_ANY = Query(select(attempts.c.shift_id).where(attempts.c.state == "running").distinct())


def anything_lost(journal: Journal) -> bool:
    """Tell cheaply whether some attempt is held by a shift that is no longer alive."""
    with journal.look() as view:
        alive = living(view, "shift:", journal.clock())
        return any(f"shift:{row['shift_id']}" not in alive for row in view.rows(_ANY))


def reap(journal: Journal, *, actor: str, lost_most: int) -> int:
    """Give the tasks of dead shifts back to the queue; return how many. From then on a result of their attempts is refused."""
    with journal.write(actor) as tx:
        alive = living(tx, "shift:", tx.now)
        lost = [row for row in tx.rows(_HELD) if f"shift:{row['shift_id']}" not in alive]
        for attempt in lost:
            _take_back(tx, attempt, lost_most)
        bury(tx)
        return len(lost)


def _take_back(tx: Tx, attempt: Row, lost_most: int) -> None:
    task = tx.get(tasks, attempt["task_id"])
    facts = {"client": task["client"], "task_id": task["id"], "agent_id": attempt["agent_id"], "kind": task["kind"], "category": task["category"]}
    facts |= {"state": "lost", "cost_cents": 0, "currency": task["currency"], "started_at": attempt["started_at"], "finished_at": tx.now}
    patch = {"state": "lost", "error": "the process that worked on it died", "finished_at": tx.now}
    tx.change(attempts, attempt["id"], patch, "attempt.finished", **facts)
    if task["state"] != State.RUNNING or task["attempt_id"] != attempt["id"]:
        return
    lost = task["lost"] + 1
    if task["stop_at"] is not None:
        finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], lost=lost)
    elif lost >= lost_most:
        finish(tx, task, Outcome.FAILED, Reason.LOST, f"the process that worked on it died {lost} times", lost=lost)
    else:
        why = f"attempt {attempt['number']} died with its process; waits for a free agent"
        key = queue_key(task["ready_at"] or tx.now - MINUTE, task["priority"])
        back = {"reason": str(Reason.QUEUE), "why": why, "attempt_id": None, "wake_at": task["deadline_at"], "queue_key": key, "lost": lost}
        move(tx, task, "task.returned", **back)
