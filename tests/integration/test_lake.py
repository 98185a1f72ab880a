"""The lake beside a journal: what is shipped, what is measured, and what happens when something is broken."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from models.clock import DAY, HOUR, MINUTE
from models.errors import NotFound, StoreError
from store.cubes import measured
from store.home import open_journal, set_up
from store.journal import Journal
from store.lake import GRACE_S
from store.schema import tasks
from store.segments import MANY, SCHEMA, append, read, segments, ship
from store.settings import PROJECT, Settings
from tasks.measure import kpis, measure, rows
from tasks.ship import ship_forever
from tests.ends import EPOCH, end_facts, event_row, fill, measure_now
from tests.factories import task_row

NOW = 20_000 * DAY + HOUR


@pytest.fixture
def lake(folder: Path) -> Path:
    return folder / "lake"


def write(journal: Journal, count: int) -> None:
    """Submit a task and finish it again and again, an event each."""
    with journal.write("test") as tx:
        row = task_row()
        tx.create(tasks, row, "task.submitted", client="acme")
        for number in range(count - 1):
            facts = end_facts(task_id=row["id"], finished_at=tx.now, created_at=tx.now - number, price_cents=7)
            tx.change(tasks, row["id"], {"priority": number}, "task.finished", **facts)


def in_lake(lake: Path) -> list[dict]:
    return [row for table in read(segments(lake), SCHEMA.names) for row in table.to_pylist()]


def in_journal(journal: Journal) -> list[dict]:
    return [
        {
            "seq": e.seq, "at": e.at, "kind": e.kind, "entity": e.entity, "key": e.key, "actor": e.actor, "patch": e.patch, "facts": e.facts
        } for e in journal.events(0, 10**6)
    ]  # fmt: skip


def same(lake: Path, journal: Journal) -> bool:
    return [row | {"patch": json.loads(row["patch"]), "facts": json.loads(row["facts"])} for row in in_lake(lake)] == in_journal(journal)


def days(count: int, per_day: int = 1) -> list[dict]:
    """Ends of tasks, `per_day` a day, up to now."""
    made = []
    for number in range(count * per_day):
        at = NOW - (count - 1 - number // per_day) * DAY + number
        facts = end_facts(task_id=f"t_{number}", finished_at=at, created_at=at - MINUTE, price_cents=100)
        made.append(event_row(number + 1, at, "task.finished", facts))
    return made


def value(lake: Path, name: str, window: str = "all") -> float | None:
    return next(k["value"] for k in kpis(lake, window=window, now=NOW)["kpis"] if k["id"] == name)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.parquet")}


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file over."""
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 3] ^= 16
    path.write_bytes(broken)


def age(folder: Path) -> None:
    """Let all files be older than superseded ones stay."""
    for path in folder.rglob("*.parquet"):
        os.utime(path, (time.time() - GRACE_S - 1,) * 2)


# --- shipping -----------------------------------------------------------------------------------------------------------------------------------


def test_the_lake_holds_exactly_the_events_of_the_journal(journal, lake):
    assert ship(journal, lake) == 0
    write(journal, 30)
    assert ship(journal, lake) == 30
    write(journal, 5)
    assert ship(journal, lake) == 5
    assert same(lake, journal)


def test_shipping_again_changes_no_file(journal, lake):
    write(journal, 10)
    ship(journal, lake)
    before = files(lake)
    assert ship(journal, lake) == 0
    assert files(lake) == before


def test_a_leap_of_the_sequence_is_no_hole(journal, lake):
    write(journal, 3)
    ship(journal, lake)
    leap = {"sqlite": "UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'journal'", "postgresql": "SELECT setval('journal_seq_seq', 1003)"}
    with journal.engine.begin() as connection:
        connection.exec_driver_sql(leap[journal.backend])
    write(journal, 2)
    ship(journal, lake)
    assert [row["seq"] for row in in_lake(lake)] == [1, 2, 3, 1004, 1005]
    assert [(s.first, s.last) for s in segments(lake)] == [(1, 3), (4, 1005)]


def test_a_lake_takes_the_events_of_one_journal_only(journal, folder, lake):
    write(journal, 2)
    ship(journal, lake)
    elsewhere = Settings(home=folder / "elsewhere")
    set_up(elsewhere)
    other = open_journal(elsewhere)
    write(other, 9)
    with pytest.raises(StoreError, match=f"holds the events of journal {journal.epoch}, and this is journal {other.epoch}"):
        ship(other, lake)
    other.close()
    assert same(lake, journal)


def test_a_lake_that_lost_its_epoch_is_refused(journal, lake):
    write(journal, 2)
    ship(journal, lake)
    (lake / "epoch").unlink()
    with pytest.raises(StoreError, match="epoch is missing"):
        ship(journal, lake)


SHIPPER = """
import sys
from pathlib import Path
from store.home import open_journal
from store.segments import ship
from store.settings import Database, Settings
home, url, lake, rounds = sys.argv[1:]
journal = open_journal(Settings(home=Path(home), database=Database(url=url or None)))
print("ready", flush=True)
for _ in range(int(rounds)):
    ship(journal, Path(lake))
"""


def shipper(place, lake: Path, rounds: int) -> subprocess.Popen:
    """Start a real process that ships again and again, and wait until it does."""
    url = place.database.url.get_secret_value() if place.database.url else ""
    process = subprocess.Popen(
        [sys.executable, "-c", SHIPPER, str(place.home), url, str(lake), str(rounds)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_several_shippers_at_once_double_nothing(journal, place, lake):
    shippers = [shipper(place, lake, 40) for _ in range(3)]
    for _ in range(30):
        write(journal, 4)
    assert [process.wait(60) for process in shippers] == [0, 0, 0]
    for process in shippers:
        process.stdout.close()
    ship(journal, lake)
    assert same(lake, journal)


@pytest.mark.slow
def test_a_shipper_that_is_killed_leaves_whole_segments_or_nothing(journal, place, lake):
    seeded = random.Random(7)
    for _ in range(8):
        process = shipper(place, lake, 10**6)
        until = time.monotonic() + seeded.uniform(0.05, 0.4)
        while time.monotonic() < until:
            write(journal, 20)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        shipped = in_lake(lake)
        assert [row["seq"] for row in shipped] == [event.seq for event in journal.events(0, len(shipped))]
    ship(journal, lake)
    assert same(lake, journal)
    assert not list(lake.rglob("*.tmp"))


def test_the_loop_ships_until_it_is_stopped_and_then_what_is_left(journal, lake):
    stop = threading.Event()
    thread = threading.Thread(target=ship_forever, args=(journal, lake, stop))
    thread.start()
    write(journal, 3)
    for _ in range(200):
        if lake.exists() and segments(lake):
            break
        time.sleep(0.05)
    write(journal, 3)
    stop.set()
    thread.join(30)
    assert same(lake, journal)


def test_what_the_journal_lost_with_the_power_is_put_aside_and_its_numbers_shipped_anew(home, lake):
    journal = open_journal(home)
    write(journal, 6)
    ship(journal, lake)
    write(journal, 4)
    ship(journal, lake)
    measure(lake, now=NOW)
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM journal WHERE seq > 7")  # the last commits never reached the disk
        connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = 1000010 WHERE name = 'journal'")
    write(journal, 2)
    ship(journal, lake)
    assert [row["seq"] for row in in_lake(lake)] == [1, 2, 3, 4, 5, 6, 7, 1000011, 1000012]
    assert same(lake, journal)
    assert kpis(lake, window="all", now=NOW)["status"] == "empty"
    assert measure(lake, now=NOW).seq == 1000012
    journal.close()


def test_a_lake_is_kept_when_the_journal_has_none_of_its_events(home, lake):
    journal = open_journal(home)
    write(journal, 2)
    ship(journal, lake)
    with journal.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM journal")
    with pytest.raises(StoreError, match="the journal has none of the 2 events"):
        ship(journal, lake)
    assert len(in_lake(lake)) == 2
    journal.close()


# --- segments -----------------------------------------------------------------------------------------------------------------------------------


def test_a_segment_is_never_overwritten(lake):
    fill(lake, days(1))
    with pytest.raises(StoreError, match="exists already"):
        append(lake, 0, days(1))


def test_a_missing_segment_is_noticed_and_named(lake):
    for row in days(3):
        fill(lake, [row])
    first, second, third = segments(lake)
    second.path.unlink()
    with pytest.raises(StoreError, match=f"events 2 to 2 are missing .* before {third.path}"):
        segments(lake)
    first.path.unlink()
    with pytest.raises(StoreError, match="events 1 to 2 are missing"):
        measure(lake, now=NOW)


def test_ranges_that_overlap_are_noticed_and_named(lake):
    first, second, third = days(1, per_day=3)
    fill(lake, [first, second])
    append(lake, 1, [second, third])
    with pytest.raises(StoreError, match="overlap"):
        measure(lake, now=NOW)


def test_a_range_within_a_larger_one_counts_once(lake):
    first, second, third = days(1, per_day=3)
    fill(lake, [first, second])
    append(lake, 0, [first, second, third])
    assert [(s.first, s.last) for s in segments(lake)] == [(1, 3)]
    measure_now(lake)
    assert value(lake, "task_volume") == 3


def test_a_foreign_file_among_the_segments_is_refused(lake):
    fill(lake, days(1))
    (segments(lake)[0].path.parent / "copy of 1.parquet").touch()
    with pytest.raises(StoreError, match=r"copy of 1\.parquet is not named like a segment"):
        segments(lake)


def ticking(home, at: list[int]) -> Journal:
    """A journal whose clock is set by the test."""
    journal = open_journal(home)
    journal.clock = lambda: at[0]
    return journal


def test_segments_of_a_day_that_is_over_become_one_with_the_same_events(home, lake):
    at = [NOW - DAY]
    journal = ticking(home, at)
    for _ in range(5):
        write(journal, 3)
        ship(journal, lake)
    measure(lake, now=NOW)
    assert len(segments(lake)) == 5
    before, numbers = in_lake(lake), kpis(lake, window="all", now=NOW)
    at[0] = NOW
    write(journal, 1)
    ship(journal, lake)
    assert [(s.first, s.last) for s in segments(lake)] == [(1, 15), (16, 16)]
    assert in_lake(lake)[:15] == before
    assert kpis(lake, window="all", now=NOW) == numbers
    assert len(files(lake / "events")) == 7, "superseded segments stay for readers that are under way"
    age(lake)
    ship(journal, lake)
    assert len(files(lake / "events")) == 2
    measure(lake, now=NOW)
    assert value(lake, "task_volume") == 5 * 2
    journal.close()


def test_many_small_segments_of_the_open_day_become_one(home, lake):
    journal = ticking(home, [NOW])
    for _ in range(MANY + 2):
        write(journal, 1)
        ship(journal, lake)
    assert len(segments(lake)) == 2
    assert same(lake, journal)
    journal.close()


def test_events_measured_before_their_segments_became_one_are_not_measured_again(home, lake):
    at = [NOW - DAY]
    journal = ticking(home, at)
    for _ in range(2):
        write(journal, 3)
        ship(journal, lake)
        measure(lake, now=NOW)
    write(journal, 3)
    ship(journal, lake)
    at[0] = NOW
    write(journal, 3)
    ship(journal, lake)
    assert [(s.first, s.last) for s in segments(lake)] == [(1, 9), (10, 12)]
    measure(lake, now=NOW)
    assert value(lake, "task_volume") == 4 * 2
    journal.close()


# --- measuring ----------------------------------------------------------------------------------------------------------------------------------


def test_a_lake_that_nothing_was_shipped_into_is_empty_and_not_zero(lake):
    assert measure(lake, now=NOW) is None
    answer = kpis(lake, window="7d", now=NOW)
    assert (answer["status"], answer["as_of"], answer["measured_at"]) == ("empty", None, None)
    assert {(k["value"], k["why_null"]) for k in answer["kpis"]} == {(None, "nothing has been measured yet")}
    assert rows(lake, "revenue", window="7d", now=NOW)["status"] == "empty"


def test_an_answer_tells_how_fresh_it_is(lake):
    fill(lake, days(2))
    measure_now(lake, NOW + 5)
    answer = kpis(lake, window="7d", now=NOW + HOUR)
    assert (answer["status"], answer["seq"], answer["as_of"], answer["measured_at"]) == ("ok", 2, NOW + 1, NOW + 5)
    fill(lake, [event_row(3, NOW + 9, "task.changed", {})])
    assert kpis(lake, window="7d", now=NOW + HOUR)["seq"] == 2
    measure_now(lake, NOW + 10)
    assert kpis(lake, window="7d", now=NOW + HOUR)["as_of"] == NOW + 9


def test_measuring_again_changes_nothing(lake):
    fill(lake, days(4, per_day=2))
    first = measure_now(lake, NOW)
    before = files(lake)
    assert measure_now(lake, NOW) == first
    assert files(lake) == before


def test_measuring_again_without_news_renews_the_time_of_measuring_only(lake):
    fill(lake, days(2))
    first = measure_now(lake, NOW)
    assert measure_now(lake, NOW + MINUTE) == first.model_copy(update={"measured_at": NOW + MINUTE})


def test_only_days_with_new_ends_are_touched(lake):
    events = days(4)
    fill(lake, events[:3])
    before = {cube.day: cube for cube in measure_now(lake).cubes}
    fill(lake, events[3:])
    after = {cube.day: cube for cube in measure_now(lake).cubes}
    assert before.items() <= after.items()
    assert len(after) == 4


def test_a_reopened_task_is_taken_back_on_a_later_day_and_the_finished_day_stays_as_it_is(lake):
    events = days(3)
    fill(lake, events)
    before = measure_now(lake).cubes
    assert (value(lake, "task_volume"), value(lake, "revenue")) == (3, 300)
    fill(lake, [event_row(4, NOW + MINUTE, "task.reopened", json.loads(events[0]["facts"]))])
    after = measure_now(lake).cubes
    assert (value(lake, "task_volume"), value(lake, "revenue")) == (2, 200)
    assert after[:2] == before[:2]
    assert [row["sign"] for row in rows(lake, "task_volume", window="7d", now=NOW)["items"]] == [-1, 1, 1, 1]
    from_first_that_stands = rows(lake, "task_volume", window="all", now=NOW)["items"]
    assert [row["sign"] for row in from_first_that_stands] == [1, 1]


def test_a_reader_sees_whole_measurings_only_while_the_lake_grows(lake):
    events = days(6, per_day=20)
    fill(lake, events[:20])
    measure_now(lake)
    seen = []

    def look() -> None:
        while not done.is_set():
            report = kpis(lake, window="30d", now=NOW)
            seen.append((report["seq"], next(k["value"] for k in report["kpis"] if k["id"] == "task_volume")))

    done = threading.Event()
    reader = threading.Thread(target=look)
    reader.start()
    for start in range(20, 120, 5):
        fill(lake, events[start : start + 5])
        measure_now(lake)
    done.set()
    reader.join(30)
    assert seen
    assert all(seq == volume for seq, volume in seen)
    assert all(left <= right for left, right in pairwise(seen))


def test_an_older_measuring_does_not_replace_a_later_one(lake):
    from store.cubes import aggregate, publish

    fill(lake, days(2)[:1])
    late = aggregate(lake)
    fill(lake, days(2)[1:])
    newest = measure_now(lake)
    assert publish(lake, late, now=NOW) == newest
    assert value(lake, "task_volume") == 2


def test_rows_are_cut_at_what_was_measured_and_count_all(lake):
    fill(lake, days(1, per_day=10))
    measure_now(lake)
    fill(lake, [event_row(11, NOW + 20, "task.finished", end_facts(finished_at=NOW + 20))])
    answer = rows(lake, "revenue", window="1h", now=NOW, most=3)
    assert (answer["total"], [row["seq"] for row in answer["items"]]) == (10, [10, 9, 8])
    assert rows(lake, "revenue", window="1h", now=NOW, client="bolt")["total"] == 0


def test_an_unknown_kpi_is_not_found(lake):
    with pytest.raises(NotFound, match="there is no KPI 'luck': choose one of revenue, cost"):
        rows(lake, "luck", window="7d", now=NOW)


# --- what is broken -----------------------------------------------------------------------------------------------------------------------------


def test_a_broken_segment_is_an_error_that_names_it(lake):
    fill(lake, days(1, per_day=2000))
    (segment,) = segments(lake)
    flip(segment.path)
    with pytest.raises(StoreError, match=f"{segment.path} cannot be read"):
        measure(lake, now=NOW)
    assert measured(lake) is None


def test_a_broken_or_missing_cube_is_an_error_that_names_it(lake):
    fill(lake, days(2, per_day=100))
    cube = measure_now(lake).cubes[-1]
    path = lake / "cubes" / f"day={cube.day}" / cube.name
    flip(path)
    with pytest.raises(StoreError, match=f"{path} is not what was measured"):
        kpis(lake, window="7d", now=NOW)
    path.unlink()
    with pytest.raises(StoreError, match=f"{path} cannot be read"):
        kpis(lake, window="7d", now=NOW)
    (lake / "measured.json").unlink()
    measure_now(lake)
    assert value(lake, "task_volume") == 200, "cubes can always be made again from the segments"


def test_broken_news_of_what_was_measured_is_an_error_that_names_it(lake):
    fill(lake, days(1))
    measure_now(lake)
    (lake / "measured.json").write_text('{"epoch": "e_t')
    with pytest.raises(StoreError, match=r"measured\.json cannot be read"):
        kpis(lake, window="7d", now=NOW)


def test_measures_of_another_journal_are_refused(lake):
    fill(lake, days(1))
    measure_now(lake)
    (lake / "epoch").write_text("e_other")
    with pytest.raises(StoreError, match=f"belongs to journal {EPOCH} and the lake holds journal e_other"):
        kpis(lake, window="7d", now=NOW)


def test_lost_segments_at_the_end_are_an_error_and_not_an_older_number(lake):
    for row in days(2):
        fill(lake, [row])
    measure_now(lake)
    segments(lake)[-1].path.unlink()
    with pytest.raises(StoreError, match="measured up to event 2 but holds only 1"):
        measure(lake, now=NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"finished_at": None}, "event 1 lacks facts of the end of a task"),
        ({"client": None}, "event 1 lacks facts of the end of a task"),
        ({"price_cents": "many"}, "cannot be measured"),
        ({"finished_at": NOW + 2 * DAY}, "event 1 tells of the end of a task more than a day after itself"),
    ],
)
def test_an_end_that_cannot_be_understood_stops_the_measuring_and_is_named(lake, changes, reason):
    fill(lake, [event_row(1, NOW, "task.finished", end_facts(finished_at=NOW) | changes)])
    with pytest.raises(StoreError, match=reason):
        measure(lake, now=NOW)
    assert kpis(lake, window="7d", now=NOW)["status"] == "empty"
