"""Which ready tasks start now, on which agents: all at once, for the greatest sum of values.

Tasks of one group are alike, so what is decided is how many of each group go to each agent, a transportation problem:

    maximise    sum of value(group, agent) * number(group, agent)
    subject to  as many tasks as places allow are given away, none twice; no agent gets more than its free places, nor what it may not have

One task, which is the usual case, is a search for the greatest value; a few are matched one by one; a backlog goes to a linear program, whose corners
are whole numbers. A task may also wait for an agent that is busy (`Worth.later`): then it is worth what it brings there less the wait, and stays.

Which of too many tasks of different groups get the places is decided by value alone: hand over those whose turn it is.

>>> worth = Worth(groups=("easy", "hard"), agents=("ann", "bob"), values=np.array([[1.0, 0.9], [0.8, 0.1]]))
>>> assign({"t1": "easy", "t2": "hard"}, {"ann": 1, "bob": 1}, worth)
{'t1': 'bob', 't2': 'ann'}

References: F. L. Hitchcock, The distribution of a product from several sources to numerous localities, 1941; R. Jonker, A. Volgenant, A shortest
augmenting path algorithm for dense and sparse linear assignment problems, 1987.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment, linprog

from models.errors import Invalid, Unsolved

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Key = TypeVar("Key", str, int)

_WHOLE: Final = 1e-6  # how far from a whole number one may be
_ONE_BY_ONE: Final = 200  # tasks or places up to which they are matched one by one: beyond, the linear program is faster


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What tasks are worth with agents: tables of groups x agents, in any unit of money."""

    groups: tuple[str, ...]
    agents: tuple[str, ...]
    values: Floats  # of a task that starts now
    allowed: Bools | None = None  # null: every agent may have every task
    later: Floats | None = None  # of a task that waits for an agent whose places are all taken, less the wait; null: no task waits for an agent
    soon: Ints | None = None  # how many tasks may wait for each agent; null: none

    def __post_init__(self) -> None:
        """Refuse tables of other shapes, and values that are no numbers."""
        shape = (len(self.groups), len(self.agents))
        tables = [table for table in (self.values, self.allowed, self.later) if table is not None]
        if any(table.shape != shape for table in tables) or (self.soon is not None and self.soon.shape != shape[1:]):
            message = f"tables of {shape[0]} groups x {shape[1]} agents are needed, not {[table.shape for table in tables]}"
            raise Invalid(message)
        if not all(np.isfinite(table).all() for table in tables):
            message = "values have to be finite numbers; what may not be belongs into `allowed`"
            raise Invalid(message)


def assign(ready: Mapping[Key, str], free: Mapping[str, int], worth: Worth) -> dict[Key, str]:
    """Return which tasks start (task -> agent); the others wait.

    `ready` names the group of each task, `free` the places of each agent. The order of neither matters; within a group, tasks go in the order of
    their names, to agents in the order of theirs. Raises `Invalid` for a group or an agent that `worth` does not know.
    """
    members: defaultdict[str, list[Key]] = defaultdict(list)
    for task in sorted(ready):
        members[ready[task]].append(task)
    groups, agents = sorted(members), sorted(agent for agent, places in free.items() if places > 0 or worth.later is not None)
    rows, columns = _places(groups, worth.groups, "group"), _places(agents, worth.agents, "agent")
    if not rows or not columns:
        return {}
    tables = _Tables.of(worth, rows, columns, np.array([free[agent] for agent in agents], dtype=np.int64))
    counts = np.array([len(members[group]) for group in groups], dtype=np.int64)
    numbers = distribute(tables.values, tables.allowed, counts, tables.places)[:, : len(agents)]
    chosen: dict[Key, str] = {}
    for row, group in enumerate(groups):
        takers = np.repeat(np.arange(len(agents)), numbers[row] * (tables.places[: len(agents)] > 0)).tolist()
        chosen.update((task, agents[taker]) for task, taker in zip(members[group], takers, strict=False))
    return chosen


def distribute(values: Floats, allowed: Bools, tasks: Ints, places: Ints) -> Ints:
    """Return how many tasks of each group go to each agent: groups x agents, as many in all as can be, for the greatest sum of values.

    `tasks` counts those of each group, `places` those of each agent.
    """
    numbers = np.zeros(values.shape, dtype=np.int64)
    places = np.maximum(places, 0)
    rows, columns = np.flatnonzero(tasks > 0), np.flatnonzero(places > 0)
    if not len(rows) or not len(columns):
        return numbers
    inner = np.ix_(rows, columns)
    if len(rows) == 1 and tasks[rows[0]] == 1:
        masked = np.where(allowed[inner][0], values[inner][0], -np.inf)
        best = int(masked.argmax())
        numbers[rows[0], columns[best]] = int(np.isfinite(masked[best]))
        return numbers
    few = min(tasks.sum(), places.sum()) <= _ONE_BY_ONE
    numbers[inner] = (matched if few else transported)(values[inner], allowed[inner], tasks[rows], places[columns])
    return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    values: Floats
    allowed: Bools
    places: Ints

    @classmethod
    def of(cls, worth: Worth, rows: list[int], columns: list[int], free: Ints) -> "_Tables":
        """Return the tables of what is at hand; where tasks may wait for agents, one more column for each agent stands for its next places."""
        inner = np.ix_(rows, columns)
        allowed = np.ones((len(rows), len(columns)), dtype=np.bool_) if worth.allowed is None else worth.allowed[inner]
        if worth.later is None or worth.soon is None:
            return cls(values=worth.values[inner], allowed=allowed, places=free)
        soon = np.where(free > 0, 0, worth.soon[columns])
        return cls(values=np.hstack([worth.values[inner], worth.later[inner]]), allowed=np.hstack([allowed, allowed]), places=np.hstack([free, soon]))


def _places(names: list[str], known: tuple[str, ...], what: str) -> list[int]:
    at = {name: place for place, name in enumerate(known)}
    try:
        return [at[name] for name in names]
    except KeyError as error:
        message = f"nothing says what tasks are worth with the {what} {error}"
        raise Invalid(message) from error


def matched(values: Floats, allowed: Bools, tasks: Ints, places: Ints) -> Ints:
    """Match single tasks with single places. A pair that is not allowed costs more than all others together, so it is taken only to be dropped."""
    spread = float(np.ptp(values)) + 1
    most = int(min(tasks.sum(), places.sum()))
    rows = np.repeat(np.arange(len(tasks)), np.minimum(tasks, most))
    columns = np.repeat(np.arange(len(places)), np.minimum(places, most))
    cost = np.where(allowed, values.max() - values, spread * (most + 1))[np.ix_(rows, columns)]
    left, right = linear_sum_assignment(cost)
    numbers = np.zeros(values.shape, dtype=np.int64)
    np.add.at(numbers, (rows[left], columns[right]), 1)
    return np.where(allowed, numbers, 0)


def transported(values: Floats, allowed: Bools, tasks: Ints, places: Ints) -> Ints:
    """Solve the transportation problem.

    An interior point is followed to the best corner, where all numbers are whole; should it end beside one, the dual simplex method ends in one.
    """
    row, column = np.nonzero(allowed)
    if not len(row):
        return np.zeros(values.shape, dtype=np.int64)
    ones, variables = np.ones(len(row)), np.arange(len(row))
    limits = sp.vstack([
        sp.csr_array((ones, (row, variables)), shape=(len(tasks), len(row))),
        sp.csr_array((ones, (column, variables)), shape=(len(places), len(row))),
    ])  # fmt: skip
    given = (float(np.ptp(values)) + 1) * float(min(tasks.sum(), places.sum()))  # that one task more is given away outweighs where all go
    numbers = np.zeros(values.shape, dtype=np.int64)
    said = ""
    for method in ("highs-ipm", "highs-ds"):
        answer = linprog(-(values[row, column] - values.min() + given), A_ub=limits, b_ub=np.concatenate([tasks, places]), method=method)
        if answer.x is not None and np.abs(answer.x - np.rint(answer.x)).max() < _WHOLE:
            numbers[row, column] = np.rint(answer.x).astype(np.int64)
            return numbers
        said = answer.message
    raise Unsolved(said)
