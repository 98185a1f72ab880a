"""Answers of the API with defaults: a test states only what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.clock import DAY, iso, now_us

DEFINITION = "Sum of the prices of tasks that succeeded in the window."


def token(**changes: Any) -> dict[str, Any]:
    """Return what a log-in brings."""
    expires = datetime.now(UTC) + timedelta(minutes=15)
    return {"access_token": "a-token", "expires_at": expires.isoformat(), "role": "operator", "name": "ann", "client": None} | changes


def kpi(**changes: Any) -> dict[str, Any]:
    """Return one KPI: revenue of 123.45 euros after 100.00 in the window before."""
    today = now_us() // DAY * DAY
    series = [{"from": today - (6 - day) * DAY, "value": value} for day, value in enumerate((1200, 900, None, 2400, 1500, 3000, 3345))]
    return {
        "id": "revenue", "title": "Revenue", "unit": "cents", "currency": "EUR", "value": 12_345, "previous": 10_000, "change": 0.2345,
        "why_null": None, "definition": DEFINITION, "sql": "SELECT sum(price_cents) FROM ended", "series": series,
    } | changes  # fmt: skip


def kpis(*given: dict[str, Any], measured_ago: timedelta = timedelta(seconds=12), **changes: Any) -> dict[str, Any]:
    """Return an answer of `GET /kpis`, measured a moment ago."""
    now = now_us()
    measured = now - measured_ago // timedelta(microseconds=1)
    return {
        "as_of": measured, "seq": 1234, "measured_at": measured, "window": {"from": now - 7 * DAY, "to": now, "name": "7d"},
        "previous": {"from": now - 14 * DAY, "to": now - 7 * DAY}, "status": "ok", "kpis": list(given),
    } | changes  # fmt: skip


def task(**changes: Any) -> dict[str, Any]:
    """Return a task as the API tells it: succeeded an hour ago."""
    at = now_us() - DAY // 24
    return {
        "id": "t_1", "title": "Clean the orders", "description": "", "client": "acme", "source": "cli", "group_id": None, "ref": None,
        "category": "Data Processing", "category_by": "given", "confidence": None, "kind": "query", "inputs": {"sql": "SELECT 1"},
        "wanted_agent": None,
        "price_cents": 12_000, "currency": "EUR", "cost_cents": 300, "priority": 0, "timeout_s": 600, "attempts_most": 3, "backoff_s": 5,
        "start_at": None, "deadline_at": None, "due_at": None, "needs_join": "all", "approval": "none", "delivery": "none",
        "state": "done", "outcome": "succeeded", "reason": "result",
        "why": "the agent brought a result", "wake_at": None, "queue_key": None, "attempts": 1, "lost": 0, "attempt_id": None, "stop_at": None,
        "hold_at": None,
        "result": {"rows": 3}, "created_at": iso(at), "ready_at": iso(at), "started_at": iso(at + 10), "finished_at": iso(at + 5_000_000),
    } | changes  # fmt: skip


def attempt(**changes: Any) -> dict[str, Any]:
    """Return an attempt that succeeded in five seconds."""
    at = now_us() - DAY // 24
    return {
        "id": "x_1", "task_id": "t_1", "number": 1, "agent_id": "query-1", "shift_id": "s_1", "state": "succeeded", "error": None, "progress": 1.0,
        "stage": "done", "cost_cents": 300, "run_id": None, "started_at": iso(at), "finished_at": iso(at + 5_000_000),
    } | changes  # fmt: skip


def detail(shown: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an answer of `GET /tasks/{id}` without anything around the task."""
    return {"task": shown, "attempts": [], "decisions": [], "artifacts": [], "needs": [], "needed_by": [], "events": []} | changes


def schedule(**changes: Any) -> dict[str, Any]:
    """Return a schedule as the list tells it: daily, active, made on time an hour ago."""
    now = now_us()
    return {
        "id": "sc_1", "name": "daily", "timing": {"cron": "0 9 * * *", "zone": "Europe/Berlin"}, "work": {"tasks": [{"title": "Count"}]},
        "describes": "at 09:00, in the time of Europe/Berlin", "catch_up": "last", "within_s": None, "overlap": "skip", "grace_s": 60,
        "state": "active", "why": "", "resume_at": None, "next_at": iso(now + DAY), "made": 1, "version": 1, "created_at": iso(now - DAY),
        "last_due_at": iso(now - DAY // 24), "last_verdict": "made", "lateness": [0.2],
    } | changes  # fmt: skip


def coming_fire(**changes: Any) -> dict[str, Any]:
    """Return a coming fire as the API tells it: ordinary, in a year that has not come."""
    return {"at": "2033-03-27T07:00:00Z", "local": "2033-03-27T09:00:00+02:00", "reason": ""} | changes


def fire(**changes: Any) -> dict[str, Any]:
    """Return a fire of a history: made by the clock, one task that succeeded."""
    due = now_us() - DAY // 24
    return {
        "id": "sc_1@1", "schedule_id": "sc_1", "due_at": iso(due), "last_at": iso(due), "count": 1, "cause": "clock", "verdict": "made", "why": "",
        "note": "", "version": 1, "backfill_id": None, "group_id": None, "decided_at": iso(due), "made_at": iso(due + 200_000), "tasks": 1, "done": 1,
        "succeeded": 1, "late_s": 0.2,
    } | changes  # fmt: skip
