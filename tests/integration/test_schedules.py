"""Defining schedules: what is wrong is named, and then nothing is written."""

import pytest

from models.errors import Conflict, CycleFound, IllegalMove, Invalid, NotFound
from tasks import schedules
from tasks.timetable import EACH_MOST, calendar, changes, list_schedules, preview, schedule_detail
from tests.scheduling import WORK, Clockwork, us


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place)


TWO = [WORK | {"ref": "a", "needs": [{"task": "b"}]}, WORK | {"ref": "b", "needs": [{"task": "a"}]}]
BAD = [
    ({"name": "Daily"}, Invalid, "name"),
    ({"name": ""}, Invalid, "name"),
    ({"name": "calendar"}, Invalid, "taken by the API"),
    ({"timing": {}}, Invalid, "one of cron, every and rrule"),
    ({"timing": {"cron": "0 0 31 2 *"}}, Invalid, "never"),
    ({"timing": {"cron": "0 9 * * *", "zone": "Europe/Atlantis"}}, Invalid, "Europe/Atlantis"),
    ({"timing": {"cron": "0 9 * * *", "calendar": "XX"}}, Invalid, "XX"),
    ({"timing": {"cron": "0 9 * * *", "roll": "forward"}}, Invalid, "roll"),
    ({"timing": {"cron": "0 9 * * *", "start": "2027-01-02T00:00:00Z", "end": "2027-01-01T00:00:00Z"}}, Invalid, "ends before it starts"),
    ({"timing": {"cron": "0 9 * * *", "end": "2026-05-01T00:00:00Z"}}, Invalid, "never comes"),
    ({"timing": {"cron": "0 9 * * *", "most": 0}}, Invalid, "most"),
    ({"work": {}}, Invalid, "title"),
    ({"work": WORK | {"surprise": 1}}, Invalid, "surprise"),
    ({"work": WORK | {"title": "Sales of ${window.start}"}}, Invalid, "no placeholder is called window.start; there are fire.at"),
    ({"work": WORK | {"inputs": {"function": "${fire.nonsense}"}}}, Invalid, "fire.nonsense"),
    ({"work": WORK | {"deadline_at": "2030-01-01T00:00:00Z"}}, Invalid, "deadline_at"),
    ({"work": WORK | {"category": "Gardening"}}, Invalid, "unknown category 'Gardening'"),
    ({"work": WORK | {"agent": "nobody-1"}}, Invalid, "no agent 'nobody-1'"),
    ({"work": WORK | {"needs": [{"task": "t_unknown"}]}}, Invalid, "t_unknown"),
    ({"work": {"tasks": TWO}}, CycleFound, "a → b → a|b → a → b"),
    ({"work": {"tasks": []}}, Invalid, "tasks"),
    ({"catch_up": "some"}, Invalid, "catch_up"),
    ({"catch_up": "within"}, Invalid, "within_s"),
    ({"within_s": 60}, Invalid, "within_s"),
    ({"overlap": "never"}, Invalid, "overlap"),
    ({"grace_s": 0}, Invalid, "grace_s"),
    ({"colour": "red"}, Invalid, "colour"),
]


@pytest.mark.parametrize(("change", "error", "said"), BAD)
def test_a_wrong_definition_is_refused_new_or_changed(clockwork, change, error, said):
    good = {"name": "daily", "timing": {"cron": "0 9 * * *"}, "work": WORK}
    clockwork.create("daily")
    head = clockwork.journal.head()
    known = {"settings": clockwork.settings, "actor": "user:ann"}
    with pytest.raises(error, match=said):
        schedules.create(clockwork.journal, good | {"name": "other"} | change, **known)
    with pytest.raises(error, match=said):
        schedules.change(clockwork.journal, "daily", good | change, **known)
    assert clockwork.journal.head() == head


@pytest.mark.parametrize("data", [None, 5, "daily", [], {"name": "daily"}])
def test_what_is_no_definition_is_refused(clockwork, data):
    with pytest.raises(Invalid):
        schedules.create(clockwork.journal, data, settings=clockwork.settings, actor="user:ann")


def test_a_name_is_taken_once(clockwork):
    clockwork.create()
    with pytest.raises(Conflict, match="daily"):
        clockwork.create()
    clockwork.create("other")
    with pytest.raises(Conflict, match="daily"):
        schedules.change(
            clockwork.journal, "other", {"name": "daily", "timing": {"every": "1h"}, "work": WORK}, settings=clockwork.settings, actor="user:ann"
        )


def test_what_is_not_there_is_said_so(clockwork):
    for act in (schedules.resume, schedules.remove):
        with pytest.raises(NotFound, match="there is no schedule 'weekly'"):
            act(clockwork.journal, "weekly", actor="user:ann")


def test_only_a_paused_schedule_is_resumed(clockwork):
    clockwork.create()
    with pytest.raises(IllegalMove, match="is active"):
        schedules.resume(clockwork.journal, "daily", actor="user:ann")


def test_a_pause_that_would_be_over_is_refused(clockwork):
    clockwork.create()
    with pytest.raises(Invalid, match="would be over already"):
        schedules.pause(clockwork.journal, "daily", schedules.Pause(until="2026-01-01T00:00:00Z"), actor="user:ann")


def test_the_same_definition_again_changes_nothing(clockwork):
    clockwork.create(timing={"every": "90m"})
    head = clockwork.journal.head()
    same = {"name": "daily", "timing": {"every": "90m"}, "work": WORK}
    clockwork.now += 600_000_000
    assert schedules.change(clockwork.journal, "daily", same, settings=clockwork.settings, actor="user:ann")["version"] == 1
    assert clockwork.journal.head() == head, "its anchor stays"


def test_a_change_is_shown_before_it_is_made(clockwork):
    clockwork.create()
    moved = changes(clockwork.journal, "daily", {"name": "daily", "timing": {"cron": "30 6 * * 1-5", "zone": "Europe/Berlin"}, "work": WORK}, most=2)
    assert [one["local"] for one in moved["before"]] == ["2026-05-04T10:00:00+00:00", "2026-05-04T11:00:00+00:00"]
    assert [one["local"] for one in moved["after"]] == ["2026-05-05T06:30:00+02:00", "2026-05-06T06:30:00+02:00"]
    assert "06:30" in moved["describes"]


def test_a_list_shows_what_comes_what_came_and_how_late(clockwork):
    clockwork.create()
    clockwork.create("nightly", {"cron": "0 2 * * *", "zone": "Europe/Berlin"})
    clockwork.at("2026-05-04T10:00:02")
    daily, nightly = list_schedules(clockwork.journal)
    assert (daily["lateness"], daily["last_verdict"], daily["next_at"]) == ([2.0], "made", us("2026-05-04T11:00:00"))
    assert (nightly["lateness"], nightly["last_verdict"], nightly["next_at"]) == ([], None, us("2026-05-05T00:00:00"))
    (fire,) = schedule_detail(clockwork.journal, "daily")["history"]
    assert (fire["late_s"], fire["tasks"], fire["done"]) == (2.0, 1, 0)


def test_the_calendar_holds_the_fires_of_all_schedules_in_order(clockwork):
    clockwork.create()
    clockwork.create("half", {"cron": "30 * * * *"})
    schedules.pause(clockwork.journal, clockwork.create("paused")["name"], schedules.Pause(), actor="user:ann")
    found = calendar(clockwork.journal, until=us("2026-05-04T11:30:00"))["items"]
    assert [(one["at"][11:16], one["schedule"]) for one in found] == [("10:00", "daily"), ("10:30", "half"), ("11:00", "daily"), ("11:30", "half")]


def test_the_calendar_names_the_schedules_that_fire_too_often_for_it(clockwork):
    clockwork.create()
    clockwork.create("often", {"every": "1m"})
    clockwork.create("seldom", {"every": "1m", "most": EACH_MOST})
    found = calendar(clockwork.journal, until=us("2026-05-04T15:30:00"), most=1000)
    often = [one["at"] for one in found["items"] if one["schedule"] == "often"]
    assert (len(often), found["cut"]) == (EACH_MOST, [{"schedule": "often", "at": often[-1]}])
    assert [one["at"][11:16] for one in found["items"] if one["schedule"] == "daily"] == ["10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]


def test_a_preview_is_bounded(clockwork):
    assert len(preview({"every": "1s"}, after=0, most=1000)["fires"]) == 1000
    with pytest.raises(Invalid, match="1 to 1000"):
        preview({"every": "1s"}, after=0, most=1001)


def test_the_window_of_the_first_fire_begins_with_the_schedule_or_the_fire_before_it(clockwork):
    row = clockwork.create(timing={"cron": "0 0 29 2 *"})
    assert schedules.window_from(row, us("2028-02-29T00:00:00")) == us("2024-02-29T00:00:00")
    row = clockwork.create("once", {"cron": "0 0 1 1 *", "start": "2027-01-01T00:00:00Z"})
    assert schedules.window_from(row, us("2027-01-01T00:00:00")) == row["created_at"]
