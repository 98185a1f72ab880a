"""RRULE (RFC 5545) by dateutil: read, and walked in wall time, which the recurrence places in real time as it does with cron.

DTSTART:20260105T090000          without one: midnight of 2000-01-01
RRULE:FREQ=WEEKLY;BYDAY=MO,WE    or just FREQ=…; several lines are a union
EXDATE:20260406T090000           RDATE adds, EXDATE takes away
"""

import functools
import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dateutil.rrule import DAILY, HOURLY, MINUTELY, SECONDLY, WEEKLY, rrule, rrulestr

from models.errors import Invalid
from models.zones import zone_of

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time has no zone
_START = datetime(2000, 1, 1)  # noqa: DTZ001
_UNIT = {SECONDLY: 1, MINUTELY: 60, HOURLY: 3600, DAILY: 86_400, WEEKLY: 7 * 86_400}
_LINE = re.compile(r"(DTSTART|RRULE|RDATE|EXDATE)(?:;TZID=[\w/+-]+|;VALUE=DATE(?:-TIME)?)*:(.+)", re.IGNORECASE)
_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)
_YEARS_MOST = 60


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that were read, with the dates that are added and taken away; wall time without a zone."""

    rules: tuple[rrule, ...]
    added: tuple[datetime, ...]
    without: frozenset[datetime]
    counts_instants: bool  # hourly and faster: daylight saving moves nothing, and an hour that comes twice counts twice

    def walls(self, wall: int) -> Iterator[int]:
        """Yield wall times, seconds, at or after one, in order, each once."""
        start = _EPOCH + timedelta(seconds=wall)
        sources = [_walk(rule, start) for rule in self.rules]
        last = None
        for moment in heapq.merge(*sources, iter(sorted(one for one in self.added if one >= start))):
            if moment.year > start.year + _YEARS_MOST:
                return
            if moment != last and moment not in self.without:
                yield int((moment - _EPOCH).total_seconds())
            last = moment


@functools.lru_cache(maxsize=10_000)
def read_rules(text: str, zone: str) -> Rules:
    """Read RRULE text. Raises `Invalid` with what is wrong, also for a rule that never comes or a COUNT whose start is not given."""
    start, rules, added, without = None, [], [], []
    for line in text.strip().splitlines():
        found = _LINE.fullmatch(line.strip())
        name, value = (found[1].upper(), found[2]) if found else ("RRULE", line.strip())
        match name:
            case "DTSTART":
                start = _moment(value, zone)
            case "RRULE":
                rules.append(value)
            case "RDATE":
                added += [_moment(one, zone) for one in value.split(",")]
            case _:
                without += [_moment(one, zone) for one in value.split(",")]
    if not rules and not added:
        message = "an RRULE is written like FREQ=WEEKLY;BYDAY=MO;BYHOUR=9, with a DTSTART line before it where it needs one"
        raise Invalid(message)
    if start is None and any("COUNT=" in rule.upper() for rule in rules):
        message = "a rule with COUNT needs a DTSTART line to count from"
        raise Invalid(message)
    made = tuple(_rule(rule, start or _START, zone) for rule in rules)
    fast = any(rule._freq in {HOURLY, MINUTELY, SECONDLY} for rule in made)  # noqa: SLF001 - nothing else tells it
    found_rules = Rules(made, tuple(added), frozenset(without), fast)
    first = start or _START
    if next(found_rules.walls(int((first - _EPOCH).total_seconds())), None) is None:
        message = f"{text.strip()!r} never comes"
        raise Invalid(message)
    return found_rules


def _rule(text: str, start: datetime, zone: str) -> rrule:
    local = _UNTIL.sub(lambda found: f"UNTIL={_moment(found[1] + 'Z', zone):%Y%m%dT%H%M%S}", text)
    try:
        made = rrulestr(local, dtstart=start)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{text!r} is no RRULE: {error}"
        raise Invalid(message) from error
    if not isinstance(made, rrule):
        message = f"{text!r} is no single RRULE"
        raise Invalid(message)
    return made


def _walk(rule: rrule, start: datetime) -> Iterator[datetime]:
    """Yield the moments of a rule from one on; a rule that counts nothing begins near it instead of at its own start."""
    unit = _UNIT.get(rule._freq)  # noqa: SLF001
    first: datetime = rule._dtstart  # noqa: SLF001
    if unit and rule._count is None and start > first:  # noqa: SLF001
        period = unit * rule._interval  # noqa: SLF001
        periods = int((start - first).total_seconds()) // period - 1
        if periods > 0:
            rule = rule.replace(dtstart=first + timedelta(seconds=periods * period))
    return iter(rule.xafter(start, inc=True))


def _moment(text: str, zone: str) -> datetime:
    """Return a moment as wall time of a zone; one that ends in Z is UTC."""
    try:
        body = text.strip().upper()
        moment = datetime.strptime(body.rstrip("Z"), "%Y%m%dT%H%M%S" if "T" in body else "%Y%m%d")  # noqa: DTZ007 - wall time
    except ValueError as error:
        message = f"{text!r} is no moment of an RRULE: write it like 20260105T090000"
        raise Invalid(message) from error
    return moment.replace(tzinfo=UTC).astimezone(zone_of(zone)).replace(tzinfo=None) if body.endswith("Z") else moment
