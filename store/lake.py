"""The lake: the journal as files that any number of readers may open without a lock.

    <lake>/epoch                                            which journal it holds
    <lake>/events/day=YYYY-MM-DD/<first>-<last>.parquet     segments: every event of those sequence numbers (store/segments.py)
    <lake>/cubes/day=YYYY-MM-DD/<last>.parquet              cubes: what those events add up to (store/cubes.py)
    <lake>/measured.json                                    which cubes count, and up to which event: replaced last

A file appears whole or not at all: it is written under a temporary name, synced, and then given its name. What is superseded stays for ten minutes,
so that a reader that has listed it can still open it. Every page carries a checksum that each read verifies; DuckDB does not look at them (of 60
flipped bits it reported 23 and returned a wrong sum for 37), so segments are read with pyarrow and handed to DuckDB in memory.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import StoreError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GRACE_S = 600  # how long a superseded file stays
ROW_GROUP = 20_000  # rows that are read at once

_SQL = Path(__file__).parent / "sql"


@contextlib.contextmanager
def alone(lake: Path, work: str) -> Iterator[None]:
    """Hold the lake for one kind of work (`ship`, `measure`): others wait, and the kernel lets go when the process dies."""
    lake.mkdir(parents=True, exist_ok=True)
    with (lake / f"{work}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def belong(lake: Path, epoch: str) -> None:
    """Make the lake the one of this journal, or refuse when it holds another's events."""
    found = epoch_of(lake)
    if found is None:
        replace_file(lake / "epoch", lambda path: path.write_text(epoch + "\n", encoding="utf-8"))
    elif found != epoch:
        message = f"{lake} holds the events of journal {found}, and this is journal {epoch}: give it a lake of its own, numbers would mix"
        raise StoreError(message)


def epoch_of(lake: Path) -> str | None:
    """Return which journal the lake holds, or null when nothing was ever shipped into it."""
    try:
        return (lake / "epoch").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if next(lake.glob("events/day=*/*.parquet"), None) is None:
            return None
        message = f"{lake / 'epoch'} is missing, so nobody can tell which journal these segments hold"
        raise StoreError(message) from None


def add_file(path: Path, write: Callable[[Path], object]) -> None:
    """Give a new file its name only when it is whole; raise `StoreError` when there is one by that name."""
    with _written(path, write) as temporary:
        try:
            path.hardlink_to(temporary)  # unlike a rename, a link never overwrites
        except FileExistsError:
            message = f"{path} exists already: segments are never overwritten"
            raise StoreError(message) from None


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file and put it in the place of the one before, at once."""
    with _written(path, write) as temporary:
        temporary.replace(path)


@contextlib.contextmanager
def _written(path: Path, write: Callable[[Path], object]) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        write(temporary)
        _sync(temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def retire(files: Iterable[Path]) -> None:
    """Let the time begin that superseded files stay for readers that are under way."""
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            path.touch()


def sweep(files: Sequence[Path], *, older_than_s: float = GRACE_S) -> int:
    """Delete superseded files, and temporary files of writers that died, once they are old; return how many."""
    swept = 0
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older_than_s:
                path.unlink()
                swept += 1
    return swept


def write_tables(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    """Write Parquet with a checksum on each page."""
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=ROW_GROUP)


def read_tables(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of a file, verified; raise `StoreError` with its name when it is missing or broken."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)
    except (OSError, pa.ArrowException) as error:  # pyarrow reports a failed checksum as an OSError
        message = f"{path} cannot be read: {error}"
        raise StoreError(message) from error


def sql(name: str) -> str:
    """Return the text of a statement in `store/sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


@contextlib.contextmanager
def duck() -> "Iterator[DuckDBPyConnection]":
    """Open an in-memory DuckDB that fetches nothing from anywhere."""
    import duckdb  # noqa: PLC0415 - 0.35 s, and most commands never measure

    with duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            message = f"the lake cannot be measured: {error}"
            raise StoreError(message) from error


def query(connection: "DuckDBPyConnection", text: str, parameters: Mapping[str, Any]) -> "DuckDBPyConnection":
    """Run one statement with those of the parameters that it names."""
    return connection.execute(text, _wanted(connection, text, parameters))


def table(connection: "DuckDBPyConnection", text: str, parameters: Mapping[str, Any]) -> pa.Table:
    """Run one statement and return its rows as a table."""
    return connection.sql(text, params=_wanted(connection, text, parameters)).to_arrow_table()


def _wanted(connection: "DuckDBPyConnection", text: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    (statement,) = connection.extract_statements(text)
    return {name: parameters[name] for name in statement.named_parameters}
