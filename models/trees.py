"""One model for many series of the same kind: boosted trees that foretell each step from the last values, the last cycles and the distance.

Every series is told relative to the mean of its last cycle, in units of its mean deviation over the last two, so that series of any size learn from
each other. The loss is absolute, so what is foretold is the median. Each step has its own row, with the step as a column (the direct strategy):
errors do not feed on errors.

Not for a handful of series, nor where they have little in common: a method of the series alone is better there.

>>> waves = [np.sin(np.arange(60) * np.pi / 3 + start) + 5 for start in range(6)]
>>> learned = train(waves, (6,), 3)
>>> error = np.abs(predict(learned, waves, (6,), 3)[0] - (np.sin(np.arange(60, 63) * np.pi / 3) + 5)).max()
>>> bool(error < 0.1)
True

References: P. Montero-Manso, R. Hyndman, Principles and algorithms for forecasting groups of time series, 2021; J. Friedman, Greedy function
approximation: a gradient boosting machine, 2001.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

Values = NDArray[np.float64]

MODELS: Final = 2  # of the values, and of their logarithms
ROWS: Final = 250_000  # to learn from, at most
_ROWS_OF_A_SERIES: Final = 3_000  # the same, times the number of series: a few series are not looked at longer than they are worth
_LAGS: Final = 12  # last values that are looked at
_CYCLES: Final = 3  # how many cycles back the value at the same place is looked at
_FAR: Final = 20.0  # deviations beyond which a value is only "far": one wild series does not steer all others
_ROUNDS, _RATE, _LEAVES, _ROWS_OF_A_LEAF = 200, 0.07, 31, 40


def train(series: Sequence[Values], periods: Sequence[int], horizon: int, *, rows: int = ROWS) -> HistGradientBoostingRegressor | None:
    """Return what was learned from windows of all series, or null where none is as long as two cycles and the horizon."""
    first = _first(periods)
    windows = max(1, min(rows // max(len(series), 1), _ROWS_OF_A_SERIES) // horizon)
    tables, targets = [], []
    for values in series:
        for end in np.unique(np.linspace(first, len(values) - horizon, windows).astype(int)) if len(values) >= first + horizon else ():
            table, level, unit = _looked_at(values[:end], periods, horizon)
            tables.append(table)
            targets.append(np.clip((values[end : end + horizon] - level) / unit, -_FAR, _FAR))
    if not tables:
        return None
    model = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=_ROUNDS, learning_rate=_RATE, max_leaf_nodes=_LEAVES, min_samples_leaf=_ROWS_OF_A_LEAF, l2_regularization=1.0,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    with _one_thread():
        return model.fit(np.vstack(tables), np.concatenate(targets))


def say(learned_from: Sequence[Values], pasts: Sequence[Values], periods: Sequence[int], horizon: int) -> list[Values]:
    """Return what two models say of each past, a row each: one of the values, one of their logarithms. NaN: too short, or a value is not above 0."""
    plain = predict(train(learned_from, periods, horizon), pasts, periods, horizon)
    positive = [np.log(values) for values in learned_from if (values > 0).all()]
    logarithms = [np.log(values) if (values > 0).all() else values[:0] for values in pasts]
    other = predict(train(positive, periods, horizon), logarithms, periods, horizon)
    silent = np.full(horizon, np.nan)
    return [np.vstack([silent if one is None else one, silent if two is None else np.exp(two)]) for one, two in zip(plain, other, strict=True)]


def predict(model: HistGradientBoostingRegressor | None, series: Sequence[Values], periods: Sequence[int], horizon: int) -> list[Values | None]:
    """Return the next values of each series, or null where it is shorter than two cycles, or nothing was learned."""
    long = [values for values in series if len(values) >= _first(periods)]
    if model is None or not long:
        return [None] * len(series)
    looked = [_looked_at(values, periods, horizon) for values in long]
    with _one_thread():
        told = model.predict(np.vstack([table for table, _, _ in looked])).reshape(len(long), horizon)
    answers = iter([level + unit * steps for steps, (_, level, unit) in zip(told, looked, strict=True)])
    return [next(answers) if len(values) >= _first(periods) else None for values in series]


def _one_thread() -> threadpool_limits:
    """Keep OpenMP to one thread: where other programs want the processors, its threads wait for each other and burn eight times the time."""
    return threadpool_limits(1, user_api="openmp")


def _first(periods: Sequence[int]) -> int:
    return max(2 * min(periods, default=_LAGS), 4)


def _looked_at(values: Values, periods: Sequence[int], horizon: int) -> tuple[Values, float, float]:
    """Return a row of columns for each step ahead, and the level and the unit they are told in."""
    cycle = max(min(periods, default=_LAGS), 2)
    recent, before = values[-cycle:], values[-2 * cycle : -cycle]
    both = values[-2 * cycle :]
    level = float(recent.mean())
    unit = max(float(np.abs(both - both.mean()).mean()), 1e-9 * max(float(np.abs(both).max()), 1e-300))
    steps = np.arange(1, horizon + 1)
    columns = [steps.astype(np.float64)]
    for period in periods:
        nearest = np.ceil(steps / period).astype(int)
        for back in range(_CYCLES):
            places = len(values) - 1 + steps - period * (nearest + back)
            columns.append((np.where(places >= 0, values[np.maximum(places, 0)], np.nan) - level) / unit)
    lags = (values[-min(cycle, _LAGS) :] - level) / unit
    summary = [
        (level - float(before.mean())) / unit,
        float(np.abs(np.diff(both)).mean()) / unit,
        float(values[-max(3, cycle // 4) :].mean() - level) / unit,
        unit / max(abs(level), unit),
    ]
    return np.column_stack([*columns, np.tile(np.concatenate([lags, summary]), (horizon, 1))]), level, unit
