"""What repeats within a period: whether it is there, its profile as sums, and its indices as factors.

>>> values = np.array([1.0, 3.0] * 6)
>>> profile(values, 2).tolist()
[-1.0, 1.0]
>>> is_seasonal(values, 2), indices(values, 2).tolist()
(True, [0.5, 1.5])

References: S. Makridakis, E. Spiliotis, V. Assimakopoulos, The M4 Competition, 2020, for the test; M. Kendall, A. Stuart,
The Advanced Theory of Statistics, volume 3, 1983, for the classical decomposition.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_CRITICAL: Final = 1.645  # two-sided 90 %, as in M4


def is_seasonal(values: Values, period: int) -> bool:
    """Tell whether the autocorrelation at the period is beyond its 90 % limit. Under three cycles, or with a constant, it is not."""
    if period < 2 or len(values) < 3 * period:
        return False
    centred = values - values.mean()
    power = float(centred @ centred)
    if power <= 0 or np.ptp(values) <= 1e-12 * np.abs(values).max():
        return False
    correlations = np.array([float(centred[lag:] @ centred[:-lag]) for lag in range(1, period + 1)]) / power
    limit = _CRITICAL * np.sqrt((1 + 2 * float(correlations[:-1] @ correlations[:-1])) / len(values))
    return bool(abs(correlations[-1]) > limit)


def moving(values: Values, period: int) -> Values:
    """Return the centred mean of a cycle, shorter than `values` by `period` (even) or `period - 1` (odd)."""
    weights = np.full(period, 1 / period) if period % 2 else np.concatenate([[0.5], np.ones(period - 1), [0.5]]) / period
    mean: Values = np.convolve(values, weights, mode="valid")
    return mean


def profile(values: Values, period: int) -> Values:
    """Return what each place of the cycle, from the first value on, adds to the level; the sum is 0. Under two cycles: zeros."""
    if len(values) < 2 * period:
        return np.zeros(period)
    middle = moving(values, period)
    offset = (len(values) - len(middle)) // 2
    means = _by_place(values[offset : offset + len(middle)] - middle, offset, period)
    return np.asarray(means - means.mean(), dtype=np.float64)


def indices(values: Values, period: int) -> Values:
    """Return the factor of each place of the cycle, mean 1: the classical multiplicative decomposition. All values are above 0."""
    middle = moving(values, period)
    offset = (len(values) - len(middle)) // 2
    means = _by_place(values[offset : offset + len(middle)] / middle, offset, period)
    return np.asarray(means / means.mean(), dtype=np.float64)


def _by_place(values: Values, offset: int, period: int) -> Values:
    places = (np.arange(len(values)) + offset) % period
    return np.bincount(places, weights=values, minlength=period) / np.bincount(places, minlength=period)
