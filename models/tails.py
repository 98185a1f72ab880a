"""How rare a number is among those that came before it: the tail beyond the largest ones seen, as a generalized Pareto distribution.

The `KEPT` largest numbers of all history are kept; the least of them is the threshold `t`. Of `n` numbers, `KEPT - 1` exceeded it, and by how much
is fitted by the method of moments (mean `m`, variance `v` of the excesses), half-way towards an exponential tail, since so few say little of a shape;
`1 / (KEPT - 1)` is what not knowing the scale adds to the shape:

    s = (1 - m² / v) / 4, within -0.3 and 0.5        scale = m (1 - s)        shape = s + 1 / (KEPT - 1)
    p(x) = (KEPT - 1) / n * (1 + shape (x - t) / scale) ** (-1 / shape)        for x > t

As history grows, the threshold climbs into the tail by itself: nothing has to be tuned, and memory stays the same. After a lasting change the new
numbers fill the tail within `KEPT` of them, so that what has become usual is no longer rare.

A number that was reached k times is never rarer than k / (n + 1). Below the threshold p is 1: what is not among the largest is not looked at.
Do not use it for numbers that depend strongly on the ones just before, such as averages over windows that overlap: they come in clusters, and p is
too small then.

>>> tail = Tail()
>>> usual = [tail.update(float(number % 10)) for number in range(1000)]
>>> usual[-1], tail.update(5.0)
(1.0, 1.0)
>>> tail = Tail()
>>> for number in range(1000):
...     _ = tail.update((number * 0.618034) % 1.0)  # evenly spread between 0 and 1
>>> tail.p(0.5), 0.001 < tail.p(0.995) < 0.01, tail.p(1.1) < 1e-4
(1.0, True, True)

References: J. Pickands, Statistical inference using extreme order statistics, 1975; J. Hosking, J. Wallis, Parameter and quantile estimation for the
generalized Pareto distribution, 1987 (the moments); A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD 2017.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Any, Self

KEPT = 32  # largest numbers: enough for two moments, few enough that all of them are rare
_LEAST = 30  # numbers before anything is called rare
_TRUST = 0.5  # in the shape that moments say, against 0
_FLATTEST, _HEAVIEST = -0.3, 0.5  # shapes: an end not far beyond what was seen; a variance that is barely finite
_PAST_END = 1e-6  # of the excesses, at least: an end that was estimated is not known
_TINY = 1e-300  # p is never 0, so that its logarithm exists


class Tail:
    """The largest numbers seen, and how rare a larger one would be. Time per number is constant, some 0.3 us for one that is not among them."""

    __slots__ = ("_fit", "_kept", "_seen", "_top")

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._seen = 0
        self._top: list[float] = []  # ascending
        self._fit: tuple[float, float] | None = None  # shape and scale; null: to be fitted

    def update(self, number: float) -> float:
        """Return p of a finite number among those before it, then count it among them."""
        p = self.p(number)
        self._seen += 1
        if len(self._top) < self._kept:
            insort(self._top, number)
            self._fit = None
        elif number > self._top[0]:
            del self._top[0]
            insort(self._top, number)
            self._fit = None
        return p

    def p(self, number: float) -> float:
        """Return the probability that a number is this large or larger; 1 for what is not among the largest, or while too few were seen."""
        if self._seen < _LEAST or number <= self._top[0]:
            return 1.0
        reached = (len(self._top) - bisect_left(self._top, number)) / (self._seen + 1)
        return max(self._beyond(number), reached, _TINY)

    def _beyond(self, number: float) -> float:
        shape, scale = self._fit = self._fit or _fitted(self._top)
        share = (len(self._top) - 1) / self._seen
        if scale <= 0.0:  # all the largest are the same: that another one comes is all that can be said
            return 1.0 / (self._seen + 1)
        excess = (number - self._top[0]) / scale
        if abs(shape) < 1e-6:
            return share * math.exp(-min(excess, 690.0))
        beyond = math.pow(max(1.0 + shape * excess, 0.0), -1.0 / shape)
        return share * (max(beyond, _PAST_END) if shape < 0.0 else beyond)

    def bound(self, p: float) -> float | None:
        """Return the number beyond which numbers are rarer than p; null while too few were seen."""
        if self._seen < _LEAST:
            return None
        shape, scale = self._fit = self._fit or _fitted(self._top)
        share = (len(self._top) - 1) / self._seen
        if share <= p:
            return self._top[0]
        ratio = share / p
        return self._top[0] + (scale * math.log(ratio) if abs(shape) < 1e-6 else scale / shape * (ratio**shape - 1.0))

    def dump(self) -> dict[str, Any]:
        """Return the state, of JSON values."""
        return {"kept": self._kept, "seen": self._seen, "top": self._top.copy()}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the tail whose state was dumped."""
        tail = cls(state["kept"])
        tail._seen = state["seen"]
        tail._top = list(state["top"])
        return tail


def _fitted(top: Sequence[float]) -> tuple[float, float]:
    """Return shape and scale of what exceeds the least of the largest numbers; a scale of 0 where nothing does."""
    count = len(top) - 1
    excesses = [number - top[0] for number in top[1:]]
    mean = sum(excesses) / count
    if mean <= 0.0:
        return 0.0, 0.0
    variance = sum((excess - mean) ** 2 for excess in excesses) / (count - 1)
    square = mean * mean
    shape = 0.0 if variance <= 0.0 or square <= 0.0 else min(max(_TRUST * 0.5 * (1.0 - square / variance), _FLATTEST), _HEAVIEST)
    return shape + 1.0 / count, mean * (1.0 - shape)
