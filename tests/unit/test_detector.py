"""The detector: what it promises about any series, what it finds, and how often it is wrong on noise."""

import doctest
import json
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.detector
import models.hearing
import models.surprise
import models.tails
from models.detector import SILENT, WEEK, Detector, Kind, quiet_after
from models.errors import Invalid
from models.hearing import Gaps, Season
from models.surprise import Surprise
from models.tails import Tail

DAY = timedelta(days=1)
LEAST = 30  # points before a detector of days says anything

anything = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, math.nan, math.inf]), st.integers(0, 3))
series = st.lists(anything, max_size=120).map(lambda end: [*range(LEAST), *end])


def verdicts(values, **options):
    detector = Detector(**options)
    return [detector.update(value) for value in values]


def alarms(found):
    return [(place, str(verdict.kind)) for place, verdict in enumerate(found) if verdict.alarm]


def noise(points, *, seed=1):
    return np.random.default_rng(seed).normal(100.0, 5.0, points).tolist()


def waves(points, *, seed=1):
    """A calm metric between 90 and 110: its noise has ends, so that a test of something unusual is not about the noise."""
    places = np.arange(points)
    return (100.0 + 8.0 * np.sin(places / 5.0) + np.random.default_rng(seed).uniform(-2.0, 2.0, points)).tolist()


@pytest.mark.parametrize("module", [models.detector, models.hearing, models.surprise, models.tails])
def test_the_examples_in_the_docstrings_are_true(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


# --- any series -------------------------------------------------------------------------------------------------------------------------------


@given(st.lists(anything, max_size=120), st.sampled_from([None, 2, 7]))
def test_whatever_comes_the_verdict_is_made_of_numbers(values, period):
    for verdict in verdicts(values, period=period, alarms_per_week=0.5, bucket=DAY):
        assert 0.0 < verdict.p <= 1.0
        assert 0.0 <= verdict.score <= 300.0
        assert verdict.score == pytest.approx(-math.log10(verdict.p))
        assert verdict.kind is not None or not verdict.alarm
        known = [number for number in (verdict.low, verdict.expected, verdict.high) if number is not None]
        assert all(map(math.isfinite, known))
        assert known == sorted(known) or len(known) < 3


@settings(max_examples=50)
@given(series, series)
def test_points_that_come_later_change_nothing_that_was_said(before, after):
    options = {"period": 7, "alarms_per_week": 0.5, "bucket": DAY}
    assert verdicts(before + after, **options)[: len(before)] == verdicts(before, **options)


@settings(max_examples=50)
@given(series, st.integers(0, 150), st.sampled_from([None, 3]))
def test_a_detector_that_was_written_down_and_read_goes_on_the_same(values, cut, period):
    detector = Detector(period=period, alarms_per_week=0.5, bucket=DAY)
    for value in values[:cut]:
        detector.update(value)
    state = json.loads(json.dumps(detector.dump(), allow_nan=False))
    other = Detector.load(state)
    assert json.loads(json.dumps(other.dump())) == state
    assert [other.update(value) for value in values[cut:]] == [detector.update(value) for value in values[cut:]]


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(-20, 20))
def test_the_unit_of_the_metric_does_not_matter(seed, power):
    values = np.random.default_rng(seed).lognormal(size=400)
    ours, theirs = (verdicts((values * 2.0**by).tolist(), period=7, alarms_per_week=0.5, bucket=DAY) for by in (0, power))
    assert [verdict.p for verdict in ours] == pytest.approx([verdict.p for verdict in theirs], rel=1e-6)
    for one, other in zip(ours[LEAST:], theirs[LEAST:], strict=True):
        assert (one.low * 2.0**power, one.high * 2.0**power) == pytest.approx((other.low, other.high), rel=1e-6)


def test_memory_stays_the_same():
    detector, sizes = Detector(period=168), []
    for place, value in enumerate(noise(20_000)):
        detector.update(value * (1.0 + (place % 997 == 0) * place))
        if place in {5_000, 19_999}:
            sizes.append(len(json.dumps(detector.dump())))
    assert max(sizes) < 50_000
    assert sizes[1] < 1.2 * sizes[0]


@pytest.mark.parametrize("values", [[], [1.0], [0.0] * 500, [45.0] * 500, [None] * 500, [math.nan, 7.0] * 100, [1e308] * 400])
def test_where_nothing_happens_nothing_is_said(values):
    assert alarms(verdicts(values)) == []


def test_too_few_points_are_not_judged():
    assert verdicts([1.0, 9.0] * (LEAST // 2), bucket=DAY) == [SILENT] * LEAST


# --- what it finds ----------------------------------------------------------------------------------------------------------------------------


def test_a_jump_is_named_by_its_direction_and_told_once():
    for far, kind in ((180.0, "spike"), (20.0, "drop")):
        found = verdicts([*waves(600), far, far, far, *waves(20, seed=2)], alarms_per_week=0.05)
        assert alarms(found) == [(600, kind)]
        assert found[600].score > 3.5
        assert 85.0 < found[600].low < found[600].expected < found[600].high < 115.0


def test_values_that_climb_away_by_usual_steps_are_a_level():
    climb = [100.0 + 3.0 * step for step in range(30)]
    assert alarms(verdicts([*waves(600), *climb], alarms_per_week=0.05))[0][1] == "level"


def test_values_that_stop_moving_are_variance():
    """Between 1 and 2 blocks of 33 points after they stopped: whole blocks are compared."""
    values = np.random.default_rng(1).uniform(95.0, 105.0, 3000)
    values[2500:] = 100.0 + 0.01 * (np.arange(500) % 2)
    place, kind = alarms(verdicts(values.tolist(), alarms_per_week=0.02))[0]
    assert kind == "variance"
    assert 2500 + 32 <= place <= 2500 + 66


def test_missing_data_are_rare_where_they_were_rare_and_usual_where_they_are_not():
    found = verdicts([*waves(600), None, math.nan, None, *waves(10)], alarms_per_week=0.1)
    assert alarms(found) == [(602, "missing data")]
    assert found[602].expected is None
    assert alarms(verdicts([*waves(5), None] * 200, alarms_per_week=0.1)) == []


def week(points, *, seed=1):
    """Hours of a shop: busy days, quiet nights, quieter week-ends."""
    hours = np.arange(points)
    busy = 50.0 + 40.0 * np.sin(2 * np.pi * (hours % 24) / 24) * np.where(hours % 168 < 120, 1.0, 0.4)
    return (busy + np.random.default_rng(seed).uniform(-4.0, 4.0, points)).tolist()


def test_a_drop_within_the_usual_range_is_found_by_its_place_in_the_cycle():
    """At the busiest hour of a day in the tenth week the value is what it is at night."""
    values, place = week(2016), 9 * 168 + 30
    values[place] = 40.0
    found = verdicts(values, period=168, alarms_per_week=0.02)
    assert alarms(found) == [(place, "drop")]
    assert found[place].expected == pytest.approx(90.0, abs=5.0)
    assert 70.0 < found[place].low < 90.0 < found[place].high < 110.0


def test_a_cycle_without_anything_unusual_is_silent():
    assert alarms(verdicts(week(2016), period=168, alarms_per_week=0.02)) == []


def test_a_wild_cycle_does_not_change_what_is_usual():
    season = Season(period=2)
    for place in range(100):
        season.update(place, 10.0 + place % 3)
    season.update(100, 1e9)
    assert 10.0 <= season.expected(100) <= 13.0


def test_a_lasting_change_becomes_usual():
    found = alarms(verdicts([*waves(1000), *[value + 60.0 for value in waves(1000, seed=2)]], alarms_per_week=0.02))
    assert found[0] == (1000, "spike")
    assert all(place < 1200 for place, _ in found)


# --- how often it is wrong --------------------------------------------------------------------------------------------------------------------

DICE = {
    "normal": lambda dice, size: dice.normal(size=size),
    "exponential": lambda dice, size: dice.exponential(size=size),
    "uniform": lambda dice, size: dice.random(size),
    "heavy": lambda dice, size: dice.standard_t(4, size),
}


@pytest.mark.parametrize("name", DICE)
def test_p_of_a_tail_is_uniform_on_noise(name):
    tail = Tail()
    p = np.array([tail.update(number) for number in DICE[name](np.random.default_rng(7), 60_000).tolist()][1000:])
    kept = (tail.dump()["kept"] - 1) / 60_000
    assert (p <= 0.0003).mean() == pytest.approx(0.0003, rel=0.5)
    assert (p <= kept).mean() == pytest.approx(kept, rel=0.3)


@pytest.mark.parametrize("name", DICE)
def test_findings_on_noise_are_as_many_as_the_setting_says(name):
    """In 20,000 points with one in a thousand allowed, between 10 and 40."""
    values = DICE[name](np.random.default_rng(3), 20_000).tolist()
    p = np.array([verdict.p for verdict in verdicts(values)])
    assert 10 <= (p <= 0.001).sum() <= 40


def test_a_number_that_was_reached_before_is_no_rarer_than_that():
    tail = Tail()
    for number in range(100):
        tail.update(1.0 if number % 10 == 0 else 0.0)
    assert tail.p(1.0) >= 10 / 101
    assert tail.bound(0.001) > 1.0


def test_the_bound_of_a_tail_is_where_p_says_it_is():
    tail = Tail()
    for number in np.random.default_rng(1).normal(size=5000).tolist():
        tail.update(number)
    assert tail.p(tail.bound(1e-5)) == pytest.approx(1e-5)
    assert Tail().bound(0.01) is None


def test_symbols_are_few_however_far_numbers_are():
    surprise = Surprise.over([0.0, 1.0])
    for power in range(-320, 309):
        surprise.update(10.0**power)
        surprise.update(-(10.0**power))
    assert len(surprise.dump()["counts"]) < 400


def test_long_gaps_are_rarer_than_short_ones_and_never_impossible():
    gaps = Gaps()
    gaps.here()
    p = [gaps.missing() for _ in range(3000)]
    assert p == sorted(p, reverse=True)
    assert p[-1] > 0.0


# --- settings ---------------------------------------------------------------------------------------------------------------------------------


def test_alarms_per_week_are_a_share_of_the_points_of_a_week():
    assert Detector(alarms_per_week=0.336, bucket=timedelta(minutes=30)).threshold == pytest.approx(0.001)
    assert Detector(alarms_per_week=0.001 * (WEEK / DAY), bucket=DAY).threshold == pytest.approx(0.001)


def test_an_episode_lasts_a_33rd_of_what_was_seen_and_a_day_at_most():
    hour = timedelta(hours=1)
    assert [quiet_after(seen, hour) for seen in (32, 330, 100_000)] == [0, 10, 24]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"alarms_per_week": 0.0}, "alarms a week"),
        ({"alarms_per_week": 20.0}, "alarms a week"),
        ({"alarms_per_week": math.nan}, "alarms a week"),
        ({"bucket": timedelta(0)}, "positive"),
        ({"period": 1}, "cycle"),
    ],
)
def test_settings_out_of_range_are_refused(options, complaint):
    with pytest.raises(Invalid, match=complaint):
        Detector(**options)


@pytest.mark.parametrize("state", [{}, {"settings": {"period": None}}, Detector().dump() | {"high": None}])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(Invalid, match="not the state"):
        Detector.load(state)


def test_kinds_have_names_for_people():
    assert [str(kind) for kind in Kind] == ["level", "spike", "drop", "variance", "missing data"]
