"""Firing: what is due becomes tasks once, and what a policy, a pause or a freeze makes of it."""

import itertools
import json

import pytest
from sqlalchemy import select

from models.errors import IllegalMove, Invalid
from models.firing import CatchUp, Overlap
from store import schema
from store.journal import fold
from store.query import Query
from tasks import schedules
from tasks.alerts import list_alerts
from tasks.beats import Beat, give, stop
from tasks.fire import Lane, fire, run_now
from tasks.freezes import freeze, list_freezes, thaw
from tasks.timetable import schedule_detail
from tests.scheduling import LANE, WORK, Clockwork, us
from tests.unit.test_firing import TABLE, WITHIN_S

HOURS = {"cron": "0 * * * *"}


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place)


def test_a_fire_becomes_a_task_once(clockwork):
    clockwork.create()
    assert clockwork.at("2026-05-04T09:59:59").verdicts() == ""
    assert clockwork.at("2026-05-04T10:00:00").verdicts() == "m"
    assert clockwork.at("2026-05-04T10:00:01").verdicts() == "m"
    (task,), (row,) = clockwork.tasks(), clockwork.fires()
    assert (task["fire_id"], task["source"], task["state"]) == (row["id"], "schedule", "ready")
    assert row["made_at"] == us("2026-05-04T10:00:00")


def test_a_shift_without_a_lane_makes_nothing(clockwork):
    clockwork.create()
    clockwork.now = us("2026-05-04T10:00:00")
    fire(clockwork.journal, clockwork.settings, Lane(name="lane:0", holder="another"))
    assert clockwork.fires() == []


def test_a_shift_is_told_when_the_next_fire_comes(clockwork):
    assert fire(clockwork.journal, clockwork.settings, LANE) is None
    clockwork.create("a")
    clockwork.create("b", {"every": "90s"})
    assert fire(clockwork.journal, clockwork.settings, LANE) == us("2026-05-04T10:00:00")


def name_of(*parts):
    return "-".join(parts).replace("_", "")


def test_missed_fires_follow_the_table_after_downtime_and_after_a_pause(clockwork):
    kinds = list(itertools.product(CatchUp, Overlap, ("down", "paused"), ("closed", "open")))
    for catch_up, overlap, reason, work in kinds:
        name = name_of(catch_up, overlap, reason, work)
        clockwork.create(name, catch_up=catch_up, overlap=overlap, **({"within_s": WITHIN_S} if catch_up == "within" else {}))
        if work == "open":
            run_now(clockwork.journal, clockwork.settings, name, actor="user:ann")
        if reason == "paused":
            schedules.pause(clockwork.journal, name, schedules.Pause(), actor="user:ann")
    clockwork.now = us("2026-05-04T12:30:00")
    for catch_up, overlap, reason, work in kinds:
        if reason == "paused":
            schedules.resume(clockwork.journal, name_of(catch_up, overlap, reason, work), actor="user:ann")
    clockwork.at(clockwork.now)
    for catch_up, overlap, reason, work in kinds:
        name = name_of(catch_up, overlap, reason, work)
        assert clockwork.verdicts(name) == TABLE[catch_up, overlap].split()[work == "open"], name


def test_a_day_of_missed_minutes_is_made_up_for_in_order(clockwork):
    clockwork.create(timing={"every": "1m"}, catch_up="all", overlap="allow")
    clockwork.at("2026-05-04T17:59:00")
    assert clockwork.verdicts() == "m" * 480
    assert [row["due_at"] for row in clockwork.fires()] == [us("2026-05-04T10:00:00") + minute * 60_000_000 for minute in range(480)]
    assert len(clockwork.tasks()) == 480


def test_fires_that_wait_follow_one_after_the_other(clockwork):
    clockwork.create(overlap="queue_all")
    for hour in (10, 11, 12):
        clockwork.at(f"2026-05-04T{hour}:00:00")
    assert clockwork.verdicts() == "mqq"
    for verdicts in ("mmq", "mmm", "mmm"):
        assert clockwork.work_off() == 1
        assert clockwork.at("2026-05-04T12:10:00").verdicts() == verdicts
    assert [row["made_at"] for row in clockwork.fires()[1:]] == [us("2026-05-04T12:10:00")] * 2


def test_what_replaces_cancels_the_open_work(clockwork):
    clockwork.create(overlap="replace")
    clockwork.at("2026-05-04T10:00:00").at("2026-05-04T11:00:00")
    assert [(task["state"], task["outcome"]) for task in clockwork.tasks()] == [("done", "cancelled"), ("ready", None)]
    assert "replaced by the next fire of daily" in clockwork.tasks()[0]["why"]


def test_a_pause_ends_by_itself(clockwork):
    clockwork.create(catch_up="all", overlap="allow")
    wanted = schedules.Pause(why="stocktaking", until="2026-05-04T11:30:00Z")
    assert schedules.pause(clockwork.journal, "daily", wanted, actor="user:ann")["why"] == "paused by user:ann: stocktaking"
    assert clockwork.at("2026-05-04T11:29:00").verdicts() == ""
    assert clockwork.at("2026-05-04T11:30:00").verdicts() == "mm"
    assert schedule_detail(clockwork.journal, "daily")["schedule"]["state"] == "active"


def test_a_freeze_holds_everything_up_and_changes_no_schedule(clockwork):
    clockwork.create("a", catch_up="all", overlap="allow")
    clockwork.create("b", catch_up="none")
    schedules.pause(clockwork.journal, clockwork.create("c")["name"], schedules.Pause(), actor="user:ann")
    row = freeze(clockwork.journal, {"why": "moving house"}, actor="user:ann")
    assert [clockwork.at("2026-05-04T12:30:00").verdicts(name) for name in "abc"] == ["", "", ""]
    assert schedule_detail(clockwork.journal, "a")["frozen"] == "moving house"
    thaw(clockwork.journal, row["id"], actor="user:ann")
    assert [clockwork.at("2026-05-04T12:30:00").verdicts(name) for name in "abc"] == ["mmm", "sss", ""]
    assert schedule_detail(clockwork.journal, "c")["schedule"]["state"] == "paused"
    with pytest.raises(IllegalMove, match="ended already"):
        thaw(clockwork.journal, row["id"], actor="user:ann")


def test_a_maintenance_window_comes_again(clockwork):
    clockwork.create(timing={"cron": "*/30 * * * *"}, catch_up="none")
    freeze(clockwork.journal, {"why": "backup", "timing": {"cron": "0 11 * * *"}, "length_s": 3600}, actor="user:ann")
    for day, hour, minute in itertools.product((4, 5), (10, 11, 12), (0, 30)):
        clockwork.at(f"2026-05-0{day}T{hour}:{minute:02}:05").work_off()
    assert [one["lasts"] for one in list_freezes(clockwork.journal)] == [False]
    made = [row["due_at"] for row in clockwork.fires() if row["verdict"] == "made"]
    hours = sorted({(at // 3_600_000_000) % 24 for at in made})
    assert hours == [10, 12]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"why": ""}, "why"),
        ({"why": "x", "end": "2026-05-04T09:00:00Z"}, "over before it begins"),
        ({"why": "x", "start": "2026-05-05T00:00:00Z", "end": "2026-05-04T12:00:00Z"}, "over before it begins"),
        ({"why": "x", "end": "2026-05-05T00:00:00"}, "end"),
        ({"why": "x", "timing": HOURS}, "length_s"),
        ({"why": "x", "length_s": 60}, "timing"),
        ({"why": "x", "timing": {"cron": "0 0 31 2 *"}, "length_s": 60}, "never"),
        ({"why": "x", "timing": HOURS, "length_s": 0}, "length_s"),
        ({"why": "x", "until": 5}, "until"),
    ],
)
def test_a_freeze_that_makes_no_sense_is_refused(clockwork, wanted, said):
    head = clockwork.journal.head()
    with pytest.raises(Invalid, match=said):
        freeze(clockwork.journal, wanted, actor="user:ann")
    assert clockwork.journal.head() == head


def test_a_maximum_ends_a_schedule(clockwork):
    clockwork.create(timing=HOURS | {"most": 2}, overlap="allow", catch_up="all")
    clockwork.at("2026-05-04T13:30:00")
    found = schedule_detail(clockwork.journal, "daily")
    assert (found["schedule"]["state"], found["schedule"]["why"], found["next"]) == ("ended", "its 2 fires were made", [])
    assert clockwork.verdicts() == "mm"


def test_an_end_ends_a_schedule(clockwork):
    clockwork.create(timing=HOURS | {"end": "2026-05-04T11:00:00Z"}, overlap="allow", catch_up="all")
    clockwork.at("2026-05-04T13:30:00")
    assert clockwork.verdicts() == "mm"
    assert schedule_detail(clockwork.journal, "daily")["schedule"]["state"] == "ended"


def test_placeholders_stand_for_the_fire_and_its_window(clockwork):
    clockwork.now = us("2026-03-28T12:00:00")
    work = WORK | {
        "title": "Sales from ${window.from_date} until ${window.until}",
        "description": "${schedule.name} ${fire.local} ${HOME} ${fire.date}",
    }
    clockwork.create(timing={"cron": "30 2 * * *", "zone": "Europe/Berlin"}, work=work)
    clockwork.at("2026-03-29T01:00:00").work_off()
    task = clockwork.at("2026-03-30T00:30:00").tasks()
    assert [one["title"] for one in task] == [
        "Sales from 2026-03-28 until 2026-03-29T01:00:00Z",
        "Sales from 2026-03-29 until 2026-03-30T00:30:00Z",
    ]
    assert task[0]["description"] == "daily 2026-03-29T03:00:00+02:00 ${HOME} 2026-03-29"
    assert "does not exist" in clockwork.fires()[0]["note"]


def test_a_template_is_a_graph_with_times_of_its_own(clockwork):
    tasks = [WORK | {"ref": "a", "deadline_s": 3600}, WORK | {"ref": "b", "needs": [{"task": "a"}], "start_s": 60}]
    clockwork.create(work={"tasks": tasks})
    first, second = clockwork.at("2026-05-04T10:00:00").tasks()
    assert (first["group_id"], second["group_id"]) == (clockwork.fires()[0]["group_id"],) * 2
    assert first["deadline_at"] == us("2026-05-04T11:00:00")
    assert (second["state"], second["start_at"]) == ("waiting", us("2026-05-04T10:01:00"))


def test_work_that_is_refused_at_its_fire_is_told_and_the_schedule_goes_on(clockwork):
    clockwork.create()
    with clockwork.journal.write("test") as tx:  # as if a category had been abolished since
        known = schedules.find(tx, "daily")
        work = json.loads(known["work"])
        work["tasks"][0]["category"] = "Gardening"
        tx.change(schema.schedules, known["id"], {"work": json.dumps(work)}, "schedule.changed")
    clockwork.at("2026-05-04T10:00:00")
    (row,) = clockwork.fires()
    assert row["verdict"] == "failed"
    assert "unknown category 'Gardening'" in row["why"]
    (alert,) = list_alerts(clockwork.journal)
    assert (alert["state"], alert["title"]) == ("open", "daily fired, and its work was refused")
    schedules.change(clockwork.journal, "daily", {"name": "daily", "timing": HOURS, "work": WORK}, settings=clockwork.settings, actor="user:ann")
    assert clockwork.at("2026-05-04T11:00:00").verdicts() == "fm"
    assert list_alerts(clockwork.journal)[0]["state"] == "resolved"


def test_a_schedule_that_cannot_be_decided_on_stops_no_other(clockwork):
    for name in ("a", "b", "c"):
        clockwork.create(name)
    with clockwork.journal.write("test") as tx:  # as if its zone had been abolished
        broken = schedules.find(tx, "b")
        timing = json.loads(broken["timing"]) | {"zone": "Europe/Atlantis"}
        tx.change(schema.schedules, broken["id"], {"timing": json.dumps(timing)}, "schedule.changed")
    clockwork.at("2026-05-04T10:00:00")
    assert [clockwork.verdicts(name) for name in "abc"] == ["m", "", "m"]
    with clockwork.journal.look() as view:
        row = view.get(schema.schedules, broken["id"])
    assert row["state"] == "paused"
    assert "Europe/Atlantis" in row["why"]
    assert list_alerts(clockwork.journal)[0]["severity"] == "critical"


def test_a_fire_can_be_asked_for(clockwork):
    clockwork.create()
    schedules.pause(clockwork.journal, "daily", schedules.Pause(), actor="user:ann")
    row = run_now(clockwork.journal, clockwork.settings, "daily", actor="user:ann")
    assert (row["verdict"], row["cause"], row["due_at"]) == ("made", "person", clockwork.now)
    assert len(clockwork.tasks()) == 1


def test_another_timing_begins_now_and_another_name_keeps_the_place(clockwork):
    clockwork.create(catch_up="all", overlap="allow")
    clockwork.now = us("2026-05-04T11:30:00")  # two fires are due and were not decided on
    known = {"settings": clockwork.settings, "actor": "user:ann"}
    row = schedules.change(
        clockwork.journal, "daily", {"name": "hourly", "timing": HOURS, "work": WORK, "overlap": "allow", "catch_up": "all"}, **known
    )
    assert row["version"] == 2
    assert clockwork.at(clockwork.now).verdicts("hourly") == "mm"
    clockwork.now = us("2026-05-04T12:30:00")
    schedules.change(clockwork.journal, "hourly", {"name": "hourly", "timing": {"cron": "45 * * * *"}, "work": WORK}, **known)
    assert clockwork.at("2026-05-04T12:45:00").verdicts("hourly") == "mm" + "s", "the twelve o'clock one belongs to the old timing, and work is open"
    assert [row["version"] for row in clockwork.fires("hourly")] == [2, 2, 3]


def test_what_was_deleted_keeps_its_history_and_frees_its_name(clockwork):
    clockwork.create(overlap="queue_all")
    clockwork.at("2026-05-04T10:00:00").at("2026-05-04T11:00:00")
    row = schedules.remove(clockwork.journal, "daily", actor="user:ann")
    assert clockwork.at("2026-05-04T12:00:00").verdicts() == "mc"
    assert [one["verdict"] for one in schedule_detail(clockwork.journal, row["id"])["history"]] == ["cancelled", "made"]
    assert clockwork.create()["id"] != row["id"]
    with pytest.raises(IllegalMove, match="is deleted"):
        schedules.resume(clockwork.journal, row["id"], actor="user:ann")


def test_a_lane_that_is_lost_in_the_middle_leaves_the_rest_to_the_next(clockwork):
    for number in range(50):
        clockwork.create(f"s-{number}")
    clockwork.now = us("2026-05-04T10:00:00")
    journal = clockwork.journal
    written, decided = journal.write, []

    def write(actor):
        decided.append(actor)
        if len(decided) == 2:
            with written("test") as tx:
                stop(tx, LANE.name, LANE.holder)
        return written(actor)

    journal.write = write
    fire(journal, clockwork.settings, LANE)
    del journal.write
    assert len(clockwork.tasks()) == 20, "what was decided before the lane was lost"
    with journal.write("test") as tx:
        give(tx, Beat(name=LANE.name, holder="s_next", until=us("2200-01-01")))
    fire(journal, clockwork.settings, Lane(name=LANE.name, holder="s_next"))
    assert len(clockwork.tasks()) == 50
    assert sorted(clockwork.verdicts(f"s-{number}") for number in range(50)) == ["m"] * 50


def test_the_journal_tells_it_all(clockwork):
    clockwork.create(overlap="queue_all")
    freeze(clockwork.journal, {"why": "x", "end": "2026-05-04T10:10:00Z"}, actor="user:ann")
    clockwork.at("2026-05-04T10:20:00").at("2026-05-04T11:00:00").work_off()
    clockwork.at("2026-05-04T11:10:00")
    state = fold(clockwork.journal.events(0, 10**6))
    with clockwork.journal.look() as view:
        for table in schema.LEDGER:
            rows = {row["id"]: row for row in view.rows(Query(select(table)))}
            assert rows == {key: row for (name, key), row in state.items() if name == table.name}, table.name
    kinds = {event.kind for event in clockwork.journal.events(0, 10**6)}
    assert {"schedule.created", "schedule.advanced", "fire.made", "fire.queued", "freeze.set", "task.submitted"} <= kinds
