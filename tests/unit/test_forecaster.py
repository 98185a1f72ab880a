"""The forecast of one series and of many: equivariance, honesty about what cannot be foretold, and intervals that cover."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from models.errors import Invalid
from models.forecaster import METHODS, Empty, Withheld, forecast
from models.panel import forecast_panel


def weeks(count=120, *, seed=2, level=50.0):
    dice = np.random.default_rng(seed)
    return level + np.resize([0.0, 5, 8, 4, 9, -10, -16], count) + np.cumsum(dice.normal(0, 0.3, count)) + dice.normal(0, 2, count)


def arrays(found):
    told = found.told
    return [*told.within_95[:1], *told.within_80[:1], told.point, *told.within_80[1:], *told.within_95[1:]]


def test_a_forecast_has_a_point_nested_intervals_and_what_it_rests_on():
    found = forecast(weeks(), periods=(7,), horizon=14)
    assert found.withheld is None
    ordered = arrays(found)
    assert all(one.shape == (14,) for one in ordered)
    assert all((lower <= upper).all() for lower, upper in pairwise(ordered))
    assert [one.method for one in found.backtest.methods] == list(METHODS)
    assert sum(one.weight for one in found.backtest.methods) == pytest.approx(1.0)
    assert found.backtest.mase < found.backtest.mase_seasonal_naive
    assert 0 <= found.backtest.coverage_80 <= found.backtest.coverage_95 <= 1


def test_the_season_is_foretold():
    told = forecast(weeks(), periods=(7,), horizon=7).told
    assert np.argmin(told.point) == (np.arange(120, 127) % 7 == 6).argmax()


@pytest.mark.parametrize("factor", [2.0**-300, 2.0**-3, 2.0**40, 2.0**900])
def test_the_unit_of_the_values_is_that_of_the_forecast(factor):
    plain, scaled = (forecast(weeks() * by, periods=(7,), horizon=7) for by in (1.0, factor))
    for one, other in zip(arrays(plain), arrays(scaled), strict=True):
        assert (one * factor).tolist() == other.tolist()
    assert plain.backtest == scaled.backtest


def test_the_zero_point_does_not_matter_where_no_logarithm_is_taken():
    plain, shifted = (forecast(weeks(level=level), periods=(7,), horizon=7) for level in (-1000.0, -5000.0))
    assert shifted.told.point + 4000 == pytest.approx(plain.told.point, abs=0.1)


def test_the_same_values_have_the_same_forecast():
    first, second = (forecast(weeks(), periods=(7,), horizon=7) for _ in range(2))
    assert [one.tolist() for one in arrays(first)] == [one.tolist() for one in arrays(second)]


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.none(), st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-200, 1e300, -1e308, 1.7e308]), st.floats(-1e6, 1e6)), max_size=45
    ),
    period=st.integers(1, 8), horizon=st.integers(1, 9), empty=st.sampled_from(Empty),
)  # fmt: skip
def test_whatever_the_values_are_nothing_that_is_foretold_is_not_a_number(values, period, horizon, empty):
    try:
        found = forecast(values, periods=(period,), horizon=horizon, empty=empty)
    except Invalid:  # the forecast would be beyond the largest number
        event("refused")
        return
    assert (found.told is None) == (found.withheld is not None)
    assert found.reason
    if found.told is not None:
        assert all(np.isfinite(one).all() for one in arrays(found))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], Withheld.NOT_ENOUGH_DATA),
        ([5.0], Withheld.NOT_ENOUGH_DATA),
        (np.arange(20.0), Withheld.NOT_ENOUGH_DATA),
        (np.full(60, 3.0), Withheld.NO_BETTER),
        (np.zeros(60), Withheld.NO_BETTER),
        (np.resize([1.0, 2, 3, 4, 5, 6, 7], 70), Withheld.NO_BETTER),
    ],
)
def test_a_forecast_that_nothing_speaks_for_is_withheld(values, why):
    found = forecast(values, periods=(7,), horizon=7)
    assert (found.told, found.withheld) == (None, why)
    assert found.reason.startswith(str(why))


def test_mostly_unknown_values_are_not_enough_and_mostly_zeros_may_be():
    values = [one if place % 2 else None for place, one in enumerate(weeks())]
    found = forecast(values, periods=(7,), horizon=7, empty=Empty.GAP)
    assert found.reason.startswith("not enough data: 50% of the buckets")
    assert forecast(values, periods=(7,), horizon=7, empty=Empty.ZERO).withheld is not Withheld.NOT_ENOUGH_DATA


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0, None] * 20, {}, "20 of 40 buckets are empty"),
        ([1.0, float("inf")] * 20, {}, "finite"),
        (["a"], {}, "list of numbers"),
        ([[1.0, 2.0]], {}, "one list"),
        (weeks(), {"horizon": 0}, "1 to 1000"),
        (weeks(), {"periods": (7, 7)}, "different"),
        (weeks(), {"periods": (-7,)}, "above 0"),
    ],
)
def test_what_is_no_series_is_refused_with_the_reason(values, options, message):
    with pytest.raises(Invalid, match=message):
        forecast(values, **{"periods": (7,), "horizon": 7} | options)


def test_nothing_is_foretold_below_the_least_value():
    values = np.maximum(weeks(level=5.0), 0)
    found = forecast(values, periods=(7,), horizon=7, least=0.0)
    assert found.withheld is None
    assert min(one.min() for one in arrays(found)) == 0.0


def test_intervals_of_many_series_cover_what_comes():
    series = [weeks(84, seed=seed) for seed in range(24)]
    panel, _ = forecast_panel([one[:-7] for one in series], periods=(7,), horizon=7)
    within = [((one[-7:] >= told.within_95[0]) & (one[-7:] <= told.within_95[1])).mean() for one, told in zip(series, panel, strict=True)]
    assert 0.9 <= np.mean(within) <= 0.99
    naive = np.mean([np.abs(one[-14:-7] - one[-7:]).mean() for one in series])
    assert np.mean([np.abs(told.point - one[-7:]).mean() for one, told in zip(series, panel, strict=True)]) < 0.9 * naive


def test_a_panel_has_a_forecast_for_the_shortest_series_and_refuses_if_all_are():
    panel, _ = forecast_panel([np.array([4.0]), np.full(30, 2.0), *(weeks(60, seed=seed) for seed in range(3))], periods=(7,), horizon=7)
    assert panel[0].point.tolist() == [4.0] * 7
    assert panel[1].point == pytest.approx(np.full(7, 2.0))
    assert all(np.isfinite(one.within_95).all() for one in panel)
    with pytest.raises(Invalid, match="no series is so long"):
        forecast_panel([np.array([4.0, 5.0])], periods=(7,), horizon=7)
