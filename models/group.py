"""A group: tasks that were submitted together, as one thing with a state, an outlook and a critical path.

The critical path is the chain of tasks whose durations add up to the most (critical path method, Kelley and Walker 1959); a task's slack is how much
longer it could take without making the whole longer. Durations are those that were measured, and what past tasks of the kind took otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from models.task import Join, Outcome, Reason, State

Row = Mapping[str, Any]
Edge = tuple[str, str]  # the task that waits, the task that it needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """When a task was or will be worked on, as far as anybody can say."""

    start: int | None  # µs; null: not known, because it waits for a person or for a task of unknown length
    end: int | None
    expected: bool  # whether this is a forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of a group's course."""

    outlook: Mapping[str, Outlook]
    critical: tuple[str, ...]  # ids in their order
    slack: Mapping[str, int]  # µs by id
    end: int | None  # when the last one ended or will; null: not known


def standing(tasks: Sequence[Row]) -> tuple[str, str | None]:
    """Return the state of a group (waiting, running, done) and, when it is done, its outcome: the worst of its tasks'.

    >>> standing([{"state": "done", "outcome": "succeeded"}, {"state": "ready", "outcome": None}])
    ('waiting', None)
    >>> standing([{"state": "done", "outcome": "succeeded"}, {"state": "done", "outcome": "expired"}])
    ('done', 'expired')
    """
    states = {task["state"] for task in tasks}
    if states != {State.DONE}:
        return ("running" if State.RUNNING in states else "waiting"), None
    outcomes = {task["outcome"] for task in tasks}
    worst_first = (Outcome.FAILED, Outcome.EXPIRED, Outcome.CANCELLED, Outcome.SUCCEEDED)
    return "done", str(next(outcome for outcome in worst_first if outcome in outcomes))


def plan(tasks: Sequence[Row], edges: Iterable[Edge], expected: Mapping[str, int | None], now: int) -> Plan:
    """Look ahead.

    Args:
        tasks: rows with `id`, `state`, `reason`, `needs_join`, `created_at`, `start_at`, `started_at` and `finished_at`.
        edges: what waits for what among them; others are left out.
        expected: how long each will take, µs; null or absent where nobody can say yet.
        now: the instant.

    """
    rows = {task["id"]: task for task in tasks}
    needs: dict[str, list[str]] = {task_id: [] for task_id in rows}
    for task_id, needs_id in edges:
        if task_id in rows and needs_id in rows:
            needs[task_id].append(needs_id)
    order = list(TopologicalSorter(needs).static_order())
    outlook: dict[str, Outlook] = {}
    for task_id in order:
        outlook[task_id] = _outlook(rows[task_id], [outlook[one] for one in needs[task_id]], expected.get(task_id), now)
    lengths = {task_id: _length(rows[task_id], expected.get(task_id), now) for task_id in rows}
    critical, slack = _critical(order, needs, lengths)
    ends = [one.end for one in outlook.values()]
    return Plan(
        outlook=outlook, critical=critical, slack=slack, end=None if None in ends else max((end for end in ends if end is not None), default=None)
    )


def _outlook(task: Row, needs: Sequence[Outlook], expected: int | None, now: int) -> Outlook:
    if task["state"] == State.DONE:
        return Outlook(start=task["started_at"] or task["finished_at"], end=task["finished_at"], expected=False)
    if task["state"] == State.RUNNING:
        end = None if expected is None else max(now, task["started_at"] + expected)
        return Outlook(start=task["started_at"], end=end, expected=True)
    if task["state"] in {State.PAUSED, State.REVIEW} or task["reason"] in {Reason.APPROVAL, Reason.NO_AGENT}:
        return Outlook(start=None, end=None, expected=True)
    ends = [one.end for one in needs]
    if task["needs_join"] == Join.ANY:
        ready = min((end for end in ends if end is not None), default=None if ends else now)
    else:
        ready = None if None in ends else max((end for end in ends if end is not None), default=now)
    start = None if ready is None else max(now, ready, task["start_at"] or 0)
    return Outlook(start=start, end=None if start is None or expected is None else start + expected, expected=True)


def _length(task: Row, expected: int | None, now: int) -> int:
    """Return how long a task took, or takes as far as anybody can say, without its waits; 0 where nothing is known."""
    if task["started_at"] is None:
        return 0 if task["state"] == State.DONE else expected or 0
    if task["state"] == State.DONE:
        return int(task["finished_at"] - task["started_at"])
    return max(int(now - task["started_at"]), expected or 0)


def _critical(order: Sequence[str], needs: Mapping[str, Sequence[str]], lengths: Mapping[str, int]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the longest chain and every task's slack; of chains of one length, the one with more tasks."""
    before: dict[str, tuple[int, int]] = {}  # length and number of tasks of the longest chain that ends with a task
    for task_id in order:
        longest = max((before[one] for one in needs[task_id]), default=(0, 0))
        before[task_id] = (longest[0] + lengths[task_id], longest[1] + 1)
    after: dict[str, int] = dict.fromkeys(order, 0)  # length of the longest chain behind a task
    for task_id in reversed(order):
        for one in needs[task_id]:
            after[one] = max(after[one], after[task_id] + lengths[task_id])
    whole = max((length for length, _ in before.values()), default=0)
    path: list[str] = []
    here = max(order, key=lambda task_id: before[task_id], default=None)
    while here is not None:
        path.append(here)
        here = max(needs[here], key=lambda task_id: before[task_id], default=None)
    return tuple(reversed(path)), {task_id: whole - before[task_id][0] - after[task_id] for task_id in order}
