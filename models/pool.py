"""The methods that a forecast of one series is combined from, all with one form: learn from values, then tell what follows these or later ones.

- `theta`: the values without the season of the shortest period, by the Theta method; the season is multiplied where all values are above 0,
  else added.
- `smoothed`: exponential smoothing with a damped trend, all seasons and correlated errors.
- `logarithmic`: the same of the logarithms, where all values are above 0: seasons and errors in proportion to the level.

Parameters are learned once and can then be carried to later origins: a backtest of many origins costs one fit, and no parameter has seen what it is
tested on.

>>> tell = POOL["smoothed"](np.array([10.0, 14.0] * 12), (2,))
>>> tell(np.array([10.0, 14.0] * 12), 3).round(3).tolist()
[10.0, 14.0, 10.0]
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import theta
from models.seasonality import indices, is_seasonal, profile
from models.smoothing import ahead, fit

Values = NDArray[np.float64]
Tell = Callable[[Values, int], Values]  # the values up to an origin, and a horizon, to the next values
Learn = Callable[[Values, Sequence[int]], Tell | None]  # values and periods; null: the method is not for such values


def by_theta(values: Values, periods: Sequence[int]) -> Tell:
    """Learn the weight of Theta's smoothing."""
    period = min(periods, default=1)
    seasonal = is_seasonal(values, period)
    fitted = theta.learn(_without_season(values, period, seasonal=seasonal)[0])

    def tell(known: Values, horizon: int) -> Values:
        rest, season, multiplied = _without_season(known, period, seasonal=seasonal)
        told, further = theta.forecast(rest, horizon, fitted), _further(season, len(known), horizon)
        return told * further if multiplied else told + further

    return tell


def by_smoothing(values: Values, periods: Sequence[int]) -> Tell:
    """Learn the weights of the smoothing, with those seasons of which two cycles are known."""
    fitted = fit(values, _seen(values, periods), correlated=True)
    return lambda known, horizon: ahead(known, fitted, horizon)


def of_logarithms(learn: Learn) -> Learn:
    """Return the method applied to logarithms; not for values of which one is 0 or below."""

    def learn_logarithms(values: Values, periods: Sequence[int]) -> Tell | None:
        tell = learn(np.log(values), periods) if (values > 0).all() else None
        if tell is None:
            return None
        top = float(np.log(values).max() + np.ptp(np.log(values)) + 1)  # a trend of logarithms may not run away
        return lambda known, horizon: np.exp(np.minimum(tell(np.log(known), horizon), top)) if (known > 0).all() else np.full(horizon, np.nan)

    return learn_logarithms


POOL: Final[Mapping[str, Learn]] = {
    "theta": by_theta,
    "smoothed": by_smoothing,
    "logarithmic": of_logarithms(by_smoothing),
}


def _seen(values: Values, periods: Sequence[int]) -> tuple[int, ...]:
    return tuple(period for period in periods if len(values) >= 2 * period)


def _without_season(values: Values, period: int, *, seasonal: bool) -> tuple[Values, Values, bool]:
    """Return the values without their season, one cycle of it, and whether it is a factor."""
    if not seasonal:
        return values, np.zeros(1), False
    if (values > 0).all():
        factors = indices(values, period)
        return values / np.resize(factors, len(values)), factors, True
    season = profile(values, period)
    return values - np.resize(season, len(values)), season, False


def _further(season: Values, count: int, horizon: int) -> Values:
    return np.resize(np.roll(season, -(count % len(season))), horizon)
