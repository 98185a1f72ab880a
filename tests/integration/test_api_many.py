"""Many tasks through the API, and decisions on one: over real HTTP."""

from collections.abc import Iterator

import pytest

from tests.api_server import House, ask, housed

pytestmark = pytest.mark.slow

LETTER = {"title": "a letter", "category": "Content Generation", "kind": "generate", "inputs": {"template": "Dear {{ x }}", "values": {"x": 1}}}


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    with housed() as house:
        yield house


def submit(server, client, count=2, **more):
    tasks = [LETTER | {"client": client, "ref": str(number)} | more for number in range(count)]
    return ask(server, "POST", "/tasks", 202, json={"tasks": tasks})


def test_a_deed_is_seen_done_listed_and_taken_back(server):
    submit(server, "bulk")
    wanted = {"deed": "pause", "filters": {"client": "bulk"}, "why": "a fair"}
    seen = ask(server, "POST", "/bulk/preview", json=wanted)
    assert (seen["count"], seen["left"], seen["clients"]) == (2, 0, {"bulk": 2})
    done = ask(server, "POST", "/bulk", json=wanted | {"count": 2})
    assert (done["count"], done["state"], done["undo_until_at"][-1]) == (2, "done", "Z")
    assert "before" not in done
    assert ask(server, "GET", "/bulk", who="lyn")["items"][0]["id"] == done["id"]
    assert ask(server, "POST", f"/bulk/{done['id']}/undo")["restored"] == 2
    assert ask(server, "POST", "/bulk", 409, json=wanted | {"count": 7})["code"] == "conflict"
    assert "at least one filter" in ask(server, "POST", "/bulk", 422, json={"deed": "pause", "filters": {}})["detail"]


def test_the_queue_and_the_fleet_are_read(server):
    submit(server, "queue")
    rows = ask(server, "GET", "/queue", who="lyn")["items"]
    assert [row["place"] for row in rows] == list(range(1, len(rows) + 1))
    assert "no agent that fits is online" in rows[0]["why"]
    assert "no agent that fits is online" in ask(server, "GET", f"/tasks/{rows[0]['id']}", who="lyn")["task"]["why"]
    assert ask(server, "GET", "/fleet?hours=6", who="lyn") == {"items": []}


def test_a_group_is_read_by_whose_it_is(server):
    group_id = submit(server, "acme", 3)["group_id"]
    found = ask(server, "GET", f"/groups/{group_id}", who="cli")
    assert (found["group"]["state"], found["group"]["tasks"], len(found["group"]["critical"])) == ("waiting", 3, 1)
    assert "cost_cents" not in found["tasks"][0]
    assert [row["group_id"] for row in ask(server, "GET", "/groups", who="cli")["items"]] == [group_id]
    ask(server, "GET", f"/groups/{group_id}", 404, who="cleo")


def test_an_approval_is_handed_on_given_and_refused(server):
    first, second = (task["id"] for task in submit(server, "approve", approval=True, approver="oli")["tasks"])
    assert ask(server, "POST", f"/tasks/{first}/delegate", json={"to": "ann"})["approver"] == "ann"
    assert "ann's" in ask(server, "POST", f"/tasks/{first}/approve", 403)["detail"]
    assert ask(server, "POST", f"/tasks/{first}/approve", who="ann", json={"note": "fine"})["approval"] == "given"
    assert "say why" in ask(server, "POST", f"/tasks/{second}/reject", 422, json={"note": ""})["detail"]
    assert ask(server, "POST", f"/tasks/{second}/reject", json={"note": "too dear"})["outcome"] == "cancelled"
    assert "lyn" in ask(server, "POST", "/tasks", 422, json=LETTER | {"approval": True, "approver": "lyn"})["detail"]


def test_a_task_is_given_to_an_agent_that_there_is(server):
    (task,) = submit(server, "assign", 1)["tasks"]
    ask(server, "POST", f"/tasks/{task['id']}/agent", 404, json={"agent": "nobody-1"})
    assert ask(server, "POST", f"/tasks/{task['id']}/agent", json={"agent": None})["wanted_agent"] is None


def test_a_promise_is_told_as_an_instant(server):
    (task,) = submit(server, "due", 1, due_at="2100-01-01T02:00:00+02:00")["tasks"]
    assert ask(server, "GET", f"/tasks/{task['id']}")["task"]["due_at"] == "2100-01-01T00:00:00Z"
