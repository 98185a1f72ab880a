"""When a schedule fires: cron, interval or RRULE in a zone, with calendars, jitter, spread, start, end and a maximum.

Daylight saving: a fixed time of day that does not exist fires at the first instant after the gap, and one that exists twice fires at the first. A
step or wildcard (`*/30`, `* * * * *`, anything with seconds, FREQ=HOURLY) counts real instants: it fires at each that the clock shows, so an hour
that comes twice fires twice and one that is leapt over not at all. A day that a zone leapt over whole (Apia, 30 December 2011) has no fires.

Instants are integer microseconds since 1970 in UTC.
"""

import functools
import hashlib
import heapq
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from models.calendars import Calendar, read_calendar
from models.clock import SECOND
from models.cron import Cron, read_cron
from models.errors import Invalid
from models.instants import Pair, instants
from models.rolling import both, open_only, rolled
from models.rrules import Rules, read_rules
from models.zones import DAY_S, show, zone_of

ROLLS: Final = ("skip", "forward", "back")
_KEYS: Final = {"cron", "every", "rrule", "zone", "calendar", "roll", "jitter_s", "spread_s", "start", "end", "most", "anchor"}
_SPAN: Final = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SPAN_UNITS: Final = (604_800, 86_400, 3600, 60, 1)
LONGEST_S: Final = 10 * 366 * DAY_S
_ERA_US: Final = 946_684_800 * SECOND  # 2000: calendars know nothing of much earlier times
_END: Final = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())  # no fire is searched for beyond


@dataclass(frozen=True, slots=True)
class Fire:
    """One due time of a schedule."""

    at_us: int
    zone: str
    reason: str = ""  # what is odd about it; empty for an ordinary one

    @property
    def local(self) -> str:
        """The same instant in the schedule's zone: ISO 8601 with its offset."""
        return show(self.at_us, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A recurrence as it was read; `read` makes one."""

    rule: Cron | Rules | int  # an integer is an interval in seconds
    source: tuple[str, str]  # cron, every or rrule, and its text
    zone: str = "UTC"
    calendar: Calendar | None = None
    calendar_source: Any = None  # as it was written
    roll: str = "skip"  # what becomes of a fire on a closed day: skip, forward, back
    jitter_s: int = 0  # each fire is later by up to this, by a hash of the schedule and the time
    spread_s: int = 0  # all fires of a schedule are later by the same, up to this, by a hash of the schedule
    anchor_us: int | None = None  # of an interval: fires come at it and at whole intervals before and after; null: 1970
    start_us: int | None = None  # no fire before
    end_us: int | None = None  # none after
    most: int | None = None  # fires at most; whoever makes them counts

    @classmethod
    def read(cls, data: Any) -> "Timing":
        """Return a timing that is written as JSON: one of `cron`, `every` and `rrule`, and what else is wanted. Raises `Invalid`."""
        if not isinstance(data, Mapping):
            message = 'a timing is an object such as {"cron": "0 9 * * 1-5", "zone": "Europe/Berlin"}'
            raise Invalid(message)
        unknown = data.keys() - _KEYS
        rules = [name for name in ("cron", "every", "rrule") if data.get(name) is not None]
        if unknown or len(rules) != 1:
            wrong = f"has no {', '.join(sorted(map(str, unknown)))}" if unknown else f"has one of cron, every and rrule, not {len(rules)}"
            message = f"a timing {wrong}; it may have {', '.join(sorted(_KEYS))}"
            raise Invalid(message)
        zone = data.get("zone", "UTC")
        zone_of(zone)
        start, end, anchor = (_instant(data.get(name), name) for name in ("start", "end", "anchor"))
        if start is not None and end is not None and end <= start:
            message = "the timing ends before it starts"
            raise Invalid(message)
        roll = data.get("roll", "skip")
        calendar = read_calendar(data.get("calendar"))
        if roll not in ROLLS or (roll != "skip" and calendar is None):
            message = f"`roll` is {', '.join(ROLLS)}, and says what becomes of a fire on a closed day of a calendar"
            raise Invalid(message)
        source = (rules[0], _text(data[rules[0]], rules[0]))
        rule = _rule(*source, zone)
        if anchor is not None and not isinstance(rule, int):
            message = "only an interval has an anchor: cron and rrule name their times themselves"
            raise Invalid(message)
        timing = cls(
            rule=rule, source=source, zone=zone, anchor_us=anchor, calendar=calendar, calendar_source=data.get("calendar"), roll=roll,
            jitter_s=_whole(data.get("jitter_s", 0), "jitter_s", 0, LONGEST_S), spread_s=_whole(data.get("spread_s", 0), "spread_s", 0, LONGEST_S),
            start_us=start, end_us=end, most=None if data.get("most") is None else _whole(data["most"], "most", 1, 10**9),
        )  # fmt: skip
        if next(timing.fires(_ERA_US if start is None else start - 1), None) is None:
            message = "the timing never comes: its end or its calendar leaves out every fire"
            raise Invalid(message)
        return timing

    def write(self) -> dict[str, Any]:
        """Return it as JSON that reads to the same timing; what has its usual value is left out."""
        known = {"start": self.start_us, "end": self.end_us, "anchor": self.anchor_us}
        moments = {name: None if at is None else _iso(at) for name, at in known.items()}
        extra = {"calendar": self.calendar_source, "roll": self.roll if self.roll != "skip" else None, **moments, "most": self.most}
        spans = {"jitter_s": self.jitter_s or None, "spread_s": self.spread_s or None}
        return {self.source[0]: self.source[1], "zone": self.zone} | {name: value for name, value in (extra | spans).items() if value is not None}

    def fires(self, after_us: int, *, identity: str = "") -> Iterator[Fire]:
        """Yield every fire after an instant, in order, each once; ends with the timing, or when nothing comes for decades.

        Args:
            after_us: not included.
            identity: of the schedule, for its jitter and its spread.

        """
        shift = _hash(identity) % (self.spread_s * SECOND) if self.spread_s else 0
        after = max(after_us, self.start_us - 1) if self.start_us is not None else after_us
        found = self._with_jitter(after - shift, identity) if self.jitter_s else self._whole_fires(after - shift)
        said = f"later by {shift / SECOND:.1f} s: spread" if shift else ""
        for at, reason in found:
            moved = at + shift
            if self.end_us is not None and moved > self.end_us:
                return
            yield Fire(moved, self.zone, both(reason, said))

    def anchored(self, at_us: int) -> "Timing":
        """Return an interval without an anchor with this one, to the second; any other timing as it is."""
        if not isinstance(self.rule, int) or self.anchor_us is not None:
            return self
        return replace(self, anchor_us=(at_us if self.start_us is None else self.start_us) // SECOND * SECOND)

    def _whole_fires(self, after_us: int) -> Iterator[tuple[int, str]]:
        for at, reason in self._pairs(after_us // SECOND):
            if at >= _END:
                return
            if at * SECOND > after_us:
                yield at * SECOND, reason

    def _with_jitter(self, after_us: int, identity: str) -> Iterator[tuple[int, str]]:
        """Yield fires moved by their jitter, in the order of the moved ones."""
        most = self.jitter_s * SECOND
        moved: list[tuple[int, str]] = []
        for at, reason in itertools.chain(self._whole_fires(after_us - most), [(None, "")]):
            while moved and (at is None or moved[0][0] <= at):
                one = heapq.heappop(moved)
                if one[0] > after_us:
                    yield one
            if at is not None:
                late = _hash(f"{identity}@{at}") % most
                heapq.heappush(moved, (at + late, both(reason, f"later by {late / SECOND:.1f} s: jitter")))

    def _pairs(self, after: int) -> Iterator[Pair]:
        """Yield fires after a second, before jitter and spread."""
        anchor = (self.anchor_us or 0) // SECOND
        if self.calendar is None:
            return instants(self.rule, self.zone, anchor, after)
        found = functools.partial(instants, self.rule, self.zone, anchor)
        if self.roll == "skip":
            return open_only(self.calendar, self.zone, found, after)
        return rolled(self.calendar, self.roll, self.zone, found, after)


def read_span(text: str) -> int:
    """Return seconds of a span such as `90m`, `1h30m`, `2d` or `45s`. Raises `Invalid`."""
    found = _SPAN.fullmatch(text.strip().lower())
    seconds = sum(int(part or 0) * unit for part, unit in zip(found.groups(), _SPAN_UNITS, strict=True)) if found else 0
    if not 1 <= seconds <= LONGEST_S:
        message = f"{text!r} is no span: write it like 90m, 1h30m, 2d or 45s, ten years at most"
        raise Invalid(message)
    return seconds


def _rule(kind: str, text: str, zone: str) -> Cron | Rules | int:
    if kind == "rrule":
        return read_rules(text, zone)
    if kind == "every" or text.lower().startswith("@every"):
        return read_span(text.lower().removeprefix("@every"))
    return read_cron(text)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND).isoformat()


def _instant(value: Any, name: str) -> int | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or not 1970 < moment.year < 9000:
            raise ValueError  # noqa: TRY301 - one place says what is wrong
    except (TypeError, ValueError) as error:
        message = f"`{name}` of a timing is an instant with its offset, such as 2026-12-01T00:00:00Z"
        raise Invalid(message) from error
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _whole(value: Any, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = f"`{name}` of a timing is a whole number from {least} to {most:,}"
        raise Invalid(message)
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > 10_000:
        message = f"`{name}` of a timing is text"
        raise Invalid(message)
    return value
