"""Drift: whether what comes now is still what the categorizer was measured on, and whether people correct it more often than was to be expected.

Of inputs, by the population stability index of a figure in ten equal steps, between the first texts that a version met and the newest ones:

    PSI = sum over the steps of (new share - old share) * ln(new share / old share)

Below 0.1 nothing has changed, above 0.25 much has. Of n and m texts chance makes it (1/n + 1/m) times a chi-square with 9 degrees of freedom, so
it fires above 0.25 and above what chance exceeds in 1 of 1000 windows. Half a text is added to each step, so that an empty one has a logarithm.

Of outcomes, by the corrections among what people looked at, against the expected share of errors: it fires when that many or more would come in
fewer than 1 of 1000 windows by chance (the tail of the binomial distribution).

>>> steady, other = [0.9, 0.8, 0.7, 0.9] * 30, [0.2, 0.3, 0.4, 0.9] * 30
>>> round(stability_index(steady, steady), 3), shifted(steady, steady), shifted(steady, other)
(0.0, False, True)
>>> too_many(3, 40, 0.1), too_many(14, 40, 0.1)
(False, True)

Reference: B. Yurdakul, Statistical properties of population stability index, 2018.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW_LEAST, WINDOW_MOST = 100, 500  # texts on each side
INDEX_MOST = 0.25
CHANCE = 0.001
_CHI_SQUARE = 27.88  # with 9 degrees of freedom, what it exceeds with the chance above
_STEPS = 10


def stability_index(old: Sequence[float], new: Sequence[float]) -> float:
    """Return the population stability index of values of 0 to 1."""
    before, after = ((_histogram(one) + 0.5) / (len(one) + 0.5 * _STEPS) for one in (old, new))
    return float(((after - before) * np.log(after / before)).sum())


def shifted(old: Sequence[float], new: Sequence[float]) -> bool:
    """Tell whether values of 0 to 1 have changed more than chance explains; false where there are too few."""
    if min(len(old), len(new)) < WINDOW_LEAST:
        return False
    return stability_index(old, new) > max(INDEX_MOST, _CHI_SQUARE * (1 / len(old) + 1 / len(new)))


def too_many(corrections: int, looked_at: int, expected: float) -> bool:
    """Tell whether so many corrections would hardly come by chance when `expected` of the answers are wrong."""
    if corrections == 0:
        return False
    error = min(max(expected, 1e-6), 1 - 1e-6)
    logs = (
        math.lgamma(looked_at + 1) - math.lgamma(k + 1) - math.lgamma(looked_at - k + 1) + k * math.log(error) + (looked_at - k) * math.log1p(-error)
        for k in range(corrections, looked_at + 1)
    )
    return sum(map(math.exp, logs)) < CHANCE


def _histogram(values: Sequence[float]) -> NDArray[np.int64]:
    steps = np.minimum((np.asarray(values, dtype=float) * _STEPS).astype(int), _STEPS - 1)
    return np.bincount(steps, minlength=_STEPS)
