"""The plain forecasts that others are measured by: those of the M4 competition, and the seasonal naive one.

Naive2, SES, damped trend and Theta take out the season first where the test of M4 finds one and all values are above 0: the values are divided by the
indices of the classical decomposition, and the forecast is multiplied by them.

>>> values = np.array([1.0, 3.0] * 6)
>>> seasonal_naive(values, 2, 3).tolist(), naive2(values, 2, 3).round(9).tolist()
([1.0, 3.0, 1.0], [1.0, 3.0, 1.0])

Reference: S. Makridakis, E. Spiliotis, V. Assimakopoulos, The M4 Competition: 100,000 time series and 61 forecasting methods, 2020.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import theta
from models.seasonality import indices, is_seasonal
from models.smoothing import ahead, fit

Values = NDArray[np.float64]
Plain = Callable[[Values, int], Values]  # values without a season and a horizon to the next values


def seasonal_naive(values: Values, period: int, horizon: int) -> Values:
    """Return the last cycle again and again; with less than a cycle, the last value."""
    return np.resize(values[-period:], horizon) if len(values) >= period else np.full(horizon, values[-1])


def naive2(values: Values, period: int, horizon: int) -> Values:
    """Return the last value without its season, and the season."""
    return _without_season(values, period, horizon, lambda rest, steps: np.full(steps, rest[-1]))


def ses(values: Values, period: int, horizon: int) -> Values:
    """Return what simple exponential smoothing and the season give."""
    return _without_season(values, period, horizon, lambda rest, steps: ahead(rest, fit(rest, trend=False), steps))


def damped(values: Values, period: int, horizon: int) -> Values:
    """Return what exponential smoothing with a damped trend and the season give."""
    return _without_season(values, period, horizon, lambda rest, steps: ahead(rest, fit(rest), steps))


def seasonal_theta(values: Values, period: int, horizon: int) -> Values:
    """Return what Theta and the season give."""
    return _without_season(values, period, horizon, theta.forecast)


BENCHMARKS: Final[Mapping[str, Callable[[Values, int, int], Values]]] = {
    "naive2": naive2,
    "seasonal_naive": seasonal_naive,
    "ses": ses,
    "damped": damped,
    "theta": seasonal_theta,
}


def _without_season(values: Values, period: int, horizon: int, plain: Plain) -> Values:
    if not ((values > 0).all() and is_seasonal(values, period)):
        return plain(values, horizon)
    factors = indices(values, period)
    rest = values / np.resize(factors, len(values))
    return plain(rest, horizon) * np.resize(np.roll(factors, -(len(values) % period)), horizon)
