"""Measuring: from the journal to numbers that can be opened down to their rows.

    journal ─ ship ─▶ segments ─ aggregate ─▶ cubes ─ publish ─▶ kpis ─ rows ─▶ the tasks behind a number

A number is never invented. What was not measured yet has the status `empty`, what has no value says why, how fresh it is stands in every answer
(`as_of`, `seq`, `measured_at`), and a file of the lake that is missing or broken is an error that names it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.kpi import Kpi, Number, Point, Report, Span, Window, before, change, steps, window_of
from store.cubes import Measured, aggregate, measured, publish
from store.figures import KPIS, Definition, Figures, definition, events_behind, figures, first_minute

NOTHING_MEASURED = "nothing has been measured yet"
NOTHING_ENDED = "no task ended in this window"

_HERE, _BEFORE, _SERIES = 0, 1, 2  # numbers of the slots: the window, the one before, and from 2 on the points of the series


def measure(lake: Path, *, now: int) -> Measured | None:
    """Bring the cubes up to the last event in the lake and publish them; null when nothing was ever shipped. Safe to run again."""
    return publish(lake, aggregate(lake), now=now)


def kpis(lake: Path, *, window: str, now: int, client: str | None = None) -> dict[str, Any]:
    """Return all KPIs over a window that ends with the minute of `now`, as JSON; see `models.kpi.Report`.

    `client` keeps to one client's tasks. Raises `Invalid` for a window that there is none of, `StoreError` when a file of the lake is missing or
    broken.
    """
    return report(lake, window=window, now=now, client=client).model_dump(by_alias=True)


def report(lake: Path, *, window: str, now: int, client: str | None = None) -> Report:
    """Return what `kpis` returns, as values."""
    known = measured(lake)
    span = _window(lake, known, window, now, client)
    previous = before(span)
    if known is None:
        missing = tuple(_kpi(definition(kpi_id), None, {}, (), NOTHING_MEASURED) for kpi_id in KPIS)
        return Report(status="empty", as_of=None, seq=0, measured_at=None, window=span, previous=previous, kpis=missing)
    series = steps(span)
    found = figures(lake, known, (span, previous, *series), client=client)
    return Report(
        status="ok", as_of=known.as_of, seq=known.seq, measured_at=known.measured_at, window=span, previous=previous, kpis=_kpis(found, series)
    )  # fmt: skip


def rows(
    lake: Path, kpi_id: str, *, window: str, now: int, client: str | None = None, currency: str | None = None, most: int = 500
) -> dict[str, Any]:  # fmt: skip
    """Return the ends of tasks that a KPI counts in a window, newest first: {"kpi", "window", "status", "seq", "total", "items"}.

    An item with `sign` −1 takes the finish with the same facts back, because the task was reopened. `total` counts all, `items` holds `most` of them.
    """
    kpi = definition(kpi_id)
    known = measured(lake)
    span = _window(lake, known, window, now, client)
    answer = {"kpi": kpi_id, "window": span.model_dump(by_alias=True)}
    if known is None:
        return answer | {"status": "empty", "seq": 0, "total": 0, "items": []}
    items, total = events_behind(lake, known, kpi, span, client=client, currency=currency, most=most)
    return answer | {"status": "ok", "seq": known.seq, "total": total, "items": items}


def _window(lake: Path, known: Measured | None, name: str, now: int, client: str | None) -> Window:
    first = first_minute(lake, known, client=client) if known and name == "all" else None
    return window_of(name, now, first)


def _kpis(found: Figures, series: tuple[Span, ...]) -> tuple[Kpi, ...]:
    ended = found.values["task_volume", None].get(_HERE, 0) > 0
    made = []
    for kpi_id in KPIS:
        kpi = definition(kpi_id)
        for currency in (found.currencies or (None,)) if kpi.money else (None,):
            values = found.values.get((kpi_id, currency), {})
            made.append(_kpi(kpi, currency, values, series, kpi.why_null if ended else NOTHING_ENDED))
    return tuple(made)


def _kpi(kpi: Definition, currency: str | None, values: Mapping[int, Number], series: tuple[Span, ...], why_null: str) -> Kpi:
    value, previous = values.get(_HERE), values.get(_BEFORE)
    points = tuple(Point(start=span.start, value=values.get(number)) for number, span in enumerate(series, _SERIES))
    return Kpi(
        id=kpi.id, title=kpi.title, unit=kpi.unit, currency=currency, value=value, previous=previous, change=change(value, previous),
        why_null=why_null if value is None else None, definition=kpi.what, sql=kpi.sql, series=points,
    )  # fmt: skip
