"""Exponential smoothing with a damped trend, any number of seasons and correlated errors, computed as one linear filter.

    y[t] = l[t-1] + phi b[t-1] + sum s_i[t-m_i] + e[t]        l[t] = l[t-1] + phi b[t-1] + alpha e[t]        b[t] = phi b[t-1] + beta e[t]
    s_i[t] = s_i[t-m_i] + gamma_i e[t]                        e[t] = rho e[t-1] + noise

All of it is linear, so with the lag operator B it is one filter: y = theta(B) / D(B) e + what the first state alone would give. The errors of a
choice of parameters are the filter's inverse, which SciPy runs in C, and the first level and trend are the least squares solution rather than two
more parameters to search: a fit of a thousand values takes some ten milliseconds.

Not for values with many zeros, nor for a season of which fewer than two cycles were seen.

>>> steady = np.array([10.0, 14.0] * 12)
>>> fitted = fit(steady, (2,))
>>> ahead(steady, fitted, 4).round(3).tolist()
[10.0, 14.0, 10.0, 14.0]

Reference: R. Hyndman, A. Koehler, J. Ord, R. Snyder, Forecasting with Exponential Smoothing, 2008, chapters 2, 11 and 14; J. Taylor, Short-term
electricity demand forecasting using double seasonal exponential smoothing, 2003, for several seasons and the correlated errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.signal import lfilter

from models.seasonality import profile

Values = NDArray[np.float64]

_ITERATIONS: Final = 25  # of the search, for each parameter
_FIRST_CYCLES: Final = 4  # of which the first state of a season is made
_DAMPING: Final = (0.8, 0.98)  # bounds of phi, those of the M4 benchmarks
_CORRELATION: Final = 0.95  # bound of |rho|
_LARGE: Final = 1e12  # errors that grow beyond this many standard deviations come from an unstable filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Parameters that were found, all without unit, and the seasons they start from."""

    level: float  # alpha
    trend: float = 0.0  # beta; 0: the trend that it starts with only fades
    damping: float = 0.0  # phi; 0: no trend
    seasons: tuple[float, ...] = ()  # gamma
    correlation: float = 0.0  # rho
    periods: tuple[int, ...] = ()
    starts: tuple[Values, ...] = field(default=(), compare=False)  # of each season, as many values as its period


def fit(values: Values, periods: Sequence[int] = (), *, trend: bool = True, correlated: bool = False) -> Fitted:
    """Return the parameters with the least squared errors one step ahead. `values` are finite and no shorter than two cycles."""
    starts = _starts(values, periods)
    free = 1 + 2 * trend + len(periods) + correlated
    first = np.array([-1.0, *([-3.0, 1.0] if trend else []), *([-2.0] * len(periods)), *([0.0] if correlated else [])])
    scale = max(float(np.std(values)), float(np.finfo(float).tiny))

    def loss(point: Values) -> float:
        fitted = _named(point, periods, starts, trend=trend, correlated=correlated)
        with np.errstate(all="ignore"):
            errors = _errors(values, fitted)[0] / scale
            squared = float(errors @ errors) if np.isfinite(errors).all() and np.abs(errors).max() < _LARGE else np.inf
        return np.log(squared / len(values) + 1e-12) if np.isfinite(squared) else 100.0

    found = minimize(
        loss, first, method="Nelder-Mead", options={"maxfev": _ITERATIONS * free, "xatol": 1e-2, "fatol": 1e-4, "initial_simplex": _simplex(first)}
    )
    return _named(found.x, periods, starts, trend=trend, correlated=correlated)


def ahead(values: Values, fitted: Fitted, horizon: int) -> Values:
    """Return the next `horizon` values, from the state that `values`, which start where those of the fit did, lead to."""
    errors, first = _errors(values, fitted)
    steps = len(values) + horizon
    below, above = _polynomials(fitted)
    noise = np.concatenate([errors, np.zeros(horizon)])
    moved: Values = lfilter(above, np.convolve(below, [1.0, -fitted.correlation]), noise)
    return (moved + _columns(fitted, steps) @ first + _seasons(fitted, steps))[-horizon:]


def _errors(values: Values, fitted: Fitted) -> tuple[Values, Values]:
    """Return the errors one step ahead, and the first level and trend that make them least."""
    below, above = _polynomials(fitted)
    if fitted.correlation:
        below = np.convolve(below, [1.0, -fitted.correlation])
    columns = _columns(fitted, len(values))
    filtered: Values = lfilter(below, above, np.column_stack([values - _seasons(fitted, len(values)), columns]), axis=0)
    target, design = filtered[:, 0], filtered[:, 1:]
    if not np.isfinite(filtered).all():
        return np.full(len(values), np.inf), np.zeros(columns.shape[1])
    gram = design.T @ design
    first = np.linalg.solve(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)), design.T @ target)
    return target - design @ first, first


def _polynomials(fitted: Fitted) -> tuple[Values, Values]:
    """Return D(B) and theta(B), lowest power first."""
    damped = np.array([1.0, -fitted.damping])
    cycles = [_lag(1.0, period) * -1 for period in fitted.periods]
    for cycle in cycles:
        cycle[0] = 1.0
    whole = _product(cycles) if cycles else np.array([1.0, -1.0])
    summed = np.cumsum(whole)[:-1]  # whole / (1 - B)
    below = np.convolve(damped, whole)
    above = below.copy()
    _add(above, np.convolve(np.convolve([0.0, fitted.level], damped), summed))
    _add(above, np.convolve([0.0, fitted.damping * fitted.trend], summed))
    for place, (period, weight) in enumerate(zip(fitted.periods, fitted.seasons, strict=True)):
        others = _product(cycles[:place] + cycles[place + 1 :])
        _add(above, np.convolve(np.convolve(_lag(weight, period), damped), others))
    return below, above


def _lag(weight: float, steps: int) -> Values:
    return np.concatenate([np.zeros(steps), [weight]])


def _product(factors: Sequence[Values]) -> Values:
    made = np.ones(1)
    for factor in factors:
        made = np.convolve(made, factor)
    return made


def _add(whole: Values, part: Values) -> None:
    whole[: len(part)] += part


def _columns(fitted: Fitted, steps: int) -> Values:
    """Return what a first level of one, and a first trend of one, alone would give."""
    level = np.ones(steps)
    if not fitted.damping:
        return level[:, np.newaxis]
    return np.column_stack([level, np.cumsum(fitted.damping ** np.arange(1, steps + 1))])


def _seasons(fitted: Fitted, steps: int) -> Values:
    total = np.zeros(steps)
    for start in fitted.starts:
        total += np.resize(start, steps)
    return total


def _starts(values: Values, periods: Sequence[int]) -> tuple[Values, ...]:
    rest, starts = values, []
    for period in periods:
        start = profile(rest[: period * _FIRST_CYCLES], period)
        starts.append(start)
        rest = rest - np.resize(start, len(rest))
    return tuple(starts)


def _simplex(first: Values) -> Values:
    return np.vstack([first, first + np.eye(len(first)) * 1.5])


def _named(point: Values, periods: Sequence[int], starts: tuple[Values, ...], *, trend: bool, correlated: bool) -> Fitted:
    """Return parameters within their bounds from any point."""
    unit = 1 / (1 + np.exp(-np.clip(point, -30, 30)))
    level, at = 1e-4 + 0.9998 * float(unit[0]), 1
    low, high = _DAMPING
    slope = level * float(unit[1]) if trend else 0.0
    damping = low + (high - low) * float(unit[2]) if trend else 0.0
    at += 2 * trend
    seasons = tuple((1 - level) * float(one) for one in unit[at : at + len(periods)])
    correlation = _CORRELATION * float(np.tanh(point[-1])) if correlated else 0.0
    return Fitted(level=level, trend=slope, damping=damping, seasons=seasons, correlation=correlation, periods=tuple(periods), starts=starts)
