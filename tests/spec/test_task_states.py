"""The state machine of a task, whole: what every event does in every state."""

from pathlib import Path

import pytest

from models.errors import IllegalMove
from models.task import MOVES, Condition, Outcome, State, diagram, met, target_of

ABSENT = None
TABLE = {
    # event            absent     waiting    ready      running    review     paused     done
    "task.submitted": ("waiting", "-", "-", "-", "-", "-", "-"),
    "task.released": ("-", "ready", "-", "-", "-", "-", "-"),
    "task.questioned": ("-", "review", "-", "-", "-", "-", "-"),
    "task.reviewed": ("-", "-", "-", "-", "waiting", "-", "-"),
    "task.unrouted": ("-", "-", "waiting", "-", "-", "-", "-"),
    "task.started": ("-", "-", "running", "-", "-", "-", "-"),
    "task.retried": ("-", "-", "-", "waiting", "-", "-", "-"),
    "task.returned": ("-", "-", "-", "ready", "-", "-", "-"),
    "task.presented": ("-", "-", "-", "review", "-", "-", "-"),
    "task.rejected": ("-", "-", "-", "-", "waiting", "-", "-"),
    "task.paused": ("-", "paused", "paused", "-", "paused", "-", "-"),
    "task.resumed": ("-", "-", "-", "-", "-", "waiting", "-"),
    "task.finished": ("-", "done", "done", "done", "done", "done", "-"),
    "task.reopened": ("-", "-", "-", "-", "-", "-", "waiting"),
}
STATES = (ABSENT, *State)


def test_the_table_names_every_event_and_every_state():
    assert TABLE.keys() == MOVES.keys()
    assert [str(state) for state in State] == ["waiting", "ready", "running", "review", "paused", "done"]


@pytest.mark.parametrize(
    ("kind", "state", "target"),
    [(kind, state, target) for kind, targets in TABLE.items() for state, target in zip(STATES, targets, strict=True)],
)
def test_every_event_in_every_state(kind, state, target):
    if target == "-":
        with pytest.raises(IllegalMove):
            target_of(kind, state)
    else:
        assert target_of(kind, state) == target


def test_from_every_state_a_task_can_reach_its_end():
    reached = {State.DONE}
    while grown := {source for move in MOVES.values() if move.target in reached for source in move.sources} - reached:
        reached |= grown
    assert reached == set(State)


def test_the_picture_in_the_documents_is_drawn_from_the_table():
    document = Path(__file__).parents[2] / "docs" / "task-states.md"
    assert f"```mermaid\n{diagram()}```" in document.read_text()


@pytest.mark.parametrize(
    ("condition", "succeeded", "failed", "cancelled", "expired"),
    [("success", True, False, False, False), ("end", True, True, True, True), ("failure", False, True, False, True)],
)
def test_what_meets_a_condition(condition, succeeded, failed, cancelled, expired):
    assert [met(condition, outcome) for outcome in Outcome] == [succeeded, failed, cancelled, expired]
    assert met(Condition(condition), None) is None
