"""One deed on many tasks: seen before, done at once, taken back."""

import pytest

from models.errors import Conflict, IllegalMove, Invalid, NotFound
from tasks.act import cancel, reassign
from tasks.bulk import MOST, list_bulks, perform, preview, read_bulk, undo
from tasks.submit import submit
from tasks.work import read_work
from tests.scheduling import WORK, Clockwork


@pytest.fixture
def clockwork(journal, place):
    clockwork = Clockwork(journal, place)
    for client, count in (("acme", 3), ("other", 2)):
        send(clockwork, *[WORK | {"client": client, "title": f"{client} {number}"} for number in range(count)])
        clockwork.now += 1_000_000  # so that ids list them in this order
    return clockwork


def send(clockwork, *tasks):
    return submit(clockwork.journal, read_work({"tasks": list(tasks)}), settings=clockwork.settings, actor="user:ann", source="test")


def do(clockwork, deed, *, filters=None, **more):
    wanted = read_bulk({"deed": deed, "filters": filters or {"client": "acme"}} | more)
    return perform(clockwork.journal, wanted, actor="user:ann")


def states(clockwork, client="acme"):
    return [task["outcome"] or task["state"] for task in clockwork.tasks() if task["client"] == client]


def test_a_preview_shows_what_would_be_touched_and_touches_nothing(clockwork):
    cancel(clockwork.journal, clockwork.tasks()[0]["id"], actor="user:ann")
    head = clockwork.journal.head()
    found = preview(clockwork.journal, read_bulk({"deed": "cancel", "filters": {"client": "acme"}}))
    assert (found["count"], found["left"], found["states"], found["clients"]) == (2, 1, {"ready": 2}, {"acme": 2})
    assert [row["title"] for row in found["sample"]] == ["acme 1", "acme 2"]
    assert clockwork.journal.head() == head


@pytest.mark.parametrize(
    ("deed", "more", "after", "restored"),
    [
        ("cancel", {}, ["cancelled"] * 3, ["ready"] * 3),
        ("pause", {}, ["paused"] * 3, ["ready"] * 3),
        ("reprioritise", {"priority": 7}, ["ready"] * 3, ["ready"] * 3),
        ("reassign", {"agent": "python-1"}, ["ready"] * 3, ["ready"] * 3),
    ],
)
def test_a_deed_is_done_to_those_that_fit_and_taken_back(clockwork, deed, more, after, restored):
    before = [(task["state"], task["priority"], task["wanted_agent"], task["queue_key"]) for task in clockwork.tasks()]
    row = do(clockwork, deed, why="a fair", **more)
    assert (row["count"], states(clockwork), states(clockwork, "other")) == (3, after, ["ready"] * 2)
    if deed in {"reprioritise", "reassign"}:
        changed = [(task["priority"], task["wanted_agent"]) for task in clockwork.tasks() if task["client"] == "acme"]
        assert changed == [(more.get("priority", 0), more.get("agent"))] * 3
    assert undo(clockwork.journal, row["id"], actor="user:ann")["restored"] == 3
    assert states(clockwork) == restored
    if deed in {"reprioritise", "reassign"}:
        assert [(task["state"], task["priority"], task["wanted_agent"], task["queue_key"]) for task in clockwork.tasks()] == before
    with pytest.raises(IllegalMove, match="taken back already"):
        undo(clockwork.journal, row["id"], actor="user:ann")


def test_what_was_paused_is_resumed_and_paused_again(clockwork):
    do(clockwork, "pause")
    row = do(clockwork, "resume")
    assert states(clockwork) == ["ready"] * 3
    undo(clockwork.journal, row["id"], actor="user:ann")
    assert states(clockwork) == ["paused"] * 3


def test_what_failed_is_tried_again(clockwork):
    do(clockwork, "cancel")
    row = do(clockwork, "retry", filters={"outcome": "cancelled"})
    assert states(clockwork) == ["ready"] * 3
    undo(clockwork.journal, row["id"], actor="user:ann")
    assert states(clockwork) == ["cancelled"] * 3


def test_what_moved_on_since_is_left_alone(clockwork):
    row = do(clockwork, "pause")
    first = clockwork.tasks()[0]["id"]
    cancel(clockwork.journal, first, actor="user:bob")
    assert undo(clockwork.journal, row["id"], actor="user:ann")["restored"] == 2
    assert states(clockwork) == ["cancelled", "ready", "ready"]


def test_it_can_be_taken_back_for_ten_minutes(clockwork):
    row = do(clockwork, "pause")
    assert list_bulks(clockwork.journal)[0]["undo_until_at"] == clockwork.now + 600_000_000
    clockwork.now += 601_000_000
    assert list_bulks(clockwork.journal)[0]["undo_until_at"] is None
    with pytest.raises(IllegalMove, match="can no longer be taken back"):
        undo(clockwork.journal, row["id"], actor="user:ann")


def test_tasks_that_end_with_another_count_once(clockwork):
    chain = [WORK | {"ref": "a", "client": "chain"}, WORK | {"ref": "b", "client": "chain", "needs": [{"task": "a"}]}]
    send(clockwork, *chain)
    row = do(clockwork, "cancel", filters={"client": "chain"})
    assert (row["count"], states(clockwork, "chain")) == (1, ["cancelled", "cancelled"])
    assert undo(clockwork.journal, row["id"], actor="user:ann")["restored"] == 1
    assert states(clockwork, "chain") == ["ready", "waiting"]


def test_other_tasks_than_were_seen_are_not_touched(clockwork):
    with pytest.raises(Conflict, match="3 tasks fit by now, not 2"):
        do(clockwork, "cancel", count=2)
    assert states(clockwork) == ["ready"] * 3


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ({"deed": "cancel", "filters": {}}, Invalid, "at least one filter"),
        ({"deed": "cancel"}, Invalid, "filters"),
        ({"deed": "delete", "filters": {"client": "acme"}}, Invalid, "deed"),
        ({"deed": "cancel", "filters": {"colour": "red"}}, Invalid, "colour"),
        ({"deed": "cancel", "filters": {"category": "Gardening"}}, Invalid, "Gardening"),
        ({"deed": "cancel", "filters": {"client": "a\0"}}, Invalid, "cannot be stored"),
        ({"deed": "cancel", "filters": {"client": "acme"}, "priority": 5}, Invalid, "priority"),
        ({"deed": "reprioritise", "filters": {"client": "acme"}}, Invalid, "priority"),
        ({"deed": "reprioritise", "filters": {"client": "acme"}, "priority": 5000}, Invalid, "priority"),
        ({"deed": "cancel", "filters": {"client": "acme"}, "agent": "python-1"}, Invalid, "agent"),
        ({"deed": "reassign", "filters": {"client": "acme"}, "agent": "nobody-1"}, NotFound, "nobody-1"),
        ({"deed": "reassign", "filters": {"client": "acme"}, "agent": "query-1"}, Invalid, "is of kind query, the task's inputs are for python"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(clockwork, data, error, said):
    head = clockwork.journal.head()
    with pytest.raises(error, match=said):
        perform(clockwork.journal, read_bulk(data), actor="user:ann")
    assert clockwork.journal.head() == head


def test_more_than_can_be_done_at_once_is_refused(clockwork):
    send(clockwork, *[WORK | {"client": "acme"} for _ in range(MOST - 2)])
    with pytest.raises(Invalid, match="more than 1000 tasks fit"):
        preview(clockwork.journal, read_bulk({"deed": "cancel", "filters": {"client": "acme"}}))


def test_a_task_is_given_to_another_agent_until_it_runs(clockwork):
    first = clockwork.tasks()[0]["id"]
    assert reassign(clockwork.journal, first, "python-1", actor="user:ann")["wanted_agent"] == "python-1"
    assert reassign(clockwork.journal, first, None, actor="user:ann")["wanted_agent"] is None
    clockwork.work_off()
    with pytest.raises(IllegalMove, match="is done"):
        reassign(clockwork.journal, first, None, actor="user:ann")
