"""Looking after what is worked on elsewhere, where nothing can be stopped: workers that fell silent, and attempts that overstay their time."""

import contextlib

from sqlalchemy import bindparam, or_, select

from models.clock import SECOND, iso
from models.errors import LeaseLost
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import agents, attempts, beats, tasks
from store.settings import Dispatch
from tasks.beats import living
from tasks.outside import claim_of
from tasks.perform import Ended, end
from tasks.reap import UNFETCHED as UNFETCHED_ERROR
from tasks.reap import take_back
from tasks.staff import set_state

UNFETCHED = Ended(state="lost", error=UNFETCHED_ERROR)  # its task goes back into the queue

_WORKERS = Query(select(agents).where(agents.c.kind == "worker", agents.c.state == "online").order_by(agents.c.id))
_BEAT = Query(select(beats.c.until).where(beats.c.name == bindparam("beat_name")))
_OUTSIDE = Query(
    select(
        attempts.c.id, attempts.c.task_id, attempts.c.started_at, attempts.c.shift_id, attempts.c.stage, tasks.c.stop_at, tasks.c.hold_at,
        tasks.c.held_us, tasks.c.timeout_s,
    )
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.state == "running", or_(attempts.c.shift_id.like("worker:%"), attempts.c.shift_id.like("person:%")))
    .order_by(attempts.c.id),
)  # fmt: skip


def look_outside(journal: Journal, settings: Dispatch, *, actor: str) -> None:
    """Note workers that fell silent, and end what took too long, what did not stop when it was told to, and what nobody fetched."""
    with journal.look() as view:
        now = journal.clock()
        silent = _silent(view, now)
        over = [row for row in view.rows(_OUTSIDE) if _verdict(row, settings, now) is not None]
    if not silent and not over:
        return
    with journal.write(actor) as tx:
        for worker in _silent(tx, tx.now):
            last = tx.one(_BEAT, beat_name=f"shift:worker:{worker['id']}")
            since = iso(last["until"] - int(settings.worker_lease_s * SECOND)) if last else None
            set_state(tx, worker, "offline", f"gave no sign of life since {since}" if since else "gives no sign of life")
        for row in tx.rows(_OUTSIDE):
            attempt, task, verdict = tx.get(attempts, row["id"]), tx.get(tasks, row["task_id"]), _verdict(row, settings, tx.now)
            if verdict is UNFETCHED:
                take_back(tx, attempt, lost_most=settings.lost_most, error=UNFETCHED_ERROR)
            elif verdict is not None:
                with contextlib.suppress(LeaseLost):  # it ended at last
                    end(tx, claim_of(tx, attempt, task), verdict)


def _verdict(row: Row, settings: Dispatch, now: int) -> Ended | None:
    """Return how an attempt must end now; null when it may go on."""
    if row["stop_at"] is not None and row["stop_at"] + int(settings.cancel_s * SECOND) < now:
        return Ended(state="cancelled", error=f"was asked to stop and did not within {settings.cancel_s:g} s")
    if row["hold_at"] is None and row["started_at"] + (row["held_us"] or 0) + row["timeout_s"] * SECOND < now:
        return Ended(state="timeout", error=f"took longer than {row['timeout_s']} s", retryable=True)
    unfetched = row["shift_id"].startswith("worker:") and row["stage"] is None
    return UNFETCHED if unfetched and row["started_at"] + int(settings.worker_lease_s * SECOND) < now else None


def _silent(view: View, now: int) -> list[Row]:
    workers = view.rows(_WORKERS)
    alive = living(view, "shift:worker:", now) if workers else set()
    return [row for row in workers if f"shift:worker:{row['id']}" not in alive]
