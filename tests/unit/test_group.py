"""A group's state, its critical path and its outlook, with visible arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.group import plan, standing
from tests.factories import task_row

S = 1_000_000
NOW = 1_000 * S


def done(name, start_s, end_s, outcome="succeeded"):
    return task_row(id=name, state="done", outcome=outcome, started_at=start_s * S, finished_at=end_s * S)


def waiting(name, **changes):
    return task_row(id=name, **changes)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("waiting ready", ("waiting", None)),
        ("running waiting", ("running", None)),
        ("succeeded running", ("running", None)),
        ("succeeded ready", ("waiting", None)),
        ("succeeded succeeded", ("done", "succeeded")),
        ("succeeded cancelled", ("done", "cancelled")),
        ("cancelled failed succeeded", ("done", "failed")),
        ("expired cancelled", ("done", "expired")),
    ],
)
def test_a_group_stands_where_its_tasks_stand(states, expected):
    outcomes = {"succeeded", "failed", "cancelled", "expired"}
    tasks = [{"state": "done", "outcome": word} if word in outcomes else {"state": word, "outcome": None} for word in states.split()]
    assert standing(tasks) == expected


def test_the_critical_path_is_the_longest_chain_and_the_others_have_slack():
    #  a (10 s) → b (30 s) → d (5 s)      a → c (20 s) → d: the way through c has 10 s to spare
    tasks = [done("a", 0, 10), done("b", 10, 40), done("c", 10, 30), done("d", 40, 45)]
    found = plan(tasks, [("b", "a"), ("c", "a"), ("d", "b"), ("d", "c")], {}, NOW)
    assert found.critical == ("a", "b", "d")
    assert found.slack == {"a": 0, "b": 0, "c": 10 * S, "d": 0}
    assert found.end == 45 * S


def test_what_is_to_come_begins_when_all_that_it_needs_has_ended():
    tasks = [task_row(id="a", state="running", started_at=NOW - 20 * S), waiting("b"), waiting("c")]
    found = plan(tasks, [("b", "a"), ("c", "b")], {"a": 60 * S, "b": 10 * S, "c": 5 * S}, NOW)
    assert [(one.start, one.end) for one in found.outlook.values()] == [
        (NOW - 20 * S, NOW + 40 * S),
        (NOW + 40 * S, NOW + 50 * S),
        (NOW + 50 * S, NOW + 55 * S),
    ]
    assert found.end == NOW + 55 * S


def test_a_task_that_needs_any_begins_when_the_first_has_ended():
    tasks = [waiting("a"), waiting("b"), waiting("c", needs_join="any")]
    found = plan(tasks, [("c", "a"), ("c", "b")], {"a": 60 * S, "b": 10 * S, "c": 5 * S}, NOW)
    assert found.outlook["c"].start == NOW + 10 * S


def test_what_overstays_its_usual_time_is_expected_any_moment():
    found = plan([task_row(id="a", state="running", started_at=NOW - 90 * S)], [], {"a": 60 * S}, NOW)
    assert found.end == NOW


@pytest.mark.parametrize("changes", [{"state": "paused"}, {"state": "review"}, {"reason": "approval"}, {"reason": "no_agent"}])
def test_nobody_can_say_when_a_person_will_act(changes):
    found = plan([waiting("a", **changes), waiting("b")], [("b", "a")], {"a": S, "b": S}, NOW)
    assert [(one.start, one.end) for one in found.outlook.values()] == [(None, None), (None, None)]
    assert found.end is None


def test_what_was_never_done_before_has_no_expected_end():
    found = plan([waiting("a")], [], {}, NOW)
    assert (found.outlook["a"].start, found.outlook["a"].end) == (NOW, None)


@given(st.lists(st.tuples(st.integers(0, 50), st.sets(st.integers(0, 8))), min_size=1, max_size=9))
def test_the_critical_path_is_no_shorter_than_any_chain(shape):
    tasks = [done(str(number), 0, length) for number, (length, _) in enumerate(shape)]
    edges = [(str(number), str(one)) for number, (_, needs) in enumerate(shape) for one in needs if one < number]
    found = plan(tasks, edges, {}, NOW)
    lengths = {str(number): length for number, (length, _) in enumerate(shape)}

    def longest(task_id):
        return lengths[task_id] + max((longest(needs_id) for waits, needs_id in edges if waits == task_id), default=0)

    whole = max(longest(task["id"]) for task in tasks)
    assert sum(lengths[one] for one in found.critical) == whole
    assert all((later, earlier) in edges for earlier, later in zip(found.critical, found.critical[1:], strict=False))
    assert all(found.slack[one] == 0 for one in found.critical)
    assert min(found.slack.values()) >= 0
