"""Local time as arithmetic: a zone is a list of stretches with one offset each, so that no step of a recurrence makes a heavy object.

A *wall* is what a clock on the wall shows, as seconds since 1970-01-01T00:00 on that clock. Instants are seconds since 1970 in UTC here.
"""

import functools
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.clock import SECOND, to_us
from models.errors import Invalid

DAY_S = 86_400
_PROBE_S = 3 * 3600  # no zone has two transitions within this
_FIRST, _LAST = 1970, 9000


@dataclass(frozen=True, slots=True)
class Stretches:
    """The stretches of a zone around a year: each begins at an instant and has an offset from UTC, seconds."""

    begins: tuple[int, ...]
    offsets: tuple[int, ...]

    def at(self, instant: int) -> int:
        """Return the index of the stretch that holds an instant."""
        return max(0, bisect_right(self.begins, instant) - 1)

    def end(self, index: int) -> int | None:
        """Return the instant at which a stretch ends; null for the last one."""
        return self.begins[index + 1] if index + 1 < len(self.begins) else None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a wall time lies in real time."""

    instant: int  # the first one that shows it; in a gap, the first instant after the gap
    gap_s: int = 0  # length of the gap that it fell into
    twice: bool = False  # whether the clock shows it twice


@functools.lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return an IANA zone. Raises `Invalid` for one that is not known."""
    try:
        if not isinstance(name, str) or not name:
            raise ValueError  # noqa: TRY301 - one place says what is wrong
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"there is no time zone {name!r}: write it like Europe/Berlin, America/New_York or UTC"
        raise Invalid(message) from error


@functools.lru_cache(maxsize=4096)
def stretches(name: str, year: int) -> Stretches:
    """Return the stretches of a zone from the year before to the year after."""
    begins: list[int] = []
    offsets: list[int] = []
    for one in range(max(_FIRST, year - 1), min(_LAST, year + 1) + 1):
        for begin, offset in _of_year(name, one):
            if not offsets or offsets[-1] != offset:
                begins.append(begin)
                offsets.append(offset)
    return Stretches(tuple(begins), tuple(offsets))


def year_of(seconds: int) -> int:
    """Return the year of an instant in UTC, or of a wall time."""
    return datetime.fromtimestamp(seconds, UTC).year


def place(wall: int, name: str) -> Placed:
    """Return where a wall time lies in real time."""
    known = stretches(name, year_of(wall))
    index = known.at(wall - known.offsets[known.at(wall)] - DAY_S * 2)
    while True:
        begin, end, offset = known.begins[index], known.end(index), known.offsets[index]
        instant = wall - offset
        if instant < begin and index:  # the clock leapt over it when this stretch began
            return Placed(begin, gap_s=offset - known.offsets[index - 1])
        if end is None or instant < end:
            again = end is not None and instant >= begin and wall - known.offsets[index + 1] >= end
            return Placed(instant, twice=again)
        index += 1


def show(at_us: int, name: str) -> str:
    """Return an instant in microseconds as local ISO 8601 with its offset."""
    moment = datetime.fromtimestamp(at_us // SECOND, UTC).replace(microsecond=at_us % SECOND)
    return moment.astimezone(zone_of(name)).isoformat()


def instant(text: str, zone: str) -> int:
    """Return an instant, microseconds, from ISO 8601; without an offset it is local time of a zone, and a date alone is its midnight.

    Raises `Invalid` for anything else, and for a year that instants cannot hold.
    """
    zone_of(zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no time: write it like 2026-03-07, 2026-03-07T14:30 or 2026-03-07T14:30:00+01:00"
        raise Invalid(message) from error
    if not 1970 < moment.year < 9000:
        message = f"{text!r} is no year between 1971 and 8999"
        raise Invalid(message)
    if moment.tzinfo is not None:
        return to_us(moment)
    wall = to_us(moment.replace(tzinfo=UTC))
    return place(wall // SECOND, zone).instant * SECOND + wall % SECOND


@functools.lru_cache(maxsize=8192)
def _of_year(name: str, year: int) -> tuple[tuple[int, int], ...]:
    """Return (begin, offset) of each stretch of one year in UTC; the first begins with the year."""
    zone = zone_of(name)
    begin, end = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in (year, year + 1))
    found = [(begin, _offset(begin, zone))]
    for probe in range(begin + _PROBE_S, end + _PROBE_S, _PROBE_S):
        last = min(probe, end - 1)
        offset = _offset(last, zone)
        if offset != found[-1][1]:
            found.append((_transition(last - _PROBE_S, last, zone), offset))
    return tuple(found)


def _transition(low: int, high: int, zone: ZoneInfo) -> int:
    """Return the first instant with the offset that `high` has, by bisection."""
    target = _offset(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == target else (middle, high)
    return high


def _offset(instant: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
