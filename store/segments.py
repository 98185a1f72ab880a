"""Segments: the journal in Parquet, append-only.

The name of a segment is the range of sequence numbers that it answers for: `<first>-<last>` holds every event from `first` to `last`, where `first`
is one more than the `last` before. So ranges touch even where the journal leapt, and a lost file shows as a hole between two names.

- A shipper that dies leaves whole segments or nothing; the next one goes on behind the last name.
- Two shippers wait for each other (a file lock); where the lock does not reach, a name is never taken twice and a range that partly overlaps another
  is refused by every reader.
- Small segments are put together, within the open day when there are many and once more when the day is over: same events, same numbers. A segment
  that lies within a larger one is superseded and no longer counts.
- SQLite may lose its last commits with the power, after they were shipped. What the journal no longer has is put aside, and its numbers shipped anew.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from sqlalchemy import bindparam, select

from models.errors import StoreError
from models.kpi import day_of
from store import schema
from store.journal import Journal
from store.lake import add_file, alone, belong, read_tables, retire, sweep, write_tables
from store.query import Query, Row

MOST = 20_000  # events that are read at once, and the most that a segment has before it is put together with others
MANY = 64  # small segments of the open day that are worth putting together
SMALL_BYTES = 4_000_000

SCHEMA = pa.schema(
    [pa.field(name, pa.int64(), nullable=False) for name in ("seq", "at")]
    + [pa.field(name, pa.string(), nullable=False) for name in ("kind", "entity", "key", "actor", "patch", "facts")],
)

log = logging.getLogger(__name__)

_KEPT = Query(select(schema.journal.c.seq).where(schema.journal.c.seq <= bindparam("last")).order_by(schema.journal.c.seq.desc()).limit(1))
_AFTER = Query(select(schema.journal).where(schema.journal.c.seq > bindparam("after")).order_by(schema.journal.c.seq).limit(bindparam("most")))


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Segment:
    """One file of events."""

    first: int  # one more than the last number of the segment before
    last: int  # number of its last event
    day: str  # in UTC, of all its events
    path: Path


def ship(journal: Journal, lake: Path) -> int:
    """Bring the lake up to the head of the journal; return how many events that were. Safe to run again, and by several at once."""
    with alone(lake, "ship"):
        belong(lake, journal.epoch)
        _sweep(lake)
        _withdraw(lake, journal)
        shipped = 0
        after = last_shipped(lake)
        while rows := _read(journal, after):
            after = append(lake, after, rows)
            shipped += len(rows)
        if shipped:
            _compact(lake)
        return shipped


def append(lake: Path, after: int, rows: Sequence[Row]) -> int:
    """Add the events that follow event `after`, a segment for each day; return the number of the last one."""
    for day, of_day in itertools.groupby(rows, key=lambda row: day_of(row["at"])):
        events = list(of_day)
        table = pa.table({name: [event[name] for event in events] for name in SCHEMA.names}, schema=SCHEMA)
        last: int = events[-1]["seq"]
        add_file(_path(lake, day, after + 1, last), lambda path, table=table: write_tables(path, SCHEMA, iter([table])))  # type: ignore[misc]
        after = last
    return after


def last_shipped(lake: Path) -> int:
    """Return the number of the last event in the lake, 0 when there is none."""
    found = segments(lake)
    return found[-1].last if found else 0


def segments(lake: Path) -> tuple[Segment, ...]:
    """Return the segments that count, in order; raise `StoreError` when one is missing or two contradict each other."""
    found = _current(_listed(lake))
    if _problem(found):  # look again: a folder that grows while it is listed may show a file without the one before
        found = _current(_listed(lake))
    problem = _problem(found)
    if problem:
        raise StoreError(problem)
    return tuple(found)


def read(chosen: Sequence[Segment], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the events of segments, verified, some thousands at a time."""
    pending: list[pa.Table] = []
    for segment in chosen:
        for table in read_tables(segment.path, columns):
            pending.append(table)
            if sum(len(part) for part in pending) >= 5 * MOST:  # few large pieces: each costs DuckDB a query
                yield pa.concat_tables(pending)
                pending = []
    if pending:
        yield pa.concat_tables(pending)


def _withdraw(lake: Path, journal: Journal) -> None:
    """Put aside what the journal has lost since it was shipped, and the measures with it."""
    last = last_shipped(lake)
    with journal.look() as view:
        kept = view.one(_KEPT, last=last)
    if last == 0 or (kept and kept["seq"] == last):
        return
    if kept is None:
        message = f"the journal has none of the {last} events that {lake} holds, so nothing tells whether they belong together"
        raise StoreError(message)
    log.warning("the journal ends at event %d and the lake at %d: shipping again from there", kept["seq"], last, extra={"event": "lake.withdrawn"})
    with alone(lake, "measure"):
        (lake / "measured.json").unlink(missing_ok=True)
        (lake / "withdrawn").mkdir(exist_ok=True)
        for segment in sorted(_listed(lake), key=lambda s: -s.last):  # from the end, so that a crash leaves no hole
            if segment.last > kept["seq"]:
                segment.path.rename(lake / "withdrawn" / segment.path.name)


def _read(journal: Journal, after: int) -> list[Row]:
    with journal.look() as view:
        return view.rows(_AFTER, after=after, most=MOST)  # JSON stays text: decoding and encoding it again would cost more than all the rest


def _path(lake: Path, day: str, first: int, last: int) -> Path:
    return lake / "events" / f"day={day}" / f"{first:019}-{last:019}.parquet"


def _listed(lake: Path) -> list[Segment]:
    found = []
    for path in lake.glob("events/day=*/*.parquet"):
        first, separator, last = path.stem.partition("-")
        if path.name.startswith("."):
            continue
        if not (separator and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            message = f"{path} is not named like a segment: the lake holds nothing but what was shipped into it"
            raise StoreError(message)
        found.append(Segment(first=int(first), last=int(last), day=path.parent.name.removeprefix("day="), path=path))
    return found


def _current(found: list[Segment]) -> list[Segment]:
    current: list[Segment] = []
    for segment in sorted(found, key=lambda s: (s.first, -s.last)):
        if not current or segment.last > current[-1].last:
            current.append(segment)
    return current


def _problem(found: Sequence[Segment]) -> str | None:
    """Return what is wrong with the ranges of segments, or null when each begins where the one before ends."""
    expected, previous = 1, None
    for segment in found:
        if segment.first > expected:
            return f"events {expected} to {segment.first - 1} are missing from the lake: there is no segment before {segment.path}"
        if segment.first < expected:
            return f"{previous} and {segment.path} overlap: two shippers wrote into one lake; remove one of them and ship again"
        expected, previous = segment.last + 1, segment.path
    return None


def _compact(lake: Path) -> None:
    found = segments(lake)
    for day, of_day in itertools.groupby(found, key=lambda segment: segment.day):
        closed = day < found[-1].day  # `at` never goes backwards over `seq`, so nothing more comes into a day that has a later one
        parts = list(of_day)
        if not closed:
            parts = list(itertools.takewhile(lambda segment: segment.path.stat().st_size < SMALL_BYTES, reversed(parts)))[::-1]
        if len(parts) > (1 if closed else MANY):
            target = _path(lake, day, parts[0].first, parts[-1].last)
            add_file(target, lambda path, parts=parts: write_tables(path, SCHEMA, _together(parts)))  # type: ignore[misc]
            retire([part.path for part in parts])


def _together(parts: Sequence[Segment]) -> Iterator[pa.Table]:
    """Yield the events of segments as row groups of full size, and refuse when their numbers are not those of the names."""
    first, last = parts[0].first, parts[-1].last
    for table in read(parts, SCHEMA.names):
        numbers = table.column("seq").to_numpy()
        if numbers[0] < first or numbers[-1] > last or not (numbers[1:] > numbers[:-1]).all():
            message = f"{parts[0].path.parent} holds events out of order between {first} and {last}"
            raise StoreError(message)
        first = int(numbers[-1]) + 1
        yield table
    if first != last + 1:
        message = f"{parts[-1].path} ends before its last event, {last}"
        raise StoreError(message)


def _sweep(lake: Path) -> None:
    listed = _listed(lake)
    kept = {segment.path for segment in _current(listed)}
    sweep([segment.path for segment in listed if segment.path not in kept])
    sweep(list(lake.glob("events/day=*/.*.tmp")), older_than_s=0)  # under the lock, nobody is writing
