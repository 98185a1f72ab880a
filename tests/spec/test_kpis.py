"""Each KPI by a small drawn table and its value as arithmetic. Money is in cents, `ago` and `took` are minutes."""

from pathlib import Path
from typing import Any

import pytest

from models.clock import DAY, MINUTE
from store.figures import KPIS, definition
from tasks.measure import kpis, rows
from tests.ends import drawn, fill, measure_now

NOW = 20_000 * DAY + 700 * MINUTE

WEEK = """
    client  outcome    price  cost  money  took  ago    then
    acme    succeeded   1000   100  EUR    10    5      -
    acme    succeeded   2500   300  EUR    20    60     -
    bolt    failed      4000   250  EUR    30    600    -
    bolt    expired      700     0  EUR    40    1500   -
    coop    cancelled    900    50  EUR    50    2900   -
    acme    succeeded   8000   400  USD    60    4000   -
    dune    succeeded   5000   600  EUR    70    5000   reopened
    acme    succeeded   2000   500  EUR    80    10081  -
    acme    failed         0   500  EUR    90    12000  -
"""  # the last two ended in the week before; dune's end was taken back


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lake")
    fill(path, drawn(WEEK, now=NOW))
    measure_now(path, NOW)
    return path


def kpi(lake: Path, name: str, currency: str | None = None, *, window: str = "7d", client: str | None = None) -> dict[str, Any]:
    (found,) = [k for k in kpis(lake, window=window, now=NOW, client=client)["kpis"] if (k["id"], k["currency"]) == (name, currency)]
    return found


def test_revenue_is_the_price_of_what_succeeded_by_currency(lake):
    assert kpi(lake, "revenue", "EUR")["value"] == 1000 + 2500
    assert kpi(lake, "revenue", "USD")["value"] == 8000
    assert kpi(lake, "revenue", "EUR")["previous"] == 2000
    assert kpi(lake, "revenue", "EUR")["change"] == (3500 - 2000) / 2000


def test_cost_counts_every_outcome(lake):
    assert kpi(lake, "cost", "EUR")["value"] == 100 + 300 + 250 + 0 + 50
    assert kpi(lake, "cost", "USD")["value"] == 400
    assert kpi(lake, "cost", "EUR")["previous"] == 500 + 500


def test_margin_is_the_share_of_the_revenue_that_is_left(lake):
    assert kpi(lake, "margin", "EUR")["value"] == (3500 - 700) / 3500
    assert kpi(lake, "margin", "USD")["value"] == (8000 - 400) / 8000
    assert kpi(lake, "margin", "EUR")["previous"] == (2000 - 1000) / 2000


def test_margin_without_revenue_is_no_number(lake):
    found = kpi(lake, "margin", "EUR", client="bolt")
    assert (found["value"], found["why_null"]) == (None, "nothing was earned in this window")


def test_success_rate_leaves_cancelled_tasks_out(lake):
    assert kpi(lake, "success_rate")["value"] == 3 / (3 + 1 + 1)  # acme's three of those, bolt's failed and bolt's expired one
    assert kpi(lake, "success_rate")["previous"] == 1 / (1 + 1)


def test_success_rate_of_cancelled_tasks_only_is_no_number(lake):
    found = kpi(lake, "success_rate", client="coop")
    assert (found["value"], found["why_null"]) == (None, "only cancelled tasks ended in this window")


def test_median_completion_time_is_the_middle_one_of_what_succeeded(lake):
    assert kpi(lake, "completion_p50")["value"] == pytest.approx(20 * MINUTE, rel=0.01)  # of 10, 20, 60
    assert kpi(lake, "completion_p50")["previous"] == pytest.approx(80 * MINUTE, rel=0.01)


def test_completion_time_p95_is_the_slowest_of_three(lake):
    assert kpi(lake, "completion_p95")["value"] == pytest.approx(60 * MINUTE, rel=0.01)


def test_task_volume_counts_every_end_that_was_not_taken_back(lake):
    assert kpi(lake, "task_volume")["value"] == 3 + 2 + 1  # acme, bolt, coop; not dune
    assert kpi(lake, "task_volume")["previous"] == 2


def test_active_clients_are_those_with_an_end_that_stands(lake):
    assert kpi(lake, "active_clients")["value"] == len({"acme", "bolt", "coop"})
    assert kpi(lake, "active_clients")["previous"] == len({"acme"})


def test_a_window_without_ends_counts_zero_and_rates_nothing(lake):
    late = NOW + 400 * DAY
    found = {k["id"]: k for k in kpis(lake, window="24h", now=late)["kpis"]}
    assert found["task_volume"]["value"] == 0
    assert found["active_clients"]["value"] == 0
    for name in ("revenue", "margin", "success_rate", "completion_p50", "completion_p95"):
        assert (found[name]["value"], found[name]["why_null"]) == (None, "no task ended in this window")


def test_a_currency_that_was_used_in_the_window_before_earns_zero_now(lake):
    quiet = {(k["id"], k["currency"]): k for k in kpis(lake, window="24h", now=NOW + DAY)["kpis"]}
    assert (quiet["revenue", "EUR"]["value"], quiet["revenue", "EUR"]["previous"]) == (0, 1000 + 2500)


def test_the_main_currency_is_the_one_of_most_tasks_and_comes_first(lake):
    assert [k["currency"] for k in kpis(lake, window="7d", now=NOW)["kpis"] if k["id"] == "revenue"] == ["EUR", "USD"]


def test_a_client_sees_its_own_tasks_only(lake):
    assert kpi(lake, "task_volume", client="bolt")["value"] == 2
    assert kpi(lake, "active_clients", client="bolt")["value"] == 1
    assert kpi(lake, "task_volume", client="nobody")["value"] == 0


@pytest.mark.parametrize("window", ["1h", "24h", "7d", "30d", "90d", "all"])
def test_the_series_covers_the_window_and_adds_up_to_the_value(lake, window):
    report = kpis(lake, window=window, now=NOW)
    volume = kpi(lake, "task_volume", window=window)
    assert volume["series"][0]["from"] == report["window"]["from"]
    assert 20 <= len(volume["series"]) <= 30
    assert sum(point["value"] for point in volume["series"]) == volume["value"]


def test_the_window_all_begins_with_the_first_end(lake):
    assert kpis(lake, window="all", now=NOW)["window"]["from"] == NOW - 12_000 * MINUTE
    assert kpi(lake, "revenue", "EUR", window="all")["value"] == 1000 + 2500 + 2000


def test_the_rows_behind_a_number_add_up_to_it_and_show_what_was_taken_back(lake):
    behind = rows(lake, "revenue", window="7d", now=NOW, currency="EUR")
    assert sum(row["sign"] * row["price_cents"] for row in behind["items"]) == 1000 + 2500
    assert sorted(row["sign"] for row in behind["items"] if row["client"] == "dune") == [-1, 1]
    assert behind["total"] == 2 + 2


@pytest.mark.parametrize("name", KPIS)
def test_every_kpi_says_in_its_file_what_it_is(name):
    found = definition(name)
    assert found.what.endswith(".")
    assert found.sql.startswith("-- title: ")
    assert found.outcomes
