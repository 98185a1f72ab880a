"""Windows: their length, their neighbours and their cuts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import DAY, HOUR, MINUTE
from models.errors import Invalid
from models.kpi import WINDOWS, before, change, day_of, steps, window_of

instants = st.integers(0, 10**16)


@given(st.sampled_from(WINDOWS), instants, st.integers(0, 10**15))
def test_the_steps_tile_the_window_without_hole_or_overlap(name, now, age):
    window = window_of(name, now, (now - age) // MINUTE * MINUTE)
    cuts = steps(window)
    assert cuts[0].start == window.start
    assert cuts[-1].end == window.end
    assert all(left.end == right.start for left, right in pairwise(cuts))
    assert len(cuts) <= 30


@given(st.sampled_from(WINDOWS), instants)
def test_a_window_ends_with_the_minute_of_now_in_whole_minutes(name, now):
    window = window_of(name, now)
    assert window.end - MINUTE <= now < window.end
    assert window.start % MINUTE == window.end % MINUTE == 0


def test_windows_are_as_long_as_their_names_say():
    lengths = {name: window_of(name, 10**15).end - window_of(name, 10**15).start for name in WINDOWS}
    assert lengths == {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY, "all": HOUR}


@given(st.sampled_from(WINDOWS), instants)
def test_the_window_before_is_equally_long_and_touches(name, now):
    window = window_of(name, now)
    assert before(window).end == window.start
    assert before(window).end - before(window).start == window.end - window.start


def test_an_unknown_window_is_refused_with_those_that_there_are():
    with pytest.raises(Invalid, match="'2h': choose one of 1h, 24h"):
        window_of("2h", 0)


def test_a_change_from_nothing_or_to_nothing_has_no_meaning():
    assert [change(1, 0), change(None, 4), change(4, None)] == [None, None, None]
    assert change(-1, -2) == 0.5


def test_days_are_of_utc():
    assert [day_of(DAY - 1), day_of(DAY)] == ["1970-01-01", "1970-01-02"]
