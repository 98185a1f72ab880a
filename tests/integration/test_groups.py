"""Groups and joins through the ledger: what waits for what, and what is expected of it."""

import pytest

from models.errors import Invalid, NotFound
from tasks.act import cancel
from tasks.groups import ENOUGH, group_detail, list_groups
from tasks.submit import submit
from tasks.work import read_work
from tests.scheduling import WORK, Clockwork


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place)


def send(clockwork, *tasks, client=None):
    return submit(clockwork.journal, read_work({"tasks": list(tasks)}), settings=clockwork.settings, actor="user:ann", source="test", client=client)


def step(ref, *needs, **more):
    return WORK | {"ref": ref, "title": f"step {ref}", "needs": [{"task": one} for one in needs]} | more


def states(clockwork):
    return {task["ref"]: task["outcome"] or task["state"] for task in clockwork.tasks()}


def test_a_task_that_needs_any_starts_with_the_first(clockwork):
    answer = send(clockwork, step("a"), step("b", start_at="2027-01-01T00:00:00Z"), step("c", "a", "b", join="any"), step("d", "a", "b"))
    assert "or one of 1 more" in answer["tasks"][2]["why"]
    clockwork.work_off()
    assert states(clockwork) == {"a": "succeeded", "b": "waiting", "c": "succeeded", "d": "waiting"}


def test_a_task_that_needs_any_ends_with_the_last_that_fails(clockwork):
    answer = send(clockwork, step("a", start_at="2027-01-01T00:00:00Z"), step("b", start_at="2027-01-01T00:00:00Z"), step("c", "a", "b", join="any"))
    ids = [task["id"] for task in answer["tasks"]]
    cancel(clockwork.journal, ids[0], actor="user:ann")
    assert states(clockwork)["c"] == "waiting"
    cancel(clockwork.journal, ids[1], actor="user:ann")
    assert states(clockwork)["c"] == "cancelled"
    assert "the last of 2" in clockwork.tasks()[2]["why"]


def test_inputs_of_a_task_that_needs_any_cannot_count_on_one(clockwork):
    fetch = {
        "category": "Data Processing",
        "kind": "query",
        "inputs": {"files": {"t": {"$artifact": {"task": "a", "name": "x.csv"}}}, "sql": "SELECT 1"},
    }
    send(clockwork, step("a"), step("b", "a") | fetch)
    with pytest.raises(Invalid, match="not among the tasks that this one needs"):
        send(clockwork, step("a"), step("b"), step("c", "a", "b", join="any") | fetch)


def test_a_task_can_need_the_latest_fire_of_a_schedule(clockwork):
    with pytest.raises(Invalid, match="no such schedule, or it has not fired yet"):
        send(clockwork, WORK | {"needs": [{"schedule": "daily"}]})
    clockwork.create(work={"tasks": [step("x"), step("y", "x")]})
    clockwork.at("2026-05-04T10:00:00")
    fired = [task["id"] for task in clockwork.tasks()]
    answer = send(clockwork, WORK | {"needs": [{"schedule": "daily"}]})
    assert fired[0] in answer["tasks"][0]["why"]
    assert clockwork.work_off() == 3
    with pytest.raises(Invalid, match="no such schedule"):
        send(clockwork, WORK | {"needs": [{"schedule": "daily"}]}, client="acme")


@pytest.mark.parametrize("need", [{}, {"task": "a", "schedule": "daily"}])
def test_a_need_names_one_thing(need):
    with pytest.raises(Invalid, match="name a task or a schedule"):
        read_work(WORK | {"needs": [need]})


def test_a_group_tells_its_state_its_path_and_its_end(clockwork):
    for _ in range(ENOUGH):  # each took 20 s
        send(clockwork, step("past"))
    twenty_seconds(clockwork)
    group_id = send(clockwork, step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))["group_id"]
    found = group_detail(clockwork.journal, group_id)
    assert found["group"] | {"critical": None} == {
        "id": group_id, "state": "waiting", "outcome": None, "tasks": 4, "done": 0, "expected_end_at": clockwork.now + 60_000_000, "critical": None,
    }  # fmt: skip
    assert [names(found)[one] for one in found["group"]["critical"]] in (["a", "b", "d"], ["a", "c", "d"])
    clockwork.work_off()
    found = group_detail(clockwork.journal, group_id)
    assert (found["group"]["state"], found["group"]["outcome"], found["group"]["done"]) == ("done", "succeeded", 4)
    (row,) = list_groups(clockwork.journal)
    assert (row["group_id"], row["state"], row["done"], row["tasks"], row["title"]) == (group_id, "done", 4, 4, "step a")


def test_too_few_past_tasks_tell_nothing(clockwork):
    group_id = send(clockwork, step("a"), step("b", "a"))["group_id"]
    found = group_detail(clockwork.journal, group_id)
    assert found["group"]["expected_end_at"] is None
    assert [task["expected_end_at"] for task in found["tasks"]] == [None, None]


def test_a_client_sees_its_own_groups(clockwork):
    group_id = send(clockwork, step("a"), step("b", "a"), client="acme")["group_id"]
    assert len(list_groups(clockwork.journal, client="acme")) == 1
    assert list_groups(clockwork.journal, client="other") == []
    with pytest.raises(NotFound, match=f"no group '{group_id}'"):
        group_detail(clockwork.journal, group_id, client="other")


def names(found):
    return {task["id"]: task["ref"] for task in found["tasks"]}


def twenty_seconds(clockwork):
    """Work off what is ready; each attempt takes twenty seconds."""
    from tasks.claim import claim
    from tasks.perform import Ended, record_end
    from tasks.router import Router
    from tests.scheduling import LANE

    while claims := claim(clockwork.journal, shift_id=LANE.holder, lane=LANE.name, free=100, router=Router(clockwork.journal)):
        clockwork.now += 20_000_000
        for one in claims:
            record_end(clockwork.journal, one, Ended(state="succeeded"))
