"""The reserve: work goes on while no shift lives, and only then."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from store.query import Query
from store.schema import attempts, beats
from tasks.beats import Beat, give, living_shifts, stop
from tasks.read import counts
from tasks.reserve import stand_by, work
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.command import until

ATTEMPTS = Query(select(attempts))
BEATS = Query(select(beats))


@pytest.fixture
def letters(journal, place):
    """Submit so many tasks that an agent ends within a moment."""
    hire_built_in(journal, place, actor="test")

    def submit_letters(count: int):
        task = {"category": "Content Generation", "kind": "generate", "inputs": {"template": "x"}}
        work = read_work({"tasks": [task | {"title": f"letter {number}"} for number in range(count)]})
        return submit(journal, work, settings=place, actor="test", source="test")

    return submit_letters


def sign(journal, *, lasts_us=60_000_000):
    """Give the sign of life of a shift that stands by."""
    with journal.write("test") as tx:
        give(tx, Beat(name="open:s", holder="s", until=tx.now + lasts_us))


def test_it_works_until_a_shift_lives_and_hands_over_with_nothing_left_running(journal, place, letters):
    letters(20)
    with ThreadPoolExecutor() as threads:
        made = threads.submit(work, journal, place, threading.Event())
        until(lambda: counts(journal) == {"done": 20}, "the end of all tasks")
        assert living_shifts(journal) == set(), "the reserve counts as no shift, so another is asked for"
        sign(journal)
        assert made.result(timeout=30) == 20
    with journal.look() as view:
        assert {(row["state"], row["run_id"]) for row in view.rows(ATTEMPTS)} == {("succeeded", None)}
        assert {row["name"] for row in view.rows(BEATS)} == {"open:s"}, "it left its lane to the shift"


def test_it_takes_nothing_while_a_shift_lives_and_takes_over_when_that_died(journal, place, letters):
    sign(journal)
    letters(3)
    over = threading.Event()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(stand_by, journal, place, over)
        try:
            assert not over.wait(2)
            assert counts(journal) == {"ready": 3}
            sign(journal, lasts_us=1)
            until(lambda: counts(journal) == {"done": 3}, "the end of all tasks")
        finally:
            over.set()
        waiting.result(timeout=30)


def test_it_leaves_the_first_work_to_prefect_and_so_does_a_shift_that_handed_over(journal, place, letters):
    sign(journal)
    with journal.write("test") as tx:
        stop(tx, "open:s", "s")
    letters(1)
    over = threading.Event()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(stand_by, journal, place, over)
        assert not over.wait(2)
        assert counts(journal) == {"ready": 1}
        over.set()
        waiting.result(timeout=30)
