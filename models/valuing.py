"""What is known of agents, learned from what they did: how often they succeed, what they cost, how long they take.

    expected value = P(success) * price - cost - price of a minute * minutes

An agent has done few tasks of most categories, so each mean is shrunk: that of an agent in a category to what the agent and the category let expect,
and both of these to the mean of all. With s of n attempts succeeded

    expected(agent, category) = all + how much better the agent is + how much easier the category is
    P(success) = (s + k * expected) / (n + k)

so an agent that was given the hard categories is not taken for a bad one. Where kinds of agents are known, how much better an agent is, is shrunk to
how much better its kind is; and a task at which somebody failed before is of a harder part of its category (`cell`), which is shrunk to the whole of
it. Cost and minutes are treated alike, with factors instead of differences.
Older outcomes of an agent count less by the factor `memory` with each new one, so that a drift is found out. An agent that fails much more often than
expected for a while (Page's cumulative sum) is looked at afresh: what it did before no longer counts much.

Do not use it where attempts of one agent tell much about another's, or where categories say nothing about success.

>>> known = Valuation()
>>> for success in (True, True, False, True):
...     known.learn("ann", "analysis", success=success, cost=1.0, minutes=5.0)
>>> known.learn("bob", "analysis", success=False, cost=1.0, minutes=5.0)
>>> view = known.view(["ann", "bob", "new"], ["analysis", "writing"])
>>> view.success.round(2).tolist()
[[0.68, 0.42, 0.57], [0.64, 0.49, 0.57]]
>>> Valuation.load(known.dump()).view(["ann"], ["writing"]).success.round(2).tolist()
[[0.64]]

References: B. Efron, C. Morris, Stein's estimation rule and its competitors, 1973; E. S. Page, Continuous inspection schemes, 1954.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import Invalid

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TABLES: Final = ("weight", "success", "seen", "cost", "minutes")
_ROUNDS: Final = 3  # of fitting agents and categories in turn
_LEAST: Final = 0.02  # an expectation is never surer than this
_WORSE: Final = 0.3  # share of the expected success that an agent in trouble has left
_KEPT: Final = 12.0  # attempts that what was known of it still counts after trouble was found
_TINY: Final = 1e-9  # so that nothing is divided by an overall mean of zero
_FORMAT: Final = 2
_HARDER: Final = "\x1fharder"  # behind the name of a category


def cell(category: str, *, hard: bool) -> str:
    """Return the part of a category that a task is of: the harder one where somebody failed at the task before."""
    return category + _HARDER if hard else category


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How outcomes are weighed."""

    cell: float = 6.0  # pseudo-observations behind what is expected of an agent in a category
    agent: float = 6.0  # and behind the mean of all, for an agent
    category: float = 12.0  # the same, for a category
    memory: float = 0.998  # what an outcome still counts after one more of the same agent
    success: float = 0.5  # expected when nothing is known; so are the next two, as if seen `prior` times
    cost: float = 0.0
    minutes: float = 1.0
    prior: float = 2.0
    alarm: float = 8.0  # log of how much likelier trouble has to be than chance; infinite: never look afresh

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        positive = (self.cell, self.agent, self.category, self.prior, self.alarm)
        if min(positive) <= 0 or not 0 < self.memory <= 1 or not 0 <= self.success <= 1 or self.cost < 0 or self.minutes <= 0:
            message = f"habits need positive weights, a memory within 0 and 1 and a probability of success: {self}"
            raise Invalid(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is expected: tables of categories x agents."""

    success: Floats  # 0 to 1
    deviation: Floats  # standard deviation of that expectation
    cost: Floats
    minutes: Floats

    def value(self, price: float | Floats, *, width: float = 0.0, dice: Floats | None = None) -> Floats:
        """Return what tasks that pay `price` (one for all, or a column with that of each category) are expected to earn, time apart.

        `dice` are standard normal draws of the same shape: Thompson sampling, with deviations scaled by `width`.
        """
        success = self.success if dice is None else np.clip(self.success + width * self.deviation * dice, 0.0, 1.0)
        return np.asarray(price * success - self.cost)


class Valuation:
    """What has been learned. The same outcomes in the same order always give the same."""

    def __init__(self, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self._agents: dict[str, int] = {}
        self._kinds: dict[str, str] = {}  # of agents, as far as they are known
        self._categories: dict[str, int] = {}
        self._tables = {name: np.zeros((0, 0)) for name in _TABLES}
        self._trouble: list[float] = []  # of each agent: Page's sum
        self._fitted: View | None = None

    def learn(self, agent: str, category: str, *, success: float, cost: float, minutes: float, kind: str | None = None) -> None:
        """Take note of an attempt that ended; `success` is 0, 1 or a quality between. Raises `Invalid` for what is no outcome."""
        if not (0 <= success <= 1 and 0 <= cost < np.inf and 0 <= minutes < np.inf):
            message = f"an outcome needs a success within 0 and 1, a cost and minutes: {success}, {cost}, {minutes}"
            raise Invalid(message)
        row, column = self._place(category, agent)
        if kind is not None and kind != self._kinds.get(agent):
            self._kinds[agent], self._fitted = kind, None
        afresh = self._in_trouble(row, column, success)
        known = float(self._tables["weight"][:, column].sum())
        self._fade(column, _KEPT / max(known, _KEPT) if afresh else self.habits.memory)
        for name, amount in zip(_TABLES, (1.0, success, 1.0, cost, minutes), strict=True):
            self._tables[name][row, column] += amount
        self._fitted = None

    def view(self, agents: Sequence[str], categories: Sequence[str], kinds: Mapping[str, str] | None = None) -> View:
        """Return what is expected of agents in categories, in the order asked for.

        Of an agent that nothing is known of, what its kind (`kinds`, by agent) or all let expect; of the harder part of a category what the category
        lets expect, and of an unknown category what the agents do elsewhere.
        """
        fitted, place = self._fit(), self._places(agents, categories, kinds or {})
        return View(success=fitted.success[place], deviation=fitted.deviation[place], cost=fitted.cost[place], minutes=fitted.minutes[place])

    def seen(self, agents: Sequence[str], categories: Sequence[str]) -> Floats:
        """Return how many attempts were learned from, harder tasks included, as a table of categories x agents."""
        columns = [self._agents.get(agent) for agent in agents]
        rows = [[self._categories.get(name) for name in (category, category + _HARDER)] for category in categories]
        table = self._tables["seen"]
        counts = [
            [0.0 if column is None else sum(float(table[row, column]) for row in parts if row is not None) for column in columns] for parts in rows
        ]
        return np.array(counts).reshape(len(categories), len(agents))

    def dump(self) -> dict[str, Any]:
        """Return all that was learned as plain JSON values."""
        tables = {name: table.tolist() for name, table in self._tables.items()}
        names = {"agents": list(self._agents), "kinds": dict(self._kinds), "categories": list(self._categories)}
        return {"format": _FORMAT, **names, "trouble": list(self._trouble), **tables}

    @classmethod
    def load(cls, dumped: Mapping[str, Any], habits: Habits | None = None) -> "Valuation":
        """Return what `dump` made. Raises `Invalid` for anything else."""
        made = cls(habits)
        try:
            if dumped["format"] != _FORMAT:
                message = f"what was learned is kept in format {dumped['format']}, format {_FORMAT} is needed"
                raise Invalid(message)
            made._agents = {str(name): place for place, name in enumerate(dumped["agents"])}
            made._kinds = {str(name): str(kind) for name, kind in dumped["kinds"].items()}
            made._categories = {str(name): place for place, name in enumerate(dumped["categories"])}
            made._trouble = [float(one) for one in dumped["trouble"]]
            shape = (len(made._categories), len(made._agents))
            made._tables = {name: np.array(dumped[name], dtype=np.float64).reshape(shape) for name in _TABLES}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"this is not what a valuation keeps: {error!r}"
            raise Invalid(message) from error
        return made

    def _places(self, agents: Sequence[str], categories: Sequence[str], kinds: Mapping[str, str]) -> tuple[Any, ...]:
        """Return where the fitted tables hold these."""
        strangers = {kind: len(self._agents) + place for place, kind in enumerate(self._known_kinds())}
        unknown = len(self._agents) + len(strangers)
        columns = [self._agents.get(name, strangers.get(kinds.get(name, ""), unknown)) for name in agents]
        whole = [self._categories.get(name.removesuffix(_HARDER), len(self._categories)) for name in categories]
        rows = [self._categories.get(name, place) for name, place in zip(categories, whole, strict=True)]
        return np.ix_(rows, columns)

    def _known_kinds(self) -> list[str]:
        return sorted(set(self._kinds.values()))

    def _groups(self) -> tuple[Ints, Ints]:
        """Return the category of each row that has more than one part, and the kind of each column of the fitted tables, as numbers; -1 for none."""
        kinds = {kind: place for place, kind in enumerate(self._known_kinds())}
        of_columns = [kinds.get(self._kinds.get(agent, ""), -1) for agent in self._agents] + [*kinds.values(), -1]
        parts = {name.removesuffix(_HARDER): place for place, name in enumerate(self._categories) if name.endswith(_HARDER)}
        of_rows = [parts.get(name.removesuffix(_HARDER), -1) for name in self._categories] + [-1]
        return np.array(of_rows, dtype=np.int64), np.array(of_columns, dtype=np.int64)

    def _place(self, category: str, agent: str) -> tuple[int, int]:
        if agent not in self._agents:
            self._agents[agent] = len(self._agents)
            self._trouble.append(0.0)
            self._tables = {name: np.pad(table, ((0, 0), (0, 1))) for name, table in self._tables.items()}
        if category not in self._categories:
            self._categories[category] = len(self._categories)
            self._tables = {name: np.pad(table, ((0, 1), (0, 0))) for name, table in self._tables.items()}
        return self._categories[category], self._agents[agent]

    def _in_trouble(self, row: int, column: int, success: float) -> bool:
        usual = min(max(float(self._fit().success[row, column]), 0.05), 0.95)
        worse = _WORSE * usual
        evidence = success * log(worse / usual) + (1 - success) * log((1 - worse) / (1 - usual))
        self._trouble[column] = max(0.0, self._trouble[column] + evidence)
        found = self._trouble[column] > self.habits.alarm
        if found:
            self._trouble[column] = 0.0
        return found

    def _fade(self, column: int, memory: float) -> None:
        for name in ("weight", "success"):  # prices and durations of an agent last longer than its luck
            self._tables[name][:, column] *= memory

    def _fit(self) -> View:
        """Return what is expected, with a row more for an unknown category, and columns for unknown agents of each kind and of no known one."""
        if self._fitted is None:
            strangers = len(self._known_kinds()) + 1
            weight, success, seen, cost, minutes = (np.pad(self._tables[name], ((0, 1), (0, strangers))) for name in _TABLES)
            groups = self._groups()
            expected = self._by_differences(success, weight, groups)
            self._fitted = View(
                success=expected,
                deviation=np.sqrt(expected * (1 - expected) / (weight + self.habits.cell + 1)),
                cost=self._by_factors(cost, seen, self.habits.cost, groups),
                minutes=self._by_factors(minutes, seen, self.habits.minutes, groups),
            )
        return self._fitted

    def _by_differences(self, sums: Floats, weights: Floats, groups: tuple[Ints, Ints]) -> Floats:
        habits = self.habits
        overall = (sums.sum() + habits.prior * habits.success) / (weights.sum() + habits.prior)
        by_agent, by_category = np.zeros((1, sums.shape[1])), np.zeros((sums.shape[0], 1))
        of_agents, of_categories = weights.sum(axis=0), weights.sum(axis=1)
        for _ in range(_ROUNDS):
            by_agent = _differences((sums - weights * (overall + by_category)).sum(axis=0), of_agents, habits.agent, groups[1])[None, :]
            by_category = _differences((sums - weights * (overall + by_agent)).sum(axis=1), of_categories, habits.category, groups[0])[:, None]
        expected = np.clip(overall + by_agent + by_category, _LEAST, 1 - _LEAST)
        return np.asarray((sums + habits.cell * expected) / (weights + habits.cell))

    def _by_factors(self, sums: Floats, weights: Floats, prior: float, groups: tuple[Ints, Ints]) -> Floats:
        habits = self.habits
        overall = max((sums.sum() + habits.prior * prior) / (weights.sum() + habits.prior), _TINY)
        by_agent, by_category = np.ones((1, sums.shape[1])), np.ones((sums.shape[0], 1))
        of_agents, of_categories = sums.sum(axis=0) / overall, sums.sum(axis=1) / overall
        for _ in range(_ROUNDS):
            by_agent = _factors(of_agents, (weights * by_category).sum(axis=0), habits.agent, groups[1])[None, :]
            by_category = _factors(of_categories, (weights * by_agent).sum(axis=1), habits.category, groups[0])[:, None]
        expected = overall * by_agent * by_category
        return np.asarray((sums + habits.cell * expected) / (weights + habits.cell))


def _differences(sums: Floats, weights: Floats, prior: float, groups: Ints) -> Floats:
    """Return by how much each exceeds what is expected, shrunk to its group and that to nothing; -1 is no group."""
    of_group = _pooled(sums, groups) / (_pooled(weights, groups) + prior)
    common = np.where(groups >= 0, of_group[groups], 0.0)
    return np.asarray(common + (sums - weights * common) / (weights + prior))


def _factors(seen: Floats, expected: Floats, prior: float, groups: Ints) -> Floats:
    """Return by which factor each exceeds what is expected, shrunk to its group and that to one; -1 is no group."""
    of_group = (_pooled(seen, groups) + prior) / (_pooled(expected, groups) + prior)
    common = np.where(groups >= 0, of_group[groups], 1.0)
    return np.asarray(common * (seen + prior) / (expected * common + prior))


def _pooled(values: Floats, groups: Ints) -> Floats:
    """Return the sum of each group, and a last one of nothing."""
    count = max(int(groups.max(initial=-1)), 0) + 2
    return np.asarray(np.bincount(groups[groups >= 0], weights=values[groups >= 0], minlength=count), dtype=np.float64)
