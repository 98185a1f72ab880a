"""How far forecasts are from what came, and how honest their intervals are: the measures of the M4 competition.

    sMAPE = mean 200 |actual - forecast| / (|actual| + |forecast|), in percent; 0 where both are 0
    MASE  = mean |actual - forecast| / scale           scale = mean |y[t] - y[t-lag]| within the values that were known
    OWA   = (sMAPE / sMAPE of Naive2 + MASE / MASE of Naive2) / 2, of the means over all series: below 1 is better than Naive2
    MSIS  = mean (width + 40 * how far the actual is outside) / scale, for intervals of 95 %

>>> known, actual = np.array([1.0, 2.0, 4.0, 5.0]), np.array([6.0, 8.0])
>>> round(mase(actual, np.array([5.0, 9.0]), scale(known, 1)), 3)  # errors of 1, steps of (1 + 2 + 1) / 3
0.75
>>> round(smape(np.array([2.0, 0.0]), np.array([6.0, 0.0])), 1)
50.0
>>> msis(actual, np.array([5.0, 5.0]), np.array([7.0, 7.0]), 1.0)  # widths of 2, one miss by 1
22.0

References: R. Hyndman, A. Koehler, Another look at measures of forecast accuracy, 2006; T. Gneiting, A. Raftery, Strictly proper scoring rules,
prediction, and estimation, 2007, for the interval score.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MISS: Final = 2 / 0.05  # what a unit outside an interval of 95 % costs


def scale(known: Values, lag: int) -> float | None:
    """Return the mean absolute difference at the lag. Null: too few values, or they repeat exactly, and nothing can be measured by it."""
    if len(known) <= lag:
        return None
    mean = float(np.abs(known[lag:] - known[:-lag]).mean())
    return mean if mean > 1e-12 * float(np.abs(known).max()) else None


def mase(actual: Values, forecast: Values, unit: float) -> float:
    """Return the mean absolute scaled error, in units of `unit`."""
    return float(np.abs(actual - forecast).mean() / unit)


def smape(actual: Values, forecast: Values) -> float:
    """Return the symmetric mean absolute percentage error, 0 to 200."""
    total = np.abs(actual) + np.abs(forecast)
    return float((200 * np.abs(actual - forecast) / np.where(total > 0, total, 1)).mean())


def owa(smapes: tuple[float, float], mases: tuple[float, float]) -> float:
    """Return the overall weighted average of a method's sMAPE and MASE, each followed by that of Naive2."""
    return (smapes[0] / smapes[1] + mases[0] / mases[1]) / 2


def msis(actual: Values, low: Values, high: Values, unit: float) -> float:
    """Return the mean scaled interval score of intervals of 95 %."""
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    return float((high - low + _MISS * outside).mean() / unit)


def coverage(actual: Values, low: Values, high: Values) -> float:
    """Return the share of values within their interval."""
    return float(((actual >= low) & (actual <= high)).mean())
