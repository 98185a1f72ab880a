"""Cubes: what the events of a day add up to, in small files that are summed.

A cube belongs to the day on which its events were written; its cells say in which minute the tasks ended. `measured.json` names the cubes that
count, each with its hash, and the last event in them. It is replaced last, so a reader sees all of a measuring or nothing of it; what no longer
counts stays for ten minutes, for readers that are under way.

Measuring costs in proportion to the events that are new: their cells are added to the cubes of their days, other days are not touched.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from models.clock import DAY
from models.errors import StoreError
from models.histogram import GAMMA
from models.kpi import day_of
from store.lake import alone, duck, epoch_of, read_tables, replace_file, retire, sql, sweep, table, write_tables
from store.segments import Segment, read, segments

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMA = pa.schema(
    [pa.field("minute", pa.int64())]
    + [pa.field(name, pa.string()) for name in ("category", "agent", "client", "source", "currency", "outcome")]
    + [pa.field("bucket", pa.int32())]
    + [pa.field(name, pa.int64()) for name in ("n", "price_cents", "cost_cents")],
)


class Cube(BaseModel):
    """One file of cells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: str  # in UTC, on which the events in it were written
    name: str  # file name: the last event in it
    sha256: str


class Measured(BaseModel):
    """Up to which event the lake was measured, and which cubes hold the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: str
    seq: int  # last event that was measured
    as_of: int | None  # its instant; null when there was none
    measured_at: int | None = None  # when this was published
    cubes: tuple[Cube, ...] = ()  # by day


def measured(lake: Path) -> Measured | None:
    """Return what was published last, or null when nothing has been measured yet."""
    epoch = epoch_of(lake)
    path = lake / "measured.json"
    try:
        found = Measured.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        message = f"{path} cannot be read; delete it and measure again: {error}"
        raise StoreError(message) from error
    if found.epoch != epoch:
        message = f"{path} belongs to journal {found.epoch} and the lake holds journal {epoch}: delete it and measure again"
        raise StoreError(message)
    return found


def aggregate(lake: Path) -> Measured | None:
    """Add the events that are new to the cubes of their days; return what `publish` makes known, null when there is no lake yet.

    Safe to run again: without new events it changes no cube.
    """
    epoch = epoch_of(lake)
    if epoch is None:
        return None
    with alone(lake, "measure"):
        before = measured(lake) or Measured(epoch=epoch, seq=0, as_of=None)
        found = segments(lake)
        last = found[-1].last if found else 0
        if before.seq > last:
            message = f"{lake} was measured up to event {before.seq} but holds only {last}: segments are missing; ship again"
            raise StoreError(message)
        cubes = {cube.day: cube for cube in before.cubes}
        as_of = before.as_of
        new = [segment for segment in found if segment.last > before.seq]
        for day, of_day in itertools.groupby(new, key=lambda segment: segment.day):
            parts = list(of_day)
            cells, newest = _cells(parts, before.seq)
            as_of = max(newest, as_of or newest)
            if len(cells):
                cubes[day] = _merged(lake, day, parts[-1].last, cubes.get(day), cells)
        return Measured(epoch=epoch, seq=last, as_of=as_of, cubes=tuple(cubes[day] for day in sorted(cubes)))


def publish(lake: Path, new: Measured | None, *, now: int) -> Measured | None:
    """Make cubes known to readers, unless somebody else has published later ones; return what is known then."""
    if new is None:
        return None
    with alone(lake, "measure"):
        known = measured(lake)
        if known and known.seq > new.seq:
            return known
        stamped = new.model_copy(update={"measured_at": now})
        replace_file(lake / "measured.json", lambda path: path.write_text(stamped.model_dump_json(indent=1), encoding="utf-8"))
        counted = {_path(lake, cube) for cube in stamped.cubes}
        retire({_path(lake, cube) for cube in known.cubes} - counted if known else ())
        sweep([path for path in lake.glob("cubes/day=*/*") if path not in counted])
        return stamped


def open_cubes(connection: "DuckDBPyConnection", lake: Path, cubes: Sequence[Cube], since: int | None) -> None:
    """Make the view `cells` of all cubes that may hold ends of tasks from `since` on, null for all; each file is verified first."""
    oldest = "" if since is None else day_of(since - DAY)  # a task may end a little later than its event is written, and be reopened any time later
    chosen = [cube for cube in cubes if cube.day >= oldest]
    for cube in chosen:
        _verify(lake, cube)
    if chosen:
        connection.read_parquet([str(_path(lake, cube)) for cube in chosen], hive_partitioning=False).create_view("cells")
    else:
        connection.register("cells", SCHEMA.empty_table())


def _cells(parts: Sequence[Segment], after: int) -> tuple[pa.Table, int]:
    """Return the cells of new events and the instant of the newest."""
    cells, newest = [SCHEMA.empty_table()], 0
    for events in read(parts, ("seq", "at", "kind", "facts")):
        newest = max(newest, events.column("at")[-1].as_py())
        with duck() as connection:
            connection.register("events", events)
            cells.append(table(connection, sql("cells"), {"after": after, "gamma": GAMMA}).cast(SCHEMA))
    return pa.concat_tables(cells), newest


def _merged(lake: Path, day: str, last: int, old: Cube | None, cells: pa.Table) -> Cube:
    """Write the cube of a day that new cells were added to."""
    tables: Iterator[pa.Table] = iter([cells])
    if old:
        _verify(lake, old)
        tables = itertools.chain(tables, read_tables(_path(lake, old)))
    with duck() as connection:
        connection.register("parts", pa.concat_tables(tables))
        merged = table(connection, sql("merge"), {}).cast(SCHEMA)
    path = lake / "cubes" / f"day={day}" / f"{last:019}.parquet"
    replace_file(path, lambda path: write_tables(path, SCHEMA, iter([merged])))
    return Cube(day=day, name=path.name, sha256=_hash(path))


def _path(lake: Path, cube: Cube) -> Path:
    return lake / "cubes" / f"day={cube.day}" / cube.name


def _verify(lake: Path, cube: Cube) -> None:
    path = _path(lake, cube)
    if _hash(path) != cube.sha256:
        message = f"{path} is not what was measured: delete measured.json and measure again"
        raise StoreError(message)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"{path} cannot be read; delete measured.json and measure again: {error}"
        raise StoreError(message) from error
