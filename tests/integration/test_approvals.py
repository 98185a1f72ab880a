"""Approvals before the start and before delivery: given, refused, handed on, expired."""

import pytest

from models.errors import Forbidden, IllegalMove, Invalid
from tasks.act import cancel, pause, retry
from tasks.approvals import approve, delegate, reject
from tasks.review import review
from tasks.submit import submit
from tasks.users import add_user
from tasks.work import read_work
from tests.scheduling import WORK, Clockwork

PASSWORD = "correct horse battery"


@pytest.fixture
def clockwork(journal, place):
    clockwork = Clockwork(journal, place)
    for name, role in (("ann", "admin"), ("oli", "operator"), ("bob", "operator"), ("lyn", "analyst")):
        add_user(journal, name, role, PASSWORD, actor="test")
    return clockwork


def send(clockwork, **changes):
    work = read_work(WORK | changes)
    return submit(clockwork.journal, work, settings=clockwork.settings, actor="user:ann", source="test")["tasks"][0]["id"]


def the_task(clockwork):
    return clockwork.tasks()[0]


def test_a_result_is_delivered_when_it_is_accepted(clockwork):
    task_id = send(clockwork, delivery=True)
    clockwork.work_off()
    task = the_task(clockwork)
    assert (task["state"], task["reason"], task["why"], task["finished_at"]) == (
        "review", "approval", "waits for an operator to accept its result", None,
    )  # fmt: skip
    row = approve(clockwork.journal, task_id, actor="user:oli", note="well done")
    assert (row["outcome"], row["why"], row["result"]) == ("succeeded", "user:oli accepted the result: well done", "{}")
    assert clockwork.journal.events(0, 10**6)[-2].facts["note"] == "well done"
    with pytest.raises(IllegalMove, match="waits for no approval"):
        approve(clockwork.journal, task_id, actor="user:oli")


def test_what_needs_a_delivered_result_waits_for_it(clockwork):
    tasks = [WORK | {"ref": "a", "delivery": True}, WORK | {"ref": "b", "needs": [{"task": "a"}]}]
    submit(clockwork.journal, read_work({"tasks": tasks}), settings=clockwork.settings, actor="user:ann", source="test")
    assert clockwork.work_off() == 1
    approve(clockwork.journal, the_task(clockwork)["id"], actor="user:oli")
    assert clockwork.work_off() == 1


def test_a_result_that_is_rejected_is_made_again(clockwork):
    task_id = send(clockwork, delivery=True, attempts_most=1)
    clockwork.work_off()
    assert reject(clockwork.journal, task_id, actor="user:oli", note="the sums are wrong")["state"] == "ready"
    assert any("the sums are wrong" in str(event.patch.get("why")) for event in clockwork.journal.events(0, 10**6))
    clockwork.work_off()
    assert approve(clockwork.journal, task_id, actor="user:oli")["attempts"] == 2


def test_a_start_that_is_refused_ends_the_task(clockwork):
    task_id = send(clockwork, approval=True)
    row = reject(clockwork.journal, task_id, actor="user:oli", note="too dear")
    assert (row["outcome"], row["why"]) == ("cancelled", "user:oli did not approve it: too dear")


def test_a_rejection_says_why(clockwork):
    task_id = send(clockwork, approval=True)
    with pytest.raises(Invalid, match="say why"):
        reject(clockwork.journal, task_id, actor="user:oli", note=" ")


@pytest.mark.parametrize("kind", ["approval", "delivery"])
def test_only_the_one_who_is_asked_or_an_administrator_approves_until_it_is_handed_on(clockwork, kind):
    task_id = send(clockwork, approver="oli", **{kind: True})
    if kind == "delivery":
        clockwork.work_off()
    assert "oli" in the_task(clockwork)["why"]
    for act in (approve, reject):
        with pytest.raises(Forbidden, match="this approval is oli's"):
            act(clockwork.journal, task_id, actor="user:bob", note="x", anyone=False)
    with pytest.raises(Forbidden, match="this approval is oli's"):
        delegate(clockwork.journal, task_id, "bob", actor="user:bob", anyone=False)
    delegate(clockwork.journal, task_id, "bob", actor="user:oli", anyone=False)
    assert "bob" in the_task(clockwork)["why"]
    approve(clockwork.journal, task_id, actor="user:bob", anyone=False)
    task_id = send(clockwork, approver="oli", approval=True)
    assert approve(clockwork.journal, task_id, actor="user:ann", anyone=True)["approval"] == "given"


@pytest.mark.parametrize("name", ["nobody", "lyn"])
def test_only_who_may_approve_is_asked(clockwork, name):
    head = clockwork.journal.head()
    with pytest.raises(Invalid, match=f"'{name}' cannot approve"):
        send(clockwork, approval=True, approver=name)
    assert clockwork.journal.head() == head
    task_id = send(clockwork, approval=True)
    with pytest.raises(Invalid, match=f"'{name}' cannot approve"):
        delegate(clockwork.journal, task_id, name, actor="user:ann")


@pytest.mark.parametrize("kind", ["approval", "delivery"])
def test_an_approval_that_nobody_gives_expires_and_can_be_asked_for_again(clockwork, kind):
    task_id = send(clockwork, approval_s=3600, **{kind: True})
    clockwork.work_off()
    clockwork.now += 3599_000_000
    clockwork.work_off()
    assert the_task(clockwork)["state"] != "done"
    clockwork.now += 1_000_000
    clockwork.work_off()
    task = the_task(clockwork)
    assert (task["state"], task["outcome"], task["reason"]) == ("done", "expired", "approval")
    assert "before 2026-05-04T10:59:00Z" in task["why"]
    retry(clockwork.journal, task_id, actor="user:ann")
    clockwork.work_off()
    assert the_task(clockwork)["reason"] == "approval", "it is asked for again"
    approve(clockwork.journal, task_id, actor="user:ann")
    clockwork.work_off()
    assert the_task(clockwork)["outcome"] == "succeeded"


def test_a_result_that_waits_is_neither_paused_nor_categorized_but_can_be_cancelled(clockwork):
    task_id = send(clockwork, delivery=True)
    clockwork.work_off()
    with pytest.raises(IllegalMove, match="accepted or rejected"):
        pause(clockwork.journal, task_id, actor="user:ann")
    with pytest.raises(IllegalMove, match="accepted or rejected"):
        review(clockwork.journal, task_id, "Web Scraping", actor="user:ann")
    assert cancel(clockwork.journal, task_id, actor="user:ann")["outcome"] == "cancelled"
