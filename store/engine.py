"""Connections: a pinned SQLite or PostgreSQL.

SQLite comes from the `pysqlite3` wheel, because the interpreter's own is often a version that can corrupt a database when its WAL is reset (3.7.0 to
3.51.2). One process must never open the ledger with two SQLite libraries, nor read the live file itself: closing it would drop SQLite's locks.
"""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from models.errors import StoreError

SQLITE_VERSION: str = sqlite.sqlite_version
DATABASE_ERRORS = (sqlite.Error, psycopg.Error, SQLAlchemyError)  # what a driver raises when the database cannot do as told


def sqlite_problem(version: str = SQLITE_VERSION) -> str | None:
    """Return what is wrong with this version of SQLite, or null: 3.51.3 and later, 3.50.7 and 3.44.6 have the fix for the WAL-reset corruption."""
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    fixed = (major, minor, patch) >= (3, 51, 3) or ((minor, patch) >= (50, 7) and minor == 50) or (minor == 44 and patch >= 6)
    return None if fixed else f"SQLite {version} can corrupt a database when its WAL is reset; 3.51.3 or later is needed: reinstall requirements.lock"


def connect(url: str, *, durability: str = "process") -> Engine:
    """Make an engine for a `sqlite:///` or `postgresql+psycopg://` URL. Nothing is opened yet."""
    backend = make_url(url).get_backend_name()
    if backend == "postgresql":
        return create_engine(url, poolclass=QueuePool, pool_size=8, max_overflow=24, pool_pre_ping=True)
    if backend != "sqlite":
        message = f"the ledger cannot live in {backend}: use sqlite:///path or postgresql://…"
        raise StoreError(message)
    problem = sqlite_problem()
    if problem:
        raise StoreError(problem)
    database = make_url(url).database
    if not database or database == ":memory:":
        message = "the ledger needs a file: processes share it"
        raise StoreError(message)
    Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, module=sqlite, poolclass=NullPool, connect_args={"timeout": 60, "isolation_level": None, "check_same_thread": False})
    synchronous = "NORMAL" if durability == "process" else "FULL"
    event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, synchronous))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection | Any, synchronous: str) -> None:
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        "busy_timeout=60000",
        "cache_size=-8192",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
