"""NAB's score, against values worked out by hand, by NAB's own tests and in its published results; and events."""

import doctest
import math

import pytest

import models.nab
from models.nab import PROFILES, Events, Found, events, nab_score, probation

STANDARD = PROFILES["standard"]


def sigmoid(x):
    """NAB's: from 1 far before the end of a window to -1 far behind it."""
    return 2 / (1 + math.exp(5 * x)) - 1


def raw(found, profile=STANDARD):
    """The sum that the score is made of."""
    windows = len(found.windows)
    return nab_score([found], profile) / 100 * (profile.tp + profile.fn) * windows - profile.fn * windows


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(models.nab).failed == 0


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_alarm_is_0_and_one_at_the_start_of_each_window_is_100(profile):
    windows = ((100, 119), (150, 159))
    assert nab_score([Found(points=200, windows=windows, at=())], profile) == pytest.approx(0)
    assert nab_score([Found(points=200, windows=windows, at=(100, 150))], profile) == pytest.approx(100)


def test_only_the_earliest_alarm_of_a_window_counts():
    """NAB's tests: a window of two points is worth 1 at the first and 0.848 / 0.987 at the second."""
    first, second, both = (raw(Found(points=100, windows=((50, 51),), at=at)) for at in ((50,), (51,), (50, 51)))
    assert first == both == pytest.approx(1.0)
    assert second == pytest.approx(0.8482836399575131 / 0.9866142981514305)


def test_an_alarm_costs_the_more_the_later_it_is_after_a_window():
    """The window has 11 points: widths are counted by 10. Before it and from three widths on, the whole 0.11."""
    costs = {at: raw(Found(points=200, windows=((50, 60),), at=(at,))) + 1 for at in (40, 61, 70, 89, 90, 150)}
    expected = {40: -1.0, 61: sigmoid(0.1), 70: sigmoid(1.0), 89: sigmoid(2.9), 90: -1.0, 150: -1.0}
    assert costs == pytest.approx({at: 0.11 * one for at, one in expected.items()})


def test_the_profiles_weigh_errors_differently():
    found = Found(points=1000, windows=((500, 510), (800, 810)), at=(200, 300, 500))
    assert raw(found) == pytest.approx(1 - 1 - 2 * 0.11)
    assert raw(found, PROFILES["low_fp"]) == pytest.approx(1 - 1 - 2 * 0.22)
    assert raw(found, PROFILES["low_fn"]) == pytest.approx(1 - 2 - 2 * 0.11)


@pytest.mark.parametrize(
    ("points", "windows", "at", "published"),
    [
        (1643, ((347, 387), (729, 769), (1256, 1296), (1381, 1421)), (367, 372, 514, 518, 1276, 1401, 1565), 1.274710362684976),
        (4032, ((3447, 3647), (3677, 3877)), (729, 1018, 1309, 1597, 1883, 2172, 2461, 2748, 3032, 3321, 3547, 3614, 3898), -1.266678759349383),
        (4032, ((683, 883), (3582, 3782)), (3682,), -0.13844919792440225),
    ],
    ids=["exchange-4_cpm_results", "ec2_cpu_utilization_24ae8d", "elb_request_count_8c0756"],
)
def test_published_rows_are_reproduced(points, windows, at, published):
    """Results that NAB publishes for its windowed Gaussian detector, standard profile; `at` is where that detector's score is 1."""
    assert raw(Found(points=points, windows=windows, at=at)) == pytest.approx(published, abs=1e-12)


def test_the_first_points_do_not_count():
    assert [probation(points) for points in (100, 4032, 5000, 22_695)] == [15, 604, 750, 750]
    assert raw(Found(points=100, windows=((50, 59),), at=(3, 14))) == pytest.approx(-1.0)
    assert raw(Found(points=100, windows=((50, 59),), at=(3, 15))) == pytest.approx(-1.11)


def test_series_add_up_and_one_without_windows_only_costs():
    quiet, right = Found(points=100, windows=(), at=(50,)), Found(points=100, windows=((50, 59),), at=(50,))
    assert nab_score([quiet, right], STANDARD) == pytest.approx(100 * (1 - 0.11 + 1) / 2)
    assert nab_score([quiet], STANDARD) is None


def test_events_are_runs_of_findings():
    """Runs: 20, 48 to 51, 55, 70 and 71; the second and the third touch the first window, nothing the second. Points before 15 do not count."""
    found = Found(points=100, windows=((50, 59), (80, 89)), at=(10, 20, 48, 49, 50, 51, 55, 70, 71))
    assert events([found]) == Events(precision=2 / 4, recall=1 / 2, f1=1 / 2)


def test_events_are_null_where_there_is_nothing_to_divide_by():
    assert events([Found(points=100, windows=((50, 59),), at=())]) == Events(None, 0.0, None)
    assert events([Found(points=100, windows=(), at=(50,))]) == Events(0.0, None, None)
    assert events([Found(points=100, windows=((50, 59),), at=(20,))]) == Events(0.0, 0.0, 0.0)
