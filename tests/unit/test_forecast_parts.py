"""What forecasts are made of, against plain loops and values computed by hand."""

import doctest
import importlib

import numpy as np
import pytest

from models import theta
from models.accuracy import coverage, mase, msis, owa, scale, smape
from models.benchmarks import BENCHMARKS, naive2, seasonal_naive, seasonal_theta
from models.combining import combined, held_out, weights
from models.conformal import radii
from models.gaps import Empty, filled
from models.seasonality import indices, is_seasonal
from models.smoothing import Fitted, _errors, ahead, fit

MODULES = (
    "accuracy", "benchmarks", "combining", "conformal", "forecaster", "foretold", "gaps", "panel", "pool", "seasonality", "smoothing", "theta",
    "trees",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(f"models.{name}"))
    assert result.failed == 0
    assert result.attempted


def noise(count, seed=1):
    return np.random.default_rng(seed).normal(size=count)


def looped(values, fitted, first, horizon):
    """The recursion as the textbook writes it, one value after the other: the errors, then the forecasts."""
    level, slope = first[0], first[1] if fitted.damping else 0.0
    seasons = [list(start) for start in fitted.starts]
    error, noises, told = 0.0, [], []
    for step in range(len(values) + horizon):
        places = [step % len(season) for season in seasons]
        expected = level + fitted.damping * slope + sum(season[place] for season, place in zip(seasons, places, strict=True))
        carried = fitted.correlation * error
        if step < len(values):
            error = values[step] - expected
            noises.append(error - carried)
        else:
            told.append(expected + carried)
            error = carried
        level, slope = level + fitted.damping * slope + fitted.level * error, fitted.damping * slope + fitted.trend * error
        for season, place, weight in zip(seasons, places, fitted.seasons, strict=True):
            season[place] += weight * error
    return np.array(noises), np.array(told)


@pytest.mark.parametrize(
    "fitted",
    [
        Fitted(level=0.3),
        Fitted(level=0.4, trend=0.1, damping=0.9),
        Fitted(level=0.2, trend=0.05, damping=0.95, seasons=(0.3,), periods=(4,), starts=(np.array([1.0, -2.0, 0.5, 0.5]),)),
        Fitted(
            level=0.2, trend=0.02, damping=0.9, correlation=0.4, seasons=(0.2, 0.1), periods=(3, 7),
            starts=(np.array([1.0, 0.0, -1.0]), np.arange(-3.0, 4.0)),
        ),
    ],
)  # fmt: skip
def test_the_filter_is_the_recursion_of_the_textbook(fitted):
    values = np.cumsum(noise(60)) + np.resize([0.0, 2.0, 1.0], 60)
    errors, first = _errors(values, fitted)
    expected_errors, expected = looped(values, fitted, first, 9)
    assert errors == pytest.approx(expected_errors)
    assert ahead(values, fitted, 9) == pytest.approx(expected)


def test_the_first_state_is_the_one_with_the_least_errors():
    values, fitted = np.cumsum(noise(40)), Fitted(level=0.4, trend=0.1, damping=0.9)
    errors, first = _errors(values, fitted)
    for shift in ([0.1, 0.0], [0.0, 0.1], [-0.1, 0.05]):
        other, _ = looped(values, fitted, first + shift, 0)
        assert errors @ errors < other @ other


def test_simple_smoothing_of_a_jump_follows_it_at_once_and_of_noise_hardly():
    jump = np.r_[np.zeros(30), np.full(30, 10.0)]
    assert fit(jump, trend=False).level > 0.9
    assert fit(noise(300), trend=False).level < 0.1


def test_theta_is_half_the_slope_and_the_smoothed_level():
    """With a weight of 1 the doubled curvature ends at 2 * 8 - line[3]. The slope is (-1.5 * 3 - 0.5 * 5 + 0.5 * 4 + 1.5 * 8) / 5, the mean 5."""
    values = np.array([3.0, 5.0, 4.0, 8.0])
    line = 5 + 1.4 * (np.arange(6) - 1.5)
    expected = (line[4:] + (2 * 8.0 - line[3])) / 2
    assert theta.forecast(values, 2, Fitted(level=1.0)) == pytest.approx(expected)


def test_naive2_continues_a_pure_season_exactly_where_naive_does_not():
    factors = np.array([0.5, 1.5, 1.25, 0.75])
    values = 8 * np.resize(factors, 24)
    assert naive2(values, 4, 6) == pytest.approx(8 * np.resize(factors, 6))
    assert naive2(values, 1, 6) == pytest.approx(np.full(6, 6.0))
    assert seasonal_theta(values[:23], 4, 5) == pytest.approx(8 * np.array([0.75, 0.5, 1.5, 1.25, 0.75]), abs=1e-6)


def test_the_classical_indices_by_hand():
    """The centred means are (2 + 2 * 4 + 3) / 4 = 3.25 and (4 + 2 * 3 + 5) / 4 = 3.75; the ratios to them are made to have the mean 1."""
    even, odd = 3 / 3.75, 4 / 3.25
    assert indices(np.array([2.0, 4.0, 3.0, 5.0]), 2) == pytest.approx(2 * np.array([even, odd]) / (even + odd))


@pytest.mark.parametrize("seed", range(20))
def test_the_seasonal_test_is_that_of_the_competition(seed):
    period, values = 4, noise(40, seed) + np.resize([0.0, 0.6, 0.0, -0.6], 40)
    mean = sum(values) / 40
    power = sum((one - mean) ** 2 for one in values)
    correlations = [sum((values[t] - mean) * (values[t - lag] - mean) for t in range(lag, 40)) / power for lag in range(1, period + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * sum(one**2 for one in correlations[:-1])) / 40)
    assert is_seasonal(values, period) == (abs(correlations[-1]) > limit)


def test_a_season_needs_three_cycles_and_some_difference():
    assert not is_seasonal(np.resize([1.0, 3.0, 2.0, 4.0], 11), 4)
    assert is_seasonal(np.resize([1.0, 3.0, 2.0, 4.0], 24), 4)
    assert not is_seasonal(np.full(24, 7.0), 4)


def test_the_measures_by_hand():
    known, actual, told = np.array([1.0, 3.0, 2.0, 6.0]), np.array([4.0, 8.0]), np.array([5.0, 5.0])
    assert scale(known, 1) == pytest.approx((2 + 1 + 4) / 3)
    assert scale(known, 2) == pytest.approx((1 + 3) / 2)
    assert mase(actual, told, 2.0) == pytest.approx((1 + 3) / 2 / 2)
    assert smape(actual, told) == pytest.approx((200 * 1 / 9 + 200 * 3 / 13) / 2)
    assert msis(actual, told - 2, told + 2, 2.0) == pytest.approx((4 + 4 + 40 * 1) / 2 / 2)
    assert coverage(actual, told - 2, told + 2) == 0.5
    assert owa((8.0, 10.0), (1.5, 1.0)) == pytest.approx((0.8 + 1.5) / 2)


def test_nothing_is_measured_by_values_that_repeat_or_are_too_few():
    assert scale(np.full(9, 3.0), 1) is None
    assert scale(np.array([1.0, 2.0]), 2) is None


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_plain_method_grows_with_its_values(name):
    values = 20 + np.resize([0.0, 4.0, 1.0], 60) + noise(60)
    told = BENCHMARKS[name](values, 3, 5)
    assert BENCHMARKS[name](8 * values, 3, 5) == pytest.approx(8 * told)
    assert np.isfinite(told).all()


def test_seasonal_naive_of_less_than_a_cycle_is_the_last_value():
    assert seasonal_naive(np.array([1.0, 2.0]), 7, 3).tolist() == [2.0, 2.0, 2.0]


def test_errors_to_come_that_are_like_those_that_were_are_covered_as_promised():
    dice = np.random.default_rng(3)
    before, later = np.abs(dice.standard_t(4, (2000, 6))), np.abs(dice.standard_t(4, (4000, 6)))
    for level in (0.8, 0.95):
        assert (later <= radii(before, level)).mean() == pytest.approx(level, abs=0.015)


def test_a_method_without_a_say_weighs_nothing_and_others_share():
    weigh = weights(np.array([[1.0, np.nan, 1.0], [1.0, 2.0, 1.0]]))
    assert weigh.tolist() == [0.5, 0.0, 0.5]
    rows = np.array([[1.0], [np.nan], [3.0]])
    assert combined(rows, weigh).tolist() == [2.0]
    assert combined(rows, np.array([0.0, 1.0, 0.0])).tolist() == [2.0]
    assert np.isnan(combined(rows[1:2], np.ones(1))).all()
    assert weights(np.zeros((0, 2))).tolist() == weights(np.zeros((3, 2))).tolist() == [0.5, 0.5]


def test_an_origin_does_not_weigh_what_is_foretold_there():
    told = [np.array([[0.0], [10.0]])] * 2
    first, second = held_out(told, np.array([[0.0, 10.0], [10.0, 0.0]]))
    assert first.item() == pytest.approx(10.0, abs=1e-6)
    assert second.item() == pytest.approx(0.0, abs=1e-6)


def test_a_gap_takes_its_place_in_the_cycle():
    values = [0.0, 10.0, 1.0, 11.0, None, 12.0, 3.0, None]
    assert filled(values, Empty.GAP, 2)[[4, 7]] == pytest.approx([2.0, 12.7], abs=1.0)
    assert filled(values, Empty.ZERO, 2)[[4, 7]].tolist() == [0.0, 0.0]
    assert filled([None, None], Empty.GAP, 2).tolist() == []
