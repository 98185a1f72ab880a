"""Recurrence: what fires when, against known answers, a second library and a walk over every minute."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from models.clock import SECOND
from models.describing import describe
from models.errors import Invalid
from models.recurrence import Timing, read_span

CASES = json.loads((Path(__file__).parent / "cron_cases.json").read_text(encoding="utf-8"))


def us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * SECOND


def locals_of(timing: dict, after: str, count: int) -> list[str]:
    return [fire.local for fire in islice(Timing.read(timing).fires(us(after)), count)]


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("*/15 9 * * *", "UTC", "2026-05-01T09:30", ["2026-05-01T09:45:00+00:00", "2026-05-02T09:00:00+00:00"]),
        ("0 0 13 * 5", "UTC", "2026-11-08T00:00", ["2026-11-13T00:00:00+00:00", "2026-11-20T00:00:00+00:00"]),
        ("0 0 1-7 * */7", "UTC", "2026-11-02T00:00", ["2026-12-06T00:00:00+00:00"]),
        ("0 12 L 2 *", "UTC", "2027-01-01T00:00", ["2027-02-28T12:00:00+00:00", "2028-02-29T12:00:00+00:00"]),
        ("0 12 L-2 2 *", "UTC", "2028-01-01T00:00", ["2028-02-27T12:00:00+00:00"]),
        ("0 12 1W 8 *", "UTC", "2026-01-01T00:00", ["2026-08-03T12:00:00+00:00"]),  # a Saturday, and the month before is another
        ("0 12 LW 5 *", "UTC", "2026-01-01T00:00", ["2026-05-29T12:00:00+00:00"]),
        ("0 12 31W 5 *", "UTC", "2026-01-01T00:00", ["2026-05-29T12:00:00+00:00"]),
        ("0 12 * * 5L", "UTC", "2026-05-01T00:00", ["2026-05-29T12:00:00+00:00"]),
        ("0 12 * * MON#5", "UTC", "2026-05-01T00:00", ["2026-06-29T12:00:00+00:00"]),
        ("10/20 * * * * *", "UTC", "2026-05-01T00:00:11", ["2026-05-01T00:00:30+00:00", "2026-05-01T00:00:50+00:00", "2026-05-01T00:01:10+00:00"]),
        ("@weekly", "UTC", "2026-11-26T00:00", ["2026-11-29T00:00:00+00:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00", ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-25T01:00:00+02:00", ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]),
        ("0 12 * * *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", ["2011-12-31T12:00:00+14:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", ["2026-10-04T02:30:00+11:00"]),
    ],
)
def test_cron(expression, zone, after, expected):
    assert locals_of({"cron": expression, "zone": zone}, after, len(expected)) == expected


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_that_another_project_or_a_manual_states(case):
    if not isinstance(case["expect"], list) or not case["expect"]:
        with pytest.raises(Invalid):
            Timing.read({"cron": case["expr"], "zone": case["tz"]})
        return
    timing = Timing.read({"cron": case["expr"], "zone": case["tz"]})
    fires = islice(timing.fires(us(case["after"])), len(case["expect"]))
    assert [fire.at_us for fire in fires] == [us(text) for text in case["expect"]], case["source"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "has 0"), ("* * * *", "has 4"), ("* * * * * * *", "has 7"), ("60 * * * *", "minute"), ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"), ("* * * 13 *", "month"), ("* * * * 8", "day of week"), ("5-1 * * * *", "backwards"),
        ("*/0 * * * *", "step"), ("15/0 * * * *", "step"),
        ("1,,2 * * * *", "minute"), ("* * * * 1#6", "#"), ("* * * * XYZ", "day of week"), ("-1 * * * *", "minute"), ("٣ * * * *", "minute"),
        ("0 0 31 2 *", "never comes"), ("0 0 30 2 *", "never comes"), ("0 0 31 4,6,9,11 *", "never comes"), ("0 0 31W 2 *", "never comes"),
        ("@reboot", "no alias"), ("@every 0s", "no span"), ("@every soon", "no span"), ("? * * * *", "minute"),
    ],
)  # fmt: skip
def test_a_wrong_expression_is_refused_by_name(expression, said):
    with pytest.raises(Invalid, match=said):
        Timing.read({"cron": expression})


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        (5, "an object"), ({}, "one of cron"), ({"cron": "* * * * *", "every": "5m"}, "one of cron"), ({"cron": "* * * * *", "when": 1}, "no when"),
        ({"cron": 5}, "is text"), ({"cron": "* * * * *", "zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"cron": "* * * * *", "zone": ""}, "no time zone"),
        ({"cron": "* * * * *", "start": "2026-01-02"}, "offset"), ({"cron": "* * * * *", "roll": "forward"}, "roll"),
        ({"cron": "* * * * *", "start": "2026-01-02T00:00Z", "end": "2026-01-01T00:00Z"}, "ends before"), ({"cron": "* * * * *", "most": 0}, "most"),
        ({"cron": "* * * * *", "calendar": "XX"}, "XX"), ({"cron": "* * * * *", "calendar": "DE-ZZ"}, "regions of DE"),
        ({"cron": "* * * * *", "calendar": {"hours": {"mon": ["17:00-09:00"]}}}, "17:00-09:00"),
        ({"cron": "* * * * *", "anchor": "2026-01-01T00:00Z"}, "anchor"),
        ({"rrule": "FREQ=SOMETIMES"}, "RRULE"), ({"rrule": "FREQ=DAILY;COUNT=3"}, "DTSTART"), ({"rrule": ""}, "RRULE"),
        ({"cron": "0 0 * * 0", "calendar": "DE"}, "never comes"), ({"cron": "* * 25 12 *", "calendar": "DE"}, "never comes"),
    ],
)  # fmt: skip
def test_a_wrong_timing_is_refused_with_what_to_do(timing, said):
    with pytest.raises(Invalid, match=said):
        Timing.read(timing)


# --- property tests ---------------------------------------------------------------------------------------------------------------------------

MINUTES = st.one_of(
    st.just("*"), st.integers(0, 59).map(str), st.integers(2, 30).map(lambda step: f"*/{step}"),
    st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True).map(lambda some: ",".join(map(str, some))),
)  # fmt: skip
HOURS = st.one_of(st.just("*"), st.integers(0, 23).map(str), st.integers(2, 12).map(lambda step: f"*/{step}"), st.just("9-17"), st.just("1,2,3"))
DAYS = st.one_of(st.just("*"), st.integers(1, 28).map(str), st.just("L"), st.just("LW"), st.just("1,15"), st.just("*/10"))
WEEKDAYS = st.one_of(st.just("*"), st.integers(0, 7).map(str), st.just("1-5"), st.just("5#2"), st.just("1L"), st.just("*/2"))
EXPRESSIONS = st.builds("{} {} {} * {}".format, MINUTES, HOURS, DAYS, WEEKDAYS)
INSTANTS = st.integers(1_767_225_600, 1_830_297_600)  # 2026 and 2027
USUAL = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "America/Havana"])


@given(EXPRESSIONS, USUAL, INSTANTS)
def test_a_second_library_comes_to_the_same_fires(expression, zone, after):
    ours = [datetime.fromisoformat(text) for text in _locals(expression, zone, after, 12)]
    theirs = list(islice(CronSim(expression, datetime.fromtimestamp(after, ZoneInfo(zone))), 40))
    expected = sorted({moment.timestamp() for moment in theirs if moment.timestamp() > after})  # it repeats what moves out of a gap
    assert [moment.timestamp() for moment in ours] == expected[:12]


@given(EXPRESSIONS, INSTANTS)
def test_a_third_library_comes_to_the_same_fires_where_no_clock_is_changed(expression, after):
    if set("WL#") & set(expression):
        return  # it knows not all of them, and writes some in another way
    theirs = croniter(expression, datetime.fromtimestamp(after, UTC), ret_type=datetime, implement_cron_bug=True)
    ours = [fire.at_us // SECOND for fire in islice(Timing.read({"cron": expression}).fires(after * SECOND), 12)]
    assert ours == [int(moment.timestamp()) for moment in islice(theirs, 12)]


@given(EXPRESSIONS, USUAL, INSTANTS)
def test_a_walk_over_every_minute_comes_to_the_same_fires(expression, zone, after):
    minute, hour = expression.split()[:2]
    if not minute.startswith("*") and not hour.startswith("*"):
        return  # a fixed time moves out of gaps: the walk knows nothing of that
    start, end = after // 60 * 60, after // 60 * 60 + 90_000
    walked = [at for at in range(start + 60, end, 60) if at > after and _fits(expression, datetime.fromtimestamp(at, ZoneInfo(zone)))]
    fires = Timing.read({"cron": expression, "zone": zone}).fires(after * SECOND)
    assert walked == [fire.at_us // SECOND for fire in islice(fires, len(walked))]


def _fits(expression: str, moment: datetime) -> bool:
    """Tell whether a clock fits, by looking the five fields up in all that they may hold."""
    minute, hour, day, _, weekday = expression.split()
    length = ((moment.date().replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    last_weekday = max(day for day in range(1, length + 1) if date(moment.year, moment.month, day).weekday() < 5)
    days = {"L": {length}, "LW": {last_weekday}}.get(day) or _numbers(day, 1, 31)
    number = moment.isoweekday() % 7
    nth = {"5#2": number == 5 and 8 <= moment.day <= 14, "1L": number == 1 and moment.day + 7 > length}
    by_week = nth[weekday] if weekday in nth else number in {one % 7 for one in _numbers(weekday, 0, 7)}
    both = day.startswith("*") or weekday.startswith("*")
    fits = (moment.day in days and by_week) if both else (moment.day in days or by_week)
    return fits and moment.minute in _numbers(minute, 0, 59) and moment.hour in _numbers(hour, 0, 23)


def _numbers(text: str, least: int, most: int) -> set[int]:
    if text.startswith("*"):
        return set(range(least, most + 1, int(text[2:] or 1)))
    if "-" in text:
        low, high = text.split("-")
        return set(range(int(low), int(high) + 1))
    return {int(part) for part in text.split(",")}


def _locals(expression: str, zone: str, after: int, count: int) -> list[str]:
    return [fire.local for fire in islice(Timing.read({"cron": expression, "zone": zone}).fires(after * SECOND), count)]


def transitions() -> list[tuple[str, int]]:
    """Return every zone and day of 2026 and 2027 on which its offset changes."""
    found = []
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        zone = ZoneInfo(name)
        offsets = [datetime.fromtimestamp(day * 86_400, zone).utcoffset() for day in range(20_454, 21_185)]
        found += [(name, 20_454 + place) for place, (one, other) in enumerate(pairwise(offsets)) if one != other]
    return found


def test_the_rules_of_daylight_saving_hold_in_every_zone_with_a_transition():
    """A fixed time fires once a day; a step fires at each real half hour; whatever moved says so."""
    seen = transitions()
    assert len({name for name, _ in seen}) > 100
    for name, day in seen:
        begin, end = (day - 2) * 86_400, (day + 3) * 86_400
        for expression in ("30 2 * * *", "0 0 * * *", "15 1 * * *", "45 23 * * *"):
            fires = [fire for fire in islice(Timing.read({"cron": expression, "zone": name}).fires(begin * SECOND), 8) if fire.at_us <= end * SECOND]
            days = [re.search(r"does not exist on (\S+):", fire.reason)[1] if fire.reason.count("exist") else fire.local[:10] for fire in fires]
            assert len(set(days)) == len(days), (name, day, expression)
            assert all(one < other for one, other in pairwise(days)), (name, day, expression)
            minute, hour = expression.split()[:2]
            usual = f"T{int(hour):02}:{int(minute):02}:00"
            assert all(usual in fire.local or "does not exist" in fire.reason for fire in fires), (name, day, expression)
        zone = ZoneInfo(name)
        steps = [fire.at_us // SECOND for fire in islice(Timing.read({"cron": "*/30 * * * *", "zone": name}).fires(begin * SECOND), 100)]
        walked = [at for at in range(begin + 900, steps[-1] + 900, 900) if datetime.fromtimestamp(at, zone).minute in {0, 30}]
        assert steps == walked, (name, day)


# --- intervals, rules, calendars, spread ------------------------------------------------------------------------------------------------------


def test_an_interval_counts_from_its_anchor():
    timing = {"every": "90m", "anchor": "2026-11-26T00:10:00Z"}
    assert locals_of(timing, "2026-11-26T01:00", 2) == ["2026-11-26T01:40:00+00:00", "2026-11-26T03:10:00+00:00"]
    assert Timing.read({"every": "90m"}).anchored(us("2026-11-26T10:00")).anchor_us == us("2026-11-26T10:00")
    assert [read_span(text) for text in ("45s", "90m", "1h30m", "2d", "1w")] == [45, 5400, 5400, 172_800, 604_800]


def test_a_rule_keeps_its_local_time_through_daylight_saving_and_leaves_out_its_exceptions():
    rule = "DTSTART:20260327T023000\nRRULE:FREQ=DAILY;COUNT=5\nEXDATE:20260330T023000"
    fires = list(Timing.read({"rrule": rule, "zone": "Europe/Berlin"}).fires(0))
    assert [fire.local for fire in fires] == [
        "2026-03-27T02:30:00+01:00", "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-31T02:30:00+02:00",
    ]  # fmt: skip
    assert "does not exist" in fires[2].reason


def test_an_hourly_rule_fires_twice_in_an_hour_that_comes_twice():
    hourly = {"rrule": "FREQ=HOURLY", "zone": "Europe/Berlin"}
    expected = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"]
    assert locals_of(hourly, "2026-10-25T01:00:00+02:00", 3) == expected
    assert locals_of(hourly, "2026-03-29T01:00:00+01:00", 1) == ["2026-03-29T03:00:00+02:00"]


def test_a_rule_is_found_as_quickly_after_years_as_at_its_start():
    seconds = Timing.read({"rrule": "DTSTART:20000101T000000\nRRULE:FREQ=SECONDLY;INTERVAL=7"})
    assert (next(seconds.fires(us("2026-11-26T00:00"))).at_us - us("2000-01-01T00:00")) % (7 * SECOND) == 0


@pytest.mark.parametrize(
    ("roll", "expected"),
    [
        ("skip", ["2026-12-23T09:00:00+01:00", "2026-12-24T09:00:00+01:00", "2026-12-28T09:00:00+01:00"]),
        ("forward", ["2026-12-23T09:00:00+01:00", "2026-12-24T09:00:00+01:00", "2026-12-28T09:00:00+01:00"]),
        ("back", ["2026-12-23T09:00:00+01:00", "2026-12-24T09:00:00+01:00", "2026-12-28T09:00:00+01:00"]),
    ],
)
def test_fires_that_move_onto_others_are_one(roll, expected):
    timing = {"cron": "0 9 * * *", "zone": "Europe/Berlin", "calendar": "DE-BY", "roll": roll}
    assert locals_of(timing, "2026-12-22T12:00:00+01:00", 3) == expected


@pytest.mark.parametrize(
    ("roll", "expected"),
    [("forward", "2026-12-28T09:00:00+01:00"), ("back", "2026-12-24T09:00:00+01:00")],
)
def test_a_holiday_is_rolled_and_said_so(roll, expected):
    timing = {"cron": "0 9 25 12 *", "zone": "Europe/Berlin", "calendar": "DE-BY", "roll": roll}
    fire = next(Timing.read(timing).fires(us("2026-12-01T00:00")))
    assert fire.local == expected
    assert "Christmas" in fire.reason
    assert f"rolled {roll}" in fire.reason


def test_business_hours_move_a_fire_to_the_next_opening():
    hours = {"hours": {"thu": ["09:00-12:00", "13:00-17:00"], "fri": ["09:00-11:00"]}}
    timing = {"cron": "0 8,10,12,18 * * *", "zone": "Europe/Berlin", "calendar": hours, "roll": "forward"}
    assert locals_of(timing, "2026-11-26T00:00:00+01:00", 5) == [
        "2026-11-26T09:00:00+01:00", "2026-11-26T10:00:00+01:00", "2026-11-26T13:00:00+01:00", "2026-11-27T09:00:00+01:00",
        "2026-11-27T10:00:00+01:00",
    ]  # fmt: skip


def test_a_day_is_open_when_it_is_open_in_all_calendars():
    both = {"cron": "0 9 * * *", "calendar": ["DE-BY", {"closed": ["2026-11-27"]}]}
    assert locals_of(both, "2026-11-26T12:00", 1) == ["2026-11-30T09:00:00+00:00"]


@given(st.integers(1, 7200), INSTANTS, st.text(max_size=5))
def test_jitter_moves_each_fire_once_and_keeps_their_order(jitter, after, identity):
    timing = Timing.read({"every": "10m", "jitter_s": jitter})
    moved = [fire.at_us for fire in islice(timing.fires(after * SECOND, identity=identity), 30)]
    assert moved == sorted(moved)
    assert moved[0] > after * SECOND
    again = [fire.at_us for fire in islice(timing.fires(moved[9], identity=identity), 20)]
    assert again == moved[10:]


def test_spread_moves_all_fires_of_a_schedule_alike():
    timing = Timing.read({"cron": "0 0 * * *", "spread_s": 3600})
    first = [fire.at_us - us("2026-11-27T00:00") for fire in (next(timing.fires(us("2026-11-26T12:00"), identity=name)) for name in "abcdefgh")]
    assert all(0 <= at < 3600 * SECOND for at in first)
    assert len(set(first)) == 8
    one, other = (fire.at_us for fire in islice(timing.fires(us("2026-11-26T12:00"), identity="a"), 2))
    assert other - one == 86_400 * SECOND


def test_start_and_end_are_kept():
    timing = {"cron": "0 * * * *", "start": "2026-11-26T10:00:00+00:00", "end": "2026-11-26T12:00:00+00:00"}
    assert [text[11:13] for text in locals_of(timing, "2026-01-01T00:00", 9)] == ["10", "11", "12"]


@pytest.mark.parametrize(
    "timing",
    [
        {"cron": "0 9 * * 1-5", "zone": "Europe/Berlin"},
        {"every": "90m", "zone": "UTC", "anchor": "2026-01-01T00:00:00+00:00", "jitter_s": 5, "spread_s": 7, "most": 3},
        {"rrule": "FREQ=WEEKLY;BYDAY=MO", "zone": "UTC", "start": "2026-01-01T00:00:00.500000+00:00", "end": "2027-01-01T00:00:00+00:00"},
        {"cron": "@daily", "zone": "UTC", "calendar": [{"holidays": ["DE", "FR"]}, "US-CA"], "roll": "back"},
    ],
)
def test_what_is_written_reads_to_the_same_timing(timing):
    read = Timing.read(timing)
    assert read.write() == timing
    assert Timing.read(read.write()) == read


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 9 * * 1-5", "at 09:00 on Monday to Friday, UTC"),
        ("*/5 * * * *", "every 5 minutes, UTC"),
        ("* * * * * *", "every second, UTC"),
        ("0 */2 * * *", "every 2 hours, UTC"),
        ("*/10 9-17 * * MON", "every 10 minutes from 09:00 to 17:59 on Monday, UTC"),
        ("30 4 1,15 * 5", "at 04:30 on days 1 and 15 of the month, and on Friday, UTC"),
        ("1 1 1-7 * */7", "at 01:01 on days 1 to 7 of the month, if that is Sunday, UTC"),
        ("0 12 LW 1,7 *", "at 12:00 on the last weekday of the month in January and July, UTC"),
        ("0 12 L-3 * *", "at 12:00 on the day 3 before the last of the month, UTC"),
        ("0 12 * * 5#2", "at 12:00 on the 2nd Friday of the month, UTC"),
        ("@every 1h30m", "every 1 hour 30 minutes, UTC"),
    ],
)
def test_a_timing_is_said_in_plain_english(expression, said):
    assert describe(Timing.read({"cron": expression})) == said


@given(EXPRESSIONS)
def test_every_expression_can_be_said(expression):
    assert describe(Timing.read({"cron": expression})).endswith(", UTC")
