"""What is unusual about a metric, told at each point, from what came before alone.

Voices listen to the points, each with its own p, how rare this one is among all before it (`models/tails.py`):

    surprise   the value is rare, or rare after the one before it (`models/surprise.py`)
    level      it is the largest or the smallest in a long time
    step       it is far from the one before it
    movement   the values move much more, or less, than they did (`models/hearing.py`)
    season     it is far above, or below, what is usual at this place of the cycle; only where a period is given, after five cycles
    gaps       so many points in a row are missing; the only voice that then speaks

    p = the smallest p of the voices, times 2.5 (4 with a season): Bonferroni's correction        score = -log10 p

The voices hear the same points, so that the factor is less than their number. It is measured: p <= 0.001 comes 0.7 times as often as that says in
26 real series outside their labelled windows, and 0.6 to 1.5 times in noise of several kinds. A random walk is called unusual 20 times as often.

A *finding* is a point whose p is within the setting, alarms per week: `p <= alarms_per_week * bucket / week`. One *alarm* comes per episode: after it
there is none for a 33rd of the points seen so far, a day's worth at most. For the first points (a week's worth, within 30 and 240) nothing is said.

Do not use it for rows of several metrics at once, for metrics with fewer than some 60 points, or where every value is a new one (running totals: give
their differences). A drift so slow that each step is usual may be learned instead of found.

>>> detector = Detector(alarms_per_week=0.2)
>>> for hour in range(1000):
...     verdict = detector.update(20.0 + hour * 7 % 10)
>>> verdict.alarm, verdict.kind, 20 <= verdict.low <= verdict.expected <= verdict.high <= 29
(False, None, True)
>>> verdict = detector.update(90.0)
>>> verdict.alarm, str(verdict.kind), verdict.score > 3
(True, 'spike', True)

References: those of the voices; C. Bonferroni, Teoria statistica delle classi e calcolo delle probabilità, 1936; A. Lavin, S. Ahmad, Evaluating
real-time anomaly detection algorithms, 2015, for alarms that are few.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Self

from models.errors import Invalid
from models.hearing import Gaps, Movement, Season
from models.surprise import Surprise
from models.tails import Tail

WEEK: Final = timedelta(days=7)
VOICES: Final = 2.5  # independent ones that seven are worth; measured, see above
SEASONAL_VOICES: Final = 4.0
_EPISODE = 33  # one part in so many of the points seen so far
_FEWEST, _MOST = 30, 240  # points before anything is said
_HUGE = 1e100  # larger values count as this: their squares are still numbers
_BLOCKS, _LEAST_BLOCK = 5, 8  # blocks of movement in the first points; points of a block, at least
_STILL = 1e-3  # steps of surprise: a movement that counts as none
_JUMP = 0.05  # p of the step from which a finding is a jump and not a level
_TAILS = ("rare", "odd", "high", "low", "step")


class Kind(StrEnum):
    """What is unusual."""

    LEVEL = "level"  # the value, to which the metric came without a jump or where it stays
    SPIKE = "spike"  # a jump upwards, or far above what is usual at this place of the cycle
    DROP = "drop"  # a jump downwards, or far below
    VARIANCE = "variance"  # how much the values move
    MISSING = "missing data"  # that they do not come


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about a point. Before enough points were seen, p is 1 and what is expected is null, as it is after one that is missing."""

    score: float  # severity: -log10 p, from 0 to 300
    p: float  # how often a point is this unusual; 1 for most
    alarm: bool  # it is a finding, and the first of its episode
    kind: Kind | None  # null unless it is a finding
    expected: float | None  # the value that was expected
    low: float | None  # below this, the level, the step or the season alone would be a finding
    high: float | None  # above this, the same


SILENT: Final = Verdict(score=0.0, p=1.0, alarm=False, kind=None, expected=None, low=None, high=None)


class Detector:
    """One metric's detector. A point costs some 10 us, whatever came before; memory is constant, some 10 to 50 kB.

    `bucket` is the time from point to point, `period` how many points make a cycle of the calendar (24 or 168 for hours), null where there is none.
    `alarms_per_week` is how many findings a metric without anything unusual may have; episodes make fewer alarms of them. Raises `Invalid` for
    settings out of range: at most one point in ten may be a finding.
    """

    def __init__(self, period: int | None = None, alarms_per_week: float = 0.3, bucket: timedelta = timedelta(hours=1)) -> None:
        if bucket <= timedelta(0):
            message = f"the time from point to point has to be positive, not {bucket}"
            raise Invalid(message)
        if not 0.0 < alarms_per_week * (bucket / WEEK) <= 0.1:
            message = f"{alarms_per_week} alarms a week are none, or more than one in ten of the points that come every {bucket}"
            raise Invalid(message)
        if period is not None and not 2 <= period <= 100_000:
            message = f"a cycle has between 2 and 100000 points, not {period}"
            raise Invalid(message)
        self._settings: dict[str, Any] = {"period": period, "alarms_per_week": alarms_per_week, "bucket_s": bucket.total_seconds()}
        self.threshold = alarms_per_week * (bucket / WEEK)
        self._worth = VOICES if period is None else SEASONAL_VOICES
        self._warm = min(max(int(WEEK / bucket), _FEWEST), _MOST)
        self._bucket = bucket
        self._seen = 0  # points, with those that are missing
        self._quiet_until = 0  # no alarm before this many points were seen
        self._early: list[tuple[int, float]] | None = []  # place and value of the first points, until there are enough
        self._before: float | None = None  # the last value, null where it is missing
        self._gaps = Gaps()
        self._season = None if period is None else Season(period=period)
        self._tails = {name: Tail() for name in _TAILS}
        self._surprise = Surprise(0.0, 1.0)
        self._movement = Movement(block=1, least=1.0)

    def update(self, value: float | None) -> Verdict:
        """Return what is said about the next point, then learn it. Null, infinity and what is no number are missing data."""
        self._seen += 1
        if value is None or not math.isfinite(value):
            return self._missing()
        value = min(max(float(value), -_HUGE), _HUGE)
        self._gaps.here()
        if self._early is not None:
            self._warm_up(self._early, value)
            return SILENT
        place = self._seen - 1
        expected, low, high = self._band(place)
        moved = 0.0 if self._before is None else value - self._before
        voices = self._hear(place, value)
        name = min(voices, key=voices.__getitem__)
        return self._verdict(voices[name] * self._worth, _kind(name, voices["step"], moved), (expected, low, high))

    def _missing(self) -> Verdict:
        p = self._gaps.missing()
        self._before = None
        self._surprise.forget_before()
        return SILENT if self._early is not None else self._verdict(p, Kind.MISSING, (None, None, None))

    def _warm_up(self, early: list[tuple[int, float]], value: float) -> None:
        early.append((self._seen - 1, value))
        if len(early) < self._warm:
            return
        self._surprise = Surprise.over(number for _, number in early)
        self._movement = Movement(block=max(self._warm // _BLOCKS, _LEAST_BLOCK), least=self._surprise.step * _STILL)
        last = -1
        for place, number in early:
            if place != last + 1:
                self._before = None
                self._surprise.forget_before()
            self._hear(place, number)
            last = place
        self._early = None

    def _band(self, place: int) -> tuple[float | None, float | None, float | None]:
        """Return what is expected next, and between which values neither level nor step nor season would be a finding."""
        p = self.threshold / self._worth
        below, high, step = self._tails["low"].bound(p), self._tails["high"].bound(p), self._tails["step"].bound(p)
        low = None if below is None else -below
        usual = None if self._before is None else self._surprise.expected(self._before)
        if self._before is not None and step is not None:
            low, high = _narrowed(low, high, self._before - step, self._before + step)
        if self._season is not None and (in_season := self._season.expected(place)) is not None:
            usual = in_season
            low, high = _narrowed(low, high, *self._season.bounds(place, p))
        if usual is not None and low is not None and high is not None:
            usual = min(max(usual, low), high)
        return usual, low, high

    def _hear(self, place: int, value: float) -> dict[str, float]:
        """Return each voice's p of a value, then let them learn it."""
        tails = self._tails
        rarity, oddness = self._surprise.update(value)
        voices = {
            "rare": tails["rare"].update(rarity),
            "odd": tails["odd"].update(oddness),
            "high": tails["high"].update(value),
            "low": tails["low"].update(-value),
            "step": 1.0,
        }
        if self._before is not None:
            step = abs(value - self._before)
            voices["step"] = tails["step"].update(step)
            voices["movement"] = self._movement.update(step)
        if self._season is not None:
            voices["above"], voices["below"] = self._season.update(place, value)
        self._before = value
        return voices

    def _verdict(self, p: float, kind: Kind, band: tuple[float | None, float | None, float | None]) -> Verdict:
        p = min(p, 1.0)
        expected, low, high = band
        finding = p <= self.threshold
        alarm = finding and self._seen > self._quiet_until
        if alarm:
            self._quiet_until = self._seen + quiet_after(self._seen, self._bucket)
        return Verdict(score=abs(math.log10(p)), p=p, alarm=alarm, kind=kind if finding else None, expected=expected, low=low, high=high)

    def dump(self) -> dict[str, Any]:
        """Return settings and state, of JSON values: a detector that is loaded from them goes on as this one would."""
        parts: dict[str, Gaps | Surprise | Movement | Tail] = {
            "gaps": self._gaps,
            "surprise": self._surprise,
            "movement": self._movement,
            **self._tails,
        }
        return {
            "settings": self._settings.copy(),
            "seen": self._seen,
            "quiet_until": self._quiet_until,
            "early": None if self._early is None else [list(one) for one in self._early],
            "before": self._before,
            "season": None if self._season is None else self._season.dump(),
        } | {name: part.dump() for name, part in parts.items()}

    @classmethod
    def load(cls, state: dict[str, Any]) -> Self:
        """Return the detector whose state was dumped. Raises `Invalid` for what is no such state."""
        try:
            settings = state["settings"]
            detector = cls(settings["period"], settings["alarms_per_week"], timedelta(seconds=settings["bucket_s"]))
            detector._seen, detector._quiet_until, detector._before = state["seen"], state["quiet_until"], state["before"]
            detector._early = None if state["early"] is None else [(place, value) for place, value in state["early"]]
            detector._season = None if state["season"] is None else Season.load(state["season"])
            detector._gaps, detector._movement = Gaps.load(state["gaps"]), Movement.load(state["movement"])
            detector._surprise = Surprise.load(state["surprise"])
            detector._tails = {name: Tail.load(state[name]) for name in _TAILS}
        except (KeyError, TypeError, ValueError) as error:
            message = f"this is not the state of a detector: {error!r}"
            raise Invalid(message) from error
        return detector


def quiet_after(seen: int, bucket: timedelta) -> int:
    """Return for how many points there is no second alarm after one, when so many points were seen, that one among them."""
    return min(seen // _EPISODE, int(timedelta(days=1) / bucket))


def _kind(voice: str, step: float, moved: float) -> Kind:
    """Return what a voice means; `step` is the p of the step from the value before, `moved` that step."""
    if voice == "movement":
        return Kind.VARIANCE
    if voice in {"above", "below"}:
        return Kind.SPIKE if voice == "above" else Kind.DROP
    if step > _JUMP:
        return Kind.LEVEL
    return Kind.SPIKE if moved > 0.0 else Kind.DROP


def _narrowed(low: float | None, high: float | None, least: float | None, most: float | None) -> tuple[float | None, float | None]:
    """Return the values within both ranges; the first range where they do not meet or one is not known."""
    if low is None or high is None or least is None or most is None or max(low, least) > min(high, most):
        return low, high
    return max(low, least), min(high, most)
