"""Real workers at a real server: the Python client and the example in Perl, killed, cancelled, and with a server that goes away."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, select

from clients.worker import Worker
from models.errors import Forbidden, Unauthorized
from store.query import Query
from store.schema import agents, attempts, tasks
from store.settings import PROJECT
from tasks.act import cancel, pause, resume
from tasks.staff import change_agent
from tasks.terms import AgentChange
from tests.api_server import PASSWORD, House, ask
from tests.command import until
from tests.worker_process import work
from tests.working import BRIEF, shift, staffed, submitted

pytestmark = pytest.mark.slow

ATTEMPTS = Query(select(attempts).where(attempts.c.task_id == bindparam("task_id")).order_by(attempts.c.number))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with staffed(worker_lease_s=1.5) as house:
        change_agent(house.journal, house.settings, "paula", AgentChange(state="away"), actor="test")
        yield house


@contextlib.contextmanager
def process(house, name, *command):
    """Run a worker until the block ends."""
    words = command or (sys.executable, str(PROJECT / "tests" / "worker_process.py"), house.url, name, PASSWORD)
    env = os.environ | {"PYTHONPATH": str(PROJECT), "ARBITER_PASSWORD": PASSWORD}
    worker = subprocess.Popen(words, env=env, cwd=PROJECT)
    try:
        until(lambda: shift(house) or row_of(house, agents, name)["state"] == "online", "the first sign of life")
        yield worker
    finally:
        worker.kill()
        worker.wait()
        until(lambda: shift(house) or row_of(house, agents, name)["state"] == "offline", "the silence to be noticed")


def row_of(house, table, key):
    with house.journal.look() as view:
        return view.get(table, key)


def tries(house, task_id):
    with house.journal.look() as view:
        return [(row["agent_id"], row["state"]) for row in view.rows(ATTEMPTS, task_id=task_id)]


def done(house, task_id, outcome="succeeded"):
    until(lambda: shift(house) or row_of(house, tasks, task_id)["state"] == "done", "the end")
    task = row_of(house, tasks, task_id)
    assert task["outcome"] == outcome, task["why"]
    return task


def to_do(house, do, **more):
    inputs = BRIEF["inputs"] | {"data": {"do": do} | more.pop("data", {})} | more.pop("inputs", {})
    return submitted(house, inputs=inputs, backoff_s=0, **more)


def test_a_worker_does_what_it_is_given_and_each_way_to_end_is_recorded(house):
    note = ask(house, "POST", "/files?name=note.txt", 201, content=b"well packed")["id"]
    with process(house, "w-1"):
        ends = {
            "well": to_do(house, None, agent="w-1"),
            "read": to_do(house, "read", agent="w-1", inputs={"files": {"note": {"$artifact": note}}}),
            "fail": to_do(house, "fail", agent="w-1", data={"why": "it is not there"}),
            "break": to_do(house, "break", agent="w-1", attempts_most=2),
            "misfit": to_do(house, "misfit", agent="w-1"),
        }
        assert '"stars": 3' in done(house, ends["well"])["result"]
        assert "well packed" in done(house, ends["read"])["result"]
        assert "it is not there" in done(house, ends["fail"], "failed")["why"]
        assert "ZeroDivisionError" in done(house, ends["break"], "failed")["why"]
        assert "stars is missing" in done(house, ends["misfit"], "failed")["why"]
        detail = ask(house, "GET", f"/tasks/{ends['read']}", who="w-1")
        assert [artifact["name"] for artifact in detail["artifacts"]] == ["copy.txt"]


def test_the_task_of_a_killed_worker_goes_to_another_and_its_late_result_is_refused(house):
    with process(house, "w-1") as first:
        task_id = to_do(house, "wait")
        until(lambda: shift(house) or any(row["stage"] == "waits" for row in running(house, task_id)), "its progress")
        (attempt,) = running(house, task_id)
        first.kill()
        first.wait()
        until(lambda: shift(house) or row_of(house, agents, "w-1")["state"] == "offline", "the silence to be noticed")
        assert row_of(house, agents, "w-1")["reason"].startswith("gave no sign of life since 20")
        assert tries(house, task_id) == [("w-1", "lost")]
    with process(house, "w-2"):
        until(lambda: shift(house) or any(row["stage"] == "waits" for row in running(house, task_id)), "another's progress")
        assert tries(house, task_id) == [("w-1", "lost"), ("w-2", "running")]
        late = {"fence": attempt["number"], "answer": {"summary": "late", "stars": 1}}
        assert ask(house, "POST", f"/work/{attempt['id']}/result", 409, "w-1", json=late)["code"] == "lease-lost"
        cancel(house.journal, task_id, actor="test")
        done(house, task_id, "cancelled")


def running(house, task_id):
    with house.journal.look() as view:
        return [row for row in view.rows(ATTEMPTS, task_id=task_id) if row["state"] == "running"]


def test_a_worker_declines_stops_and_pauses(house):
    with process(house, "w-1"):
        declined = to_do(house, "decline", agent="w-1", data={"why": "not my field"})
        until(lambda: shift(house) or tries(house, declined)[:1] == [("w-1", "declined")], "the refusal")
        assert "not my field" in row_of(house, tasks, declined)["why"] or "declined it" in row_of(house, tasks, declined)["why"]
        cancel(house.journal, declined, actor="test")
        task_id = to_do(house, "wait", agent="w-1")
        until(lambda: shift(house) or any(row["stage"] == "waits" for row in running(house, task_id)), "its progress")
        pause(house.journal, task_id, actor="test")
        resume(house.journal, task_id, actor="test")
        cancel(house.journal, task_id, actor="test")
        until(lambda: row_of(house, tasks, task_id)["state"] == "done", "the end, as soon as the next heartbeat is answered")
        assert tries(house, task_id) == [("w-1", "cancelled")]


def test_a_worker_goes_on_when_the_server_was_away(house):
    with process(house, "w-1"):
        house.kill()
        house.start()
        done(house, to_do(house, None, agent="w-1"))


def test_a_worker_in_another_language(house):
    perl = ("perl", str(PROJECT / "examples" / "worker.pl"), house.url, "w-2")
    with process(house, "w-2", *perl):
        answer = {"words": {"type": "integer"}, "summary": {"type": "text"}}
        inputs = {"instructions": "Count.", "data": {"review": "Late, but well packed and whole."}, "answer": answer}
        assert '"words": 6' in done(house, submitted(house, agent="w-2", inputs=inputs))["result"]
        bad = submitted(house, agent="w-2", inputs=inputs | {"data": {}})
        assert "there is no review" in done(house, bad, "failed")["why"]


def test_who_may_not_work_is_told_so_at_once(house):
    with pytest.raises(Unauthorized, match="name or password is wrong"):
        Worker(house.url, name="w-1", password="wrong password").serve(work)
    with pytest.raises(Forbidden, match="does not work for the house"):
        Worker(house.url, name="oli", password=PASSWORD).serve(work)


def test_a_worker_that_is_told_to_stop_ends(house):
    worker = Worker(house.url, name="w-1", password=PASSWORD)
    serving = threading.Thread(target=worker.serve, args=(work,))
    serving.start()
    until(lambda: row_of(house, agents, "w-1")["state"] == "online", "the first sign of life")
    worker.stop()
    serving.join(30)
    assert not serving.is_alive()
