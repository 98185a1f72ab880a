"""The histogram against sorting the durations."""

import math

from hypothesis import given
from hypothesis import strategies as st

from models.histogram import GAMMA, NOT_POSITIVE, bucket_of, count, merge, quantile, value_of

durations = st.lists(st.integers(-5, 10**13), min_size=1, max_size=200)
percents = st.integers(1, 100)


@given(durations, percents)
def test_a_quantile_is_within_one_percent_of_the_exact_one(values, percent):
    exact = max(0, sorted(values)[math.ceil(percent * len(values) / 100) - 1])
    assert math.isclose(quantile(count(values), percent), exact, rel_tol=0.01)


@given(durations, durations, durations)
def test_merging_parts_gives_the_histogram_of_the_whole_in_any_order(first, second, third):
    whole = count(first + second + third)
    assert merge(count(first), count(second), count(third)) == whole
    assert merge(merge(count(third), count(first)), count(second)) == whole


@given(durations)
def test_taking_back_what_was_counted_leaves_nothing(values):
    counts = count(values)
    assert merge(counts, {bucket: -n for bucket, n in counts.items()}) == {}


@given(st.integers(1, 10**15))
def test_a_duration_lies_in_its_bucket_and_near_its_value(duration):
    bucket = bucket_of(duration)
    assert GAMMA ** (bucket - 1) * (1 - 1e-9) < duration <= GAMMA**bucket * (1 + 1e-9)
    assert math.isclose(value_of(bucket), duration, rel_tol=0.01)


def test_durations_of_zero_and_less_have_a_bucket_of_their_own():
    assert count([0, -7, 1]) == {NOT_POSITIVE: 2, 0: 1}
    assert quantile({NOT_POSITIVE: 2, 0: 1}, 50) == 0


def test_nothing_counted_has_no_quantile():
    assert quantile({}, 95) is None
    assert quantile({4: 0}, 95) is None
