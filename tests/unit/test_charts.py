"""What charts draw from an answer of the API, and how values read."""

from datetime import UTC, datetime
from typing import Any

import altair as alt
import pytest

from dashboards import charts, wording
from models.clock import HOUR, MINUTE, SECOND, iso
from tests.support_answers import attempt, coming_fire, fire, kpi

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * SECOND
HOSTILE = 'a "quoted" \\ title\n<b>bold</b> ]; evil -> x'


def drawn(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Return a chart as Vega-Lite, which also checks it against Vega-Lite's schema."""
    return chart.to_dict()


def marks(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["mark"] if isinstance(spec["mark"], dict) else {"type": spec["mark"]}


def hours(*values: float | None) -> list[dict[str, Any]]:
    return [{"from": NOW_US - (len(values) - place) * HOUR, "value": value} for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("unit", "currency", "value", "shown", "axis", "reads"),
    [
        ("cents", "EUR", 12_345, 123.45, "revenue (EUR)", "€123.45"),
        ("cents", "JPY", 12_345, 12_345, "revenue (JPY)", "¥12,345"),
        ("cents", "KWD", 12_345, 12.345, "revenue (KWD)", "KWD 12.345"),
        ("us", None, 90 * SECOND, 90, "revenue (seconds)", "1 min 30 s"),
        ("ratio", None, 0.935, 0.935, "revenue (share)", "93.5%"),
        ("count", None, 1234, 1234, "revenue (tasks)", "1,234"),
    ],
)
def test_a_course_shows_values_in_the_unit_that_its_axis_names(unit, currency, value, shown, axis, reads):
    spec = drawn(charts.course(kpi(unit=unit, currency=currency, series=hours(value)), until=NOW_US, zone="Europe/Berlin"))
    (point,) = spec["data"]["values"]
    assert (point["value"], point["reads"], spec["encoding"]["y"]["title"]) == (pytest.approx(shown), reads, axis)
    assert spec["encoding"]["x"]["axis"]["title"] == "time (Europe/Berlin)"


def test_a_part_without_a_value_is_a_gap_and_not_a_zero():
    spec = drawn(charts.course(kpi(unit="ratio", currency=None, series=hours(0.5, None, 0.0)), until=NOW_US, zone="UTC"))
    assert [(point["value"], point["reads"]) for point in spec["data"]["values"]] == [(0.5, "50.0%"), (None, "–"), (0.0, "0.0%")]


def test_sums_are_bars_over_their_part_and_shares_are_points_on_a_line():
    assert marks(drawn(charts.course(kpi(unit="cents", series=hours(1, 2)), until=NOW_US, zone="UTC")))["type"] == "rect"
    assert marks(drawn(charts.course(kpi(unit="ratio", series=hours(1, 2)), until=NOW_US, zone="UTC")))["type"] == "line"


def test_the_last_bar_ends_with_the_window():
    spec = drawn(charts.course(kpi(series=hours(1, 2)), until=NOW_US, zone="UTC"))
    ends = [point["to"] for point in spec["data"]["values"]]
    assert ends[-1] == pytest.approx(NOW.timestamp() * 1000, abs=0.07 * 3_600_000)
    assert ends[0] < spec["data"]["values"][1]["from"]


@pytest.mark.parametrize(("zone", "scale"), [("UTC", "utc"), ("Europe/Berlin", "time")])
def test_an_axis_of_time_is_in_the_zone_that_it_names(zone, scale):
    assert drawn(charts.course(kpi(), until=NOW_US, zone=zone))["encoding"]["x"]["scale"]["type"] == scale


def test_an_attempt_that_goes_on_ends_now():
    going = attempt(state="running", started_at=iso(NOW_US - MINUTE), finished_at=None)
    (bar,) = drawn(charts.gantt([going], now=NOW, zone="UTC"))["data"]["values"]
    assert (bar["end"] - bar["start"], bar["took"]) == (60_000, "1 min")


def test_attempts_stand_below_each_other_in_their_order():
    rows = [attempt(number=n, agent_id=agent) for n, agent in ((1, "query-2"), (2, "query-1"))]
    assert drawn(charts.gantt(rows, now=NOW, zone="UTC"))["layer"][0]["encoding"]["y"]["sort"] == ["1 · query-2", "2 · query-1"]


def test_the_legend_names_only_states_that_are_there():
    rows = [attempt(state="failed"), attempt(number=2)]
    legend = drawn(charts.gantt(rows, now=NOW, zone="UTC"))["layer"][0]["encoding"]["color"]["legend"]
    assert set(legend["values"]) == {"failed", "succeeded"}


def test_a_hostile_title_stays_inside_its_label():
    nodes = [{"id": "t_1", "title": HOSTILE, "state": "ready", "outcome": None}]
    text = charts.graph(nodes, [], chosen="t_1", dark=False)
    line = next(line for line in text.splitlines() if line.startswith('"t_1"'))
    unescaped = line.replace("\\\\", "").replace('\\"', "")
    assert unescaped.count('"') == 6  # id, label and colour, each quoted once
    assert line.endswith("penwidth=2.5];")


def test_arrows_point_from_the_needed_task_and_name_an_unusual_condition():
    nodes = [{"id": name, "title": name, "state": "waiting", "outcome": None} for name in ("a", "b")]
    edges = [{"needs_id": "a", "task_id": "b", "condition": "failure"}]
    assert '"a" -> "b" [label="if it fails"];' in charts.graph(nodes, edges, chosen="a", dark=True)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (1500, "2 ms"),
        (2_500_000, "2.5 s"),
        (59_000_000, "59 s"),
        (60_000_000, "1 min"),
        (3_725_000_000, "1 h 2 min"),
        (90_000_000_000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_reads_in_its_two_largest_units(us, text):
    assert wording.span(us) == text


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [(None, "EUR", "–"), (0, "EUR", "€0.00"), (-1050, "USD", "−$10.50"), (100, "CHF", "CHF 1.00"), (100, None, "1.00")],
)
def test_money_names_its_currency_and_never_guesses_one(cents, currency, text):
    assert wording.money(cents, currency) == text


def test_a_share_changes_by_points_and_a_sum_by_percent():
    assert wording.change(kpi(unit="ratio", value=0.9, previous=0.8, change=0.125)) == "+10.0 points"
    assert wording.change(kpi(value=150, previous=100, change=0.5)) == "+50.0%"


@pytest.mark.parametrize("missing", [{"value": None}, {"previous": None}, {"change": None}])
def test_there_is_no_change_without_something_to_compare(missing):
    assert wording.change(kpi(**missing)) is None


def test_instants_read_on_the_readers_clock():
    assert wording.when("2026-07-01T12:00:00Z", "Europe/Berlin") == "1 Jul 2026 14:00:00 CEST"
    assert wording.when(1_782_907_200_000_000, "UTC") == "1 Jul 2026 12:00:00 UTC"


@pytest.mark.parametrize(
    "text",
    [
        "**bold**",
        "[a](javascript:x)",
        ":red[x]",
        "$x$",
        "<b>",
        ":material/home:",
        "`code`",
        "# head",
        "a_b_c",
        "1. one",
        "~~x~~",
        "http://a.b",
        "www.a.b",
        "a@b.c",
    ],
)
def test_foreign_text_is_escaped_letter_by_letter(text):
    marked = wording.markdown(text)
    assert marked.replace("\\", "").replace("\u2060", "") == text
    assert all(marked[place - 1] == "\\" for place, letter in enumerate(marked) if letter in "*[]():$<>`#_~.!" and place)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see `arbiter status` and `arbiter doctor`", "see `arbiter status` and `arbiter doctor`"),
        ("change it: [x](y) `a", r"change it\: \[x\]\(y\) \`a"),
        ("*no* `code`", r"\*no\* `code`"),
    ],
)
def test_advice_shows_commands_as_such_and_escapes_all_else(text, shown):
    assert wording.advice(text) == shown


def test_the_clock_of_a_schedule_names_day_and_offset_and_seconds_where_there_are_any():
    assert wording.own_clock("2027-03-28T03:00:00+02:00") == "Sun 28 Mar 2027 03:00 +0200"
    assert wording.own_clock("2027-03-28T03:00:07.5+02:00") == "Sun 28 Mar 2027 03:00:07 +0200"


def test_what_a_reader_enters_is_meant_on_their_own_clock():
    assert wording.on_clock(datetime(2027, 7, 1, 9), "Europe/Berlin") == "2027-07-01T09:00:00+02:00"  # noqa: DTZ001 - as a field of a page gives it
    assert wording.on_clock(None, "Europe/Berlin") is None


def test_a_timetable_by_day_has_every_day_and_the_time_on_the_readers_clock():
    fires = [coming_fire(schedule="daily", at="2033-03-27T23:30:00Z"), coming_fire(schedule="weekly", at="2033-03-30T07:00:00Z", reason="moved")]
    spec = drawn(charts.timetable(fires, zone="Europe/Berlin", by="day"))
    assert spec["encoding"]["y"]["scale"]["domain"] == ["Mon 28 Mar", "Tue 29 Mar", "Wed 30 Mar"]
    assert [(row["hour"], row["reason"], row["kind"]) for row in spec["data"]["values"]] == [
        (1.5, "nothing", "as usual"),
        (9.0, "moved", "at an odd time"),
    ]
    assert spec["encoding"]["color"]["scale"]["domain"] == ["as usual", "at an odd time"]


def test_a_timetable_by_schedule_has_a_lane_for_each():
    fires = [coming_fire(schedule=name) for name in ("weekly", "daily", "weekly")]
    spec = drawn(charts.timetable(fires, zone="UTC", by="schedule"))
    assert spec["encoding"]["y"]["scale"]["domain"] == ["daily", "weekly"]
    assert spec["encoding"]["x"]["axis"]["title"] == "time (UTC)"


@pytest.mark.parametrize(("late", "layers"), [(0.2, 1), (31.0, 2)])
def test_the_grace_is_drawn_when_lateness_came_near_to_it(late, layers):
    spec = drawn(charts.lateness([fire(late_s=late)], grace_s=60, zone="UTC"))
    assert len(spec["layer"]) == layers
