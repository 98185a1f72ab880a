"""What a waiting task waits for, and what it does next."""

import pytest

from models.clock import MINUTE, SECOND
from models.readiness import Need, queue_key, stand
from models.task import Condition, Outcome
from tests.factories import task_row

NOW = 1_000 * SECOND


def need(condition: str, outcome: str | None) -> Need:
    return Need(task_id="t_9", condition=Condition(condition), outcome=Outcome(outcome) if outcome else None)


@pytest.mark.parametrize(
    ("changes", "needs", "kind", "reason", "wake_at"),
    [
        ({}, [], "task.released", "queue", None),
        ({"deadline_at": NOW + 5}, [], "task.released", "queue", NOW + 5),
        ({"deadline_at": NOW}, [], "task.finished", "deadline", None),
        ({"category": None}, [], None, "category", NOW),
        ({"approval": "needed"}, [], None, "approval", None),
        ({"approval": "given"}, [], "task.released", "queue", None),
        ({"start_at": NOW + 7}, [], None, "time", NOW + 7),
        ({"start_at": NOW}, [], "task.released", "queue", None),
        ({"start_at": NOW + 7, "deadline_at": NOW + 5}, [], None, "time", NOW + 5),
        ({"reason": "backoff", "wake_at": NOW + 3}, [], None, "backoff", NOW + 3),
        ({"reason": "backoff", "wake_at": NOW}, [], "task.released", "queue", None),
        ({}, [need("success", None)], None, "dependency", None),
        ({}, [need("success", "succeeded")], "task.released", "queue", None),
        ({}, [need("success", "failed")], "task.finished", "unmet", None),
        ({}, [need("success", "cancelled")], "task.finished", "unmet", None),
        ({}, [need("end", "failed")], "task.released", "queue", None),
        ({}, [need("failure", "failed")], "task.released", "queue", None),
        ({}, [need("failure", "succeeded")], "task.finished", "unmet", None),
        ({}, [need("success", None), need("success", "failed")], "task.finished", "unmet", None),
        ({"approval": "needed"}, [need("success", "failed")], "task.finished", "unmet", None),
        ({"needs_join": "any"}, [], "task.released", "queue", None),
        ({"needs_join": "any"}, [need("success", None), need("success", None)], None, "dependency", None),
        ({"needs_join": "any"}, [need("success", None), need("success", "succeeded")], "task.released", "queue", None),
        ({"needs_join": "any"}, [need("success", None), need("success", "failed")], None, "dependency", None),
        ({"needs_join": "any"}, [need("failure", "succeeded"), need("success", "failed")], "task.finished", "unmet", None),
        ({"needs_join": "any"}, [need("failure", "failed"), need("success", "failed")], "task.released", "queue", None),
        ({"needs_join": None}, [need("success", None), need("success", "succeeded")], None, "dependency", None),
    ],
)
def test_where_a_waiting_task_stands(changes, needs, kind, reason, wake_at):
    verdict = stand(task_row(**changes), needs, NOW)
    assert (verdict.kind, verdict.reason, verdict.wake_at) == (kind, reason, wake_at)


def test_the_sentence_names_the_task_that_is_waited_for():
    assert "t_9 to succeed" in stand(task_row(), [need("success", None)], NOW).why


def test_each_task_of_a_client_that_is_ready_already_costs_a_turn():
    assert [queue_key(NOW, 0, ahead) - NOW for ahead in (0, 1, 10, 5000)] == [0, 5 * SECOND, 50 * SECOND, 5000 * SECOND]
    second_client = queue_key(NOW + SECOND, 0)
    assert queue_key(NOW, 0, 0) < second_client < queue_key(NOW, 0, 1)


def test_a_point_of_priority_is_worth_a_minute_of_waiting():
    waited_ten_minutes = queue_key(NOW, 0)
    assert queue_key(NOW + 10 * MINUTE, 11) < waited_ten_minutes < queue_key(NOW + 10 * MINUTE, 9)
