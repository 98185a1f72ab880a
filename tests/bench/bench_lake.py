"""The lake: how fast events are shipped and measured, beside bare DuckDB over the same events in the same run."""

import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from models.clock import DAY, HOUR, now_us
from store import schema
from store.cubes import aggregate, publish
from store.home import open_journal, set_up
from store.journal import Journal
from store.lake import duck
from store.segments import segments, ship
from store.settings import Settings
from tasks.measure import kpis
from tests.ends import end_facts
from tests.factories import task_row

BARE = """
    SELECT
        CAST(facts ->> 'finished_at' AS BIGINT) // 3600000000 AS hour, facts ->> 'category' AS category, facts ->> 'agent_id' AS agent,
        facts ->> 'client' AS client, facts ->> 'source' AS source, facts ->> 'currency' AS currency, facts ->> 'outcome' AS outcome,
        count(*), sum(CAST(facts ->> 'price_cents' AS BIGINT)), sum(CAST(facts ->> 'cost_cents' AS BIGINT))
    FROM events WHERE kind = 'task.finished'
    GROUP BY ALL
"""


def run(events: int = 50_000, per_task: int = 5) -> dict[str, Any]:
    """Ship and measure `events` events, one in `per_task` the end of a task; return figures by name."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        _fill(journal, events, per_task)
        shipping, shipped = _timed(lambda: ship(journal, settings.lake))
        bare, _rows = _timed(lambda: _bare(settings.lake))
        measuring, published = _timed(lambda: publish(settings.lake, aggregate(settings.lake), now=now_us()))
        asking, _report = _timed(lambda: kpis(settings.lake, window="30d", now=now_us()))
        _fill(journal, 1000, per_task)
        ship(journal, settings.lake)
        refreshing, _again = _timed(lambda: publish(settings.lake, aggregate(settings.lake), now=now_us()))
        journal.close()
    assert published
    return {
        "events": shipped,
        "ship_events_per_s": round(shipped / shipping),
        "measure_events_per_s": round(shipped / measuring),
        "bare_duckdb_events_per_s": round(shipped / bare),
        "measure_over_bare": round(bare / measuring, 3),
        "refresh_after_1000_events_s": round(refreshing, 3),
        "kpis_30d_s": round(asking, 3),
    }


def _fill(journal: Journal, events: int, per_task: int) -> None:
    seeded = random.Random(events)
    with journal.write("bench") as tx:
        row = task_row()
        tx.create(schema.tasks, row, "task.submitted", client="acme")
        for number in range(events):
            if number % per_task:
                tx.change(schema.tasks, row["id"], {}, "task.changed", client="acme", text="x" * 200)
            else:
                tx.change(schema.tasks, row["id"], {}, "task.finished", **_end(seeded, number, tx.now))


def _end(seeded: random.Random, number: int, now: int) -> dict[str, Any]:
    finished_at = now - seeded.randrange(30 * DAY)
    return end_facts(
        task_id=f"t_{number}", client=f"client-{seeded.randrange(40)}", agent_id=f"agent-{seeded.randrange(8)}", finished_at=finished_at,
        created_at=finished_at - seeded.randrange(HOUR), price_cents=seeded.randrange(10_000), cost_cents=seeded.randrange(1000),
        outcome=seeded.choice(["succeeded", "succeeded", "succeeded", "failed"]), currency=seeded.choice(["EUR", "EUR", "USD"]),
    )  # fmt: skip


def _bare(lake: Path) -> int:
    """Aggregate with plain SQL over the files: no checksums, no histogram, no reversals, no cube."""
    with duck() as connection:
        connection.read_parquet([str(segment.path) for segment in segments(lake)], hive_partitioning=False).create_view("events")
        return len(connection.execute(BARE).fetchall())


def _timed(work: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))  # noqa: T201 - figures are for the terminal
