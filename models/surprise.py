"""How surprising a number is after the one before it: context surprise, in bits.

A number becomes a symbol: one of `BINS` equal steps across the range of a first stretch of history; beyond that range symbols go on, with steps that
grow with the distance, so that there are at most some 400. Counted is how often each symbol came, and how often after each other symbol:

    rarity of x           -log2 p(x),              p(x) = (count of x + 1 / BINS) / (all + 1)
    oddness of x after c  -log2 p(x | c),     p(x | c) = (count of x after c + p(x)) / (count of c + 1)

so that a context that was hardly seen falls back on the rarity. Both are a number's own probability under a model that only knows what came before;
what they mean in one series differs from another, so let a `Tail` judge them.

Do not use it alone for a series that trends: there every number is new.

>>> surprise = Surprise.over([0.0, 16.0])
>>> for number in [3.0, 9.0] * 100:
...     rarity, oddness = surprise.update(number)
>>> round(rarity, 1), round(oddness, 2)  # half of all numbers; after a 3 always
(1.0, 0.01)
>>> [round(bits, 1) for bits in surprise.update(9.0)]  # usual, but not after a 9
[1.0, 7.7]

References: M. Smirnov, Contextual Anomaly Detector, Numenta Anomaly Benchmark competition, 2016 (the idea); D. MacKay, L. Peto, A hierarchical
Dirichlet language model, 1995 (the smoothing).
"""

import math
from collections.abc import Iterable
from typing import Any, Self

BINS = 16
_FAR = 16  # steps beyond the range that are as wide as those within
_OCTAVE = 4  # symbols for each doubling of the distance beyond that
_FARTHEST = 40  # octaves


class Surprise:
    """Counts of symbols and of pairs of them. Time per number is constant; memory is bounded by the symbols, and a few hundred counts in practice."""

    __slots__ = ("_after", "_all", "_before", "_counts", "_low", "_step")

    def __init__(self, low: float, step: float) -> None:
        self._low, self._step = low, step
        self._counts: dict[int, int] = {}
        self._all = 0
        self._after: dict[int, tuple[dict[int, int], list[float]]] = {}  # symbol before: counts of symbols, and [how many, mean of the numbers]
        self._before: int | None = None

    @classmethod
    def over(cls, numbers: Iterable[float]) -> Self:
        """Return one whose steps divide the range of these numbers. Where they are all the same, a step is a sixteenth of them."""
        known = list(numbers)
        low, high = min(known), max(known)
        return cls(low, (high - low) / BINS or abs(low) / BINS or 1.0)

    @property
    def step(self) -> float:
        """The width of a symbol, in the unit of the numbers."""
        return self._step

    def expected(self, before: float) -> float:
        """Return the number that is expected after this one: the mean of those that came after such a one, drawn towards it while they are few."""
        found = self._after.get(self._symbol(before))
        return before if found is None else (found[1][0] * found[1][1] + before) / (found[1][0] + 1.0)

    def forget_before(self) -> None:
        """Say that the next number does not follow the last one: something is missing between them."""
        self._before = None

    def update(self, number: float) -> tuple[float, float]:
        """Return rarity and oddness of a finite number, in bits, then count it. Without a number before it, its oddness is its rarity."""
        symbol = self._symbol(number)
        share = (self._counts.get(symbol, 0) + 1.0 / BINS) / (self._all + 1.0)
        rarity = oddness = -math.log2(share)
        if self._before is not None:
            counts, mean = self._after.setdefault(self._before, ({}, [0.0, 0.0]))
            oddness = -math.log2((counts.get(symbol, 0) + share) / (mean[0] + 1.0))
            counts[symbol] = counts.get(symbol, 0) + 1
            mean[0] += 1.0
            mean[1] += (number - mean[1]) / mean[0]
        self._counts[symbol] = self._counts.get(symbol, 0) + 1
        self._all += 1
        self._before = symbol
        return rarity, oddness

    def dump(self) -> dict[str, Any]:
        """Return the state, of JSON values."""
        after = [[before, mean, list(counts.items())] for before, (counts, mean) in self._after.items()]
        return {"low": self._low, "step": self._step, "before": self._before, "counts": list(self._counts.items()), "after": after}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the one whose state was dumped."""
        surprise = cls(state["low"], state["step"])
        surprise._before = state["before"]
        surprise._counts = dict(state["counts"])
        surprise._all = sum(surprise._counts.values())
        surprise._after = {before: (dict(counts), list(mean)) for before, mean, counts in state["after"]}
        return surprise

    def _symbol(self, number: float) -> int:
        steps = (number - self._low) / self._step
        if -_FAR <= steps < BINS + _FAR:
            return math.floor(steps)
        beyond = (-steps if steps < 0 else steps - BINS) / _FAR
        far = _FAR + math.floor(_OCTAVE * min(math.log2(beyond), _FARTHEST)) if beyond < math.inf else _FAR + _OCTAVE * _FARTHEST
        return -far - 1 if steps < 0 else BINS + far
