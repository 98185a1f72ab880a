"""How far off the forecaster is, and how honest its intervals are, on series whose next values are known, beside plain methods.

Measured are the forecasts of the data set as a whole, where series help each other, and those of a series alone, as a KPI is foretold. Times are CPU
seconds of the processes that work: what another program does on the machine does not change them.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.accuracy import coverage, mase, msis, owa, scale, smape
from models.benchmarks import BENCHMARKS
from models.errors import Invalid
from models.forecaster import forecast
from models.foretold import Foretold
from models.panel import forecast_panel
from tasks.forecast_series import DataSet, read_series

Values = NDArray[np.float64]

_WITHIN: Final = {24: (24, 168)}  # hourly values have a day and a week
_NAMES: Final = ("smape", "mase", "coverage_80", "coverage_95", "msis")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """What one method made of one series: sMAPE and MASE, then coverages and MSIS where it has intervals; and the seconds it took."""

    figures: tuple[float, ...]
    seconds: float


def evaluate_forecaster(data: Path, meta: Path, *, jobs: int | None = None) -> dict[str, Any]:
    """Return the figures of every data set by name. `jobs` is the number of processes, null: one for each processor that may be used.

    Raises `Invalid` for files that are not of the form that `read_series` tells, and for a data set without a series to measure by.
    """
    sets = read_series(data, meta)
    count = jobs or len(os.sched_getaffinity(0))
    if count == 1:
        return {"datasets": {one.name: _measured(one, map) for one in sets}}
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as processes:
        return {"datasets": {one.name: _measured(one, partial(processes.map, chunksize=4)) for one in sets}}


def _measured(data: DataSet, each: Callable[..., Iterable[Any]]) -> dict[str, Any]:
    units = [scale(known, data.mase_lag) for known in data.known]
    kept = [place for place, unit in enumerate(units) if unit is not None]
    if not kept:
        message = f"{data.name}: no series is longer than {data.mase_lag} values that differ: there is nothing to measure errors by"
        raise Invalid(message)
    known, actual = [data.known[place] for place in kept], [data.actual[place] for place in kept]
    unit = [float(units[place] or 0) for place in kept]
    began = time.process_time()
    panel, worked = forecast_panel(known, periods=periods_of(data.period), horizon=data.horizon, each=each)
    seconds = (time.process_time() - began + (0 if each is map else worked)) / len(known)
    ours = [_Scored(figures=_figures(*one), seconds=seconds) for one in zip(panel, actual, unit, strict=True)]
    others = list(each(partial(_plain, data.mase_lag, data.period), known, actual, unit))
    plain = {name: [one[name] for one in others] for name in BENCHMARKS}
    alone = list(each(partial(_alone, periods_of(data.period)), known, actual, unit))
    return {
        "series": len(kept),
        "left_out": len(data.known) - len(kept),
        "horizon": data.horizon,
        **_summary(ours, plain["naive2"]),
        "baselines": {name: _summary(scored, plain["naive2"]) for name, scored in plain.items()},
        "alone": _alone_summary(alone, plain["naive2"]),
    }


def periods_of(period: int) -> tuple[int, ...]:
    """Return the lengths of all seasons of values whose main one has this length; 1 is none."""
    return _WITHIN.get(period, (period,) if period > 1 else ())


def _figures(told: Foretold, actual: Values, unit: float) -> tuple[float, ...]:
    within = (coverage(actual, *told.within_80), coverage(actual, *told.within_95))
    return smape(actual, told.point), mase(actual, told.point, unit), *within, msis(actual, *told.within_95, unit)


def _plain(lag: int, period: int, known: Values, actual: Values, unit: float) -> dict[str, _Scored]:
    scored = {}
    for name, method in BENCHMARKS.items():
        began = time.process_time()
        point = method(known, period if name == "seasonal_naive" else lag, len(actual))
        seconds = time.process_time() - began
        scored[name] = _Scored(figures=(smape(actual, point), mase(actual, point, unit)), seconds=seconds)
    return scored


def _alone(periods: tuple[int, ...], known: Values, actual: Values, unit: float) -> _Scored:
    """Return the scores of the forecast of one series alone; a withheld one has none."""
    began = time.process_time()
    found = forecast(known, periods=periods, horizon=len(actual))
    seconds = time.process_time() - began
    return _Scored(figures=() if found.told is None else _figures(found.told, actual, unit), seconds=seconds)


def _summary(scored: Sequence[_Scored], naive2: Sequence[_Scored]) -> dict[str, Any]:
    means = dict(zip(_NAMES, np.mean([one.figures for one in scored], axis=0).tolist(), strict=False))
    of_naive2 = np.mean([one.figures for one in naive2], axis=0)
    worst = bool((of_naive2 <= 0).any())  # Naive2 that foretells all exactly leaves nothing to divide by
    overall = None if worst else owa((means["smape"], float(of_naive2[0])), (means["mase"], float(of_naive2[1])))
    return {"owa": overall, **means, "seconds_per_series": float(np.mean([one.seconds for one in scored]))}


def _alone_summary(scored: Sequence[_Scored], naive2: Sequence[_Scored]) -> dict[str, Any]:
    told = [(one, other) for one, other in zip(scored, naive2, strict=True) if one.figures]
    figures = _summary([one for one, _ in told], [other for _, other in told]) if told else dict.fromkeys(("owa", *_NAMES))
    return figures | {"withheld": 1 - len(told) / len(scored), "seconds_per_series": float(np.mean([one.seconds for one in scored]))}
