"""What a detector listens to besides single values: how much a metric moves, where it stands in its cycle, and whether it comes at all.

Each part learns from a metric's points one by one, in constant memory, and says how rare the last one was: a p, 1 where there is nothing to say.

References: R. Hyndman, G. Athanasopoulos, Forecasting: principles and practice, chapter 5 (seasonal naive and its relatives); E. Page, Continuous
inspection schemes, 1954, for why movement is judged in blocks that do not overlap: points in a row are no independent evidence.
"""

import math
from typing import Any, Self

from models.tails import Tail

_KEPT_BLOCKS = 16  # largest movements: there are few blocks
CYCLES = 5  # that pass before the place in a cycle says anything
_FORGETTING = 0.2  # how much a new cycle counts at least
_REMEMBERED = 1000  # points that say how large a residual usually is
_WILD = 4.0  # residuals beyond so many usual ones are learned as that many


class Movement:
    """The mean step between values of a block against that of all blocks before: it may be much larger, or smaller.

    `least` is a movement that counts as none, in the unit of the metric, above 0: logarithms are compared.

    >>> movement = Movement(block=5, least=0.001)
    >>> usual = [movement.update(1.0 + number % 3 / 10) for number in range(1000)]
    >>> [round(movement.update(0.0), 4) for _ in range(5)]  # a block without movement
    [1.0, 1.0, 1.0, 1.0, 0.005]
    """

    __slots__ = ("_block", "_count", "_least", "_louder", "_quieter", "_sum")

    def __init__(self, *, block: int, least: float) -> None:
        self._block, self._least = block, least
        self._count, self._sum = 0, 0.0
        self._louder, self._quieter = Tail(_KEPT_BLOCKS), Tail(_KEPT_BLOCKS)

    def update(self, step: float) -> float:
        """Return how rare the movement of the block is that ends with this step, given as a distance; 1 within a block."""
        self._count += 1
        self._sum += step
        if self._count < self._block:
            return 1.0
        moved = math.log(self._sum / self._block + self._least)
        self._count, self._sum = 0, 0.0
        return min(self._louder.update(moved), self._quieter.update(-moved))

    def dump(self) -> dict[str, Any]:
        """Return the state, of JSON values."""
        own = {"block": self._block, "least": self._least, "count": self._count, "sum": self._sum}
        return own | {"louder": self._louder.dump(), "quieter": self._quieter.dump()}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the movement whose state was dumped."""
        movement = cls(block=state["block"], least=state["least"])
        movement._count, movement._sum = state["count"], state["sum"]
        movement._louder, movement._quieter = Tail.load(state["louder"]), Tail.load(state["quieter"])
        return movement


class Season:
    """What a metric usually is at each place of a cycle: a mean that forgets, which wild values move no further than usual ones.

    >>> season = Season(period=2)
    >>> for number in range(200):
    ...     _ = season.update(number, 10.0 * (number % 2) + number % 3)
    >>> season.expected(200) < 3, season.expected(201) > 9
    (True, True)
    >>> [p < 0.001 for p in season.update(201, 1.0)]  # 1 is usual, but not there: it is below
    [False, True]
    """

    __slots__ = ("_above", "_below", "_counts", "_learned", "_means", "_usual")

    def __init__(self, *, period: int) -> None:
        self._means = [0.0] * period
        self._counts = [0] * period
        self._usual, self._learned = 0.0, 0  # mean distance from what was expected, of how many points
        self._above, self._below = Tail(), Tail()

    def expected(self, place: int) -> float | None:
        """Return what is usual at this place, counted from the first point ever; null until `CYCLES` cycles have passed it."""
        phase = place % len(self._means)
        return self._means[phase] if self._counts[phase] >= CYCLES else None

    def bounds(self, place: int, p: float) -> tuple[float | None, float | None]:
        """Return between which values the metric is not rarer than p at this place; null as long as that is not known."""
        usual, below, above = self.expected(place), self._below.bound(p), self._above.bound(p)
        return (None, None) if usual is None or below is None or above is None else (usual - below, usual + above)

    def update(self, place: int, value: float) -> tuple[float, float]:
        """Return how rare it is that the metric is so far above, and so far below, what is usual at this place; then learn the value."""
        phase = place % len(self._means)
        ready, residual = self._counts[phase] >= CYCLES, value - self._means[phase]
        above = below = 1.0
        if self._counts[phase] >= 2:
            above, below = self._above.update(residual), self._below.update(-residual)
        self._learn(phase, residual)
        return (above, below) if ready else (1.0, 1.0)

    def _learn(self, phase: int, residual: float) -> None:
        self._counts[phase] += 1
        if self._counts[phase] > 2:
            self._learned += 1
            most = _WILD * self._usual if self._usual > 0.0 else abs(residual)
            residual = min(max(residual, -most), most)
            self._usual += (abs(residual) - self._usual) / min(self._learned, _REMEMBERED)
        self._means[phase] += residual * max(1.0 / self._counts[phase], _FORGETTING)

    def dump(self) -> dict[str, Any]:
        """Return the state, of JSON values."""
        own = {"means": self._means.copy(), "counts": self._counts.copy(), "usual": self._usual, "learned": self._learned}
        return own | {"above": self._above.dump(), "below": self._below.dump()}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the season whose state was dumped."""
        season = cls(period=len(state["means"]))
        season._means, season._counts = list(state["means"]), list(state["counts"])
        season._usual, season._learned = state["usual"], state["learned"]
        season._above, season._below = Tail.load(state["above"]), Tail.load(state["below"])
        return season


class Gaps:
    """How rare it is that so many points in a row are missing: a chain of two states, here and missing, with counted transitions.

        p(k missing) = (gaps + 1) / (points here + 2) * ((missing after missing + 1) / (missing + 2)) ** (k - 1)

    >>> gaps = Gaps()
    >>> for _ in range(998):
    ...     gaps.here()
    >>> gaps.missing(), gaps.missing()
    (0.001, 0.0005)
    """

    __slots__ = ("_gaps", "_here", "_missing", "_row")

    def __init__(self) -> None:
        self._here = self._gaps = self._missing = 0  # points, gaps, missing points; those of the gap that is open are not counted yet
        self._row = 0  # missing points of the gap that is open

    def here(self) -> None:
        """Count a point that came, and with it the gap that it ends."""
        if self._row:
            self._gaps += 1
            self._missing += self._row
            self._row = 0
        self._here += 1

    def missing(self) -> float:
        """Return how rare it is that this many points in a row are missing, with this one."""
        self._row += 1
        stay = (self._missing - self._gaps + 1) / (self._missing + 2)
        return float(max((self._gaps + 1) / (self._here + 2) * math.exp(max((self._row - 1) * math.log(stay), -600.0)), 1e-300))

    def dump(self) -> dict[str, Any]:
        """Return the state, of JSON values."""
        return {"here": self._here, "gaps": self._gaps, "missing": self._missing, "row": self._row}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the gaps whose state was dumped."""
        gaps = cls()
        gaps._here, gaps._gaps, gaps._missing, gaps._row = state["here"], state["gaps"], state["missing"], state["row"]
        return gaps
