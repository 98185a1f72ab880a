"""Backfills: the fires of a window in the past, all or those that are wanted, a few at a time."""

import json

import pytest

from models.errors import IllegalMove, Invalid, NotFound
from store import schema
from tasks import schedules
from tasks.alerts import list_alerts
from tasks.backfill import backfill, cancel_backfill, estimate, list_backfills
from tests.scheduling import WORK, Clockwork, us

DAY = {"start": "2026-05-03T00:00:00Z", "end": "2026-05-04T00:00:00Z"}  # 24 fires, before the schedule was made


@pytest.fixture
def clockwork(journal, place):
    clockwork = Clockwork(journal, place)
    clockwork.create()
    return clockwork


def begin(clockwork, **wanted):
    return backfill(clockwork.journal, "daily", DAY | wanted, actor="user:ann")


def finish(clockwork):
    """Let the shift and the agents work in turn until nothing is left; return the most tasks that were open at once."""
    most = 0
    while True:
        clockwork.at(clockwork.now)
        open_now = sum(task["state"] != "done" for task in clockwork.tasks())
        if not open_now:
            return most
        most = max(most, open_now)
        clockwork.work_off()


def test_a_backfill_makes_what_is_missing_a_few_at_a_time(clockwork):
    begin(clockwork, at_once=4)
    assert finish(clockwork) == 4
    (row,) = list_backfills(clockwork.journal, "daily")
    assert (row["state"], row["made"], row["finished_at"]) == ("done", 24, clockwork.now)
    assert clockwork.verdicts(cause="backfill") == "m" * 24
    assert [one["due_at"] for one in clockwork.fires()] == [us("2026-05-03T00:00:00") + hour * 3_600_000_000 for hour in range(24)]


def test_a_window_that_was_made_up_for_holds_nothing_that_is_missing(clockwork):
    begin(clockwork)
    finish(clockwork)
    with pytest.raises(Invalid, match="holds no fire that is wanted"):
        begin(clockwork)
    begin(clockwork, which="all")
    finish(clockwork)
    assert len(clockwork.tasks()) == 48


def test_only_what_failed_is_made_again(clockwork):
    clockwork.create("fragile", work=WORK | {"attempts_most": 1}, overlap="allow")
    for hour, state in (("10", "succeeded"), ("11", "failed"), ("12", "failed"), ("13", "succeeded")):
        clockwork.at(f"2026-05-04T{hour}:00:00").work_off(state)
    window = {"start": "2026-05-04T00:00:00Z", "end": "2026-05-04T13:00:00Z", "which": "failed"}
    assert estimate(clockwork.journal, "fragile", window)["fires"] == 2
    backfill(clockwork.journal, "fragile", window, actor="user:ann")
    finish(clockwork)
    made = [row["due_at"] for row in clockwork.fires("fragile") if row["cause"] == "backfill"]
    assert made == [us("2026-05-04T11:00:00"), us("2026-05-04T12:00:00")]
    assert estimate(clockwork.journal, "fragile", window)["fires"] == 0, "the latest of each succeeded"


def test_an_estimate_is_made_of_past_fires_and_does_nothing(clockwork):
    assert estimate(clockwork.journal, "daily", DAY) == {
        "fires": 24, "first": "2026-05-03T00:00:00Z", "last": "2026-05-03T23:00:00Z", "cost": None, "seconds": None,
    }  # fmt: skip
    for hour in (10, 11):
        clockwork.at(f"2026-05-04T{hour}:00:00")
        clockwork.now += 30_000_000
        clockwork.work_off()
    head = clockwork.journal.head()
    found = estimate(clockwork.journal, "daily", DAY | {"at_once": 4})
    assert (found["fires"], found["cost"], found["seconds"]) == (24, {"EUR": 0}, 24 * 30 / 4)
    assert clockwork.journal.head() == head


def test_a_cancelled_backfill_takes_its_open_work_along(clockwork):
    row = begin(clockwork, at_once=3)
    clockwork.at(clockwork.now)
    cancel_backfill(clockwork.journal, row["id"], actor="user:ann")
    clockwork.at("2026-05-04T10:00:00")
    outcomes = [(task["state"], task["outcome"]) for task in clockwork.tasks()]
    assert outcomes == [("done", "cancelled")] * 3 + [("ready", None)], "the last one fired by the clock"
    with pytest.raises(IllegalMove, match="cancelled already"):
        cancel_backfill(clockwork.journal, row["id"], actor="user:ann")


def test_a_backfill_does_not_hold_up_what_fires_by_the_clock(clockwork):
    begin(clockwork, at_once=2)
    clockwork.at(clockwork.now)
    assert clockwork.at("2026-05-04T10:00:00").verdicts() == "m"


def test_a_backfill_stands_still_while_all_is_frozen_and_goes_on_while_its_schedule_is_paused(clockwork):
    schedules.pause(clockwork.journal, "daily", schedules.Pause(), actor="user:ann")
    begin(clockwork, at_once=1000)
    clockwork.at(clockwork.now)
    assert clockwork.verdicts(cause="backfill") == "m" * 24


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"end": "2026-05-04T11:00:00Z"}, Invalid, "not past yet"),
        ({"start": "2027-01-01T00:00:00Z", "end": "2027-01-02T00:00:00Z"}, Invalid, "not past yet"),
        ({"end": "2026-05-03T00:00:00Z"}, Invalid, "ends before it begins"),
        ({"start": "2026-05-03T00:10:00Z", "end": "2026-05-03T00:50:00Z"}, Invalid, "holds no fire"),
        ({"start": "1990-05-03T00:00:00Z"}, Invalid, "more than 100,000 fires"),
        ({"start": "2026-05-03T00:00:00"}, Invalid, "start"),
        ({"which": "some"}, Invalid, "which"),
        ({"at_once": 0}, Invalid, "at_once"),
        ({"speed": 3}, Invalid, "speed"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(clockwork, change, error, said):
    head = clockwork.journal.head()
    with pytest.raises(error, match=said):
        begin(clockwork, **change)
    assert clockwork.journal.head() == head


def test_an_unknown_or_deleted_schedule_has_no_backfills(clockwork):
    with pytest.raises(NotFound, match="no schedule 'weekly'"):
        backfill(clockwork.journal, "weekly", DAY, actor="user:ann")
    row = schedules.remove(clockwork.journal, "daily", actor="user:ann")
    with pytest.raises(IllegalMove, match="was deleted"):
        backfill(clockwork.journal, row["id"], DAY, actor="user:ann")


def test_a_backfill_that_cannot_go_on_is_ended_and_stops_nothing_else(clockwork):
    row = begin(clockwork, at_once=1)
    clockwork.create("other")
    with clockwork.journal.write("test") as tx:  # as if its zone had been abolished
        known = schedules.find(tx, "daily")
        timing = json.loads(known["timing"]) | {"zone": "Europe/Atlantis"}
        tx.change(schema.schedules, known["id"], {"timing": json.dumps(timing)}, "schedule.changed")
    clockwork.at("2026-05-04T10:00:00")
    assert clockwork.verdicts("other") == "m"
    with clockwork.journal.look() as view:
        assert view.get(schema.backfills, row["id"])["state"] == "cancelled"
    assert "a backfill of daily was ended, because it cannot go on" in {alert["title"] for alert in list_alerts(clockwork.journal)}
