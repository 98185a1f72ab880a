"""A shift and its agents: one that does not listen, and those that are held up."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from sqlalchemy import select

from agents import registry
from models.errors import IllegalMove
from store.query import Query
from store.schema import attempts, tasks
from tasks.act import cancel, pause, resume
from tasks.beats import Beat, give
from tasks.claim import claim as claim_tasks
from tasks.read import counts, get_task
from tasks.reap import reap
from tasks.router import Router
from tasks.shift import Shift
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.command import until
from tests.factories import task_row
from tests.scheduling import WORK

ATTEMPTS = Query(select(attempts))


def test_an_agent_that_does_not_heed_its_cancellation_is_given_up_after_the_grace(journal, place, monkeypatch):
    hire_built_in(journal, place, actor="test")
    settings = place.model_copy(update={"dispatch": place.dispatch.model_copy(update={"cancel_s": 0.3})})
    over = threading.Event()

    class Deaf:
        def perform(self, _job, _control):
            over.wait(60)

    monkeypatch.setattr(registry, "make", lambda _kind, _fetch: Deaf())
    task_id = submit(journal, read_work(WORK), settings=place, actor="test", source="test")["tasks"][0]["id"]
    with ThreadPoolExecutor() as threads, Shift(journal, settings) as shift:
        try:
            (claim,) = until(lambda: shift.claims(0), "the claim")
            threads.submit(shift.attempt(claim).perform)
            cancel(journal, task_id, actor="user:ann", why="too late")
            until(lambda: shift.claims(1) == [] and counts(journal) == {"done": 1}, "the end")
        finally:
            over.set()
    with journal.look() as view:
        task, (attempt,) = get_task(view, task_id), view.rows(ATTEMPTS)
    assert (task["outcome"], task["why"]) == ("cancelled", "cancelled by user:ann: too late")
    assert (attempt["state"], attempt["error"]) == ("cancelled", "was asked to stop and did not within 0.3 s")


def test_a_task_is_held_up_while_it_runs_and_goes_on(journal, place):
    """A real process counts; while it is held up, the count stands still, and its time too."""
    hire_built_in(journal, place, actor="test")
    count = {"command": ["sh", "-c", "for n in $(seq 40); do echo $n > count; sleep 0.1; done"], "outputs": ["count"]}
    task = {"title": "count", "category": "Custom Workflows", "kind": "shell", "inputs": count, "timeout_s": 20}
    task_id = submit(journal, read_work(task), settings=place, actor="test", source="test")["tasks"][0]["id"]
    with ThreadPoolExecutor() as threads, Shift(journal, place) as shift:
        (claim,) = until(lambda: shift.claims(0), "the claim")
        threads.submit(shift.attempt(claim).perform)
        file = place.work / claim.attempt_id / "count"
        until(lambda: file.exists() and file.read_text().strip(), "the first number")
        pause(journal, task_id, actor="user:ann", why="tea")
        until(lambda: shift.claims(1) == [] and _stands_still(), "the pause")
        seen = file.read_text()
        time.sleep(1)
        assert file.read_text() == seen
        with pytest.raises(IllegalMove, match="is paused already"):
            pause(journal, task_id, actor="user:ann")
        resume(journal, task_id, actor="user:ann")
        until(lambda: shift.claims(1) == [] and counts(journal) == {"done": 1}, "the end")
    with journal.look() as view:
        task = get_task(view, task_id)
    assert (task["outcome"], task["hold_at"]) == ("succeeded", None)
    assert task["held_us"] >= 1_000_000


def _family():
    return [child for child in psutil.Process().children(recursive=True) if child.name() in {"bwrap", "sh", "sleep"}]


def _stands_still():
    with contextlib.suppress(psutil.NoSuchProcess):
        family = _family()
        ended = [child for child in family if child.status() == psutil.STATUS_ZOMBIE]  # its parent stands still and cannot take note
        return len(family) > len(ended) and {child.status() for child in family if child not in ended} == {psutil.STATUS_STOPPED}
    return False


def test_a_task_that_is_held_up_can_be_cancelled(journal, place):
    hire_built_in(journal, place, actor="test")
    task = {"title": "sleep", "category": "Custom Workflows", "kind": "shell", "inputs": {"command": ["sleep", "600"]}}
    task_id = submit(journal, read_work(task), settings=place, actor="test", source="test")["tasks"][0]["id"]
    with ThreadPoolExecutor() as threads, Shift(journal, place) as shift:
        (claim,) = until(lambda: shift.claims(0), "the claim")
        threads.submit(shift.attempt(claim).perform)
        until(_family, "the process")
        pause(journal, task_id, actor="user:ann")
        until(lambda: shift.claims(1) == [] and _stands_still(), "the pause")
        cancel(journal, task_id, actor="user:ann")
        until(lambda: shift.claims(1) == [] and counts(journal) == {"done": 1}, "the end")
    with journal.look() as view:
        assert get_task(view, task_id)["outcome"] == "cancelled"


def test_work_that_runs_elsewhere_cannot_be_held_up(journal, place):
    with journal.write("test") as tx:
        tx.create(tasks, task_row(id="t_1", state="running", kind="prefect", attempt_id="x_1"), "task.submitted")
    with pytest.raises(IllegalMove, match="runs elsewhere"):
        pause(journal, "t_1", actor="user:ann")


def test_a_task_that_was_held_up_when_its_process_died_stays_paused(journal, place):
    hire_built_in(journal, place, actor="test")
    task_id = submit(journal, read_work(WORK), settings=place, actor="test", source="test")["tasks"][0]["id"]
    with journal.write("test") as tx:
        give(tx, Beat(name="lane:0", holder="s", until=tx.now + 60_000_000))
    claim_tasks(journal, shift_id="s", lane="lane:0", free=1, router=Router(journal))
    pause(journal, task_id, actor="user:ann", why="tea")
    reap(journal, actor="test", lost_most=3)
    with journal.look() as view:
        task = get_task(view, task_id)
    assert task["state"] == "paused"
    assert task["why"] == "paused by user:ann: tea; meanwhile the process that worked on it died"
