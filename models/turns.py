"""Whose turn it is: which of the ready tasks start when places are too few for all.

Tasks are taken in the order of the queue; each is in if it and all that are in already can have places at the same time, some perhaps other ones than
before. What comes out gives as many tasks a place as can have one, and no later task keeps an earlier one out. Which agent each gets is decided
afterwards, for the greatest sum of values.

>>> allowed = np.array([[True, True], [True, False]])  # groups x agents
>>> whose_turn([0, 1, 0], allowed, np.array([1, 1]))
[0, 1]

Reference: J. Edmonds, D. R. Fulkerson, Transversals and matroid partition, 1965: sets of tasks that can have places at once are the independent sets
of a matroid, so taking them greedily in order is best.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def whose_turn(queue: Sequence[int], allowed: Bools, free: Ints) -> list[int]:
    """Return the positions in the queue of the tasks that start.

    `queue` holds the group of each task, in order; `allowed` tells for groups x agents who may have whom; `free` counts each agent's places.
    """
    alike, kind_of = np.unique(allowed, axis=0, return_inverse=True)  # groups that may go to the same agents are one
    kinds = np.asarray(kind_of).reshape(-1).tolist()
    places = _Places(alike, np.maximum(free, 0))
    shut: set[int] = set()  # kinds of which no further task finds a place: what cannot be added to a set cannot be added to a greater one
    taken: list[int] = []
    for position, group in enumerate([kinds[one] for one in queue]):
        if not places.open.any():
            break
        if group not in shut and places.add(group):
            taken.append(position)
        else:
            shut.add(group)
    return taken


class _Places:
    """Who sits where, for now."""

    def __init__(self, allowed: Bools, free: Ints) -> None:
        self._allowed = allowed
        self._free = free.copy()
        self._sits = np.zeros(allowed.shape, dtype=np.int64)
        self.open = self._free > 0

    def add(self, group: int) -> bool:
        """Find a place for one more task of a group, where others may have to change theirs; tell whether there is one."""
        came_from: dict[int, tuple[int, int]] = {}  # agent -> the group that would move there, and the agent that it would leave (-1: none)
        seen = np.zeros(len(self._free), dtype=np.bool_)
        search = deque([(group, -1)])
        while search:
            mover, leaves = search.popleft()
            reach = self._allowed[mover] & ~seen
            free = np.flatnonzero(reach & self.open)
            if len(free):
                came_from[int(free[0])] = (mover, leaves)
                self._move(int(free[0]), came_from)
                return True
            for agent in np.flatnonzero(reach).tolist():
                seen[agent] = True
                came_from[agent] = (mover, leaves)
                search.extend((sitter, agent) for sitter in np.flatnonzero(self._sits[:, agent]).tolist())
        return False

    def _move(self, agent: int, came_from: dict[int, tuple[int, int]]) -> None:
        self._free[agent] -= 1
        self.open[agent] = self._free[agent] > 0
        while agent >= 0:
            mover, leaves = came_from[agent]
            self._sits[mover, agent] += 1
            if leaves >= 0:
                self._sits[mover, leaves] -= 1
            agent = leaves
