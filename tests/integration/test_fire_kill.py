"""No fire is missed and none comes twice: 500 schedules, two shifts, `kill -9` at random, ten minutes on a clock that runs faster."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from models.clock import SECOND
from store import schema
from store.home import open_journal
from store.journal import fold
from store.query import Query
from tasks import schedules
from tests.command import until
from tests.scheduling import WORK

SCHEDULES, MINUTES, SPEED = 500, 10, 20
LEFT = Query(select(func.count().label("n")).where(schema.schedules.c.state == "active"))


def timing(number: int, begin: int) -> dict[str, object]:
    """Return one of many kinds of timings that all end with the test."""
    kinds = (
        {"cron": "* * * * *"}, {"every": "90s"}, {"cron": f"{number % 60} * * * * *"}, {"every": "1m", "jitter_s": 20},
        {"cron": "*/2 * * * *", "spread_s": 60}, {"rrule": "FREQ=MINUTELY;INTERVAL=2"}, {"every": "2m", "most": 3}, {"cron": "*/20 * * * * *"},
    )  # fmt: skip
    end = datetime.fromtimestamp((begin + MINUTES * 60 * SECOND) / SECOND, UTC).isoformat()
    return kinds[number % len(kinds)] | {"end": end}


@pytest.mark.slow
def test_no_fire_is_missed_and_none_comes_twice_whatever_dies(place):
    begin = int(datetime(2026, 5, 4, 9, 59, 30, tzinfo=UTC).timestamp()) * SECOND
    journal = open_journal(place)
    journal.clock = lambda: begin
    for number in range(SCHEDULES):
        data = {"name": f"s-{number}", "timing": timing(number, begin), "work": WORK, "catch_up": "all", "overlap": "allow"}
        schedules.create(journal, data, settings=place, actor="test")
    env = os.environ | {"ARBITER_HOME": str(place.home), "ARBITER_DISPATCH__LEASE_S": str(6 * SPEED)}
    if place.database.url:
        env["ARBITER_DATABASE__URL"] = place.database.url.get_secret_value()
    clock = [str(begin), str(time.time()), str(SPEED)]
    shifts = [_start(env, clock) for _ in range(2)]
    rng, kills = random.Random(3), 0
    try:
        ends = time.monotonic() + 60 * MINUTES / SPEED
        while time.monotonic() < ends:
            time.sleep(rng.uniform(0.3, 3))
            victim = rng.randrange(2)
            shifts[victim].kill()
            shifts[victim].wait()
            shifts[victim] = _start(env, clock)
            kills += 1
        until(lambda: _left(journal) == 0, "the end of all schedules")
    finally:
        for shift in shifts:
            shift.kill()
            shift.wait()
    state = fold(journal.events(0, 10**7))
    journal.close()
    made = Counter((row["schedule_id"], row["due_at"]) for (table, _), row in state.items() if table == "fires" and row["verdict"] == "made")
    worked = Counter(row["fire_id"] for (table, _), row in state.items() if table == "tasks")
    expected = {(row["id"], due) for (table, _), row in state.items() if table == "schedules" for due in _due(row, begin)}
    assert expected - made.keys() == set(), "missed"
    assert made.keys() - expected == set(), "never due"
    assert set(made.values()) == {1}
    assert worked == Counter({f"{schedule_id}@{due}": 1 for schedule_id, due in expected}), "each fire has one task"
    assert kills > 5
    sys.stdout.write(f"\n{len(expected)} fires, {kills} kills\n")


def _start(env, clock):
    return subprocess.Popen([sys.executable, "-m", "tests.fire_process", *clock], env=env)


def _left(journal):
    with journal.look() as view:
        return view.one(LEFT)["n"]


def _due(row, begin):
    timing = schedules.read_timing(row["timing"])
    fires = [fire.at_us for fire in timing.fires(begin, identity=row["id"])]
    return fires[: timing.most]
