"""The smallest change of a worth that would send a task elsewhere, for each group of tasks at once.

An assignment of the greatest sum is given. For a group and an agent that has none of it, how much more would it have to be worth there to go there?
As much as is lost when one of its tasks is put there by force and everybody else makes the best of it: it may push another on, which pushes another,
until somebody finds a free place or the one that was left, and that one may draw others who are better off there. That is a shortest path in the
residual graph of the transportation problem, so all pairs are found together; by linear programming a change that is greater than this loss makes the
forced assignment the best one.

Reference: R. K. Ahuja, T. L. Magnanti, J. B. Orlin, Network Flows, 1993, chapters 9 and 11.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_NEVER: Final = np.inf


def losses(values: Floats, allowed: Bools, numbers: Ints, spare: Ints) -> Floats:
    """Return for groups x agents how much the sum of values loses at least when one more task of the group goes there; infinite where it cannot.

    Meant for agents that have no task of the group yet. `values` and `allowed` are tables of groups x agents, `numbers` how many tasks of each group
    each agent has, `spare` how many more each agent could take. Groups without a task are infinite throughout.
    """
    pushed = _pushed(values, allowed, numbers)
    relief = np.where(spare > 0, 0.0, _NEVER)  # what an agent with one task too many loses until somebody has a place that was free
    to_spare = (pushed + relief[None, :]).min(axis=1)
    pulled = pushed.min(axis=0)  # and what is gained, below zero, when somebody else takes a place that was left
    found = np.full(values.shape, _NEVER)
    for group in np.flatnonzero(numbers.any(axis=1)).tolist():
        for agent in np.flatnonzero(numbers[group]).tolist():
            rest = np.minimum(to_spare + pulled[agent], pushed[:, agent])
            found[group] = np.minimum(found[group], values[group, agent] - values[group] + rest)
    return np.where(allowed & (numbers == 0), found, _NEVER)


def _pushed(values: Floats, allowed: Bools, numbers: Ints) -> Floats:
    """Return for agents x agents what the sum loses when a task is pushed from one to the other, over others where that costs less."""
    count = values.shape[1]
    distance = np.full((count, count), _NEVER)
    for agent in np.flatnonzero(numbers.any(axis=0)).tolist():
        groups = numbers[:, agent] > 0
        loss = np.where(allowed[groups], values[groups, agent][:, None] - values[groups], _NEVER)
        distance[agent] = loss.min(axis=0)
    np.fill_diagonal(distance, 0.0)
    for over in np.flatnonzero(np.isfinite(distance).sum(axis=1) > 1).tolist():  # Floyd and Warshall, in rows
        np.minimum(distance, distance[:, over][:, None] + distance[over][None, :], out=distance)
    return distance
