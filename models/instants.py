"""The instants of a rule: wall times placed in real time, in seconds since 1970 in UTC."""

import heapq
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

from models.cron import Cron
from models.rrules import Rules
from models.zones import DAY_S, place, stretches, year_of

Pair = tuple[int, str]  # an instant in seconds, and what is odd about it


def instants(rule: Cron | Rules | int, zone: str, anchor: int, after: int) -> Iterator[Pair]:
    """Yield the instants of a rule after one."""
    match rule:
        case int():
            return ((at, "") for at in itertools.count(after - (after - anchor) % rule + rule, rule))
        case Cron(fixed=True):
            return _fixed(_walls(rule, _wall_before(after, zone)), zone, after)
        case Cron():
            return _counted(rule, zone, after)
        case Rules(counts_instants=False):
            return _fixed(rule.walls(_wall_before(after, zone)), zone, after)
        case _:
            return _each_time(rule.walls(_wall_before(after, zone)), zone, after)


def _wall_before(after: int, zone: str) -> int:
    """Return a wall time from which on every wall time that may lie after an instant is found."""
    known = stretches(zone, year_of(after))
    index = known.at(after)
    return after + min(known.offsets[max(0, index - 1) : index + 2]) - 3 * 3600


def _walls(cron: Cron, wall: int) -> Iterator[int]:
    found = cron.next_wall(wall)
    while found is not None:
        yield found
        found = cron.next_wall(found + 1)


def _fixed(walls: Iterator[int], zone: str, after: int) -> Iterator[Pair]:
    """Place times of day in real time: the first instant after a gap, the first of two."""
    last = after
    for wall in walls:
        found = place(wall, zone)
        if found.instant <= last or found.gap_s >= DAY_S:
            continue
        last = found.instant
        if found.gap_s:
            yield last, f"{_clock(wall)} does not exist on {_day(wall)}: the first instant after the gap"
        else:
            yield last, f"{_clock(wall)} comes twice on {_day(wall)}: the first one" if found.twice else ""


def _counted(cron: Cron, zone: str, after: int) -> Iterator[Pair]:
    """Yield each real instant at which the clock shows what the expression says, stretch by stretch of one offset."""
    instant, reason = after + 1, ""
    while True:
        known = stretches(zone, year_of(instant))
        index = known.at(instant)
        offset, end = known.offsets[index], known.end(index)
        wall = cron.next_wall(instant + offset)
        if wall is None:
            return
        at = wall - offset
        if end is not None and at >= end:
            leapt = known.offsets[index + 1] - offset
            skipped = leapt > 0 and wall < end + offset + leapt
            reason = f"{_clock(wall)} does not exist on {_day(wall)}: the clock leaps forward" if skipped else ""
            instant = end
            continue
        again = index > 0 and wall < known.begins[index] + known.offsets[index - 1]
        yield at, reason or (f"{_clock(wall)} comes for the second time on {_day(wall)}" if again else "")
        instant, reason = at + 1, ""


def _each_time(walls: Iterator[int], zone: str, after: int) -> Iterator[Pair]:
    """Place wall times at each instant that shows them, in real order; those in a gap are left out."""
    waiting: list[Pair] = []
    for wall in itertools.chain(walls, [None]):
        found = None if wall is None else place(wall, zone)
        while waiting and (found is None or waiting[0][0] < found.instant):
            one = heapq.heappop(waiting)
            if one[0] > after:
                yield one
        if wall is None or found is None or found.gap_s:
            continue
        heapq.heappush(waiting, (found.instant, ""))
        if found.twice:
            known = stretches(zone, year_of(found.instant))
            second = wall - known.offsets[known.at(found.instant) + 1]
            heapq.heappush(waiting, (second, f"{_clock(wall)} comes for the second time on {_day(wall)}"))


def _clock(wall: int) -> str:
    return hm(wall % DAY_S)


def hm(time: int) -> str:
    """Return a second of the day as text."""
    text = f"{time // 3600:02}:{time // 60 % 60:02}"
    return text if time % 60 == 0 else f"{text}:{time % 60:02}"


def _day(wall: int) -> str:
    return datetime.fromtimestamp(wall, UTC).date().isoformat()
