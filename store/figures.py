"""Figures: what the SQL files in `store/kpis` say about the cubes, and the rows behind it.

One file defines one KPI. Its header tells what the number is, its SQL reads two relations: `slots` (the spans of time that are asked for) and
`ended` (the cells of the tasks that ended in each), and money reads `currencies` too. It answers with `slot`, `currency` (null when it is not about
money) and `value`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.clock import DAY
from models.errors import NotFound, StoreError
from models.histogram import GAMMA
from models.kpi import Number, Span, Unit, day_of
from store.cubes import Measured, open_cubes
from store.lake import duck, query, sql, table
from store.query import Row
from store.segments import read, segments

KPIS = ("revenue", "cost", "margin", "success_rate", "completion_p50", "completion_p95", "task_volume", "active_clients")  # in the order to show them

_FOLDER = Path(__file__).parent / "kpis"
_FIELDS = {"title", "what", "grain", "unit", "numerator", "denominator", "outcomes", "null", "why null"}
_UNITS: dict[str, Unit] = {"cents": "cents", "ratio": "ratio", "us": "us", "count": "count"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What one SQL file defines."""

    id: str
    title: str
    what: str  # one sentence
    unit: Unit
    outcomes: tuple[str, ...]  # of the tasks that it counts
    why_null: str  # when tasks ended, and there is no value all the same
    sql: str  # the whole file
    money: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Values of all KPIs for each slot, the first being number 0."""

    values: Mapping[tuple[str, str | None], Mapping[int, Number]]  # by KPI and currency; what has no value is absent
    currencies: tuple[str, ...]  # in use, the main one first


@cache
def definition(kpi_id: str) -> Definition:
    """Return the definition of a KPI, or raise `NotFound`."""
    if kpi_id not in KPIS:
        message = f"there is no KPI {kpi_id!r}: choose one of {', '.join(KPIS)}"
        raise NotFound(message)
    path = _FOLDER / f"{kpi_id}.sql"
    text = path.read_text(encoding="utf-8")
    lines = [line.removeprefix("-- ").partition(": ") for line in text.splitlines() if line.startswith("-- ")]
    header = {name: value for name, _separator, value in lines}
    missing = _FIELDS - header.keys()
    if missing or header["unit"] not in _UNITS:
        message = f"the header of {path} lacks {', '.join(sorted(missing)) or 'a known unit'}"
        raise StoreError(message)
    return Definition(
        id=kpi_id, title=header["title"], what=header["what"], unit=_UNITS[header["unit"]], outcomes=tuple(header["outcomes"].split()),
        why_null=header["why null"], sql=text, money="currency" in header["grain"],
    )  # fmt: skip


def figures(lake: Path, measured: Measured, slots: Sequence[Span], *, client: str | None) -> Figures:
    """Compute all KPIs over each slot."""
    with duck() as connection:
        open_cubes(connection, lake, measured.cubes, min(slot.start for slot in slots))
        numbered = [{"slot": number, "start": slot.start, "stop": slot.end} for number, slot in enumerate(slots)]
        query(connection, sql("slots"), {"slots": numbered})
        query(connection, sql("ended"), {"client": client})
        query(connection, sql("currencies"), {})
        values: dict[tuple[str, str | None], dict[int, Number]] = {}
        for kpi_id in KPIS:
            for slot, currency, value in query(connection, definition(kpi_id).sql, {"gamma": GAMMA}).fetchall():
                if value is not None:
                    values.setdefault((kpi_id, currency), {})[slot] = value
        return Figures(values=values, currencies=tuple(currency for (currency,) in connection.table("currencies").fetchall()))


def first_minute(lake: Path, measured: Measured, *, client: str | None) -> int | None:
    """Return the minute in which the first task ended whose end still stands, or null."""
    with duck() as connection:
        open_cubes(connection, lake, measured.cubes, None)
        found = query(connection, sql("first"), {"client": client}).fetchone()
    return found[0] if found else None


def events_behind(
    lake: Path, measured: Measured, kpi: Definition, span: Span, *, client: str | None, currency: str | None, most: int
) -> tuple[list[Row], int]:  # fmt: skip
    """Return the newest finishes and reversals that a KPI counts in a span, and how many there are in all."""
    oldest = day_of(span.start - DAY)  # as for cubes: an end may be a little later than its event, and be taken back any time later
    chosen = [segment for segment in segments(lake) if segment.day >= oldest and segment.first <= measured.seq]
    parameters: Row = {
        "start": span.start, "stop": span.end, "seq": measured.seq, "outcomes": list(kpi.outcomes), "client": client, "currency": currency,
    }  # fmt: skip
    newest: list[Row] = []
    total = 0
    for events in read(chosen, ("seq", "at", "kind", "facts")):
        with duck() as connection:
            connection.register("events", events)
            found: list[Row] = table(connection, sql("rows"), parameters).to_pylist()
        total += len(found)
        newest = sorted(newest + found, key=_newest_first)[:most]
    return newest, total


def _newest_first(row: Mapping[str, Any]) -> int:
    return -int(row["seq"])
