"""The router at work: what is known of agents, what their minutes are worth, and from both which ready tasks start where.

A task is worth with an agent

    P(success) * price - cost - price of the agent's minutes * minutes

and may wait for a busy agent where that, less what the wait costs, is more than any free agent brings. A task never waits while no agent is busy, and
never for an agent that as many tasks wait for as it has places. Prices begin to count when `warm` tasks have come, and follow the stream since.

Exploration is by Thompson draws of `width` standard deviations, renewed every `renewed` tasks, and ends for good once they have cost `regret`, by
their own estimate, in shares of the price of a task. A width of zero is the posterior mean: where places are few, those that are taken make it
explore, and draws earn nothing; where they are many, a width keeps an unlucky agent from never being tried again.

Nothing here reads a clock, and the seed decides all draws.

Reference: D. Russo et al., A tutorial on Thompson sampling, 2018.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.assigning import Key, Worth, assign
from models.errors import Invalid
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

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.width < 0 or self.renewed < 1 or self.regret < 0 or self.warm < _WARMING or not 0 < self.share <= 1:
            message = f"a manner needs a width and a regret of at least 0, {_WARMING} tasks to warm up and a share within 0 and 1: {self}"
            raise Invalid(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the tasks of a group ask, all of them alike."""

    category: str
    price: float  # that each pays when it succeeds
    allowed: frozenset[str] | None = None  # agents that may have them; null: all


class Dispatcher:
    """Chooses, and counts what comes. The same calls in the same order always give the same answers."""

    def __init__(
        self, *, places: Mapping[str, int], minute_price: float, seed: int, manner: Manner | None = None, valuation: Valuation | None = None
    ) -> None:
        self.valuation = valuation or Valuation()
        self.manner = manner or Manner()
        self._minute_price = minute_price
        self._dice = np.random.default_rng(seed)
        self._came: dict[str, int] = {}
        self._total = 0
        self._paid = 0.0  # sum of the prices of all that came
        self._first_at = self._now = 0.0
        self._drawn_at = 0
        self._regret = 0.0
        self.staff(places)

    def staff(self, places: Mapping[str, int]) -> None:
        """Take note of who there is and how many places each has, free or not; minutes are priced anew and draws renewed."""
        self._agents = tuple(sorted(places))
        self._places = np.array([places[agent] for agent in self._agents], dtype=np.int64)
        self._prices = np.zeros(len(self._agents))
        self._priced_at: int | None = None
        self._draws: dict[str, Floats] = {}

    def arrived(self, category: str, *, price: float, now: float) -> None:
        """Count a task that came; `now` in minutes since any instant."""
        if self._total == 0:
            self._first_at = now
        self._now = now
        self._came[category] = self._came.get(category, 0) + 1
        self._total += 1
        self._paid += price

    def choose(self, ready: Mapping[Key, str], asks: Mapping[str, Ask], free: Mapping[str, int]) -> dict[Key, str]:
        """Return which tasks start (task -> agent); the others wait.

        `ready` names the group of each task, `asks` what those of each group ask, `free` the free places of each agent that takes tasks now.
        """
        groups = tuple(sorted(set(ready.values())))
        warm = self._total >= self.manner.warm
        if warm and (self._priced_at is None or self._total >= self._priced_at + _SETTLED):
            self._reprice()
        categories = [asks[group].category for group in groups]
        view = self.valuation.view(self._agents, categories)
        draws = self._drawn(categories)
        prices = np.array([asks[group].price for group in groups])[:, None]
        taken = self._prices * view.minutes
        values = view.value(prices, width=self.manner.width, dice=draws) - taken
        waits = warm and self.manner.patience
        worth = Worth(
            groups=groups,
            agents=self._agents,
            values=values,
            allowed=self._allowed([asks[group].allowed for group in groups]),
            later=values - self._minute_price * view.minutes / np.maximum(self._places, 1) if waits else None,
            soon=self._places if waits else None,
        )
        chosen = assign(ready, free, worth)
        if draws is not None:
            self._regret += self._lost((view.value(prices) - taken) / np.maximum(prices, _TINY), groups, ready, chosen)
        return chosen

    def _allowed(self, who: list[frozenset[str] | None]) -> Bools | None:
        if all(agents is None for agents in who):
            return None
        return np.array([[agents is None or agent in agents for agent in self._agents] for agents in who], dtype=np.bool_)

    def _reprice(self) -> None:
        categories = sorted(self._came)
        view = self.valuation.view(self._agents, categories)
        rates = np.array([self._came[category] for category in categories]) / max(self._now - self._first_at, _TINY)
        value = view.value(np.full((len(categories), 1), self._paid / self._total))
        self._prices = capacity_prices(value, view.minutes, rates, self._places.astype(np.float64), share=self.manner.share)
        self._priced_at = self._total

    def _drawn(self, categories: list[str]) -> Floats | None:
        """Return a draw for each category and agent; null when there is none to make any more."""
        if self.manner.width == 0 or self._regret >= self.manner.regret:
            return None
        if self._total >= self._drawn_at + self.manner.renewed:
            self._drawn_at, self._draws = self._total, {}
        for category in sorted(set(categories) - set(self._draws)):
            self._draws[category] = self._dice.standard_normal(len(self._agents))
        return np.array([self._draws[category] for category in categories])

    def _lost(self, means: Floats, groups: tuple[str, ...], ready: Mapping[Key, str], chosen: Mapping[Key, str]) -> float:
        """Return how much less the chosen agents are expected to earn than the best of them with each task: the most that draws have cost."""
        columns = {agent: place for place, agent in enumerate(self._agents)}
        rows = {group: place for place, group in enumerate(groups)}
        taken = sorted({columns[agent] for agent in chosen.values()})
        return sum(float(means[rows[ready[task]], taken].max() - means[rows[ready[task]], columns[agent]]) for task, agent in chosen.items())
