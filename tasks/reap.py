"""Taking back what dead shifts held."""

from sqlalchemy import bindparam, select

from models.clock import SECOND
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import attempts, tasks
from tasks.act import pause_task
from tasks.beats import bury, living
from tasks.moves import about, finish, move

DIED = "the process that worked on it died"
UNRUN = "its step could not be run"
UNFETCHED = "its worker did not fetch it"
PAUSE_MOST_S = 15  # about what Prefect's server needs to start again

_HELD = Query(select(attempts).where(attempts.c.state == "running", attempts.c.shift_id.not_like("person:%")).order_by(attempts.c.id))
_DIED = Query(select(attempts.c.id).where(attempts.c.task_id == bindparam("task_id"), attempts.c.error == DIED))
_ANY = Query(
    select(attempts.c.id, attempts.c.shift_id, attempts.c.stage).where(attempts.c.state == "running", attempts.c.shift_id.not_like("person:%")),
)


def anything_lost(journal: Journal) -> bool:
    """Tell cheaply whether some attempt is held by a shift that is no longer alive."""
    with journal.look() as view:
        alive = _alive(view, journal.clock())
        return any(_beat_of(row) not in alive for row in view.rows(_ANY))


def reap(journal: Journal, *, actor: str, lost_most: int) -> int:
    """Give the tasks of dead shifts back to the queue; return how many. From then on a result of their attempts is refused."""
    with journal.write(actor) as tx:
        alive = _alive(tx, tx.now)
        lost = [row for row in tx.rows(_HELD) if _beat_of(row) not in alive]
        for attempt in lost:
            take_back(tx, attempt, lost_most=lost_most, error=UNFETCHED if _is_unfetched(attempt) else DIED)
        bury(tx)
        return len(lost)


def take_back_unended(journal: Journal, attempt_id: str, *, actor: str) -> bool:
    """Put a task back whose step is over although its attempt never ended: Prefect could not run it. Tell whether there was anything to do."""
    with journal.look() as view:
        if view.get(attempts, attempt_id)["state"] != "running":
            return False
    with journal.write(actor) as tx:
        attempt = tx.get(attempts, attempt_id)
        if attempt["state"] == "running":
            _close(tx, attempt, UNRUN)
            _pause(tx, tx.get(tasks, attempt["task_id"]), attempt)
        return True


def give_back(tx: Tx, attempt: Row, error: str, why: str) -> None:
    """Close an attempt as lost, so that its result is refused, and put its task back into the queue; or end or pause it where that was asked for."""
    _close(tx, attempt, error)
    task = tx.get(tasks, attempt["task_id"])
    if not _holds(task, attempt):
        return
    lost = task["lost"] + 1
    if task["stop_at"] is not None:
        finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], lost=lost)
        return
    move(tx, task, "task.returned", reason=str(Reason.QUEUE), why=why, attempt_id=None, wake_at=None, lost=lost)
    if task["hold_at"] is not None:
        pause_task(tx, tx.get(tasks, task["id"]), f"{task['why']}; meanwhile {error}")


def take_back(tx: Tx, attempt: Row, *, lost_most: int, error: str = DIED) -> None:
    """Put the task of an attempt that nobody works on back into the queue, within a transaction. Of those that died, so many are the most."""
    task = tx.get(tasks, attempt["task_id"])
    died = len(tx.rows(_DIED, task_id=task["id"])) + (error == DIED)
    if _holds(task, attempt) and task["stop_at"] is None and died >= lost_most:
        _close(tx, attempt, error)
        finish(tx, task, Outcome.FAILED, Reason.LOST, f"the process that worked on it died {died} times", lost=task["lost"] + 1)
    else:
        give_back(tx, attempt, error, f"attempt {attempt['number']} was lost: {error}; waits for a free agent")


def _pause(tx: Tx, task: Row, attempt: Row) -> None:
    """Let a task wait for a moment: Prefect's server is away, and asking at once again would only be refused again."""
    if not _holds(task, attempt):
        return
    if task["stop_at"] is not None:
        finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], lost=task["lost"] + 1)
        return
    pause_s = min(PAUSE_MOST_S, 2 ** min(task["lost"], 10))
    why = f"the step of attempt {attempt['number']} could not be run: is Prefect's server up? tries again in {pause_s} s"
    wait = {"reason": str(Reason.BACKOFF), "why": why, "wake_at": tx.now + pause_s * SECOND, "attempt_id": None, "lost": task["lost"] + 1}
    move(tx, task, "task.retried", **wait)


def _close(tx: Tx, attempt: Row, error: str) -> None:
    task = tx.get(tasks, attempt["task_id"])
    facts = about(task) | {"task_id": task["id"], "agent_id": attempt["agent_id"], "kind": task["kind"]}
    tokens = dict.fromkeys(("tokens_in", "tokens_out"), 0 if error in {UNRUN, UNFETCHED} else None)  # what never ran used none
    facts |= {"state": "lost", "cost_cents": 0, "extra_cents": 0, **tokens, "currency": task["currency"]}
    facts |= {"started_at": attempt["started_at"], "finished_at": tx.now}
    tx.change(attempts, attempt["id"], {"state": "lost", "error": error, **tokens, "finished_at": tx.now}, "attempt.finished", **facts)


def _alive(view: View, now: int) -> set[str]:
    return living(view, "shift:", now) | living(view, "work:", now)


def _beat_of(attempt: Row) -> str:
    """Return the sign of life that keeps an attempt: its shift's or its worker's; its own once a worker has accepted it."""
    accepted = attempt["shift_id"].startswith("worker:") and attempt["stage"] is not None
    return f"work:{attempt['id']}" if accepted else f"shift:{attempt['shift_id']}"


def _is_unfetched(attempt: Row) -> bool:
    return attempt["shift_id"].startswith("worker:") and attempt["stage"] is None


def _holds(task: Row, attempt: Row) -> bool:
    return bool(task["state"] == State.RUNNING and task["attempt_id"] == attempt["id"])
