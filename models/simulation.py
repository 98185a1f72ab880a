"""A business in small, to measure routers: tasks arrive at random, agents have few places, and what an agent would do with a task is on record.

    utility of a task = price * success - cost - price of a minute * minutes until it started

Arrivals are a Poisson stream whose rate makes agents that are chosen evenly busy for the share `load` of their places. A policy sees the categories
of the tasks that wait and the free places; it learns what an agent did with a task when that is done, and nothing about the other agents. Random
numbers depend on the seed alone, so all policies meet the same stream. It is a replay: it cannot tell how agents would do at tasks that are not on
record.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What each agent did with each task: tables of tasks x agents."""

    agents: tuple[str, ...]
    categories: tuple[str, ...]
    category: Ints  # of each task, a place in `categories`
    success: Floats  # 0 to 1
    cost: Floats
    minutes: Floats  # that the agent took

    def part(self, tasks: Bools) -> "Recorded":
        """Return some of the tasks."""
        return Recorded(
            agents=self.agents, categories=self.categories, category=self.category[tasks],
            success=self.success[tasks], cost=self.cost[tasks], minutes=self.minutes[tasks],
        )  # fmt: skip

    def value(self, price: float) -> Floats:
        """Return what each agent would earn with each task, waiting apart."""
        return price * self.success - self.cost

    def by_category(self, table: Floats) -> Floats:
        """Return the means of a table over the tasks of each category: categories x agents; the mean over all tasks where a category has none."""
        sums = np.zeros((len(self.categories), len(self.agents)))
        np.add.at(sums, self.category, table)
        tasks = np.bincount(self.category, minlength=len(self.categories))[:, None]
        return np.where(tasks > 0, sums / np.maximum(tasks, 1), table.mean(axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The terms under which a policy is measured."""

    load: float  # share of all places that work takes when agents are chosen evenly
    arrivals: int = 4_000
    places: int = 6  # of each agent
    price: float = 2.0  # that a task pays when it succeeds
    minute_price: float = 0.01  # that a minute of waiting costs
    failing: int = 0  # that many agents, those that earn most, fail at every task from half of the arrivals on


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A task that came."""

    number: int
    task: int  # its row on record
    category: int
    at: float  # minutes since the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an agent did with a task."""

    agent: int
    category: int
    success: float
    cost: float
    minutes: float


class Policy(Protocol):
    """What chooses. One object serves one run."""

    may_queue: bool  # whether a task may be given to an agent without a free place, where it then waits

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> list[tuple[int, int]]:
        """Return pairs of (place in `waiting`, agent). `free` counts places; it is negative by those who wait for that agent."""

    def learn(self, outcome: Outcome) -> None:
        """Take note of what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Means over the tasks of a run."""

    utility: float
    success: float
    cost: float
    wait_p95: float  # minutes


def simulate(recorded: Recorded, policy: Policy, setting: Setting, *, seed: int) -> Result:
    """Let a policy serve the stream of a seed to its end."""
    return replay(recorded, policy, setting, stream(recorded, setting, seed=seed))


def replay(recorded: Recorded, policy: Policy, setting: Setting, arrivals: Sequence[Arrival]) -> Result:
    """Let a policy serve tasks that come in this order."""
    run = _Run(recorded, policy, setting)
    for arrival in arrivals:
        run.until(arrival.at)
        run.arrive(arrival)
    run.until(np.inf)
    return run.result()


def one_pass(recorded: Recorded, policy: Policy, setting: Setting, *, seed: int) -> Result:
    """Let a policy serve a stream without any limit of places: each task starts at once, and what came of it is known before the next."""
    done = []
    for arrival in stream(recorded, setting, seed=seed):
        free = np.full(len(recorded.agents), setting.places, dtype=np.int64)
        [(_, agent)] = policy.assign([arrival], free, arrival.at)
        success, cost = float(recorded.success[arrival.task, agent]), float(recorded.cost[arrival.task, agent])
        policy.learn(
            Outcome(agent=agent, category=arrival.category, success=success, cost=cost, minutes=float(recorded.minutes[arrival.task, agent]))
        )
        done.append((success, cost, 0.0))
    return _result(done, setting)


def stream(recorded: Recorded, setting: Setting, *, seed: int) -> list[Arrival]:
    """Return the tasks that come: any of those on record, again and again, at random moments."""
    dice = np.random.default_rng(seed)
    at = dice.exponential(minutes_between(recorded, setting), setting.arrivals).cumsum()
    tasks = dice.integers(len(recorded.category), size=setting.arrivals)
    return [
        Arrival(number=number, task=int(task), category=int(recorded.category[task]), at=float(moment))
        for number, (task, moment) in enumerate(zip(tasks, at, strict=True))
    ]


def minutes_between(recorded: Recorded, setting: Setting) -> float:
    """Return the mean time between arrivals; one minute where no task takes time."""
    return float(recorded.minutes.mean()) / (setting.load * len(recorded.agents) * setting.places) or 1.0


def failing_agents(recorded: Recorded, setting: Setting) -> Ints:
    """Return the agents that fail in the second half: those that earn most on average."""
    return np.argsort(-recorded.value(setting.price).mean(axis=0), kind="stable")[: setting.failing]


class _Run:
    """The state of a run: who waits, who works, and what came of it."""

    def __init__(self, recorded: Recorded, policy: Policy, setting: Setting) -> None:
        self._recorded, self._policy, self._setting = recorded, policy, setting
        self._failing = frozenset(failing_agents(recorded, setting).tolist())
        self._waiting: list[Arrival] = []
        self._queues: list[deque[Arrival]] = [deque() for _ in recorded.agents]
        self._free = np.full(len(recorded.agents), setting.places, dtype=np.int64)
        self._working: list[tuple[float, int, Outcome]] = []
        self._done: list[tuple[float, float, float]] = []  # success, cost, minutes waited

    def until(self, moment: float) -> None:
        """Let the agents work on until a moment."""
        while self._working and self._working[0][0] <= moment:
            now, _, outcome = heapq.heappop(self._working)
            self._free[outcome.agent] += 1
            if self._queues[outcome.agent]:
                self._start(self._queues[outcome.agent].popleft(), outcome.agent, now)
            self._policy.learn(outcome)
            self._assign(now)

    def arrive(self, arrival: Arrival) -> None:
        """Let a task come."""
        self._waiting.append(arrival)
        self._assign(arrival.at)

    def result(self) -> Result:
        """Return the means of what was done."""
        return _result(self._done, self._setting)

    def _assign(self, now: float) -> None:
        if not self._waiting or not (self._policy.may_queue or self._free.max() > 0):
            return
        chosen = self._policy.assign(self._waiting, self._free.copy(), now)
        for place, agent in chosen:
            self._free[agent] -= 1
            if self._free[agent] >= 0:
                self._start(self._waiting[place], agent, now)
            else:
                self._queues[agent].append(self._waiting[place])
        gone = {place for place, _ in chosen}
        self._waiting = [one for place, one in enumerate(self._waiting) if place not in gone]

    def _start(self, arrival: Arrival, agent: int, now: float) -> None:
        fails = agent in self._failing and arrival.number >= self._setting.arrivals // 2
        success = 0.0 if fails else float(self._recorded.success[arrival.task, agent])
        cost, minutes = float(self._recorded.cost[arrival.task, agent]), float(self._recorded.minutes[arrival.task, agent])
        outcome = Outcome(agent=agent, category=arrival.category, success=success, cost=cost, minutes=minutes)
        heapq.heappush(self._working, (now + minutes, arrival.number, outcome))
        self._done.append((success, cost, now - arrival.at))


def _result(done: Sequence[tuple[float, float, float]], setting: Setting) -> Result:
    success, cost, waited = np.array(done).T
    utility = setting.price * success - cost - setting.minute_price * waited
    return Result(utility=float(utility.mean()), success=float(success.mean()), cost=float(cost.mean()), wait_p95=float(np.quantile(waited, 0.95)))
