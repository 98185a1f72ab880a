"""The schedules of the demonstration: made once, and what they submit is real work that succeeds."""

from concurrent.futures import ThreadPoolExecutor

from tasks import demo
from tasks.read import counts, list_tasks
from tasks.shift import Shift
from tasks.staff import hire_built_in
from tasks.timetable import list_schedules
from tests.command import until


def test_what_they_submit_succeeds(journal, place):
    hire_built_in(journal, place, actor="test")
    assert demo.load_schedules(journal, place, actor="test") == ["stock-list", "morning-figures", "month-end"]
    assert demo.load_schedules(journal, place, actor="test") == [], "this home has them"
    with ThreadPoolExecutor() as threads, Shift(journal, place) as shift:

        def work():
            for claim in shift.claims(0):
                threads.submit(shift.attempt(claim).perform)
            return set(counts(journal)) == {"done"}

        until(work, "the end of what was fired")
    tasks = list_tasks(journal)["items"]
    assert {(task["client"], task["outcome"]) for task in tasks} == {("Northwind Books", "succeeded"), ("Fjell & Fern", "succeeded")}
    assert len(tasks) == 4
    assert {row["state"] for row in list_schedules(journal)} == {"active"}
