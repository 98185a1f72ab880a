"""Statements: written once with SQLAlchemy Core, run by the raw driver.

SQLAlchemy's own connection and result layers cost several times what the driver costs on a small transaction (about 470 against 41 microseconds of
CPU for one insert), and the journal is made of small transactions. So a statement is compiled once for each database and then is plain text.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Delete, Insert, Table, Update, bindparam, insert, or_, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.expression import ClauseElement

Row = dict[str, Any]


class Cursor(Protocol):
    """The part of a DB-API cursor that is used."""

    description: Sequence[Sequence[Any]] | None
    rowcount: int

    def execute(self, sql: str, parameters: Mapping[str, Any] = ..., /) -> Any: ...  # noqa: D102
    def executemany(self, sql: str, parameters: Sequence[Mapping[str, Any]], /) -> Any: ...  # noqa: D102
    def fetchall(self) -> list[tuple[Any, ...]]: ...  # noqa: D102


@cache
def dialect(name: str) -> Dialect:
    """Return the dialect by the name of a backend, with named parameters."""
    return SQLiteDialect_pysqlite(paramstyle="named") if name == "sqlite" else PGDialect_psycopg()  # type: ignore[no-untyped-call] # SQLAlchemy leaves its constructor untyped


class Query:
    """A statement with `bindparam`s, compiled once per database."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Row]] = {}

    @property
    def writes_to(self) -> Table | None:
        """The table that it changes, or null when it only reads."""
        return self._statement.table if isinstance(self._statement, Insert | Update | Delete) else None  # type: ignore[return-value] # always a Table here

    def compiled(self, backend: str) -> tuple[str, Row]:
        """Return the text and the constants that are part of the statement."""
        if backend not in self._compiled:
            compiled = self._statement.compile(dialect=dialect(backend))
            constants = {name: value for name, value in (compiled.params or {}).items() if value is not None}
            self._compiled[backend] = (str(compiled), constants)
        return self._compiled[backend]

    def rows(self, cursor: Cursor, backend: str, parameters: Row) -> list[Row]:
        """Run it and return all rows as dicts."""
        text, constants = self.compiled(backend)
        cursor.execute(text, constants | parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def any_of(column: ColumnElement[Any], *values: str) -> ColumnElement[bool]:
    """Return `column = a OR column = b …`: SQLAlchemy's own `IN` is only finished when it runs a statement itself."""
    return or_(*(column == value for value in values))


@cache
def insert_text(backend: str, table: Table, columns: tuple[str, ...]) -> str:
    """Return `INSERT INTO table (columns) VALUES (…)` with parameters named like the columns."""
    return str(insert(table).inline().compile(dialect=dialect(backend), column_keys=list(columns)))


@cache
def update_text(backend: str, table: Table, columns: tuple[str, ...]) -> str:
    """Return `UPDATE table SET columns … WHERE id = …` with parameters named like the columns and `key`."""
    statement = update(table).where(table.c.id == bindparam("key"))
    return str(statement.compile(dialect=dialect(backend), column_keys=list(columns)))
