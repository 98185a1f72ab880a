"""Submitting: what is wrong is named, and then nothing is written."""

import json

import pytest
from sqlalchemy import select

from models.errors import Conflict, CycleFound, Invalid
from store import schema
from store.query import Query
from tasks.read import task_detail
from tasks.submit import submit
from tasks.work import read_work
from tests.factories import agent_row

TASK = {"title": "Add up", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}
TASKS = Query(select(schema.tasks).order_by(schema.tasks.c.id))


def send(journal, place, data, **more):
    return submit(journal, read_work(data), settings=place, actor="user:ann", source="test", **more)


def rows(journal):
    with journal.look() as view:
        return view.rows(TASKS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "title"),
        ({"title": 5}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"category": "Gardening"}, "unknown category 'Gardening'; there are Web Scraping"),
        ({"kind": "oracle"}, "no kind of agent named 'oracle'"),
        ({"agent": "nobody-1"}, "there is no agent 'nobody-1'"),
        ({"inputs": {}}, "fit no kind of agent"),
        ({"inputs": {"function": "x"}}, "fit no kind of agent"),
        ({"kind": "python", "inputs": {"function": "x"}}, "inputs.function"),
        ({"price_cents": -1}, "price_cents"),
        ({"price_cents": 9.5}, "price_cents"),
        ({"price_cents": True}, "price_cents"),
        ({"price_cents": "12"}, "price_cents"),
        ({"currency": "euro"}, "currency"),
        ({"deadline_at": "2099-01-01T00:00:00"}, "deadline_at"),
        ({"deadline_at": "2001-01-01T00:00:00Z"}, "deadline has passed"),
        ({"needs": [{"task": "t_unknown"}]}, "needs 't_unknown', which is neither"),
        ({"needs": [{"task": "x", "condition": "maybe"}]}, "condition"),
        ({"surprise": 1}, "surprise"),
        ({"kind": "query", "inputs": {"files": {"a": {"$file": "../pyproject.toml"}}, "sql": "SELECT 1"}}, "no file '../pyproject.toml'"),
        ({"kind": "query", "inputs": {"files": {"a": {"$file": "/etc/passwd"}}, "sql": "SELECT 1"}}, "no file '/etc/passwd'"),
        ({"kind": "query", "inputs": {"files": {"a": {"$artifact": "f_unknown"}}, "sql": "SELECT 1"}}, "no artifact 'f_unknown'"),
        ({"kind": "query", "inputs": {"files": {"a": "/etc/passwd"}, "sql": "SELECT 1"}}, "files"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(journal, place, change, words):
    with pytest.raises(Invalid, match=words.replace("(", r"\(")):
        send(journal, place, TASK | change)
    assert journal.head() == 0
    assert rows(journal) == []


def test_one_bad_task_refuses_the_whole_work(journal, place):
    with pytest.raises(Invalid, match=r"tasks\.1 \(bad\)"):
        send(journal, place, {"tasks": [TASK, TASK | {"ref": "bad", "category": "Gardening"}]})
    assert journal.head() == 0


def test_a_circle_is_refused_with_its_path(journal, place):
    circle = [TASK | {"ref": ref, "needs": [{"task": needs}]} for ref, needs in (("a", "b"), ("b", "c"), ("c", "a"))]
    with pytest.raises(CycleFound, match=r"circle: (a → b → c → a|b → c → a → b|c → a → b → c)"):
        send(journal, place, {"tasks": circle})
    assert journal.head() == 0


def test_two_tasks_may_not_share_a_ref(journal, place):
    with pytest.raises(Invalid, match="two tasks have the ref 'a'"):
        send(journal, place, {"tasks": [TASK | {"ref": "a"}, TASK | {"ref": "a"}]})


def test_a_key_sent_again_gives_the_same_answer_and_writes_nothing(journal, place):
    first = send(journal, place, TASK, key="k1")
    head = journal.head()
    assert send(journal, place, TASK, key="k1") == first
    assert journal.head() == head


def test_a_key_used_for_another_body_is_refused(journal, place):
    send(journal, place, TASK, key="k1")
    head = journal.head()
    with pytest.raises(Conflict, match="Idempotency-Key"):
        send(journal, place, TASK | {"price_cents": 5}, key="k1")
    assert journal.head() == head


def test_tasks_of_one_work_wait_for_each_other(journal, place):
    answer = send(journal, place, {"tasks": [TASK | {"ref": "b", "needs": [{"task": "a"}]}, TASK | {"ref": "a"}]})
    b, a = answer["tasks"]
    assert (a["ref"], a["state"]) == ("a", "ready")
    assert (b["state"], b["why"]) == ("waiting", f"waits for task {a['id']} to succeed")


def test_the_artifact_of_a_task_that_is_not_needed_cannot_be_used(journal, place):
    uses = {
        "kind": "query",
        "inputs": {"files": {"a": {"$artifact": {"task": "a", "name": "x.csv"}}}, "sql": "SELECT 1"},
        "category": "Data Processing",
    }
    with pytest.raises(Invalid, match="not among the tasks that this one needs"):
        send(journal, place, {"tasks": [TASK | {"ref": "a"}, TASK | uses]})


def test_names_of_a_work_become_ids_in_its_references(journal, place):
    uses = {
        "kind": "query",
        "inputs": {"files": {"a": {"$artifact": {"task": "a", "name": "x.csv"}}}, "sql": "SELECT 1"},
        "category": "Data Processing",
    }
    answer = send(journal, place, {"tasks": [TASK | {"ref": "a"}, TASK | uses | {"needs": [{"task": "a"}]}]})
    stored = json.loads(rows(journal)[1]["inputs"])
    assert stored["files"]["a"]["$artifact"]["task"] == answer["tasks"][0]["id"]


def test_a_client_submits_only_for_itself_and_sees_no_other_task(journal, place):
    other = send(journal, place, TASK | {"client": "zeta"})["tasks"][0]["id"]
    mine = send(journal, place, TASK | {"client": "zeta"}, client="acme")["tasks"][0]["id"]
    assert {row["id"]: row["client"] for row in rows(journal)} == {other: "zeta", mine: "acme"}
    with pytest.raises(Invalid, match="neither a ref"):
        send(journal, place, TASK | {"needs": [{"task": other}]}, client="acme")


def test_a_task_for_one_agent_is_for_its_kind(journal, place):
    with journal.write("test") as tx:
        tx.create(schema.agents, agent_row(id="ann", kind="shell"), "agent.added")
    with pytest.raises(Invalid, match="is of kind shell and takes no inputs of kind python"):
        send(journal, place, TASK | {"agent": "ann", "kind": "python"})


@pytest.mark.parametrize("inputs", [{"function": "a:b", "arguments": {"x": float("nan")}}, {"function": "a:b", "arguments": {"x": "\ud800"}}])
def test_inputs_that_json_cannot_hold_are_refused(journal, place, inputs):
    with pytest.raises(Invalid, match="cannot be kept as JSON"):
        send(journal, place, TASK | {"inputs": inputs})


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"])
def test_a_date_at_the_edge_of_the_calendar_is_refused(journal, place, moment):
    with pytest.raises(Invalid, match="between 1970 and 9000"):
        send(journal, place, TASK | {"deadline_at": moment})


def test_a_client_sees_of_a_task_only_what_is_its_own(journal, place):
    secret = send(journal, place, TASK | {"client": "zeta", "title": "secret merger"})["tasks"][0]["id"]
    mine = send(journal, place, TASK | {"client": "acme", "needs": [{"task": secret}]})["tasks"][0]["id"]
    assert task_detail(journal, mine, client="acme")["needs"] == []
    assert [row["id"] for row in task_detail(journal, mine)["needs"]] == [secret]
