"""The forecast of one series: a combination that proved itself on it, with honest intervals, or the reason why there is none.

1. Empty buckets become what the caller says that they mean.
2. The methods of `models.pool` and the seasonal naive forecast learn from the values up to the first of some origins, and tell what follows each.
3. Their errors there weigh them (`models.combining`), and the errors of the combination, each origin weighed by the others, make the intervals.
4. The forecast is withheld where values are too few for that, or where the combination was no better than the seasonal naive forecast.

Values in any unit: they are divided by a power of two first, so a forecast of thousandths or of billions is the same but for the unit.
Deterministic. For many series of one kind `models.panel` is better; for values that are mostly 0, nothing here is good, and most of them are
withheld.

>>> weeks = np.resize([50.0, 60, 70, 60, 90, 20, 10], 140) + 0.1 * np.arange(140) + np.resize([0.0, 1, 2, 1, -1, -2, 1, 0, 0], 140)
>>> found = forecast(weeks, periods=(7,), horizon=7)
>>> found.withheld, found.reason
(None, 'MASE 0.66, seasonal naive 0.96')
>>> forecast(weeks[:20], periods=(7,), horizon=7).reason
'not enough data: 20 values, at least 21 are needed'

References: those of `models.combining`, `models.conformal` and `models.smoothing`; L. Tashman, Out-of-sample tests of forecasting accuracy, 2000,
for the origins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accuracy import coverage, mase, scale
from models.benchmarks import seasonal_naive
from models.combining import combined, held_out, method_errors, weights
from models.conformal import LEVELS, radii
from models.errors import Invalid
from models.foretold import Foretold, foretold
from models.gaps import Empty, filled, share_known
from models.pool import POOL

Values = NDArray[np.float64]

METHODS: Final = (*POOL, "seasonal_naive")
HORIZON_MOST: Final = 1_000
_ORIGINS: Final = 6
_BACK: Final = 4  # horizons, at most, between the first origin and the last value
_CYCLES: Final = 2  # that have to be known before the first origin
_LEAST: Final = 12  # values, the same
_KNOWN: Final = 2 / 3  # of the buckets have to have a value
_POOLED: Final = 60  # errors that a radius is made of, if there are so many


class Withheld(StrEnum):
    """Why there is no forecast."""

    NOT_ENOUGH_DATA = "not enough data"  # for a fit and one test
    NO_BETTER = "no better than seasonal naive"  # in its own backtest


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """How one method did in the backtest."""

    method: str
    mase: float | None  # mean absolute error over the mean difference a cycle apart; null: not for such values, or they repeat exactly
    weight: float  # in the combination; the weights sum to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What the combination and its parts would have foretold at earlier origins. All null: values repeat exactly, and nothing is measured by that."""

    origins: int
    methods: tuple[Tested, ...]
    mase: float | None  # of the combination, weighed at each origin by the others
    mase_seasonal_naive: float | None
    coverage_80: float | None  # of intervals made of the errors at the other origins; null: there is no other
    coverage_95: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """The forecast of one series, or why there is none."""

    told: Foretold | None  # null: withheld
    withheld: Withheld | None
    reason: str  # a sentence with the figures
    backtest: Backtest | None  # null: not enough data for one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """A backtest in the unit of the values: at each origin what came, what each method said, and what the combination said."""

    pasts: list[Values]
    actual: list[Values]
    rows: list[Values]
    points: list[Values]
    errors: Values  # mean absolute, a row an origin, a column a method


def forecast(
    values: Sequence[float | None] | Values, *, periods: Sequence[int] = (), horizon: int, empty: Empty | None = None, least: float | None = None
) -> Forecast:
    """Return the next `horizon` values, with intervals of 80 and 95 %.

    `values` are from the oldest to the newest, one a bucket; `periods` are the lengths of the seasons, the main one first; `empty` says what a null
    or NaN means; below `least` nothing is foretold, null: there is no such limit. Raises `Invalid` for what cannot be read as that.
    """
    lengths = _checked(periods, horizon)
    period = lengths[0] if lengths else 1
    known = filled(values, empty, period)
    exponent = math.frexp(float(np.abs(known).max()))[1] if len(known) else 0
    needed = max(_CYCLES * period, _LEAST) + horizon
    if len(known) < needed:
        return _withheld(Withheld.NOT_ENOUGH_DATA, f"{len(known)} values, at least {needed} are needed")
    if share_known(values, empty) < _KNOWN:
        return _withheld(Withheld.NOT_ENOUGH_DATA, f"{share_known(values, empty):.0%} of the buckets have a value, at least {_KNOWN:.0%} are needed")
    scaled = np.ldexp(known, -exponent)
    run = _backtest(scaled, lengths, horizon)
    tested = _summary(run, period, scaled)
    figures = _figures(tested)
    if _error(run) >= _naive_error(run):
        return _withheld(Withheld.NO_BETTER, figures, tested)
    told = _foretold(scaled, run, lengths, horizon)
    return Forecast(told=_sized(told, exponent, least), withheld=None, reason=figures, backtest=tested)


def _checked(periods: Sequence[int], horizon: int) -> tuple[int, ...]:
    if not 1 <= horizon <= HORIZON_MOST:
        message = f"a forecast reaches 1 to {HORIZON_MOST} steps ahead, not {horizon}"
        raise Invalid(message)
    if any(period < 1 for period in periods) or len(set(periods)) < len(periods):
        message = "the lengths of seasons are different whole numbers above 0"
        raise Invalid(message)
    return tuple(period for period in periods if period > 1)


def _withheld(why: Withheld, figures: str, backtest: Backtest | None = None) -> Forecast:
    return Forecast(told=None, withheld=why, reason=f"{why}: {figures}", backtest=backtest)


def _backtest(values: Values, periods: Sequence[int], horizon: int) -> _Run:
    period = periods[0] if periods else 1
    first = max(len(values) - _BACK * horizon, _CYCLES * period, _LEAST)
    ends = np.unique(np.linspace(first, len(values) - horizon, _ORIGINS).astype(int))
    pasts = [values[:end] for end in ends]
    actual = [values[end : end + horizon] for end in ends]
    rows = _tell(pasts[0], pasts, periods, horizon)
    errors = np.array([method_errors(*one) for one in zip(rows, actual, strict=True)])
    return _Run(pasts=pasts, actual=actual, rows=rows, points=held_out(rows, errors), errors=errors)


def _tell(learned_from: Values, pasts: Sequence[Values], periods: Sequence[int], horizon: int) -> list[Values]:
    """Return for each past a row a method."""
    tells = [learn(learned_from, periods) for learn in POOL.values()]
    naive = periods[0] if periods else 1
    silent = np.full(horizon, np.nan)
    return [np.vstack([*(silent if tell is None else tell(past, horizon) for tell in tells), seasonal_naive(past, naive, horizon)]) for past in pasts]


def _error(run: _Run) -> float:
    return float(np.mean([np.abs(came - told).mean() for came, told in zip(run.actual, run.points, strict=True)]))


def _naive_error(run: _Run) -> float:
    return float(run.errors[:, -1].mean())


def _summary(run: _Run, period: int, values: Values) -> Backtest:
    unit = scale(values, period)
    weigh = weights(run.errors)
    means = [None if unit is None or not math.isfinite(error) else float(error / unit) for error in run.errors.mean(axis=0)]
    covered = [_coverage(run, level) for level in LEVELS]
    return Backtest(
        origins=len(run.pasts),
        methods=tuple(Tested(method=name, mase=mean, weight=float(weight)) for name, mean, weight in zip(METHODS, means, weigh, strict=True)),
        mase=None if unit is None else float(np.mean([mase(*one, unit) for one in zip(run.actual, run.points, strict=True)])),
        mase_seasonal_naive=means[-1],
        coverage_80=covered[0],
        coverage_95=covered[1],
    )


def _coverage(run: _Run, level: float) -> float | None:
    errors = _absolute(run)
    if len(errors) < 2:
        return None
    half = [_radii(np.delete(errors, place, axis=0), level) for place in range(len(errors))]
    return float(np.mean([coverage(error, -radius, radius) for error, radius in zip(errors, half, strict=True)]))


def _absolute(run: _Run) -> Values:
    return np.array([np.abs(came - told) for came, told in zip(run.actual, run.points, strict=True)])


def _radii(errors: Values, level: float) -> Values:
    """Return the radii, each of the errors of so many steps that there are enough of them."""
    return radii(errors, level, beside=math.ceil(_POOLED / len(errors) / 2))


def _figures(tested: Backtest) -> str:
    if tested.mase is None or tested.mase_seasonal_naive is None:
        return "the values repeat exactly"
    return f"MASE {tested.mase:.2f}, seasonal naive {tested.mase_seasonal_naive:.2f}"


def _foretold(values: Values, run: _Run, periods: Sequence[int], horizon: int) -> Foretold:
    rows = _tell(values, [values], periods, horizon)[0]
    errors = _absolute(run)
    return foretold(combined(rows, weights(run.errors)), *(_radii(errors, level) for level in LEVELS))


def _sized(told: Foretold, exponent: int, least: float | None) -> Foretold:
    """Return the forecast in the unit of the values again. Raises `Invalid` where it would be beyond the largest number."""

    def sized(one: Values) -> Values:
        with np.errstate(over="ignore"):
            grown = np.ldexp(one, exponent)
        if not np.isfinite(grown).all():
            message = "the values are too large to be foretold"
            raise Invalid(message)
        return grown if least is None else np.maximum(grown, least)

    low_80, high_80, low_95, high_95 = map(sized, (*told.within_80, *told.within_95))
    return Foretold(point=sized(told.point), within_80=(low_80, high_80), within_95=(low_95, high_95))
