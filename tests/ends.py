"""Ends of tasks for lakes without a database: drawn as a table, or made one by one."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from models.clock import MINUTE
from store.cubes import Measured, aggregate, publish
from store.lake import belong
from store.query import Row
from store.segments import append, last_shipped

EPOCH = "e_test"


def end_facts(**changes: Any) -> Row:
    """Return the facts of the end of a task: it succeeded after a minute, for nothing."""
    facts = {
        "client": "acme", "task_id": "t_1", "category": "Web Scraping", "kind": "scrape", "agent_id": "scrape-1", "source": "api",
        "outcome": "succeeded", "reason": "result", "price_cents": 0, "currency": "EUR", "cost_cents": 0, "created_at": 0, "ready_at": 0,
        "started_at": 0, "finished_at": MINUTE, "deadline_at": None, "attempts": 1, "priority": 0, "group_id": None,
    }  # fmt: skip
    assert changes.keys() <= facts.keys()
    return facts | changes


def event_row(seq: int, at: int, kind: str, facts: Row) -> Row:
    """Return a row of the journal."""
    texts = {"patch": "{}", "facts": json.dumps(facts)}
    return {"seq": seq, "at": at, "kind": kind, "entity": "tasks", "key": facts.get("task_id", "t_1"), "actor": "test", **texts}


def fill(lake: Path, rows: Sequence[Row]) -> None:
    """Append rows of a journal to a lake."""
    belong(lake, EPOCH)
    append(lake, last_shipped(lake), rows)


def measure_now(lake: Path, now: int = 0) -> Measured:
    """Measure what is in the lake and publish it."""
    known = publish(lake, aggregate(lake), now=now)
    assert known
    return known


def drawn(table: str, *, now: int) -> list[Row]:
    """Return the events of a drawn table: a line an end, `ago` and `took` in minutes; `then reopened` takes it back right now."""
    names, *lines = (line.split() for line in table.strip().splitlines())
    return list(_events([dict(zip(names, line, strict=True)) for line in lines], now))


def _events(lines: Iterable[dict[str, str]], now: int) -> Iterable[Row]:
    ends = []
    for number, line in enumerate(lines):
        finished_at = now - int(line["ago"]) * MINUTE
        facts = end_facts(
            task_id=f"t_{number}", client=line["client"], outcome=line["outcome"], price_cents=int(line["price"]), cost_cents=int(line["cost"]),
            currency=line["money"], created_at=finished_at - int(line["took"]) * MINUTE, finished_at=finished_at,
        )  # fmt: skip
        ends.append((finished_at, "task.finished", facts))
        if line.get("then") == "reopened":
            ends.append((now, "task.reopened", facts))
    for seq, (at, kind, facts) in enumerate(sorted(ends, key=lambda end: end[0]), 1):
        yield event_row(seq, at, kind, facts)
