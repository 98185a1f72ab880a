"""Intervals that cover what they promise, from errors that were made: split-conformal prediction.

Absolute errors of forecasts of the past, each in the unit of its series, are pooled for every step ahead with those of the steps beside it. The
radius of a level is the pooled errors' quantile, at the rank that covers exactly in a finite sample: k = ceil((n + 1) level) of n. Nothing is
assumed of the errors but that those to come are like those that were made.

Not to be trusted where only a handful of errors are known, or where the world has changed since.

>>> errors = np.arange(1.0, 20.0)[:, np.newaxis]  # of 19 series, one step ahead
>>> radii(errors, 0.8).tolist(), radii(errors, 0.95).tolist()
([16.0], [19.0])

References: V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005; K. Stankeviciute, A. Alaa, M. van der Schaar, Conformal
time-series forecasting, 2021.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEVELS: Final = (0.8, 0.95)
_BESIDE: Final = 2  # steps before and after whose errors are pooled


def radii(errors: Values, level: float, *, beside: int = _BESIDE) -> Values:
    """Return the half width of the interval for each step: `errors` are absolute, a row for each series or origin, a column for each step."""
    steps = errors.shape[1]
    return np.array([_quantile(errors[:, max(step - beside, 0) : step + beside + 1].ravel(), level) for step in range(steps)])


def _quantile(errors: Values, level: float) -> float:
    rank = min(math.ceil((len(errors) + 1) * level - 1e-9), len(errors))
    return float(np.partition(errors, rank - 1)[rank - 1])
