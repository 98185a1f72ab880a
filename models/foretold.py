"""The next values of a series, with the intervals that hold them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Interval = tuple[Values, Values]  # low and high


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foretold:
    """What is foretold of a series, in its unit, a finite value a step in every array. The interval of 80 % lies within that of 95 %."""

    point: Values
    within_80: Interval
    within_95: Interval


def foretold(point: Values, half_80: Values, half_95: Values) -> Foretold:
    """Return the point with intervals of these half widths around it.

    >>> foretold(np.array([5.0]), np.array([1.0]), np.array([2.0])).within_95
    (array([3.]), array([7.]))
    """
    wide = np.maximum(half_80, half_95)
    return Foretold(point=point, within_80=(point - half_80, point + half_80), within_95=(point - wide, point + wide))
