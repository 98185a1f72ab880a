"""A KPI: the windows it is taken over, and its value with everything a reader needs to believe it.

All bounds are whole minutes, because measures are kept by the minute: a window ends with the minute that `now` falls in and begins exactly its length
before. Zones do not matter here: a window is a length of time, not a calendar day.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.clock import DAY, HOUR, MINUTE
from models.errors import Invalid

Unit = Literal["cents", "ratio", "us", "count"]
Number = int | float

_LENGTHS = {"1h": (HOUR, 2 * MINUTE), "24h": (DAY, HOUR), "7d": (7 * DAY, 6 * HOUR), "30d": (30 * DAY, DAY), "90d": (90 * DAY, 3 * DAY)}
_POINTS = 30  # of the series of a window without a length of its own
WINDOWS = (*_LENGTHS, "all")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Span(_Value):
    """A stretch of time, in microseconds since 1970; its end is not part of it."""

    start: int = Field(alias="from")
    end: int = Field(alias="to")


class Window(Span):
    """A span with the name that it was asked for by."""

    name: str


class Point(_Value):
    """One value of a series; null where the KPI has none."""

    start: int = Field(alias="from")
    value: Number | None


class Kpi(_Value):
    """One number of the business. Money has one KPI per currency: amounts of different currencies are never added."""

    id: str
    title: str
    unit: Unit
    currency: str | None  # ISO code when the KPI is about money and there was any
    value: Number | None
    previous: Number | None  # of the equally long span before
    change: float | None  # (value - previous) / |previous|; null when either is missing or there was nothing before
    why_null: str | None  # set when, and only when, there is no value
    definition: str
    sql: str
    series: tuple[Point, ...]


class Report(_Value):
    """All KPIs over one window."""

    status: Literal["ok", "empty"]  # empty: nothing has been measured yet
    as_of: int | None  # instant of the newest event that was measured
    seq: int  # its number
    measured_at: int | None
    window: Window
    previous: Span
    kpis: tuple[Kpi, ...]


def window_of(name: str, now: int, first: int | None = None) -> Window:
    """Return the window by its name that ends with the minute of `now`; `first`, the oldest minute measured, is where `all` begins."""
    if name not in WINDOWS:
        message = f"there is no window {name!r}: choose one of {', '.join(WINDOWS)}"
        raise Invalid(message)
    end = (now // MINUTE + 1) * MINUTE
    length = _LENGTHS[name][0] if name in _LENGTHS else max(end - (end if first is None else first), HOUR)
    return Window(start=end - length, end=end, name=name)


def before(span: Span) -> Span:
    """Return the equally long span that ends where this one begins."""
    return Span(start=2 * span.start - span.end, end=span.start)


def steps(window: Window) -> tuple[Span, ...]:
    """Cut a window into the 24 to 30 spans of its series; only the last may be shorter."""
    step = _LENGTHS[window.name][1] if window.name in _LENGTHS else -(-(window.end - window.start) // (_POINTS * MINUTE)) * MINUTE
    return tuple(Span(start=start, end=min(start + step, window.end)) for start in range(window.start, window.end, step))


def change(value: Number | None, previous: Number | None) -> float | None:
    """Return the relative change, null when it has no meaning."""
    return None if value is None or not previous else (value - previous) / abs(previous)


def day_of(instant: int) -> str:
    """Return the day in UTC of an instant, as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(instant // 1_000_000, UTC).date().isoformat()
