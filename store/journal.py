"""The journal: the one door through which the ledger changes.

    with journal.write("user:ann") as tx:
        tx.change(tasks, "t_01…", {"priority": 5}, "task.changed", client="acme")

A transaction changes ledger rows and appends one event for each change, as its last statements before the commit. Readers ask for what came after a
sequence number and never later meet an event at or below one that they have seen:

- SQLite has one writer at a time (`BEGIN IMMEDIATE`), so sequence order is commit order.
- PostgreSQL lets many write at once and hands out sequence numbers in any order. An advisory lock, held from the first statement until the commit is
  visible, makes it one writer too: what a transaction read still holds when it writes, sequence order is commit order, and the cursor of every reader
  is one integer. It costs commits per second; transactions are short.

`at` never goes backwards over `seq`, also when the clock does.
"""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import psutil
from sqlalchemy import Engine, Table, bindparam, delete, insert, select

from models.clock import new_id, now_us
from models.errors import Conflict, Invalid, NotFound, StoreError
from models.event import Event
from store import schema
from store.bell import Bell
from store.far_bell import FarBell
from store.query import Cursor, Query, Row, insert_text, update_text

WRITE_LOCK = 0x41524249  # "ARBI": any constant that all writers share
# of tables whose name is not its rows' name and an s:
_ONE = {"dependencies": "dependency", "deliveries": "delivery", "inboxes": "inbox", "notify_rules": "rule"}
LEAP = 1_000_000  # sequence numbers skipped when commits may have been lost

_EVENTS = Query(select(schema.journal).where(schema.journal.c.seq > bindparam("after")).order_by(schema.journal.c.seq).limit(bindparam("most")))
_HEAD = Query(select(schema.journal.c.seq).order_by(schema.journal.c.seq.desc()).limit(1))
_TAIL = Query(select(schema.journal.c.seq).order_by(schema.journal.c.seq).limit(1))
_META = Query(select(schema.meta.c.value).where(schema.meta.c.name == bindparam("name")))
_FORGET = Query(delete(schema.meta).where(schema.meta.c.name == bindparam("name")))
_REMEMBER = Query(insert(schema.meta).values(name=bindparam("meta_name"), value=bindparam("meta_value")))

_APPEND = {
    "sqlite": """INSERT INTO journal (at, kind, entity, key, actor, patch, facts)
        VALUES (max(:at, coalesce((SELECT at FROM journal ORDER BY seq DESC LIMIT 1), 0)), :kind, :entity, :key, :actor, :patch, :facts)""",
    "postgresql": """INSERT INTO journal (at, kind, entity, key, actor, patch, facts)
        VALUES (greatest(%(at)s, coalesce((SELECT at FROM journal ORDER BY seq DESC LIMIT 1), 0)),
                %(kind)s, %(entity)s, %(key)s, %(actor)s, %(patch)s, %(facts)s)""",
}


class View:
    """Reads of one moment."""

    def __init__(self, cursor: Cursor, backend: str) -> None:
        self._cursor = cursor
        self._backend = backend

    def rows(self, query: Query, **parameters: Any) -> list[Row]:
        """Return all rows of a reading statement."""
        if query.writes_to is not None:
            message = f"{query.writes_to} changes only through create() and change()"
            raise StoreError(message)
        return query.rows(self._cursor, self._backend, parameters)

    def one(self, query: Query, **parameters: Any) -> Row | None:
        """Return the first row, or null."""
        found = self.rows(query, **parameters)
        return found[0] if found else None

    def get(self, table: Table, key: str) -> Row:
        """Return the row with this primary key, or raise `NotFound`."""
        row = self.one(_by_id(table), key=key)
        if row is None:
            message = f"there is no {_ONE.get(table.name, table.name.removesuffix('s'))} {key!r}"
            raise NotFound(message)
        return row


class Tx(View):
    """A transaction that writes. It sees what it wrote."""

    def __init__(self, cursor: Cursor, backend: str, actor: str, now: int) -> None:
        super().__init__(cursor, backend)
        self.actor = actor
        self.now = now  # one instant for the whole transaction
        self.events: list[Row] = []

    def create(self, table: Table, row: Row, kind: str, /, **facts: Any) -> Row:
        """Add a row to the ledger, whole: every column must be named."""
        self.create_many(table, [row], kind, lambda _row: facts)
        return row

    def create_many(self, table: Table, rows: Sequence[Row], kind: str, facts: Callable[[Row], Mapping[str, Any]] = lambda _row: {}) -> None:
        """Add many rows in one go, with an event each."""
        if not rows:
            return
        columns = tuple(table.columns.keys())
        for row in rows:
            if row.keys() != set(columns):
                message = f"a row of {table.name} needs exactly {', '.join(columns)}; differs in {', '.join(set(columns) ^ row.keys())}"
                raise StoreError(message)
            self._note(table, row["id"], kind, row, facts(row))
        self._cursor.executemany(insert_text(self._backend, table, columns), rows)

    def change(self, table: Table, key: str, patch: Row, kind: str, /, **facts: Any) -> None:
        """Change columns of one row of the ledger."""
        if patch:
            self._cursor.execute(update_text(self._backend, table, tuple(patch)), {**patch, "key": key})
            if self._cursor.rowcount != 1:
                message = f"{table.name} has no row {key!r}"
                raise NotFound(message)
        self._note(table, key, kind, patch, facts)

    def run(self, query: Query, **parameters: Any) -> int:
        """Run a statement that changes a table outside the ledger (`meta`, `credentials`, `beats`); return the number of rows."""
        if query.writes_to is None or query.writes_to.name in schema.BY_NAME or query.writes_to is schema.journal:
            message = f"{query.writes_to} changes only through create() and change()"
            raise StoreError(message)
        text, constants = query.compiled(self._backend)
        self._cursor.execute(text, constants | parameters)
        return self._cursor.rowcount

    def _note(self, table: Table, key: str, kind: str, patch: Row, facts: Mapping[str, Any]) -> None:
        if schema.BY_NAME.get(table.name) is not table:
            message = f"{table.name} is not a table of the ledger"
            raise StoreError(message)
        texts = {"patch": _json(patch), "facts": _json(facts)}
        self.events.append({"at": self.now, "kind": kind, "entity": table.name, "key": key, "actor": self.actor, **texts})


class Journal:
    """The journal and its ledger in one database; safe to share between threads."""

    def __init__(self, engine: Engine, *, bell: Bell | FarBell | None = None, clock: Callable[[], int] = now_us) -> None:
        self.engine = engine
        self.backend = engine.dialect.name
        self.clock = clock
        self._bell = bell
        self._lock = threading.Lock()  # SQLite: one writer; threads wait here, not in SQLite's busy handler, which sleeps and asks again
        self._kept: list[Any] = []  # SQLAlchemy's wrapper of the writer: dropping it would close the connection
        self._writer: Any = None
        self._local = threading.local()
        self._epoch: str | None = None

    @contextlib.contextmanager
    def write(self, actor: str) -> Iterator[Tx]:
        """Open a transaction; everything in it happens, with its events, or nothing does."""
        with self._writing() as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE" if self.backend == "sqlite" else f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
            try:
                tx = Tx(cursor, self.backend, actor, self.clock())
                yield tx
                self._append(connection, cursor, tx.events)
            except self.engine.dialect.loaded_dbapi.IntegrityError as error:
                connection.rollback()
                message = f"what this would write contradicts what is there: {error}"
                raise Conflict(message) from error
            except BaseException:
                connection.rollback()
                raise
            finally:
                cursor.close()
        if tx.events and self._bell:
            self._bell.ring()

    @contextlib.contextmanager
    def look(self) -> Iterator[View]:
        """Open a view: all its reads see the ledger at one moment, between transactions."""
        with self._reading() as connection:
            cursor = connection.cursor()
            cursor.execute("BEGIN" if self.backend == "sqlite" else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield View(cursor, self.backend)
            finally:
                connection.rollback()
                cursor.close()

    def events(self, after: int, most: int = 500) -> list[Event]:
        """Return up to `most` events after a sequence number, in order."""
        with self.look() as view:
            return [to_event(row) for row in view.rows(_EVENTS, after=after, most=most)]

    def head(self) -> int:
        """Return the last sequence number, 0 for an empty journal."""
        with self.look() as view:
            row = view.one(_HEAD)
        return row["seq"] if row else 0

    def tail(self) -> int:
        """Return the first sequence number that is still kept, 0 for an empty journal."""
        with self.look() as view:
            row = view.one(_TAIL)
        return row["seq"] if row else 0

    @property
    def epoch(self) -> str:
        """Name of this stream: a restored copy gets another, so that nobody resumes in it by mistake."""
        if self._epoch is None:
            self._epoch = self._meta("epoch")
        if self._epoch is None:
            message = "the ledger has not been set up: run `arbiter up`"
            raise StoreError(message)
        return self._epoch

    def begin(self) -> None:
        """Prepare the database after its migrations: name the stream once, and leap over numbers that a crash of the machine may have lost.

        SQLite in WAL mode with `synchronous=NORMAL` keeps every commit when processes die, and may lose the last ones when the machine does. Their
        sequence numbers may have been seen, so after each start of the machine the next one leaps.
        """
        boot = f"{socket.gethostname()}:{int(psutil.boot_time())}"
        with self.write("system") as tx:
            if tx.one(_META, name="epoch") is None:
                tx.run(_REMEMBER, meta_name="epoch", meta_value=new_id("e", tx.now))
            known = tx.one(_META, name="boot")
            if known is not None and known["value"] != boot and self.backend == "sqlite":
                tx._cursor.execute("UPDATE sqlite_sequence SET seq = seq + :leap WHERE name = 'journal'", {"leap": LEAP})  # noqa: SLF001
            tx.run(_FORGET, name="boot")
            tx.run(_REMEMBER, meta_name="boot", meta_value=boot)

    def close(self) -> None:
        """Close all connections of this thread and the writer's, and the doorbell. It cannot be used again."""
        with self._lock:
            for wrapper in self._kept:
                wrapper.close()
            self._kept, self._writer = [], None
        wrapper = getattr(self._local, "wrapper", None)
        if wrapper is not None:
            wrapper.close()
            self._local.wrapper = None
        self.engine.dispose()
        if self._bell:
            self._bell.close()

    def _meta(self, name: str) -> str | None:
        with self.look() as view:
            row = view.one(_META, name=name)
        return row["value"] if row else None

    def _append(self, connection: Any, cursor: Cursor, events: list[Row]) -> None:
        if self.backend == "sqlite":
            cursor.executemany(_APPEND["sqlite"], events)
            connection.commit()
            return
        with connection.pipeline():  # events and commit in one round trip
            if events:
                cursor.executemany(_APPEND["postgresql"], events)
            connection.commit()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        if self.backend != "sqlite":
            with contextlib.closing(self.engine.raw_connection()) as wrapper:
                yield wrapper.driver_connection
            return
        with self._lock:
            if self._writer is None:
                self._kept.append(self.engine.raw_connection())
                self._writer = self._kept[-1].driver_connection
            yield self._writer

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        if self.backend != "sqlite":
            with contextlib.closing(self.engine.raw_connection()) as wrapper:
                yield wrapper.driver_connection
            return
        if getattr(self._local, "wrapper", None) is None:
            self._local.wrapper = self.engine.raw_connection()
        yield self._local.wrapper.driver_connection


def to_event(row: Row) -> Event:
    """Return a row of the journal as an event."""
    return Event(**{**row, "patch": json.loads(row["patch"]), "facts": json.loads(row["facts"])})


def fold(events: Iterable[Event], state: dict[tuple[str, str], Row] | None = None) -> dict[tuple[str, str], Row]:
    """Replay patches in order; return rows by (table, key). Replaying what is already in `state` changes nothing."""
    state = {} if state is None else state
    for event in events:
        row = state.setdefault((event.entity, event.key), dict.fromkeys(schema.BY_NAME[event.entity].c.keys()))
        row.update(event.patch)
    return state


_IDS: dict[str, Query] = {}


def _by_id(table: Table) -> Query:
    if table.name not in _IDS:
        _IDS[table.name] = Query(select(table).where(table.c.id == bindparam("key")))
    return _IDS[table.name]


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # a NUL; not the six characters \u0000, which anybody may write


def _json(value: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except (TypeError, ValueError) as error:  # ValueError: NaN, or half of a surrogate pair
        message = f"the journal cannot hold this value: {error}"
        raise Invalid(message) from error
    if "\\u0000" in text and _NUL.search(text):
        message = "text with a NUL character cannot be stored"
        raise Invalid(message)
    return text
