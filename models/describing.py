"""Timings in plain English."""

import itertools
from collections.abc import Iterable, Sequence

from models.cron import Cron, MonthDay, WeekDay
from models.recurrence import Timing
from models.rrules import Rules

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_UNITS = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_TIMES_MOST = 6  # times of day that are named one by one
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def describe(timing: Timing) -> str:
    """Return a timing as a sentence without its full stop."""
    match timing.rule:
        case int() as seconds:
            said = f"every {_span(seconds)}"
        case Cron() as cron:
            said = _cron(cron)
        case _:
            said = _rules(timing.rule, timing.source[1])
    parts = [said, f"in the time of {timing.zone}" if timing.zone != "UTC" else "UTC"]
    if timing.calendar is not None:
        ways = {"skip": "are skipped", "forward": "move to the next open day", "back": "move to the open day before"}
        parts.append(f"fires on closed days {ways[timing.roll]}")
    if timing.jitter_s:
        parts.append(f"each later by up to {_span(timing.jitter_s)}")
    if timing.spread_s:
        parts.append(f"all later by the same, up to {_span(timing.spread_s)}")
    if timing.most is not None:
        parts.append("once" if timing.most == 1 else f"{timing.most:,} times at most")
    return ", ".join(parts)


def _cron(cron: Cron) -> str:
    days = _which_days(cron)
    months = "" if len(cron.months) == len(_MONTHS) else f" in {_list(_MONTHS[month - 1] for month in sorted(cron.months))}"
    return f"{_time(cron)}{days}{months}"


def _time(cron: Cron) -> str:
    named = len(cron.seconds) * len(cron.minutes) * len(cron.hours)
    if named <= _TIMES_MOST:
        with_seconds = cron.seconds != (0,)
        times = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if with_seconds else "")
            for hour in cron.hours
            for minute in cron.minutes
            for second in cron.seconds
        ]
        return f"at {_list(times)}"
    if cron.seconds == cron.minutes == (0,):
        step = _step(cron.hours)
        if step and cron.hours[0] < step and cron.hours[-1] + step >= 24:
            return ("every hour" if step == 1 else f"every {step} hours") + (f" from {cron.hours[0]:02}:00" if cron.hours[0] else "")
    parts = []
    if cron.seconds != (0,):
        parts.append(_of(cron.seconds, 60, "second"))
    if not parts or len(cron.minutes) < 60:
        parts.append(_of(cron.minutes, 60, "minute"))
    if len(cron.hours) < 24:
        parts.append(_hours(cron.hours))
    return " ".join(parts)


def _of(numbers: tuple[int, ...], size: int, unit: str) -> str:
    if len(numbers) == size:
        return f"every {unit}"
    step = _step(numbers)
    if step and numbers[0] < step and numbers[-1] + step >= size:
        return f"every {step} {unit}s" + (f" from {unit} {numbers[0]}" if numbers[0] else "")
    whole = {"second": "minute", "minute": "hour"}[unit]
    return f"at {unit} {_list(_runs(numbers))} of every {whole}"


def _hours(hours: tuple[int, ...]) -> str:
    step = _step(hours)
    if step and step > 1 and hours[0] < step and hours[-1] + step >= 24:
        return f"in every {_nth(step)} hour" + (f" from {hours[0]:02}:00" if hours[0] else "")
    if step == 1:
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return f"in the hours {_list(f'{hour:02}' for hour in hours)}"


def _which_days(cron: Cron) -> str:
    all_days = len(cron.days) == 31 and not cron.month_days
    all_weekdays = len(cron.weekdays) == len(_DAYS) and not cron.week_days
    by_number = f"on {_list([*_month_days(cron.days), *(_month_day(one) for one in cron.month_days)])}"
    by_week = f"on {_list([*_weekdays(cron.weekdays), *(_week_day(one) for one in cron.week_days)])}"
    if cron.both:
        if all_days and all_weekdays:
            return " every day" if len(cron.seconds) * len(cron.minutes) * len(cron.hours) <= _TIMES_MOST else ""
        if all_days or all_weekdays:
            return f" {by_week if all_days else by_number}"
        return f" {by_number}, if that is {_list([*_weekdays(cron.weekdays), *(_week_day(one) for one in cron.week_days)], 'or')}"
    return f" {by_number}, and {by_week}"


def _month_days(days: frozenset[int]) -> list[str]:
    found = _runs(tuple(sorted(days)))
    return [f"{'day' if found == [str(min(days))] else 'days'} {_list(found)} of the month"] if found else []


def _month_day(one: MonthDay) -> str:
    if one.back and one.number == 0:
        return "the last weekday of the month" if one.weekday else "the last day of the month"
    name = f"the day {one.number} before the last of the month" if one.back else f"day {one.number} of the month"
    return f"the weekday nearest to {name}" if one.weekday else name


def _weekdays(days: frozenset[int]) -> list[str]:
    found = sorted(days)
    if found == [1, 2, 3, 4, 5]:
        return ["Monday to Friday"]
    return [_DAYS[day] for day in sorted(found, key=lambda day: (day + 6) % 7)]


def _week_day(one: WeekDay) -> str:
    return f"the {_nth(one.number) if one.number else 'last'} {_DAYS[one.day]} of the month"


def _rules(rules: Rules, text: str) -> str:
    """Say a single rule by its parts; anything longer as it is written."""
    line = text.strip().splitlines()[-1].upper().removeprefix("RRULE:")
    parts = dict(part.split("=", 1) for part in line.split(";") if "=" in part)
    unit = {"YEARLY": "year", "MONTHLY": "month", "WEEKLY": "week", "DAILY": "day", "HOURLY": "hour", "MINUTELY": "minute", "SECONDLY": "second"}
    if len(rules.rules) != 1 or rules.added or "FREQ" not in parts:
        return f"by the rules {' '.join(text.split())}"
    every = int(parts.pop("INTERVAL", "1"))
    name = unit[parts.pop("FREQ")]
    said = f"every {name}" if every == 1 else f"every {every} {name}s"
    rest = ", ".join(f"{key.lower().replace('by', 'by ', 1)} {value}" for key, value in parts.items() if key != "WKST")
    without = f", without {len(rules.without)} dates" if rules.without else ""
    return f"{said}{f' ({rest})' if rest else ''}{without}"


def _span(seconds: int) -> str:
    words: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(unit if count == 1 and not words and not seconds else f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(words)


def _step(numbers: Sequence[int]) -> int | None:
    steps = {later - earlier for earlier, later in itertools.pairwise(numbers)}
    return steps.pop() if len(steps) == 1 else None


def _runs(numbers: Sequence[int]) -> list[str]:
    """Return numbers as text, three and more in a row as a range."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return [text for run in found for text in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(one) for one in run])]


def _nth(number: int) -> str:
    return f"{number}{_ORDINALS.get(number, 'th')}"


def _list(items: Iterable[str], word: str = "and") -> str:
    found = list(items)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {word} {found[-1]}"
