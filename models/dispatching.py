"""The router at work: what is known of agents, what their minutes are worth, and from both which ready tasks start where.

A task is worth with an agent

    P(success) * price + P(failure) * rest - cost - what being late costs - price of the agent's minutes * minutes + bonus

where the rest is what attempts of others may still bring after a failure: with k of them, each of the mean success p and the mean cost c,
(price - c / p) * (1 - (1 - p)^k), and never less than nothing. So where a task may be tried again, a better agent is worth only what it saves. A task
may wait for a busy agent where that sum, less what the wait costs, is more than any free agent brings. A task never waits while no agent is busy, and
never for an agent that as many tasks wait for as it has places. Prices begin to count when `warm` tasks have come, and follow the stream since.

Exploration is by Thompson draws of `width` standard deviations, renewed every `renewed` tasks, and ends for good once they have cost `regret`, by
their own estimate, in shares of the price of a task. A width of zero is the posterior mean: where places are few, those that are taken make it
explore, and draws earn nothing; where they are many, a width keeps an unlucky agent from never being tried again.

A task that is promised `slack` minutes from now is late with the probability exp(-slack / minutes), as if durations were exponential about what is
expected; that costs a share of its price. A bonus is what a client's preference, or that an agent knows the task already, counts for.

Nothing here reads a clock, and the seed decides all draws.

Reference: D. Russo et al., A tutorial on Thompson sampling, 2018.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.assigning import Key, Worth, assign
from models.errors import Invalid, Unsolved
from models.pricing import capacity_prices
from models.valuing import Valuation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SETTLED: Final = 200  # tasks after which prices are computed again
_TINY: Final = 1e-9  # so that nothing is divided by zero
_WARMING: Final = 20  # tasks that have to have come before rates mean anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the router explores and prices."""

    width: float = 0.0  # of Thompson draws, in standard deviations; 0: none
    renewed: int = 100  # tasks after which draws are renewed
    regret: float = 100.0  # prices of a task that exploring may cost in all
    warm: int = 2_000  # tasks that come before minutes are priced and tasks wait for agents
    share: float = 0.9  # of the places that prices plan with: tasks come in bunches
    patience: bool = True  # whether tasks may wait for an agent
    late: float = 0.5  # share of its price that a task loses when it is late

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if min(self.width, self.regret, self.late) < 0 or self.renewed < 1 or self.warm < _WARMING or not 0 < self.share <= 1:
            message = f"a manner needs a width, a regret and a lateness of at least 0, {_WARMING} tasks to warm up and a share within 0 and 1: {self}"
            raise Invalid(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the tasks of a group ask, all of them alike."""

    category: str  # or a part of one (`models.valuing.cell`)
    price: float  # that each pays when it succeeds
    allowed: frozenset[str] | None = None  # agents that may have them; null: all
    slack: float | None = None  # minutes until the results are promised; null: they are not
    bonus: Mapping[str, float] = field(default_factory=dict)  # by agent, in money
    again: int = 0  # attempts that may follow should this one fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What an agent charges by its price list."""

    task: float = 0.0  # an attempt
    minute: float = 0.0  # a minute of it


@dataclass(kw_only=True)
class Stream:
    """The tasks that come: how many of each category, over how many minutes, and what they pay."""

    came: dict[str, int] = field(default_factory=dict)
    minutes: float = 0.0
    paid: float = 0.0  # sum of the prices of all that came
    total: int = 0  # that ever came; decides whether the router is warm


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What groups of tasks are worth with agents, term by term: tables of groups x agents, in money where nothing else is said."""

    groups: tuple[str, ...]
    agents: tuple[str, ...]
    success: Floats  # expected, 0 to 1
    deviation: Floats  # of that
    minutes: Floats  # expected
    price: Floats  # of each group, a column
    stake: Floats  # what success brings more than failure, after which others may try again; a column
    income: Floats
    cost: Floats
    late: Floats
    taken: Floats  # what others could earn with the agent's minutes
    bonus: Floats
    values: Floats  # the sum; where draws are made, with the drawn success instead of the expected one
    draws: bool
    allowed: Bools | None
    later: Floats | None  # worth after waiting for a busy agent; null: no task waits
    soon: NDArray[np.int64] | None  # tasks that may wait for each agent

    @property
    def expected(self) -> Floats:
        """The sum without draws."""
        return np.asarray(self.income - self.cost - self.late - self.taken + self.bonus)

    def worth(self, *, patience: bool = True) -> Worth:
        """Return what an assignment needs."""
        later, soon = (self.later, self.soon) if patience else (None, None)
        return Worth(groups=self.groups, agents=self.agents, values=self.values, allowed=self.allowed, later=later, soon=soon)


class Dispatcher:
    """Chooses, and counts what comes. The same calls in the same order always give the same answers."""

    def __init__(
        self, *, places: Mapping[str, int], minute_price: float, seed: int, manner: Manner | None = None, valuation: Valuation | None = None
    ) -> None:
        self.valuation = valuation or Valuation()
        self.manner = manner or Manner()
        self.stream = Stream()
        self.regret = 0.0  # that draws have cost so far, in prices of a task
        self._minute_price = minute_price
        self._dice = np.random.default_rng(seed)
        self._first_at: float | None = None
        self._drawn_at = 0
        self.staff(places)

    def staff(self, places: Mapping[str, int], rates: Mapping[str, Rate] | None = None, kinds: Mapping[str, str] | None = None) -> None:
        """Take note of who there is: how many places each has, free or not, what each charges, and of which kind it is.

        Minutes are priced anew and draws renewed.
        """
        self._kinds = kinds or {}
        self._agents = tuple(sorted(places))
        self._places = np.array([places[agent] for agent in self._agents], dtype=np.int64)
        self._rates = np.array([[rate.task, rate.minute] for rate in ((rates or {}).get(agent, Rate()) for agent in self._agents)]).reshape(-1, 2)
        self._prices = np.zeros(len(self._agents))
        self._priced_at: int | None = None
        self._draws: dict[str, Floats] = {}

    def arrived(self, category: str, *, price: float, now: float) -> None:
        """Count a task that came; `now` in minutes since any instant."""
        stream = self.stream
        self._first_at = now if self._first_at is None else self._first_at
        stream.minutes = now - self._first_at
        stream.came[category] = stream.came.get(category, 0) + 1
        stream.total += 1
        stream.paid += price

    def choose(self, ready: Mapping[Key, str], asks: Mapping[str, Ask], free: Mapping[str, int]) -> dict[Key, str]:
        """Return which tasks start (task -> agent); the others wait.

        `ready` names the group of each task, `asks` what those of each group ask, `free` the free places of each agent that takes tasks now.
        """
        weighed = self.weigh({group: asks[group] for group in sorted(set(ready.values()))})
        chosen = assign(ready, free, weighed.worth())
        self.spend(weighed, [(ready[task], agent) for task, agent in chosen.items()])
        return chosen

    def weigh(self, asks: Mapping[str, Ask]) -> Weighed:
        """Return what the tasks of each group are worth with each agent."""
        warm = self.stream.total >= self.manner.warm
        if warm and (self._priced_at is None or self.stream.total >= self._priced_at + _SETTLED):
            self._reprice()
        groups, wanted = tuple(asks), list(asks.values())
        view = self.valuation.view(self._agents, [ask.category for ask in wanted], self._kinds)
        dice = self._drawn([ask.category for ask in wanted])
        prices = np.array([ask.price for ask in wanted])[:, None]
        success = view.success if dice is None else np.clip(view.success + self.manner.width * view.deviation * dice, 0.0, 1.0)
        cost = view.cost + self._rates[:, 0] + self._rates[:, 1] * view.minutes
        late = self.manner.late * prices * _lateness([ask.slack for ask in wanted], view.minutes)
        taken = self._prices * view.minutes
        bonus = np.array([[ask.bonus.get(agent, 0.0) for agent in self._agents] for ask in wanted]).reshape(view.success.shape)
        rest = _rest(prices, view.success, cost, np.array([ask.again for ask in wanted])[:, None])
        income = prices * view.success + rest * (1 - view.success)
        values = income + (prices - rest) * (success - view.success) - cost - late - taken + bonus
        waits = warm and self.manner.patience
        return Weighed(
            groups=groups, agents=self._agents, success=view.success, deviation=view.deviation, minutes=view.minutes, price=prices,
            stake=prices - rest, income=income, cost=cost, late=late, taken=taken, bonus=bonus, values=values, draws=dice is not None,
            allowed=self._allowed([ask.allowed for ask in wanted]),
            later=values - self._minute_price * view.minutes / np.maximum(self._places, 1) if waits else None,
            soon=self._places if waits else None,
        )  # fmt: skip

    def spend(self, weighed: Weighed, chosen: Sequence[tuple[str, str]]) -> None:
        """Count what draws have cost: how much less the chosen agents are expected to earn, each with its group, than the best of them."""
        if not weighed.draws or not chosen:
            return
        columns = {agent: place for place, agent in enumerate(weighed.agents)}
        rows = {group: place for place, group in enumerate(weighed.groups)}
        prices = np.maximum(weighed.price, _TINY)
        means = weighed.expected / prices if weighed.allowed is None else np.where(weighed.allowed, weighed.expected / prices, -np.inf)
        taken = sorted({columns[agent] for _, agent in chosen})
        self.regret += sum(float(means[rows[group], taken].max() - means[rows[group], columns[agent]]) for group, agent in chosen)

    def _allowed(self, who: list[frozenset[str] | None]) -> Bools | None:
        if all(agents is None for agents in who):
            return None
        return np.array([[agents is None or agent in agents for agent in self._agents] for agents in who], dtype=np.bool_)

    def _reprice(self) -> None:
        stream, categories = self.stream, sorted(self.stream.came)
        view = self.valuation.view(self._agents, categories, self._kinds)
        rates = np.array([stream.came[category] for category in categories]) / max(stream.minutes, _TINY)
        mean = stream.paid / max(sum(stream.came.values()), 1)
        value = view.value(np.full((len(categories), 1), mean)) - self._rates[:, 0] - self._rates[:, 1] * view.minutes
        self._priced_at = stream.total
        with contextlib.suppress(Unsolved):  # rates as odd as that: the prices of before are as good as any
            self._prices = capacity_prices(value, view.minutes, rates, self._places.astype(np.float64), share=self.manner.share)

    def _drawn(self, categories: list[str]) -> Floats | None:
        """Return a draw for each category and agent; null when there is none to make any more."""
        if self.manner.width == 0 or self.regret >= self.manner.regret:
            return None
        if self.stream.total >= self._drawn_at + self.manner.renewed:
            self._drawn_at, self._draws = self.stream.total, {}
        for category in sorted(set(categories) - set(self._draws)):
            self._draws[category] = self._dice.standard_normal(len(self._agents))
        return np.array([self._draws[category] for category in categories])


def _rest(prices: Floats, success: Floats, cost: Floats, again: NDArray[np.int64]) -> Floats:
    """Return what tasks are still worth after a failed attempt: a column. What others would bring is taken to be the mean of all agents."""
    usual = np.maximum(success.sum(axis=1, keepdims=True) / max(success.shape[1], 1), _TINY)
    earned = prices - cost.sum(axis=1, keepdims=True) / max(success.shape[1], 1) / usual
    return np.asarray(np.maximum(earned * (1 - (1 - usual) ** again), 0.0))


def _lateness(slack: list[float | None], minutes: Floats) -> Floats:
    """Return how likely each pair of group and agent is late."""
    left = np.array([np.inf if one is None else max(one, 0.0) for one in slack])[:, None]
    return np.asarray(np.exp(-left / np.maximum(minutes, _TINY)))
