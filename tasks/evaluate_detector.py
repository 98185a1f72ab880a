"""How good the detector is on series with labelled anomalies, beside baselines.

Each series is met point by point by a detector that knows nothing but the time from point to point. What counts as an alarm is fixed here, chosen on
series that are not those to be scored: in the middle of the range of p where the scores of NAB hardly change, and of that where F1 hardly does.
Baselines make one alarm per episode by the detector's rule; their thresholds were chosen on the same series, each where its score was best.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.detector import WEEK, Detector, quiet_after
from models.nab import PROFILES, Found, events, nab_score, probation
from tasks.anomaly_baselines import BASELINES
from tasks.labelled_series import Labelled, read_labelled

WATCHFUL: Final = 0.002  # p of a finding for NAB, to which missing an anomaly costs as much as nine false alarms
BALANCED: Final = 0.0007  # p of a finding for events
NOMINAL: Final = 0.001  # p that the promise about false alarms is checked at

Flags = NDArray[np.bool_]  # one for each point of a series


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What one way of detecting made of one series."""

    alarms: Found  # one per episode
    findings: Found  # all points that are unusual enough
    seconds: float  # of CPU
    false: int = 0  # points outside windows with p <= NOMINAL
    outside: int = 0  # points outside windows


def evaluate_detector(data: Path, labels: Path, *, jobs: int = 1) -> dict[str, Any]:
    """Return the scores of the detector on all series together, and those of the baselines by name under `baselines`.

    `nab` holds a score for each profile, 100 the best; `event` is about runs of findings, `alarm` about alarms; `false_alarm_ratio` is how many times
    as often as promised p <= 0.001 comes outside windows. Null where there is nothing to divide by. Raises `Invalid` for files that are malformed.
    """
    series = read_labelled(data, labels)
    with ProcessPoolExecutor(jobs) if jobs > 1 else nullcontext() as pool:
        found = _each(pool, _detect, series)
        baselines = {name: _each(pool, _baseline, series, [name] * len(series)) for name in BASELINES}
    outside = sum(one.outside for one in found)
    return {
        "series": len(series),
        "windows": sum(len(one.windows) for one in series),
        "points": sum(len(one.values) for one in series),
        **_scores(found),
        "false_alarm_ratio": sum(one.false for one in found) / outside / NOMINAL if outside else None,
        "baselines": {name: _scores(heard) for name, heard in baselines.items()},
    }


def _each(pool: Executor | None, work: Callable[..., _Heard], *arguments: Sequence[Any]) -> list[_Heard]:
    return list(map(work, *arguments) if pool is None else pool.map(work, *arguments))


def _scores(heard: Sequence[_Heard]) -> dict[str, Any]:
    alarms, findings = [one.alarms for one in heard], [one.findings for one in heard]
    seconds, points = sum(one.seconds for one in heard), sum(one.alarms.points for one in heard)
    return {
        "nab": {name: nab_score(alarms, profile) for name, profile in PROFILES.items()},
        "event": asdict(events(findings)),
        "alarm": asdict(events(alarms)),
        "microseconds_per_point": seconds / points * 1e6,
    }


def _detect(series: Labelled) -> _Heard:
    began = time.process_time()
    detector = Detector(alarms_per_week=WATCHFUL * (WEEK / series.bucket), bucket=series.bucket)
    verdicts = [detector.update(value) for value in series.values.tolist()]
    seconds = time.process_time() - began
    p = np.array([verdict.p for verdict in verdicts])
    outside = _outside(series)
    nothing = _nothing(series)
    return _Heard(
        alarms=replace(nothing, at=_places(np.array([verdict.alarm for verdict in verdicts]))),
        findings=replace(nothing, at=_places(p <= BALANCED)),
        seconds=seconds,
        false=int((p[outside] <= NOMINAL).sum()),
        outside=int(outside.sum()),
    )


def _baseline(series: Labelled, name: str) -> _Heard:
    score, threshold = BASELINES[name]
    began = time.process_time()
    findings = _places(score(series.values) >= threshold)
    nothing = _nothing(series)
    return _Heard(
        alarms=replace(nothing, at=_alarms(findings, series)),
        findings=replace(nothing, at=findings),
        seconds=time.process_time() - began,
    )


def _alarms(findings: Sequence[int], series: Labelled) -> tuple[int, ...]:
    """Return the first finding of each episode."""
    alarms: list[int] = []
    quiet_until = -1
    for place in findings:
        if place > quiet_until:
            alarms.append(place)
            quiet_until = place + quiet_after(place + 1, series.bucket)
    return tuple(alarms)


def _nothing(series: Labelled) -> Found:
    return Found(points=len(series.values), windows=series.windows, at=())


def _outside(series: Labelled) -> Flags:
    """Return whether each point is scored and lies outside the windows."""
    outside = np.arange(len(series.values)) >= probation(len(series.values))
    for first, last in series.windows:
        outside[first : last + 1] = False
    return outside


def _places(where: Flags) -> tuple[int, ...]:
    return tuple(np.flatnonzero(where).tolist())
