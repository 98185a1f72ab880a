"""Cron expressions: five fields or six (seconds first), as Debian's cron and its descendants read them.

    minute hour day-of-month month day-of-week          0-59 0-23 1-31 1-12|JAN… 0-7|SUN…
    *  a  a,b  a-b  */n  a-b/n  a/n (from a to the end)
    day of month: L (last), L-n, LW (last weekday), nW (weekday nearest to n), L-nW      day of week: 5L (last Friday), 5#2 (second Friday)

When neither the day of month nor the day of week begins with a star, a day that fits one of them fits; otherwise it must fit both.
Sources: crontab(5) of Debian, cron(8) on daylight saving, and Quartz for L, W and #.
"""

import calendar
import functools
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from models.errors import Invalid
from models.zones import DAY_S

YEARS_MOST: Final = 60  # how far a fire is searched for: Monday, 29 February comes at least every 40 years
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MONTHS: Final = {name: number for number, name in enumerate(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1)}
_DAYS: Final = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
_ALIASES: Final = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIFTH: Final = 5  # weekday of Saturday, and the most that # may count
_MONTHS_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: dict[str, int] = field(default_factory=dict)


_SECOND = _Field("second", 0, 59)
_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day of week", 0, 7, _DAYS)


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day counted within its month."""

    number: int  # of the day; from the end (0 is the last) where `back` is set
    back: bool = False
    weekday: bool = False  # the weekday, Monday to Friday, that is nearest to it in the same month

    def of(self, year: int, month: int) -> int | None:
        """Return the day of a month; null in a month that has none."""
        length = calendar.monthrange(year, month)[1]
        day = length - self.number if self.back else self.number
        if not 1 <= day <= length:
            return None
        return _nearest_weekday(year, month, day, length) if self.weekday else day


@dataclass(frozen=True, slots=True)
class WeekDay:
    """One weekday of a month."""

    day: int  # 0 is Sunday
    number: int  # 1 to 5; 0 for the last one

    def of(self, year: int, month: int) -> int | None:
        """Return the day of a month; null in a month without a fifth one."""
        first, length = calendar.monthrange(year, month)
        days = range(1 + ((self.day + 6) % 7 - first) % 7, length + 1, 7)
        if self.number == 0:
            return days[-1]
        return days[self.number - 1] if self.number <= len(days) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """An expression that was read."""

    text: str  # its fields, upper case
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    month_days: tuple[MonthDay, ...]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    week_days: tuple[WeekDay, ...]
    both: bool  # whether a day must fit both of its fields
    fixed: bool  # names times of day; otherwise it counts instants, and daylight saving moves nothing
    _known: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def next_wall(self, wall: int) -> int | None:
        """Return the first wall time, seconds, at or after one that fits; null when none comes within the years that are searched."""
        day, time = divmod(wall, DAY_S)
        today = date.fromordinal(_EPOCH + day)
        year, month, first = today.year, today.month, today.day
        for _ in range(12 * YEARS_MOST):
            for number in self.days_of(year, month):
                if number < first:
                    continue
                at = self._next_time(time if number == first and (year, month) == (today.year, today.month) else 0)
                if at is not None:
                    return (date(year, month, number).toordinal() - _EPOCH) * DAY_S + at
            year, month, first = (year + 1, 1, 1) if month == 12 else (year, month + 1, 1)
        return None

    def days_of(self, year: int, month: int) -> tuple[int, ...]:
        """Return the days of a month that fit, in order."""
        known = self._known.get((year, month))
        if known is None:
            known = self._fitting(year, month) if month in self.months else ()
            if len(self._known) >= _MONTHS_KEPT:
                self._known.clear()
            self._known[year, month] = known
        return known

    def _fitting(self, year: int, month: int) -> tuple[int, ...]:
        first, length = calendar.monthrange(year, month)
        by_number = {day for day in self.days if day <= length} | {day for one in self.month_days if (day := one.of(year, month))}
        by_week = {day for day in range(1, length + 1) if (first + day) % 7 in self.weekdays}
        by_week |= {day for one in self.week_days if (day := one.of(year, month))}
        return tuple(sorted(by_number & by_week if self.both else by_number | by_week))

    def _next_time(self, time: int) -> int | None:
        """Return the first second of a day, at or after one, that fits; null when it comes only on a later day."""
        hour, rest = divmod(time, 3600)
        minute, second = divmod(rest, 60)
        place = bisect_left(self.hours, hour)
        if place == len(self.hours):
            return None
        if self.hours[place] == hour:
            at = bisect_left(self.minutes, minute)
            if at < len(self.minutes) and self.minutes[at] == minute:
                second_at = bisect_left(self.seconds, second)
                if second_at < len(self.seconds):
                    return hour * 3600 + minute * 60 + self.seconds[second_at]
                at += 1
            if at < len(self.minutes):
                return hour * 3600 + self.minutes[at] * 60 + self.seconds[0]
            place += 1
            if place == len(self.hours):
                return None
        return self.hours[place] * 3600 + self.minutes[0] * 60 + self.seconds[0]


@functools.lru_cache(maxsize=10_000)
def read_cron(text: str) -> Cron:
    """Read an expression. Raises `Invalid` that names the field and what it may hold, and for days that no year has."""
    shown = text.strip()
    fields = _ALIASES.get(shown.lower(), shown).upper().split()
    if shown.startswith("@") and shown.lower() not in _ALIASES:
        message = f"{shown!r} is no alias: there are {', '.join(_ALIASES)} and @every followed by a span such as 90m"
        raise Invalid(message)
    if len(fields) not in {5, 6}:
        message = f"a cron expression has 5 fields (minute hour day-of-month month day-of-week) or 6 (seconds first); {shown!r} has {len(fields)}"
        raise Invalid(message)
    second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ("0", *fields)
    days, month_days = _month_days(day)
    weekdays, week_days = _week_days(weekday)
    cron = Cron(
        text=" ".join(fields), seconds=_numbers(second, _SECOND), minutes=_numbers(minute, _MINUTE), hours=_numbers(hour, _HOUR), days=days,
        month_days=month_days, months=frozenset(_numbers(month, _MONTH)), weekdays=weekdays, week_days=week_days,
        both=day.startswith("*") or weekday.startswith("*"),
        fixed=len(fields) == 5 and not minute.startswith("*") and not hour.startswith("*"),
    )  # fmt: skip
    if cron.both and days and not month_days and min(days) > max(_MONTH_DAYS[one - 1] for one in cron.months):
        message = f"{shown!r} never comes: no such month has a day {min(days)}"
        raise Invalid(message)
    if cron.next_wall((date(2000, 1, 1).toordinal() - _EPOCH) * DAY_S) is None:
        message = f"{shown!r} never comes: no year has such a day"
        raise Invalid(message)
    return cron


def _month_days(text: str) -> tuple[frozenset[int], tuple[MonthDay, ...]]:
    plain, special = [], []
    for term in text.split(","):
        found = _month_day(term)
        (plain.append(term) if found is None else special.append(found))
    return frozenset(_numbers(",".join(plain), _DAY)) if plain else frozenset(), tuple(special)


def _month_day(term: str) -> MonthDay | None:
    """Read L, L-n, LW, L-nW and nW; null for a term of another form."""
    weekday = term.endswith("W")
    body = term.removesuffix("W")
    if body == "L":
        return MonthDay(0, back=True, weekday=weekday)
    if body.startswith("L-"):
        return MonthDay(_number(body[2:], _Field("days before the last of the month", 0, 30)), back=True, weekday=weekday)
    return MonthDay(_number(body, _DAY), weekday=True) if weekday else None


def _week_days(text: str) -> tuple[frozenset[int], tuple[WeekDay, ...]]:
    plain, special = [], []
    for term in text.split(","):
        if "#" in term:
            day, _, nth = term.partition("#")
            special.append(WeekDay(_number(day, _WEEKDAY) % 7, _number(nth, _Field("count behind #", 1, _FIFTH))))
        elif term.endswith("L") and term != "L":
            special.append(WeekDay(_number(term[:-1], _WEEKDAY) % 7, 0))
        else:
            plain.append(term)
    return frozenset(day % 7 for day in _numbers(",".join(plain), _WEEKDAY)) if plain else frozenset(), tuple(special)


def _numbers(text: str, of: _Field) -> tuple[int, ...]:
    return tuple(sorted({number for term in text.split(",") for number in _term(term, of)}))


def _term(term: str, of: _Field) -> range:
    body, slash, step_text = term.partition("/")
    step = _number(step_text, _Field(f"step of the {of.name}", 1, 1_000_000)) if slash else 1
    if body == "*":
        return range(of.least, of.most + 1, step)
    low, dash, high = body.partition("-")
    first = _number(low, of)
    if not dash:
        return range(first, of.most + 1 if slash else first + 1, step)
    last = _number(high, of)
    if last < first:
        message = f"the range {body!r} of the {of.name} goes backwards: write it as two, {low}-{of.most} and {of.least}-{high}"
        raise Invalid(message)
    return range(first, last + 1, step)


def _number(text: str, of: _Field) -> int:
    if text in of.names:
        return of.names[text]
    if not (text.isascii() and text.isdigit()) or not of.least <= int(text[:9]) <= of.most:
        names = f" or {', '.join(of.names)}" if of.names else ""
        message = f"{text!r} is no {of.name}: it is a number from {of.least} to {of.most}{names}"
        raise Invalid(message)
    return int(text)


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    away = calendar.weekday(year, month, day) - 4  # 1 on Saturday, 2 on Sunday
    if away == 1:
        return day - 1 if day > 1 else day + 2
    if away == 2:
        return day + 1 if day < length else day - 2
    return day
