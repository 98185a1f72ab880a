"""How agents, their last days and the replay of a policy read."""

from datetime import UTC, date, datetime

import pytest

from dashboards import charts, replaying, staff
from models.calendars import read_calendar
from tests.factories import agent_row

NOW = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
SKILL = {"success": 0.9, "deviation": 0.2, "minutes": 1.0, "extra_cents": 0.0, "attempts": 1200}


def day(number: int, attempts: int, succeeded: int, **more: object) -> dict:
    return {"day": number, "category": "Custom Workflows", "currency": "EUR", "attempts": attempts, "succeeded": succeeded, "cost_cents": 100} | more


def test_success_is_of_the_attempts_that_were_made_and_null_without_any():
    rows = [day(0, 4, 1), day(13, 6, 6)]
    assert staff.success(rows) == (1 + 6) / (4 + 6)
    assert staff.success([]) is None
    assert staff.trend(rows) == "+75.0 points"
    assert staff.trend(rows[:1]) is None, "there is nothing to compare with"


def test_costs_of_two_currencies_are_never_added_up():
    assert staff.costs([day(0, 1, 1), day(1, 1, 1), day(1, 1, 1, currency="JPY")]) == {"EUR": 200, "JPY": 100}
    assert staff.costs([day(0, 1, 1, cost_cents=0)]) == {"EUR": 0}
    assert staff.costs([]) == {}


def test_day_13_is_today_in_utc_and_points_count_all_currencies():
    first, last = staff.window(NOW)
    assert (first, last) == (date(2026, 11, 14), date(2026, 11, 27))
    rows = staff.dated([day(13, 4, 1), day(13, 6, 6, currency="JPY")], first)
    points = staff.points({**row, "line": "owl"} for row in rows)
    assert points == [{"line": "owl", "date": "2026-11-27", "attempts": 10, "succeeded": 7}]
    spec = charts.curves(points, first=first, last=last).to_dict()
    (value,) = spec["data"]["values"]
    assert (value["line"], value["share"]) == ("owl", 0.7)


def test_intervals_end_where_shares_end_and_name_the_attempts():
    spec = charts.intervals({"Data Processing": SKILL}).to_dict()
    (value,) = spec["data"]["values"]
    assert (value["skill"], value["reads"]) == ("Data Processing (1,200)", "90% ± 20%")
    assert (value["low"], value["high"]) == (pytest.approx(0.7), 1.0)


@pytest.mark.parametrize(
    ("calendar", "reads"),
    [
        ("DE-BY", "days that are no holidays of DE-BY"),
        ({"hours": {"mon": ["09:00-12:00", "13:00-17:00"], "fri": ["09:00-12:00"]}}, "mon 09:00-12:00 13:00-17:00, fri 09:00-12:00"),
        (["DE-BY", {"closed": ["2026-12-24"]}], 'days that are no holidays of DE-BY; closed: ["2026-12-24"]'),
    ],
)
def test_hours_read_as_the_calendar_says(calendar, reads):
    read_calendar(calendar)
    assert staff.hours(calendar) == reads


def test_terms_are_told_whether_or_not_their_columns_are_decoded():
    told = staff.terms(agent_row(languages='["de", "en"]', budget='{"per": "day", "cents": 5000}', rate_most=20, currency="USD", input_cents=300))
    assert told == staff.terms(agent_row(languages=["de", "en"], budget={"per": "day", "cents": 5000}, rate_most=20, currency="USD", input_cents=300))
    assert (told["languages"], told["budget"], told["a million tokens read"]) == ("de, en", "per: day, money: $50.00", "$3.00")
    assert staff.brief(agent_row(rate_most=20)) == "price of an attempt: €0.00 · price of a minute: €0.00 · attempts begun in a minute: 20 at most"
    assert (told["attempts begun in a minute"], told["hours"]) == ("20 at most", "always")


def test_a_replay_is_told_in_money_only_when_there_is_one_currency():
    change = {"mean": 12.0, "low": -3.0, "high": 40.0}
    figures = dict.fromkeys(replaying.MEASURES, 0.5)
    answer = {"before": figures, "after": figures, "change": dict.fromkeys(replaying.MEASURES, change), "currencies": ["EUR"]}
    success, cost, *_ = replaying.measures(answer)
    assert (success["as it was"], success["change"], success["with 95 %"]) == ("50.0%", "+1200.0 points", "-300.0 to +4000.0 points")
    assert (cost["change"], cost["with 95 %"]) == ("+€0.12", "−€0.03 to +€0.40")
    _, mixed, *_ = replaying.measures(answer | {"currencies": ["EUR", "USD"]})
    assert mixed["change"] == "+12.0 minor units"


@pytest.mark.parametrize(
    ("verdict", "face"),
    [
        ("better: it would have earned more", "success"),
        ("worse: it would have earned less", "error"),
        ("cannot be known: only 3 tasks would have moved, 30 are needed", "warning"),
        ("no difference that can be told from chance", "info"),
    ],
)
def test_each_verdict_has_its_face(verdict, face):
    assert replaying.face(verdict)[0] == face
