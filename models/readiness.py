"""What a waiting task waits for: one function from what is known to what happens next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.clock import MINUTE, SECOND, iso
from models.task import Condition, Join, Outcome, Reason, met

TURN = 5 * SECOND
AHEAD_MOST = 1000  # so many are counted

MARK = {Condition.SUCCESS: "to succeed", Condition.END: "to end", Condition.FAILURE: "to fail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One task that another waits for, as it stands now."""

    task_id: str
    condition: Condition
    outcome: Outcome | None  # null while it has not ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a waiting task stands: the event that moves it (null: it goes on waiting) and why."""

    kind: str | None
    reason: Reason
    why: str
    wake_at: int | None = None  # when time alone may change the answer
    outcome: Outcome | None = None  # of a task that ends here


def stand(task: Mapping[str, Any], needs: Sequence[Need], now: int) -> Stand:
    """Say what a waiting task waits for, or that nothing is missing any more.

    Args:
        task: its row of the ledger; read are `start_at`, `deadline_at`, `started_at`, `category`, `approval`, `approver`, `approval_until_at`,
            `needs_join`, `reason` and `wake_at`.
        needs: the tasks that it waits for.
        now: the present instant.

    """
    broken = _broken(task, needs)
    if broken:
        others = f", the last of {len(needs)} that it needed any of" if task["needs_join"] == Join.ANY and len(needs) > 1 else ""
        why = f"needs task {broken.task_id} {MARK[broken.condition]}, but that one is {broken.outcome}{others}: retry that one to bring this one back"
        return Stand(kind="task.finished", reason=Reason.UNMET, why=why, outcome=Outcome.CANCELLED)
    deadline = task["deadline_at"] if task["started_at"] is None else None  # what was started in time may be tried again
    if deadline is not None and deadline <= now:
        why = f"was not started before its deadline, {iso(deadline)}"
        return Stand(kind="task.finished", reason=Reason.DEADLINE, why=why, outcome=Outcome.EXPIRED)
    if task["approval"] == "needed" and task["approval_until_at"] is not None and task["approval_until_at"] <= now:
        why = f"was not approved before {iso(task['approval_until_at'])}"
        return Stand(kind="task.finished", reason=Reason.APPROVAL, why=why, outcome=Outcome.EXPIRED)
    missing = _missing(task, needs, deadline, now)
    if missing:
        return missing
    return Stand(kind="task.released", reason=Reason.QUEUE, why="waits for a free agent", wake_at=deadline)


def queue_key(ready_at: int, priority: int, ahead: int = 0) -> int:
    """Return the position in the queue, smaller first.

    One point of priority is worth one minute of waiting, and each of `ahead` tasks of the same client that are ready already costs `TURN`: a client
    who submits a thousand tasks at once takes turns with others instead of going before them (fair queueing, Nagle, RFC 970). All tasks age alike, so
    the order never changes while they wait, an index can hold it, and nothing starves: what comes later by more than that never overtakes.
    """
    return ready_at - priority * MINUTE + min(ahead, AHEAD_MOST) * TURN


def _broken(task: Mapping[str, Any], needs: Sequence[Need]) -> Need | None:
    """Return a need that can never be met and without which the task cannot start."""
    broken = [need for need in needs if met(need.condition, need.outcome) is False]
    enough = len(needs) if task["needs_join"] == Join.ANY else 1
    return broken[-1] if broken and len(broken) >= enough else None


def _open(task: Mapping[str, Any], needs: Sequence[Need]) -> list[Need]:
    """Return the needs that the task still waits for."""
    if task["needs_join"] == Join.ANY and any(met(need.condition, need.outcome) for need in needs):
        return []
    return [need for need in needs if met(need.condition, need.outcome) is None]


def _missing(task: Mapping[str, Any], needs: Sequence[Need], deadline: int | None, now: int) -> Stand | None:
    wakes = [at for at in (deadline,) if at is not None]

    def waits(reason: Reason, why: str, at: int | None = None) -> Stand:
        return Stand(kind=None, reason=reason, why=why, wake_at=min([*wakes, at] if at is not None else wakes, default=None))

    if task["category"] is None:
        return waits(Reason.CATEGORY, "waits to be categorized by the next shift", now)
    if task["approval"] == "needed":
        return waits(Reason.APPROVAL, f"waits for the approval of {task['approver'] or 'an operator'}", task["approval_until_at"])
    open_needs = _open(task, needs)
    if open_needs:
        word = "or one of" if task["needs_join"] == Join.ANY else "and"
        more = f" {word} {len(open_needs) - 1} more" if len(open_needs) > 1 else ""
        return waits(Reason.DEPENDENCY, f"waits for task {open_needs[0].task_id} {MARK[open_needs[0].condition]}{more}")
    if task["start_at"] is not None and task["start_at"] > now:
        return waits(Reason.TIME, f"starts at {iso(task['start_at'])}", task["start_at"])
    if task["reason"] == Reason.BACKOFF and task["wake_at"] is not None and task["wake_at"] > now:
        return waits(Reason.BACKOFF, task["why"], task["wake_at"])
    return None
