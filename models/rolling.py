"""Fires and calendars: what falls on closed days or hours is left out or moves."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from models.calendars import Calendar
from models.cron import YEARS_MOST
from models.instants import Pair, hm
from models.zones import DAY_S, place, stretches, year_of

CLOSED_MOST: Final = 366  # days that a calendar may be closed in a row
SEARCH_S: Final = YEARS_MOST * 366 * DAY_S
Instants = Callable[[int], Iterator[Pair]]  # those after one


def open_only(calendar: Calendar, zone: str, instants: Instants, after: int) -> Iterator[Pair]:
    """Leave out what falls on closed days or hours; ends when nothing is left for decades."""
    latest = after + SEARCH_S
    while True:
        for at, reason in instants(after):
            if at > latest:
                return
            day = _date(at, zone)
            if calendar.why_closed(day) is not None:
                after = place(_wall_of(day + timedelta(days=1)), zone).instant - 1  # on from the end of that day
                break
            time = (at + _offset(at, zone)) % DAY_S
            if any(begin <= time < end for begin, end in calendar.spans(day)):
                latest = at + SEARCH_S
                yield at, reason
        else:
            return


def rolled(calendar: Calendar, roll: str, zone: str, instants: Instants, after: int) -> Iterator[Pair]:
    """Move what falls on closed days or hours. Two fires that move onto one instant become one.

    A fire that moves goes to the same time of day, or into that day's hours. What belongs to one open day is yielded in order once no later fire can
    move there any more.
    """
    start = after
    if roll == "forward":
        day = _date(after, zone)
        for _ in range(CLOSED_MOST):
            if calendar.why_closed(day - timedelta(days=1)) is None:
                break
            day -= timedelta(days=1)
        start = min(after, place(_wall_of(day), zone).instant - 1)
        start = min(start, after - DAY_S) if calendar.spans(day) != ((0, DAY_S),) else start
    waiting: list[Pair] = []
    last = after
    for at, reason in itertools.chain(instants(start), [(None, "")]):
        target = None if at is None else _target(calendar, roll, zone, at)
        if at is not None and target is None:
            if at > after + SEARCH_S:
                return
            continue
        while waiting and (target is None or waiting[0][0] < place(_wall_of(target[1]), zone).instant):
            one = heapq.heappop(waiting)
            if one[0] > last:
                last = one[0]
                yield one
        if target is not None:
            heapq.heappush(waiting, (target[0], both(reason, target[2])))


def opening(calendar: Calendar, zone: str, at: int) -> int | None:
    """Return the instant (seconds) from which a calendar is open: `at` itself where it is, null where it is closed for a year."""
    found = _target(calendar, "forward", zone, at)
    return None if found is None else found[0]


def _target(calendar: Calendar, roll: str, zone: str, at: int) -> tuple[int, date, str] | None:
    """Return the instant that a fire goes to, its day and why it moved; null when it is left out."""
    day = _date(at, zone)
    offset = _offset(at, zone)
    time = (at + offset) % DAY_S
    why = calendar.why_closed(day)
    if why is None and any(begin <= time < end for begin, end in calendar.spans(day)):
        return at, day, ""
    step = timedelta(days=1 if roll == "forward" else -1)
    said = f"{day.isoformat()} {hm(time)} is closed ({why or 'outside the hours'}): rolled {roll}"
    for _ in range(CLOSED_MOST):
        moved = _within(calendar.spans(day), time, roll) if calendar.why_closed(day) is None else None
        if moved is not None:
            return place(_wall_of(day) + moved, zone).instant, day, said
        if calendar.why_closed(day) is None:  # the hours of this day lie on the other side
            time = 0 if roll == "forward" else DAY_S - 1
        day += step
    return None


def _within(spans: tuple[tuple[int, int], ...], time: int, roll: str) -> int | None:
    """Return the time of day that a fire goes to on an open day: itself, the next opening, or the last second before closing; null for none."""
    if any(begin <= time < end for begin, end in spans):
        return time
    if roll == "forward":
        return next((begin for begin, _ in spans if begin > time), None)
    return next((end - 1 for _, end in reversed(spans) if end <= time), None)


def _date(at: int, zone: str) -> date:
    return datetime.fromtimestamp(at + _offset(at, zone), UTC).date()


def _offset(at: int, zone: str) -> int:
    known = stretches(zone, year_of(at))
    return known.offsets[known.at(at)]


def _wall_of(day: date) -> int:
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_S


def both(one: str, other: str) -> str:
    """Return what is odd about a fire, of two that may be."""
    return f"{one}; {other}" if one and other else one or other
