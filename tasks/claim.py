"""Claiming: which tasks start now, on which agents. One transaction decides and records it."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, case, select

from agents import registry
from models.clock import MINUTE, SECOND, iso, new_id
from models.deciding import Decision, Ready, wish_of
from models.routing import Wish, rejection
from models.task import Outcome, Reason, State
from store.journal import Journal, Tx
from store.query import Query, Row, any_of
from store.schema import attempts, decisions, preferences, tasks
from store.settings import Dispatch
from tasks import circuits
from tasks.beats import holds
from tasks.budgets import left, refusal, tokens_within
from tasks.moves import about, finish, move, needs_of, settle
from tasks.reap import UNFETCHED, UNRUN
from tasks.roster import Roster
from tasks.router import Router

WOKEN_MOST = 500  # waiting tasks looked at in one transaction
USUAL = Dispatch()
FURTHER = (0, 50, WOKEN_MOST)  # tasks looked at beyond the free places, while there is one that nobody took
UNRUN_MOST = 3  # attempts whose step Prefect could not run, before one is made without a step

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
_WITH_PREFERENCES = select(preferences.c.client).where(preferences.c.stance != "none")
_CLIENT = case((tasks.c.client.in_(_WITH_PREFERENCES), tasks.c.client))  # null where the client has none: such tasks are one queue
_ASKED = (tasks.c.category, tasks.c.kind, tasks.c.wanted_agent, tasks.c.currency, tasks.c.clearance, tasks.c.language, _CLIENT)
_NAMES = ("category", "kind", "wanted_agent", "currency", "clearance", "language", "client")
_QUEUES = Query(
    select(*(column.label(name) for column, name in zip(_ASKED, _NAMES, strict=True))).where(tasks.c.state == State.READY).distinct(),
)
_QUEUE = Query(
    select(tasks)
    .where(
        tasks.c.state == State.READY,
        *(tasks.c[name] == bindparam(name) for name in ("category", "kind", "currency")),
        *(tasks.c[name].is_not_distinct_from(bindparam(name, type_=tasks.c[name].type)) for name in ("wanted_agent", "clearance", "language")),
        _CLIENT.is_not_distinct_from(bindparam("client", type_=Text)),
    )
    .order_by(tasks.c.queue_key)
    .limit(bindparam("most")),
)
_ANY_READY = Query(select(tasks.c.id).where(tasks.c.state == State.READY).limit(1))
_BEFORE = Query(
    select(attempts.c.agent_id, attempts.c.state, attempts.c.error, attempts.c.finished_at)
    .where(attempts.c.task_id == bindparam("task_id"))
    .order_by(attempts.c.number),
)
_UNRUN = Query(select(attempts.c.id).where(attempts.c.task_id == bindparam("task_id"), attempts.c.error == UNRUN))


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
    tokens_most: int | None = None  # that language models may use for it; null: as many as the agent's configuration allows

    @property
    def about(self) -> dict[str, str]:
        """What every event about the attempt says in its facts, for those who follow only a part of them."""
        return {"client": self.client, "category": self.category, "task_id": self.task_id, "agent_id": self.agent_id}


def anything_due(journal: Journal) -> bool:
    """Tell cheaply whether a claim may find something, so that an idle shift never takes the write lock."""
    with journal.look() as view:
        return bool(view.rows(_DUE, now=journal.clock(), most=1) or view.rows(_ANY_READY))


def claim(journal: Journal, *, shift_id: str, lane: str, free: int, router: Router, dispatch: Dispatch = USUAL) -> list[Claim]:
    """Wake what is due and start up to `free` tasks, all together on the agents that earn most; nothing when the lane is no longer this shift's.

    Returned are those that this process performs; attempts of remote workers and people are started too, and held by them.
    """
    with journal.write(f"shift:{shift_id}") as tx:
        if not holds(tx, lane, shift_id, tx.now):
            return []
        for task in tx.rows(_DUE, now=tx.now, most=WOKEN_MOST):
            _wake(tx, task["id"])
        router.look(tx, tx.now)
        roster = Roster(tx, dispatch, tx.now)
        heads, decided = _decide(tx, roster, router, free)
        claims: list[Claim] = []
        for task in heads:
            decision = decided.get(task["id"])
            if decision is None:
                continue  # it waits for an agent that is held up
            if decision.agent_id is None:
                _record_decision(tx, task, decision, router)
                wake_at = task["deadline_at"] if task["started_at"] is None else None  # what was started in time may be tried again
                move(tx, task, "task.unrouted", reason=str(Reason.NO_AGENT), why=decision.why, wake_at=wake_at)
                continue
            agent = roster.rows[decision.agent_id]
            remaining = left(tx, agent, tx.now)  # with what was started in this transaction
            if refusal(agent, remaining, timeout_s=task["timeout_s"]):
                continue
            if agent["kind"] in registry.ELSEWHERE or len(claims) < free:
                _record_decision(tx, task, decision, router)
                started = _start(tx, task, agent, shift_id, tokens_most=tokens_within(agent, remaining, timeout_s=task["timeout_s"]))
                _note_circuit(tx, roster, agent["id"], task["category"])
                claims += [started] if agent["kind"] not in registry.ELSEWHERE else []
        return claims


def _wake(tx: Tx, task_id: str) -> None:
    task = tx.get(tasks, task_id)
    if task["state"] == State.READY:  # what wakes a ready task is its deadline
        finish(tx, task, Outcome.EXPIRED, Reason.DEADLINE, "was not started before its deadline: it still waited for a free agent")
    elif task["state"] == State.REVIEW:  # what wakes one is that nobody accepted its result in time
        finish(tx, task, Outcome.EXPIRED, Reason.APPROVAL, f"its result was not accepted before {iso(task['wake_at'])}")
    else:
        settle(tx, task_id)


def _decide(tx: Tx, roster: Roster, router: Router, free: int) -> tuple[list[Row], dict[str, Decision]]:
    """Return the tasks that were looked at, in the order of the queue, and the decisions about them.

    The tasks of one queue ask nearly the same of their agent. What one of them alone waits for (another agent than the one that declined it or failed
    at it, a budget that its time-out is too long for, a better agent) must not hide those behind it: while an agent that serves a queue has places
    left, more of that queue is looked at.
    """
    heads: list[Row] = []
    decided: dict[str, Decision] = {}
    for further in FURTHER:
        heads, cut = _heads(tx, roster, free, further)
        agents = roster.within_budgets(roster.timeout_of(task) for task in heads)
        decided = router.decide([_ready(tx, task, roster) for task in heads], agents)
        taken = Counter(decision.agent_id for decision in decided.values() if decision.agent_id is not None)
        here = sum(count for agent_id, count in taken.items() if roster.rows[agent_id]["kind"] not in registry.ELSEWHERE)
        idle = [one for one in agents if one.free > taken[one.agent_id] and (here < free or roster.rows[one.agent_id]["kind"] in registry.ELSEWHERE)]
        if not any(rejection(wish, one) is None for wish in cut for one in idle):
            break
    return heads, decided


def _heads(tx: Tx, roster: Roster, free: int, further: int) -> tuple[list[Row], list[Wish]]:
    """Return the heads of all queues that an agent could take from, so many `further` than there are places, and of those that nobody serves.

    They come in the order of their keys; also what the queues ask that have more.
    """
    heads: list[Row] = []
    cut: list[Wish] = []
    for queue in tx.rows(_QUEUES):
        wish = wish_of(queue, excluded=_excluded(roster, queue["client"]))
        places = roster.places_for(wish)
        most = WOKEN_MOST if places is None else min(places[0], free) + places[1]
        found = tx.rows(_QUEUE, **queue, most=min(most + further, WOKEN_MOST)) if most else []
        heads += found
        cut += [wish] if places is not None and len(found) == most + further else []
    started: dict[str, int] = {}
    kept = []
    for task in sorted(heads, key=lambda task: (task["queue_key"], task["id"])):
        left = roster.category_left(task["category"])
        started[task["category"]] = started.get(task["category"], 0) + 1
        if left is None or started[task["category"]] <= left:
            kept.append(task)
    return kept, cut


def _ready(tx: Tx, task: Row, roster: Roster) -> Ready:
    """Return a task as the router sees it."""
    before = tx.rows(_BEFORE, task_id=task["id"]) if task["attempts"] else []
    declined = frozenset((row["agent_id"], "declined it") for row in before if row["state"] == "declined")
    known = sorted({row["agent_id"] for row in before if row["state"] == "succeeded"})  # its result was rejected: who did it knows what it is about
    client = task["client"] if roster.has_preferences(task["client"]) else None
    return Ready(
        task_id=task["id"],
        wish=wish_of(task, client=client, excluded=_excluded(roster, client) | declined, timeout_s=roster.timeout_of(task)),
        price=float(task["price_cents"]),
        slack=None if task["due_at"] is None else (task["due_at"] - tx.now) / MINUTE,
        failed_on=frozenset(row["agent_id"] for row in before if row["state"] in {"failed", "timeout"} or row["error"] == UNFETCHED),
        ties=tuple([(agent, "preferred") for agent in roster.preferred(task["client"])] + [(agent, "known") for agent in known]),
        waited_s=max(0, tx.now - max([task["ready_at"], *(row["finished_at"] or 0 for row in before)])) / SECOND,
        again=max(0, task["attempts_most"] - (task["attempts"] - task["lost"]) - 1),
    )


def _excluded(roster: Roster, client: str | None) -> frozenset[tuple[str, str]]:
    return frozenset() if client is None else roster.excluded(client)


def _note_circuit(tx: Tx, roster: Roster, agent_id: str, category: str) -> None:
    row = roster.circuits.get((agent_id, category))
    if row is not None:
        circuits.tried(tx, row)


def _start(tx: Tx, task: Row, agent: Row, shift_id: str, *, tokens_most: int | None) -> Claim:
    number = task["attempts"] + 1
    attempt_id = new_id("x", tx.now)
    row = {
        "id": attempt_id, "task_id": task["id"], "number": number, "agent_id": agent["id"],
        "shift_id": f"{agent['kind']}:{agent['id']}" if agent["kind"] in registry.ELSEWHERE else shift_id, "state": "running", "error": None,
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
        tokens_most=tokens_most,
    )  # fmt: skip


def _record_decision(tx: Tx, task: Row, decision: Decision, router: Router) -> None:
    row = {
        "id": new_id("d", tx.now), "task_id": task["id"], "policy": router.decider, "agent_id": decision.agent_id,
        "candidates": json.dumps(decision.candidates, ensure_ascii=False), "flips": json.dumps(decision.flips, ensure_ascii=False),
        "why": decision.why, "at": tx.now,
    }  # fmt: skip
    tx.create(decisions, row, "decision.made", **about(task), task_id=task["id"])
