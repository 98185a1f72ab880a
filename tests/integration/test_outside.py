"""Work that is done elsewhere, over the real API: given, accepted, brought, refused, declined, handed over, stopped."""

import json
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import bindparam, select

from store.query import Query
from store.schema import agents, attempts, tasks
from tasks.act import cancel, pause, resume
from tasks.staff import change_agent
from tasks.terms import AgentChange
from tests.api_server import House, ask
from tests.command import until
from tests.working import ANSWER, BRIEF, hired, shift, staffed, submitted

pytestmark = pytest.mark.slow

ATTEMPTS = Query(select(attempts).where(attempts.c.task_id == bindparam("task_id")).order_by(attempts.c.number))


@pytest.fixture(scope="module")
def served() -> Iterator[House]:
    with staffed(worker_lease_s=3600, cancel_s=0.001) as house:
        yield house


@pytest.fixture
def house(served) -> House:
    """The house with nothing to do: what an earlier test left is over."""
    with served.journal.look() as view:
        left = [row["id"] for row in view.rows(Query(select(tasks).where(tasks.c.state != "done")))]
    for task_id in left:
        cancel(served.journal, task_id, actor="test")
    shift(served)
    for agent_id in ("w-1", "w-2"):
        with served.journal.look() as view:
            kept_off = view.get(agents, agent_id)["state"] != "online"
        if kept_off:
            change_agent(served.journal, served.settings, agent_id, AgentChange(state="offline"), actor="test")
    return served


def job_of(house, who="w-1", **changes):
    """Return what an agent fetches after a task was submitted for it."""
    ask(house, "POST", "/work/claim", who=who, json={}) if who != "paula" else None
    change_agent(house.journal, house.settings, who, AgentChange(state="online"), actor="test")
    submitted(house, agent=who, **changes)
    shift(house)
    (job,) = ask(house, "POST", "/work/claim", who=who, json={"most": 5})["items"]
    return job


def say(house, job, deed, expected=200, who="w-1", **said):
    return ask(house, "POST", f"/work/{job['attempt_id']}/{deed}", expected, who, json={"fence": job["fence"]} | said)


def row_of(house, table, key):
    with house.journal.look() as view:
        return view.get(table, key)


def test_a_worker_fetches_what_it_was_given_once_and_brings_the_result(house):
    job = job_of(house, description="of *this*")
    assert (job["title"], job["description"], job["kind"], job["do"]) == ("Sum up", "of *this*", "brief", "go_on")
    assert job["inputs"]["answer"]["stars"]["most"] == 5
    assert ask(house, "POST", "/work/claim", who="w-1", json={})["items"] == []
    assert [one["accepted"] for one in ask(house, "GET", "/work", who="w-1")["items"]] == [True]
    assert say(house, job, "heartbeat") == {"do": "go_on", "why": ""}
    say(house, job, "progress", fraction=0.5, stage="reads")
    assert row_of(house, attempts, job["attempt_id"])["stage"] == "reads"
    done = say(house, job, "result", answer=ANSWER, tokens_in=7, tokens_out=0, extra_cents=12)
    assert (done["state"], done["task_state"]) == ("succeeded", "done")
    task, attempt = row_of(house, tasks, job["task_id"]), row_of(house, attempts, job["attempt_id"])
    assert (task["outcome"], task["cost_cents"], attempt["tokens_in"]) == ("succeeded", 12, 7)
    assert say(house, job, "result", answer=ANSWER, tokens_in=7, tokens_out=0, extra_cents=12) == done
    assert say(house, job, "result", 409, answer=ANSWER | {"stars": 1})["code"] == "lease-lost"


def test_an_answer_that_does_not_fit_is_refused_and_the_attempt_goes_on(house):
    job = job_of(house)
    for wrong, complaint in (({}, "summary is missing"), (ANSWER | {"stars": 6}, "stars is more than 5"), (ANSWER | {"x": 1}, "x was not asked for")):
        assert complaint in say(house, job, "result", 422, answer=wrong)["detail"]
    assert say(house, job, "result", answer=ANSWER)["state"] == "succeeded"


def test_nobody_else_and_no_wrong_number_touches_an_attempt(house):
    job = job_of(house)
    say(house, job | {"fence": job["fence"] + 1}, "heartbeat", 409)
    say(house, job, "heartbeat", 404, who="w-2")
    say(house, job, "result", 404, who="oli", answer=ANSWER)
    ask(house, "POST", f"/work/{job['attempt_id']}/heartbeat", 403, "lyn", json={"fence": 1})


def test_who_waits_is_answered_as_soon_as_something_is_given(house):
    ask(house, "POST", "/work/claim", who="w-1", json={})
    answered = []
    waiting = threading.Thread(target=lambda: answered.append(ask(house, "POST", "/work/claim", who="w-1", json={"wait_s": 30})))
    waiting.start()
    change_agent(house.journal, house.settings, "w-1", AgentChange(state="online"), actor="test")
    task_id = submitted(house, agent="w-1")
    shift(house)
    waiting.join(25)
    assert [job["task_id"] for job in answered[0]["items"]] == [task_id], "before its 30 seconds are over"


def test_files_come_with_the_work_and_go_with_the_result(house):
    uploaded = ask(house, "POST", "/files?name=note.txt", 201, content=b"well packed")
    inputs = BRIEF["inputs"] | {"files": {"note": {"$artifact": uploaded["id"]}, "books": {"$file": "data/customers.json"}}}
    job = job_of(house, inputs=inputs)
    note, books = job["inputs"]["files"]["note"], job["inputs"]["files"]["books"]
    assert (note["name"], books["name"]) == ("note.txt", "customers.json")
    assert house.ask("GET", note["$href"], "w-1").content == b"well packed"
    assert house.ask("GET", books["$href"], "w-1").status_code == 200
    assert house.ask("GET", note["$href"], "w-2").status_code == 404
    assert house.ask("GET", f"/work/{job['attempt_id']}/inputs/3", "w-1").status_code == 404
    assert say(house, job, "result", 422, answer=ANSWER, files=[uploaded["id"]])["detail"].endswith("hand it in first")
    address = f"/work/{job['attempt_id']}/files?name=sum.txt&fence={job['fence']}"
    made = ask(house, "POST", address, 201, "w-1", content=b"the sum")
    assert house.ask("GET", f"/artifacts/{made['id']}", "cli").status_code == 404, "nobody sees it before the result is accepted"
    say(house, job, "result", answer=ANSWER, files=[made["id"]])
    assert house.ask("GET", f"/artifacts/{made['id']}", "cli").content == b"the sum"
    assert house.ask("GET", note["$href"], "w-1").status_code == 404, "its work is over"


def test_what_is_declined_goes_to_somebody_else_and_counts_as_no_try(house):
    job = job_of(house, attempts_most=1)
    change_agent(house.journal, house.settings, "w-2", AgentChange(state="offline"), actor="test")
    with house.journal.write("test") as tx:
        tx.change(tasks, job["task_id"], {"wanted_agent": None}, "task.changed")
    say(house, job, "decline", why="not my field")
    assert say(house, job, "decline", why="not my field")["state"] == "declined"
    task = row_of(house, tasks, job["task_id"])
    assert (task["state"], task["attempts"] - task["lost"]) == ("ready", 0)
    assert "declined it (not my field)" in task["why"]
    shift(house)
    (mine,) = [one for one in ask(house, "GET", "/work", who="paula")["items"] if one["task_id"] == job["task_id"]]
    say(house, mine, "fail", who="paula", error="nor mine")
    assert row_of(house, tasks, job["task_id"])["outcome"] == "failed", "its only try"


def test_declined_by_everybody_it_waits_and_says_why(house):
    job = job_of(house)
    say(house, job, "decline", why="no")
    shift(house)
    task = row_of(house, tasks, job["task_id"])
    assert (task["state"], task["reason"]) == ("waiting", "no_agent")
    assert "w-1" in task["why"]


def test_work_is_handed_to_a_colleague_who_takes_such_work(house):
    job = job_of(house)
    assert "cannot take it over" in say(house, job, "decline", 422, why="x", to="w-1")["detail"]
    assert "cannot take it over" in say(house, job, "decline", 422, why="x", to="scrape-1")["detail"]
    say(house, job, "decline", 404, why="x", to="nobody")
    say(house, job, "decline", why="better you", to="paula")
    shift(house)
    assert job["task_id"] in {one["task_id"] for one in ask(house, "GET", "/work", who="paula")["items"]}


def test_a_colleague_whom_a_rule_keeps_from_it_is_refused_and_one_who_declines_leaves_it_to_others(house):
    job = job_of(house)
    hired(house.journal, "stranger", "person", skills=["Web Scraping"])
    refused = say(house, job, "decline", 422, why="x", to="stranger")["detail"]
    assert "stranger has no skill in Content Generation" in refused
    say(house, job, "decline", why="better you", to="paula")
    shift(house)
    (mine,) = [one for one in ask(house, "GET", "/work", who="paula")["items"] if one["task_id"] == job["task_id"]]
    assert "w-1 declined it" in say(house, mine, "decline", 422, who="paula", why="x", to="w-1")["detail"]
    say(house, mine, "decline", who="paula", why="nor mine")
    assert row_of(house, tasks, job["task_id"])["wanted_agent"] is None


def test_work_costs_no_more_beyond_the_price_list_than_the_task_pays(house):
    job = job_of(house, price_cents=20_000)
    assert "the most is 20000" in say(house, job, "result", 422, answer=ANSWER, extra_cents=20_001)["detail"]
    say(house, job, "result", answer=ANSWER, extra_cents=20_000)


def test_an_agent_is_told_nothing_of_the_house(house):
    job = job_of(house)
    detail = ask(house, "GET", f"/tasks/{job['task_id']}", who="w-1")
    assert "decisions" not in detail
    assert "cost_cents" not in detail["task"]
    assert all("cost_cents" not in attempt for attempt in detail["attempts"])


def test_a_cancelled_attempt_is_told_to_stop_and_ends_when_it_says_so(house):
    job = job_of(house)
    cancel(house.journal, job["task_id"], actor="user:ann", why="no need")
    assert say(house, job, "heartbeat") == {"do": "stop", "why": "cancelled by user:ann: no need"}
    assert say(house, job, "fail", error="stopped")["state"] == "cancelled"
    assert row_of(house, tasks, job["task_id"])["outcome"] == "cancelled"


def test_one_that_does_not_stop_is_given_up(house):
    job = job_of(house)
    cancel(house.journal, job["task_id"], actor="user:ann")
    until(lambda: shift(house) or row_of(house, attempts, job["attempt_id"])["state"] == "cancelled", "the end")
    say(house, job, "result", 409, answer=ANSWER)


def test_one_that_takes_too_long_is_ended_and_tried_again(house):
    job = job_of(house, timeout_s=1, backoff_s=3600)
    until(lambda: shift(house) or row_of(house, attempts, job["attempt_id"])["state"] == "timeout", "the time-out")
    task = row_of(house, tasks, job["task_id"])
    assert (task["state"], task["reason"]) == ("waiting", "backoff")
    say(house, job, "heartbeat", 409)


def test_a_pause_is_told_and_its_time_stands_still(house):
    job = job_of(house, timeout_s=1)
    pause(house.journal, job["task_id"], actor="user:ann", why="tea")
    assert say(house, job, "heartbeat") == {"do": "pause", "why": "paused by user:ann: tea"}
    shift(house)
    resume(house.journal, job["task_id"], actor="user:ann")
    assert say(house, job, "heartbeat")["do"] == "go_on"


def test_who_takes_other_inputs_too_gets_them(house):
    hired(house.journal, "w-3", config={"takes": ["query"]}, skills=["Data Processing"])
    ask(house, "POST", "/work/claim", who="w-3", json={})
    query = {"files": {"t": {"$file": "data/customers.json"}}, "sql": "SELECT 1 AS one FROM t"}
    task_id = submitted(house, category="Data Processing", inputs=query, agent="w-3")
    shift(house)
    (job,) = ask(house, "POST", "/work/claim", who="w-3", json={})["items"]
    assert (job["task_id"], job["kind"], job["inputs"]["sql"]) == (task_id, "query", query["sql"])
    assert say(house, job, "result", who="w-3", answer={"rows": 1})["state"] == "succeeded"


def test_signs_of_life_are_no_events_but_coming_and_going_is(house):
    change_agent(house.journal, house.settings, "w-1", AgentChange(state="online"), actor="test")
    ask(house, "POST", "/work/claim", who="w-1", json={})
    before = house.journal.head()
    for _ in range(3):
        ask(house, "POST", "/work/claim", who="w-1", json={})
    assert house.journal.head() == before
    change_agent(house.journal, house.settings, "w-1", AgentChange(state="offline", why="a rest"), actor="user:oli")
    ask(house, "POST", "/work/claim", who="w-1", json={})
    assert row_of(house, agents, "w-1")["reason"] == "by user:oli: a rest", "only a person brings it back"


def test_the_feed_tells_an_agent_what_it_is_given_and_nothing_of_others(house):
    with house.hear("w-1", topics=["tasks"]) as line:
        assert json.loads(line.recv(timeout=20))["type"] == "ready"
        submitted(house, agent="paula")
        shift(house)
        job = job_of(house)
        told = []
        while "attempt.started" not in [one.get("kind") for one in told]:
            told.append(json.loads(line.recv(timeout=20)))
        assert told[-1]["key"] == job["attempt_id"]


def test_who_does_not_work_has_nothing_to_do(house):
    assert ask(house, "GET", "/work", who="oli") == {"agent": None, "items": []}
    assert "does not work for the house" in ask(house, "POST", "/work/claim", 404, "oli", json={})["detail"]
