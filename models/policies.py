"""Policies that the router is compared with in the simulation, and the router itself as one of them."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.dispatching import Ask, Dispatcher, Manner
from models.pricing import capacity_prices
from models.simulation import Arrival, Ints, Outcome, Policy, Recorded, Setting, minutes_between

Floats = NDArray[np.float64]
Pairs = list[tuple[int, int]]
Maker = Callable[[Recorded, Setting, int], Policy]  # of a policy for a run with a seed

_CAPABILITY, _LOAD, _SUCCESS, _COST, _SPEED = 0.4, 0.2, 0.2, 0.1, 0.1
_FIRST: Final = 2.0  # pseudo-observations of success one half


class _Unlearning:
    """A policy that learns nothing from outcomes."""

    may_queue = False

    def learn(self, outcome: Outcome) -> None:
        """Take no note."""


class AtRandom(_Unlearning):
    """Any agent, whether it has a free place or not."""

    may_queue = True

    def __init__(self, agents: int, seed: int) -> None:
        self._agents, self._dice = agents, np.random.default_rng(seed)

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Draw."""
        return [(place, int(self._dice.integers(self._agents))) for place in range(len(waiting))]


class RoundRobin(_Unlearning):
    """One agent after the other."""

    may_queue = True

    def __init__(self, agents: int) -> None:
        self._agents, self._next = agents, 0

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take the next."""
        first, self._next = self._next, (self._next + len(waiting)) % self._agents
        return [(place, (first + place) % self._agents) for place in range(len(waiting))]


class LeastLoaded(_Unlearning):
    """The agent with most free places."""

    may_queue = True

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take the emptiest."""
        pairs = []
        for place in range(len(waiting)):
            agent = int(free.argmax())
            free[agent] -= 1
            pairs.append((place, agent))
        return pairs


class _Averages:
    """Plain means of what agents did, in each category and in all."""

    def __init__(self, categories: int, agents: int) -> None:
        self._done, self._succeeded = np.zeros((categories, agents)), np.zeros((categories, agents))
        self._cost, self._minutes = np.zeros(agents), np.zeros(agents)

    def learn(self, outcome: Outcome) -> None:
        """Count."""
        self._done[outcome.category, outcome.agent] += 1
        self._succeeded[outcome.category, outcome.agent] += outcome.success
        self._cost[outcome.agent] += outcome.cost
        self._minutes[outcome.agent] += outcome.minutes

    def _rate(self) -> Floats:
        return np.asarray((self._succeeded.sum(axis=0) + _FIRST / 2) / (self._done.sum(axis=0) + _FIRST))

    def _rate_in(self, category: int) -> Floats:
        return np.asarray((self._succeeded[category] + _FIRST * self._rate()) / (self._done[category] + _FIRST))


class WeightedScore(_Averages):
    """A weighted sum of capability in the category, load, success, cost and speed, as many job routers have it; may queue on an agent."""

    may_queue = True

    def __init__(self, categories: int, agents: int, places: int) -> None:
        super().__init__(categories, agents)
        self._places = places

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take the greatest score."""
        done = np.maximum(self._done.sum(axis=0), 1)
        cost, minutes = self._cost / done, self._minutes / done
        fixed = _SUCCESS * self._rate() + _COST * _cheapness(cost) + _SPEED * _cheapness(minutes)
        pairs = []
        for place, arrival in enumerate(waiting):
            idle = np.clip(free / self._places, 0, 1)
            agent = int((fixed + _CAPABILITY * self._rate_in(arrival.category) + _LOAD * idle).argmax())
            free[agent] -= 1
            pairs.append((place, agent))
        return pairs


class GreedySuccess(_Averages):
    """The free agent with the highest success rate in the category."""

    may_queue = False

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take the most successful."""
        return _each(waiting, free, lambda arrival: self._rate_in(arrival.category))


class BestAgent(_Unlearning):
    """The free agent that earns most over all categories, known beforehand."""

    def __init__(self, recorded: Recorded, setting: Setting) -> None:
        self._value = recorded.value(setting.price).mean(axis=0)

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take the best."""
        return _each(waiting, free, lambda _arrival: self._value)


class KnownMeans(_Unlearning):
    """The free agent that earns most in the category less the price of its minutes, all of it known beforehand; knows of no failing agents."""

    def __init__(self, recorded: Recorded, setting: Setting) -> None:
        minutes, value = recorded.by_category(recorded.minutes), recorded.by_category(recorded.value(setting.price))
        tasks = np.bincount(recorded.category, minlength=len(recorded.categories))
        rates = tasks / len(recorded.category) / minutes_between(recorded, setting)
        places = np.full(len(recorded.agents), float(setting.places))
        self._net = value - capacity_prices(value, minutes, rates, places, share=Manner().share) * minutes

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take what earns most."""
        return _each(waiting, free, lambda arrival: self._net[arrival.category])


class Clairvoyant(_Unlearning):
    """The free agent that will earn most with this very task: it sees outcomes, but for agents that will fail."""

    def __init__(self, recorded: Recorded, setting: Setting) -> None:
        self._value = recorded.value(setting.price)

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:  # noqa: ARG002 - the form of a policy
        """Take what will earn most."""
        return _each(waiting, free, lambda arrival: self._value[arrival.task])


class Ours:
    """The router."""

    may_queue = False

    def __init__(self, recorded: Recorded, setting: Setting, seed: int, manner: Manner | None = None) -> None:
        self._agents, self._categories = recorded.agents, recorded.categories
        self._at = {agent: place for place, agent in enumerate(self._agents)}
        self._price = setting.price
        self._asks = {category: Ask(category=category, price=setting.price) for category in self._categories}
        self._came = 0
        self._dispatcher = Dispatcher(
            places=dict.fromkeys(self._agents, setting.places), minute_price=setting.minute_price, seed=seed, manner=manner
        )  # fmt: skip

    def assign(self, waiting: Sequence[Arrival], free: Ints, now: float) -> Pairs:
        """Ask the dispatcher."""
        for arrival in reversed(waiting):
            if arrival.number < self._came:
                break
            self._dispatcher.arrived(self._categories[arrival.category], price=self._price, now=now)
        self._came = waiting[-1].number + 1
        ready = {place: self._categories[arrival.category] for place, arrival in enumerate(waiting)}
        chosen = self._dispatcher.choose(ready, self._asks, dict(zip(self._agents, free.tolist(), strict=True)))
        return [(place, self._at[agent]) for place, agent in chosen.items()]

    def learn(self, outcome: Outcome) -> None:
        """Pass it on."""
        agent, category = self._agents[outcome.agent], self._categories[outcome.category]
        self._dispatcher.valuation.learn(agent, category, success=outcome.success, cost=outcome.cost, minutes=outcome.minutes)


POLICIES: Final[dict[str, Maker]] = {
    "random": lambda recorded, _setting, seed: AtRandom(len(recorded.agents), seed),
    "round robin": lambda recorded, _setting, _seed: RoundRobin(len(recorded.agents)),
    "least loaded": lambda _recorded, _setting, _seed: LeastLoaded(),
    "weighted score": lambda recorded, setting, _seed: WeightedScore(len(recorded.categories), len(recorded.agents), setting.places),
    "greedy success": lambda recorded, _setting, _seed: GreedySuccess(len(recorded.categories), len(recorded.agents)),
    "ours": Ours,
    "known means": lambda recorded, setting, _seed: KnownMeans(recorded, setting),
    "clairvoyant": lambda recorded, setting, _seed: Clairvoyant(recorded, setting),
}

ONE_PASS: Final[dict[str, Maker]] = {
    name: POLICIES[name] for name in ("random", "round robin", "greedy success", "ours", "known means", "clairvoyant")
} | {"best agent": lambda recorded, setting, _seed: BestAgent(recorded, setting)}


def _each(waiting: Sequence[Arrival], free: Ints, value: Callable[[Arrival], Floats]) -> Pairs:
    """Give task after task to the free agent with the greatest value."""
    pairs: Pairs = []
    for place, arrival in enumerate(waiting):
        if free.max() <= 0:
            break
        agent = int(np.where(free > 0, value(arrival), -np.inf).argmax())
        free[agent] -= 1
        pairs.append((place, agent))
    return pairs


def _cheapness(amounts: Floats) -> Floats:
    return np.asarray(1 - amounts / max(float(amounts.max()), 1e-9))
