"""Claiming: which tasks start now, on which agents. One transaction decides and records it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, func, select

from agents import registry
from models.clock import MINUTE, first_id, iso, new_id
from models.routing import Candidate, Decision, Wish, choose, rejection
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx, View
from store.query import Query, Row, any_of
from store.schema import agents, attempts, decisions, tasks
from store.settings import Dispatch
from tasks.beats import holds
from tasks.moves import about, finish, move, needs_of, settle
from tasks.reap import UNRUN

WOKEN_MOST = 500  # waiting tasks looked at in one transaction
USUAL = Dispatch()
OUTSIDE = frozenset({"worker", "person"})  # kinds of agents that do their work elsewhere and bring its result
UNRUN_MOST = 3  # attempts whose step Prefect could not run, before one is made without a step
REMEMBERED = 10_000  # newest attempts that an agent is judged by

_DUE = Query(
    select(tasks)
    .where(
        any_of(tasks.c.state, State.WAITING, State.READY, State.REVIEW),
        tasks.c.wake_at <= bindparam("now", type_=BigInteger),
        tasks.c.category.is_not(None),
    )
    .order_by(tasks.c.wake_at)
    .limit(bindparam("most")),
)
_QUEUES = Query(select(tasks.c.category, tasks.c.kind, tasks.c.wanted_agent, tasks.c.currency).where(tasks.c.state == State.READY).distinct())
_QUEUE = Query(
    select(tasks)
    .where(
        tasks.c.state == State.READY,
        tasks.c.category == bindparam("category"),
        tasks.c.kind == bindparam("kind"),
        tasks.c.wanted_agent.is_not_distinct_from(bindparam("wanted_agent", type_=Text)),
        tasks.c.currency == bindparam("currency"),
    )
    .order_by(tasks.c.queue_key)
    .limit(bindparam("most")),
)
_AGENTS = Query(select(agents))
_RUNNING = Query(select(attempts.c.agent_id, func.count().label("n")).where(attempts.c.state == "running").group_by(attempts.c.agent_id))
_RECENT = Query(
    select(attempts.c.agent_id, tasks.c.category)
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.id >= bindparam("first"), attempts.c.started_at > bindparam("since", type_=BigInteger)),
)
_FAILED_ON = Query(
    select(attempts.c.agent_id).where(attempts.c.task_id == bindparam("task_id"), any_of(attempts.c.state, "failed", "timeout")),
)
_UNRUN = Query(select(attempts.c.id).where(attempts.c.task_id == bindparam("task_id"), attempts.c.error == UNRUN))
_NEWEST = select(attempts.c.agent_id, attempts.c.task_id, attempts.c.state).order_by(attempts.c.id.desc()).limit(REMEMBERED).subquery()
_RECORD = Query(
    select(_NEWEST.c.agent_id, tasks.c.category, _NEWEST.c.state, func.count().label("n"))
    .join(tasks, tasks.c.id == _NEWEST.c.task_id)
    .where(any_of(_NEWEST.c.state, "succeeded", "failed", "timeout"))
    .group_by(_NEWEST.c.agent_id, tasks.c.category, _NEWEST.c.state),
)

Record = dict[tuple[str, str], tuple[int, int]]  # (agent, category) → attempts that succeeded, that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A task that an agent may start: an attempt under a lease."""

    task_id: str
    attempt_id: str
    number: int  # of the attempt; also the fencing number
    agent_id: str
    kind: str  # of its agent
    category: str
    title: str  # foreign text
    client: str
    currency: str
    timeout_s: int
    inputs: Any  # with references
    config: dict[str, Any]
    needs: tuple[str, ...]  # ids of the tasks it waited for
    plain: bool  # Prefect could not run its step again and again: it is done without one

    @property
    def about(self) -> dict[str, str]:
        """What every event about the attempt says in its facts, for those who follow only a part of them."""
        return {"client": self.client, "category": self.category, "task_id": self.task_id, "agent_id": self.agent_id}


def anything_due(journal: Journal) -> bool:
    """Tell cheaply whether a claim may find something, so that an idle shift never takes the write lock."""
    with journal.look() as view:
        return bool(view.rows(_DUE, now=journal.clock(), most=1) or view.rows(_QUEUES))


def track_record(view: View) -> Record:
    """Count how each agent did in each category, over the newest attempts of the house."""
    record: Record = {}
    for row in view.rows(_RECORD):
        key = (row["agent_id"], row["category"])
        succeeded, failed = record.get(key, (0, 0))
        record[key] = (succeeded + row["n"], failed) if row["state"] == "succeeded" else (succeeded, failed + row["n"])
    return record


def claim(journal: Journal, *, shift_id: str, lane: str, free: int, record: Record, dispatch: Dispatch = USUAL) -> list[Claim]:
    """Wake what is due and start up to `free` tasks, the best of each queue on the best agent; nothing when the lane is no longer this shift's.

    Returned are those that this process performs; attempts of remote workers and people are started too, and held by them.
    """
    with journal.write(f"shift:{shift_id}") as tx:
        if not holds(tx, lane, shift_id, tx.now):
            return []
        for task in tx.rows(_DUE, now=tx.now, most=WOKEN_MOST):
            _wake(tx, task["id"])
        staff = Staff(tx, record, dispatch, tx.now)
        claims: list[Claim] = []
        for task in _queue(tx, staff, free):
            if len(claims) == free:
                break
            started = _try(tx, task, staff, shift_id)
            claims += [started] if started and started.kind not in OUTSIDE else []
        return claims


class Staff:
    """The agents as a transaction sees them; counts what it gives them."""

    def __init__(self, view: View, record: Record, dispatch: Dispatch, now: int) -> None:
        self.rows = {row["id"]: row for row in view.rows(_AGENTS)}
        self._skills = {agent_id: frozenset(json.loads(row["skills"])) for agent_id, row in self.rows.items()}
        self._running = {row["agent_id"]: row["n"] for row in view.rows(_RUNNING)}
        self._record = record
        self._rates = {agent_id: row["rate_most"] for agent_id, row in self.rows.items() if row["rate_most"] is not None}
        self._category_rates = dispatch.category_rates
        limited = self._rates or self._category_rates
        self._recent = view.rows(_RECENT, first=first_id("x", now - MINUTE), since=now - MINUTE) if limited else []

    def candidates(self, category: str) -> Iterator[Candidate]:
        """Yield all agents as the router sees them."""
        for agent_id, row in self.rows.items():
            succeeded, failed = self._record.get((agent_id, category), (0, 0))
            yield Candidate(
                agent_id=agent_id, kind=registry.takes(row["kind"]), skills=self._skills[agent_id], state=row["state"], capacity=row["capacity"],
                running=self._running.get(agent_id, 0), currency=row["currency"], charges=bool(row["price_cents"] or row["minute_cents"]),
                succeeded=succeeded, failed=failed, limited=self._left(self._rates.get(agent_id), "agent_id", agent_id) == 0,
            )  # fmt: skip

    def take(self, agent_id: str, category: str) -> None:
        """Note that an agent starts a task."""
        self._running[agent_id] = self._running.get(agent_id, 0) + 1
        self._recent.append({"agent_id": agent_id, "category": category})

    def category_left(self, category: str) -> int | None:
        """Return how many more tasks of a category may start this minute; null: no limit."""
        return self._left(self._category_rates.get(category), "category", category)

    def free_for(self, wish: Wish) -> int | None:
        """Return the free places for a queue; null when no agent fits."""
        fitting = [one for one in self.candidates(wish.category) if rejection(wish, one) is None]
        places = sum(0 if one.limited else max(0, one.capacity - one.running) for one in fitting)
        left = self.category_left(wish.category)
        return (places if left is None else min(places, left)) if fitting else None

    def _left(self, most: int | None, column: str, value: str) -> int | None:
        return None if most is None else max(0, most - sum(row[column] == value for row in self._recent))


def _wake(tx: Tx, task_id: str) -> None:
    task = tx.get(tasks, task_id)
    if task["state"] == State.READY:  # what wakes a ready task is its deadline
        finish(tx, task, Outcome.EXPIRED, Reason.DEADLINE, "was not started before its deadline: it still waited for a free agent")
    elif task["state"] == State.REVIEW:  # what wakes one is that nobody accepted its result in time
        finish(tx, task, Outcome.EXPIRED, Reason.APPROVAL, f"its result was not accepted before {iso(task['wake_at'])}")
    else:
        settle(tx, task_id)


def _queue(tx: Tx, staff: Staff, free: int) -> list[Row]:
    """Return the heads of all queues that an agent could take from, and of those that nobody serves, in the order of their keys.

    The tasks of one queue ask the same of their agent, so no task that cannot be served hides one that can.
    """
    heads: list[Row] = []
    for queue in tx.rows(_QUEUES):
        places = staff.free_for(Wish(**queue))
        if places != 0:
            heads += tx.rows(_QUEUE, **queue, most=WOKEN_MOST if places is None else min(places, free))
    return sorted(heads, key=lambda task: (task["queue_key"], task["id"]))


def _try(tx: Tx, task: Row, staff: Staff, shift_id: str) -> Claim | None:
    if staff.category_left(task["category"]) == 0:
        return None
    failed_on = frozenset(row["agent_id"] for row in tx.rows(_FAILED_ON, task_id=task["id"])) if task["attempts"] else frozenset()
    wish = Wish(category=task["category"], kind=task["kind"], currency=task["currency"], wanted_agent=task["wanted_agent"], failed_on=failed_on)
    decision = choose(wish, staff.candidates(task["category"]))
    if decision.agent_id is None:
        if not decision.somebody_fits:
            _record_decision(tx, task, decision)
            move(tx, task, "task.unrouted", reason=str(Reason.NO_AGENT), why=decision.why, wake_at=task["deadline_at"])
        return None
    staff.take(decision.agent_id, task["category"])
    _record_decision(tx, task, decision)
    return _start(tx, task, staff.rows[decision.agent_id], shift_id)


def _start(tx: Tx, task: Row, agent: Row, shift_id: str) -> Claim:
    number = task["attempts"] + 1
    attempt_id = new_id("x", tx.now)
    row = {
        "id": attempt_id, "task_id": task["id"], "number": number, "agent_id": agent["id"],
        "shift_id": f"{agent['kind']}:{agent['id']}" if agent["kind"] in OUTSIDE else shift_id, "state": "running", "error": None,
        "progress": None, "stage": None, "cost_cents": 0, "tokens_in": None, "tokens_out": None, "run_id": None, "started_at": tx.now,
        "finished_at": None,
    }  # fmt: skip
    tx.create(attempts, row, "attempt.started", **about(task), task_id=task["id"])
    facts = {
        "agent_id": agent["id"],
        "attempt_id": attempt_id,
        "category": task["category"],
        "kind": task["kind"],
        "waited_us": tx.now - task["ready_at"],
    }
    patch = {"attempt_id": attempt_id, "attempts": number, "reason": str(Reason.AGENT), "why": f"{agent['id']} works on it", "wake_at": None}
    patch |= {"hold_at": None, "held_us": 0}
    move(tx, task, "task.started", **patch, started_at=task["started_at"] or tx.now, facts=facts)
    return Claim(
        task_id=task["id"], attempt_id=attempt_id, number=number, agent_id=agent["id"], kind=agent["kind"], category=task["category"],
        title=task["title"], client=task["client"], currency=task["currency"], timeout_s=task["timeout_s"], inputs=json.loads(task["inputs"]),
        config=json.loads(agent["config"]), needs=tuple(need.task_id for need in needs_of(tx, task["id"])),
        plain=task["lost"] >= UNRUN_MOST and len(tx.rows(_UNRUN, task_id=task["id"])) >= UNRUN_MOST,
    )  # fmt: skip


def _record_decision(tx: Tx, task: Row, decision: Decision) -> None:
    row = {
        "id": new_id("d", tx.now), "task_id": task["id"], "policy": decision.policy, "agent_id": decision.agent_id,
        "candidates": json.dumps([asdict(one) for one in decision.candidates]), "flips": None, "why": decision.why, "at": tx.now,
    }  # fmt: skip
    tx.create(decisions, row, "decision.made", **about(task), task_id=task["id"])
