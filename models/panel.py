"""Forecasts of many series of one kind, which help each other: one model learned of all, and intervals from the errors made on all.

The methods of the pool and two models of boosted trees are learned from all values, and once more from what was known two horizons earlier (one
where a series is short), and are carried from there to the origins since. Their errors there weigh them, for each series. The errors of the
combination with these weights, each in the unit of its series, give the intervals: that the weights have seen them makes up for parameters that are
older there than they will be. Of three units the one is taken whose intervals would have scored best.

For a single series, see `models.forecaster`.

>>> weeks = [np.tile([10.0, 20.0, 12.0, 14.0], 10) + place for place in range(9)]
>>> panel, _ = forecast_panel(weeks, periods=(4,), horizon=2)
>>> panel[3].point.round(1).tolist()
[13.0, 23.0]

References: those of `models.combining`, `models.trees` and `models.conformal`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import trees
from models.accuracy import msis, scale
from models.benchmarks import seasonal_naive
from models.combining import combined, method_errors, weights
from models.conformal import LEVELS, radii
from models.errors import Invalid
from models.foretold import Foretold, foretold
from models.pool import POOL

Values = NDArray[np.float64]
Each = Callable[..., Iterable[Any]]  # `map`, or that of a pool of processes

_ORIGINS: Final = 2  # at which errors are measured
_CYCLES: Final = 4  # that have to be known before the first of them, and that are recent
_LEAST: Final = 8  # values that a method learns from

Unit = Callable[[Values, Sequence[int]], float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Alone:
    """What the methods of a series alone say: a row a method, now and at each origin before, oldest first."""

    now: Values
    before: tuple[Values, ...]
    seconds: float  # of CPU


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """What was foretold of a series at an origin before, and what came."""

    past: Values
    actual: Values
    point: Values


def forecast_panel(series: Sequence[Values], *, periods: Sequence[int], horizon: int, each: Each = map) -> tuple[list[Foretold], float]:
    """Return the next `horizon` values of each series, and the CPU seconds that `each` spent on the series one by one.

    Every series is finite and has a value at least; `periods` are the lengths of the seasons that they share. Raises `Invalid` where no series is
    so long that errors can be measured.
    """
    origins = [origins_of(values, periods, horizon) for values in series]
    if not any(origins):
        message = f"no series is so long that {horizon} of its values could be foretold from {_LEAST} others"
        raise Invalid(message)
    alone: list[_Alone] = list(each(partial(_told_alone, tuple(periods), horizon), series, origins))
    rows = _with_trees([one.now for one in alone], series, series, periods, horizon)
    weigh, before = _tested(series, origins, [one.before for one in alone], periods, horizon)
    points = [_known(combined(said, by), values, periods) for said, by, values in zip(rows, weigh, series, strict=True)]
    errors = np.array([np.abs(one.actual - one.point) for one in before])
    pasts = [one.past for one in before]
    unit = _best_unit(errors, pasts, periods)
    scaled = errors / np.array([unit(past, periods) for past in pasts])[:, np.newaxis]
    half_80, half_95 = (radii(scaled, level) for level in LEVELS)
    units = [unit(values, periods) for values in series]
    return [foretold(point, size * half_80, size * half_95) for point, size in zip(points, units, strict=True)], sum(one.seconds for one in alone)


def origins_of(values: Values, periods: Sequence[int], horizon: int) -> int:
    """Return at how many origins before the last value errors can be measured: 0, 1 or 2."""
    least = max(_CYCLES * min(periods, default=1), 2 * _LEAST)
    return _ORIGINS if len(values) - _ORIGINS * horizon >= least else int(len(values) - horizon >= _LEAST)


def tell_all(learned_from: Values, pasts: Sequence[Values], periods: Sequence[int], horizon: int) -> list[Values]:
    """Return for each past what each method of the pool says, of parameters learned once: a row a method, NaN where it is not for such values."""
    if len(learned_from) < _LEAST:
        return [np.full((len(POOL), horizon), np.nan) for _ in pasts]
    tells = [learn(learned_from, periods) for learn in POOL.values()]
    return [np.array([np.full(horizon, np.nan) if tell is None else tell(past, horizon) for tell in tells]) for past in pasts]


def _told_alone(periods: tuple[int, ...], horizon: int, values: Values, origins: int) -> _Alone:
    began = time.process_time()
    now = tell_all(values, [values], periods, horizon)[0]
    pasts = [_cut(values, back * horizon) for back in range(origins, 0, -1)]
    before = tuple(tell_all(pasts[0], pasts, periods, horizon)) if pasts else ()
    return _Alone(now=now, before=before, seconds=time.process_time() - began)


def _tested(
    series: Sequence[Values], origins: Sequence[int], told: Sequence[tuple[Values, ...]], periods: Sequence[int], horizon: int
) -> tuple[list[Values], list[_Told]]:
    """Return the weights of the methods for each series, and what was foretold at all origins before."""
    first = [_cut(values, count * horizon) for values, count in zip(series, origins, strict=True) if count]
    pasts = [_cut(values, back * horizon) for values, count in zip(series, origins, strict=True) for back in range(count, 0, -1)]
    rows = iter(_with_trees([one for some in told for one in some], pasts, first, periods, horizon))
    weigh, before = [], []
    for values, count in zip(series, origins, strict=True):
        said = [next(rows) for _ in range(count)]
        known = [_cut(values, back * horizon) for back in range(count, 0, -1)]
        actual = [values[len(past) : len(past) + horizon] for past in known]
        errors = np.array([method_errors(*one) for one in zip(said, actual, strict=True)]).reshape(count, len(POOL) + trees.MODELS)
        weigh.append(weights(errors))
        points = [combined(one, weigh[-1]) for one in said]
        before += [_Told(past=one[0], actual=one[1], point=_known(one[2], one[0], periods)) for one in zip(known, actual, points, strict=True)]
    return weigh, before


def _with_trees(
    rows: Sequence[Values], pasts: Sequence[Values], learned_from: Sequence[Values], periods: Sequence[int], horizon: int
) -> list[Values]:
    """Return the rows of each past with those of trees that learned from others below."""
    said = trees.say(learned_from, pasts, periods, horizon)
    return [np.vstack([one, two]) for one, two in zip(rows, said, strict=True)]


def _known(point: Values, past: Values, periods: Sequence[int]) -> Values:
    """Return the point, or the seasonal naive forecast where no method had a say."""
    return point if np.isfinite(point).all() else seasonal_naive(past, min(periods, default=1), len(point))


def _cut(values: Values, count: int) -> Values:
    return values[: len(values) - count]


def _seasonal_unit(values: Values, periods: Sequence[int]) -> float:
    """Return the mean difference of values a cycle apart; where that is nothing, of neighbours, or else of the size of the values."""
    size = float(np.abs(values).mean()) or 1.0
    return scale(values, min(periods, default=1)) or scale(values, 1) or size


def _recent_unit(values: Values, periods: Sequence[int]) -> float:
    """Return the same of the last cycles."""
    return _seasonal_unit(values[-_CYCLES * min(periods, default=_LEAST) :], periods)


def _mixed_unit(values: Values, periods: Sequence[int]) -> float:
    """Return the geometric mean of the difference a cycle apart and that of neighbours."""
    seasonal = _seasonal_unit(values, periods)
    return float(np.sqrt(seasonal * (scale(values, 1) or seasonal)))


def _best_unit(errors: Values, pasts: Sequence[Values], periods: Sequence[int]) -> Unit:
    """Return the unit whose intervals of 95 % have the best interval score at the origins before."""

    def score(unit: Unit) -> float:
        units = np.array([unit(past, periods) for past in pasts])[:, np.newaxis]
        width = radii(errors / units, 0.95) * units
        own = [_seasonal_unit(past, periods) for past in pasts]
        return float(np.mean([msis(error, -half, half, by) for error, half, by in zip(errors, width, own, strict=True)]))

    return min((_seasonal_unit, _recent_unit, _mixed_unit), key=score)
