"""Deciding: all ready tasks and all agents in, who starts what out, with the reasons.

Rules say who may have a task (`models.routing`), the dispatcher what it is worth with each of them (`models.dispatching`), the queue whose turn it is
(`models.turns`), and an assignment who gets what, for the greatest sum (`models.assigning`). Of each decision is kept what was weighed, and the
smallest changes that would have sent the task elsewhere (`models.explaining`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, log2
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.assigning import assign
from models.dispatching import Ask, Dispatcher, Weighed
from models.policy import Policy
from models.routing import BUSY, Candidate, Wish, hold_up, rejection, ring
from models.turns import whose_turn
from models.valuing import cell

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PROBED: Final = "is tried out there with another task"
_SOON: Final = 0.125  # minutes: less slack than this is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A task that is ready, as the router sees it. Amounts are minor units of its currency."""

    task_id: str
    wish: Wish
    price: float
    slack: float | None = None  # minutes until its result is promised; null: it is not
    failed_on: frozenset[str] = frozenset()  # agents whose attempts at it failed
    ties: tuple[tuple[str, str], ...] = ()  # agents, and what ties them to the task: "preferred" by its client, or "known": it did it before
    bonus: tuple[tuple[str, float], ...] = ()  # agents, and what else speaks for them
    waited_s: float = 0.0
    again: int = 0  # attempts that may follow should the next one fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What tasks have in common that are judged together."""

    wish: Wish
    price: float
    slack: float | None
    failed_on: frozenset[str]
    ties: tuple[tuple[str, str], ...]
    bonus: tuple[tuple[str, float], ...]
    widened: int  # rings that were added because it waits
    tries: frozenset[str]  # agents that it may be used to try out
    again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice with everything that led to it."""

    agent_id: str | None  # null: no agent fits
    why: str
    candidates: list[dict[str, Any]]
    flips: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the rules say: tables of groups x agents."""

    rejected: list[list[str | None]]
    held: list[list[str | None]]
    outside: list[list[tuple[int, str]]]  # ring, and why
    allowed: Bools  # fits, stands in a ring that is asked, and is held up by nothing but being busy
    fits: Bools


class Problem:
    """Ready tasks, grouped and weighed."""

    def __init__(self, ready: Sequence[Ready], agents: Sequence[Candidate], dispatcher: Dispatcher, policy: Policy) -> None:
        self.ready = ready
        self.policy = policy
        self.agents = sorted(agents, key=lambda one: one.agent_id)
        probed = [(agent, category) for agent in self.agents for category in sorted(agent.probes)]
        self.groups: list[Group] = []
        self.of: list[int] = []  # the group of each task
        known: dict[Group, int] = {}
        for task in ready:
            tries = [one for one in probed if one[1] == task.wish.category and rejection(task.wish, one[0]) is None]
            probed = [one for one in probed if one not in tries]
            group = self._group(task, tries=frozenset(agent.agent_id for agent, _ in tries))
            if group not in known:
                known[group] = len(known)
                self.groups.append(group)
            self.of.append(known[group])
        self.names = [f"{place:05d}" for place in range(len(self.groups))]
        asks = {name: self._ask(group) for name, group in zip(self.names, self.groups, strict=True)}
        self.weighed: Weighed = dispatcher.weigh(asks)

    def worth_of(self, group: Group) -> float:
        """Return what a task counts for."""
        return max(group.price, self.policy.least)

    def _ask(self, group: Group) -> Ask:
        part = cell(group.wish.category, hard=bool(group.failed_on))
        return Ask(category=part, price=self.worth_of(group), slack=group.slack, bonus=self._bonus(group), again=group.again)

    def _bonus(self, group: Group) -> dict[str, float]:
        shares = {"preferred": self.policy.preferred, "known": self.policy.known}
        found = dict(group.bonus)
        for agent_id, tie in group.ties:
            found[agent_id] = found.get(agent_id, 0.0) + shares[tie] * self.worth_of(group)
        return found

    def judge(self, agents: Sequence[Candidate]) -> Verdicts:
        """Return what the rules say of agents, in the order of their names."""
        by_wish: dict[Wish, list[tuple[str | None, str | None]]] = {}
        shape = (len(self.groups), len(agents))
        rejected: list[list[str | None]] = []
        held: list[list[str | None]] = []
        outside: list[list[tuple[int, str]]] = []
        fits, allowed = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        for row, group in enumerate(self.groups):
            if group.wish not in by_wish:
                by_wish[group.wish] = [(rejection(group.wish, agent), hold_up(group.wish, agent)) for agent in agents]
            words = by_wish[group.wish]
            rejected.append([no for no, _ in words])
            held.append([self._held(group, agent, wait) for (_, wait), agent in zip(words, agents, strict=True)])
            outside.append(self._rings(row, group, agents))
            fits[row] = [no is None for no in rejected[-1]]
            rings = np.array([number for number, _ in outside[-1]])
            steps = np.unique(rings[fits[row]])
            if len(steps):
                waits = np.array([wait not in {None, BUSY} for wait in held[-1]])
                allowed[row] = fits[row] & ~waits & (rings <= steps[min(group.widened, len(steps) - 1)])
        return Verdicts(rejected=rejected, held=held, outside=outside, allowed=allowed, fits=fits)

    def solve(self, verdicts: Verdicts, free: Ints) -> dict[int, int]:
        """Return who starts what: positions of tasks to positions of agents, in the order of the queue."""
        weighed = replace(self.weighed, allowed=verdicts.allowed)
        turn = whose_turn(self.of, verdicts.allowed, free)
        chosen = self._assigned(turn, weighed, free, patience=True)
        if len(chosen) < len(turn):  # those that wait for a busy agent leave places to the next in the queue
            left = free - np.bincount(list(chosen.values()), minlength=len(free))
            rest = sorted(set(range(len(self.of))) - set(turn))
            again = [rest[place] for place in whose_turn([self.of[place] for place in rest], verdicts.allowed, left)]
            chosen |= self._assigned(again, weighed, left, patience=False)
        return dict(sorted(chosen.items()))

    def _assigned(self, turn: list[int], weighed: Weighed, free: Ints, *, patience: bool) -> dict[int, int]:
        at = {agent: place for place, agent in enumerate(weighed.agents)}
        places = dict(zip(weighed.agents, free.tolist(), strict=True))
        chosen = assign({task: self.names[self.of[task]] for task in turn}, places, weighed.worth(patience=patience))
        return {task: at[agent] for task, agent in chosen.items()}

    def _group(self, task: Ready, *, tries: frozenset[str]) -> Group:
        slack = task.slack
        if slack is not None:
            slack = 2.0 ** floor(log2(slack)) if slack > _SOON else 0.0
        rings = 1 + bool(task.failed_on) + (slack is not None)
        widened = int(min(task.waited_s / self.policy.widen_s, rings)) if self.policy.widen_s else rings
        return Group(
            wish=task.wish, price=task.price, slack=slack, failed_on=task.failed_on, ties=task.ties, bonus=task.bonus, widened=widened,
            tries=tries, again=task.again,
        )  # fmt: skip

    def _held(self, group: Group, agent: Candidate, wait: str | None) -> str | None:
        return wait or (PROBED if group.wish.category in agent.probes and agent.agent_id not in group.tries else None)

    def _rings(self, row: int, group: Group, agents: Sequence[Candidate]) -> list[tuple[int, str]]:
        if group.slack is None and not group.failed_on:
            return [(0, "")] * len(agents)
        minutes = self.weighed.minutes[row]
        return [
            ring(failed=agent.agent_id in group.failed_on, minutes=float(minutes[place]), slack=group.slack) for place, agent in enumerate(agents)
        ]


def free_places(agents: Sequence[Candidate]) -> Ints:
    """Return how many attempts each may start now."""
    return np.array([agent.free for agent in agents], dtype=np.int64)


def wish_of(
    row: Mapping[str, Any], *, client: str | None = None, excluded: frozenset[tuple[str, str]] = frozenset(), timeout_s: int = 0
) -> Wish:  # fmt: skip
    """Return what a task's row asks of its agent."""
    return Wish(
        category=row["category"], kind=row["kind"], currency=row["currency"], wanted_agent=row["wanted_agent"], clearance=row["clearance"] or 0,
        language=row["language"], client=client, excluded=excluded, timeout_s=timeout_s,
    )  # fmt: skip
