"""The dead-man's switch: silence of the scheduler is told by another process."""

import pytest

from tasks import schedules
from tasks.alerts import list_alerts
from tasks.beats import Beat, give, stop
from tasks.freezes import freeze, thaw
from tasks.watch import Watch
from tests.scheduling import LANE, Clockwork


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place)


def alerts(clockwork):
    return {row["name"].partition(":")[0]: row["state"] for row in list_alerts(clockwork.journal)}


def test_a_schedule_that_does_not_fire_within_its_grace_is_told_and_taken_back(clockwork):
    clockwork.create()
    clockwork.create("other", {"cron": "30 * * * *"})
    watch = Watch(clockwork.journal)
    clockwork.now += 119_000_000  # due for 59 s, and the grace is 60
    watch.look()
    assert alerts(clockwork) == {}
    clockwork.now += 2_000_000
    watch.look()
    (alert,) = list_alerts(clockwork.journal)
    assert (alert["state"], alert["title"]) == ("open", "daily has not fired: it was due at 2026-05-04T10:00:00Z")
    head = clockwork.journal.head()
    watch.look()
    assert clockwork.journal.head() == head, "said once"
    clockwork.at(clockwork.now)
    watch.look()
    assert alerts(clockwork) == {"late": "resolved"}


@pytest.mark.parametrize("change", [lambda clockwork: schedules.pause(clockwork.journal, "daily", schedules.Pause(), actor="user:ann"),
                                    lambda clockwork: schedules.remove(clockwork.journal, "daily", actor="user:ann")])  # fmt: skip
def test_what_is_paused_or_deleted_need_not_fire(clockwork, change):
    clockwork.create()
    change(clockwork)
    watch = Watch(clockwork.journal)
    clockwork.now += 600_000_000
    watch.look()
    assert alerts(clockwork) == {}


def test_what_was_due_during_a_freeze_has_its_grace_after_it(clockwork):
    clockwork.create()
    row = freeze(clockwork.journal, {"why": "moving house"}, actor="user:ann")
    watch = Watch(clockwork.journal)
    clockwork.now += 600_000_000
    watch.look()
    thaw(clockwork.journal, row["id"], actor="user:ann")
    clockwork.now += 30_000_000
    watch.look()
    assert alerts(clockwork) == {}
    clockwork.now += 31_000_000
    watch.look()
    assert alerts(clockwork) == {"late": "open"}


def test_a_night_off_is_no_alarm_in_the_morning(clockwork):
    clockwork.create()
    clockwork.now += 8 * 3_600_000_000
    watch = Watch(clockwork.journal)
    watch.look()
    assert alerts(clockwork) == {}


def test_a_house_in_which_nobody_gives_out_work_is_told(clockwork):
    watch = Watch(clockwork.journal)
    with clockwork.journal.write("test") as tx:
        stop(tx, LANE.name, LANE.holder)
    clockwork.now += 59_000_000
    watch.look()
    assert alerts(clockwork) == {}
    clockwork.now += 2_000_000
    watch.look()
    assert alerts(clockwork) == {"dispatch": "open"}
    with clockwork.journal.write("test") as tx:
        give(tx, Beat(name=LANE.name, holder="s_next", until=tx.now + 10**9))
    watch.look()
    assert alerts(clockwork) == {"dispatch": "resolved"}
