"""Scores of what finds anomalies in series whose anomalies are labelled as windows: that of the Numenta Anomaly Benchmark, and events.

NAB gives a window the worth of its earliest alarm, the more the earlier it is, and takes for every alarm outside windows, the more the later after
the last window. With `s(x) = 2 / (1 + exp(5 x)) - 1`:

    in a window       tp * s(-(last - i + 1) / width) / s(-1)       of the best alarm; -fn when there is none
    after a window    fp * s((i - last) / (width - 1))              of each alarm; -fp from three widths on, and before the first window
    score             100 * (sum + fn * windows) / ((tp + fn) * windows)

100 is an alarm at the start of each window and none elsewhere, 0 is no alarm at all. The first 15 % of a series, 750 points at most, do not count.

Do not compare detectors by it alone: it rewards few alarms, and early ones that may be luck. Events say how many alarms are worth looking at:
precision is the share of runs of consecutive findings that touch a window, recall the share of windows that are touched.

>>> found = Found(points=100, windows=((50, 59),), at=(30, 52, 53))
>>> round(nab_score([found], PROFILES["standard"]), 1)  # (1 + 0.977 - 0.11) / 2: the window's third point, and a false alarm
93.4
>>> events([found])
Events(precision=0.5, recall=1.0, f1=0.6666666666666666)

Reference: A. Lavin, S. Ahmad, Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark, 2015; details, such as the widths
above, as in version 1.1 of the benchmark.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a right alarm is worth and what errors cost."""

    tp: float = 1.0
    fp: float = 0.11
    fn: float = 1.0


PROFILES: Final[Mapping[str, Profile]] = {"standard": Profile(), "low_fp": Profile(fp=0.22), "low_fn": Profile(fn=2.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where something was found in one series: places count from 0, windows hold their first and last place and do not overlap; all ascending."""

    points: int
    windows: tuple[tuple[int, int], ...]
    at: tuple[int, ...]

    def scored(self) -> tuple[int, ...]:
        """Return the places after those that do not count."""
        return tuple(place for place in self.at if place >= probation(self.points))

    def scored_windows(self) -> tuple[tuple[int, int], ...]:
        """Return the windows that are not wholly within what does not count."""
        return tuple(window for window in self.windows if window[1] >= probation(self.points))


@dataclass(frozen=True, slots=True)
class Events:
    """How many findings touch a window, and how many windows are touched. Null where nothing is divided by."""

    precision: float | None
    recall: float | None
    f1: float | None


def probation(points: int) -> int:
    """Return how many points at the start of a series do not count."""
    return min(points * 15 // 100, 750)


def nab_score(series: Sequence[Found], profile: Profile) -> float | None:
    """Return the score over all series; null where there is no window."""
    windows = sum(len(found.scored_windows()) for found in series)
    total = sum(_raw(found, profile) for found in series)
    return 100.0 * (total + profile.fn * windows) / ((profile.tp + profile.fn) * windows) if windows else None


def events(series: Sequence[Found]) -> Events:
    """Return precision, recall and F1 of the runs of consecutive findings."""
    runs = right = touched = windows = 0
    for found in series:
        known = found.scored_windows()
        hits = [_in_windows(run, known) for run in _runs(found.scored())]
        runs += len(hits)
        right += sum(bool(hit) for hit in hits)
        touched += len(set[int]().union(*hits))
        windows += len(known)
    precision, recall = right / runs if runs else None, touched / windows if windows else None
    both = (precision or 0.0) + (recall or 0.0)
    f1 = 2 * (precision or 0.0) * (recall or 0.0) / both if both else None if precision is None or recall is None else 0.0
    return Events(precision, recall, f1)


def _raw(found: Found, profile: Profile) -> float:
    best = dict.fromkeys(found.scored_windows(), -profile.fn)
    outside = 0.0
    for place in found.scored():
        begun = [window for window in found.windows if window[0] <= place]
        if not begun:
            outside -= profile.fp
            continue
        first, last = begun[-1]
        width = last - first + 1
        if place <= last:
            best[first, last] = max(best[first, last], profile.tp * _scaled(-(last - place + 1) / width) / _scaled(-1.0))
        else:
            outside += profile.fp * _scaled((place - last) / max(width - 1, 1))
    return sum(best.values()) + outside


def _scaled(position: float) -> float:
    return -1.0 if position >= 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def _runs(places: Sequence[int]) -> Iterator[range]:
    """Yield the runs of consecutive places."""
    start = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield range(places[start], places[at - 1] + 1)
            start = at


def _in_windows(run: range, windows: Sequence[tuple[int, int]]) -> set[int]:
    return {number for number, (first, last) in enumerate(windows) if run.start <= last and first < run.stop}
