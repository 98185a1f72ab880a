"""Rows of the ledger with defaults: a test states only what matters to it."""

import itertools
from typing import Any

from store.query import Row

_numbers = itertools.count(1)


def agent_row(**changes: Any) -> Row:
    """Return a whole row of `agents`: online, of kind `query`, without skills."""
    row = {
        "id": f"agent-{next(_numbers)}", "kind": "query", "title": "an agent", "skills": "[]", "capacity": 1, "price_cents": 0, "minute_cents": 0,
        "currency": "EUR", "config": "{}", "rate_most": None, "state": "online", "reason": "", "user_id": None, "calendar": None, "zone": None,
        "languages": None, "clearance": None, "input_cents": None, "output_cents": None, "budget": None, "created_at": 1,
    }  # fmt: skip
    return _changed(row, changes)


def task_row(**changes: Any) -> Row:
    """Return a whole row of `tasks`: just submitted, waiting, of kind `query`."""
    row = {
        "id": f"t_{next(_numbers)}", "title": "a task", "description": "", "client": "acme", "source": "cli", "group_id": None, "ref": None,
        "schedule_id": None, "fire_id": None,
        "category": "Data Processing", "category_by": "given", "confidence": None, "secondary": None, "language": None, "clearance": None,
        "kind": "query", "inputs": "{}", "wanted_agent": None,
        "price_cents": 0, "currency": "EUR", "cost_cents": 0, "priority": 0, "timeout_s": 600, "attempts_most": 3, "backoff_s": 5, "start_at": None,
        "deadline_at": None, "needs_join": "all", "approval": "none", "delivery": "none", "approver": None,
        "approval_s": None, "approval_until_at": None, "due_at": None, "due_wake_at": None, "due_steps": 0,
        "state": "waiting", "outcome": None, "reason": "dependency", "why": "",
        "wake_at": None, "queue_key": None, "attempts": 0, "lost": 0, "attempt_id": None, "stop_at": None,
        "hold_at": None, "held_us": 0, "result": None, "created_at": 1,
        "ready_at": None, "started_at": None, "finished_at": None,
    }  # fmt: skip
    return _changed(row, changes)


def attempt_row(task_id: str, agent_id: str, **changes: Any) -> Row:
    """Return a whole row of `attempts`: running, the first one of its task."""
    row = {
        "id": f"x_{next(_numbers)}", "task_id": task_id, "number": 1, "agent_id": agent_id, "shift_id": "s_1", "state": "running", "error": None,
        "progress": None, "stage": None, "cost_cents": 0, "tokens_in": None, "tokens_out": None, "run_id": None,
        "started_at": 2, "finished_at": None,
    }  # fmt: skip
    return _changed(row, changes)


def _changed(row: Row, changes: Row) -> Row:
    unknown = changes.keys() - row.keys()
    assert not unknown, f"no such columns: {unknown}"
    return row | changes
