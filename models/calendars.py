"""Calendars: which days work is done on, and between which hours.

A calendar is written as `"DE-BY"` (the working days of a country or region), as an object, or as a list of calendars: then a day is open when it is
open in all of them.

    {"holidays": "DE-BY", "weekends": "closed", "closed": ["2026-12-24"], "open": ["2026-12-27"], "hours": {"mon": ["09:00-12:30", "13:00-17:00"]}}

Days in `open` are open whatever else is said. With `hours`, a weekday that is not named is closed. Holidays come from the library `holidays`; what a
weekend is, too (Friday and Saturday in Israel, say).
"""

import functools
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from models.errors import Invalid
from models.zones import DAY_S

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")
_KEYS = {"holidays", "weekends", "closed", "open", "hours"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Days and hours on which work is done."""

    places: tuple[str, ...] = ()  # countries and regions whose holidays are closed
    weekends: bool = True  # whether the weekends of those are closed
    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()
    hours: tuple[tuple[tuple[int, int], ...], ...] | None = None  # by weekday from Monday: spans in seconds of the day; null: all day
    also: tuple["Calendar", ...] = ()  # a day must be open in these too

    def why_closed(self, day: date) -> str | None:
        """Return why a day is closed: a holiday's name, the weekend, or that it is one of its own days; null for an open day."""
        if day in self.opened:
            return None
        if day in self.closed:
            return "closed"
        for place in self.places:
            known = _holidays(place)
            name = known.get(day)
            if name:
                return str(name)
            if self.weekends and known.is_weekend(day):
                return "weekend"
        if self.hours is not None and not self.hours[day.weekday()]:
            return "closed on that weekday"
        return next((why for other in self.also if (why := other.why_closed(day))), None)

    def spans(self, day: date) -> tuple[tuple[int, int], ...]:
        """Return the hours of an open day, seconds of the day, in order; what several calendars have in common."""
        found = ((0, DAY_S),) if self.hours is None or day in self.opened else self.hours[day.weekday()]
        for other in self.also:
            common = [(max(a, c), min(b, d)) for a, b in found for c, d in other.spans(day)]
            found = tuple(sorted(span for span in common if span[0] < span[1]))
        return found


def read_calendar(data: Any) -> Calendar | None:
    """Return a calendar that is written as JSON; null stays null. Raises `Invalid` that names what is wrong."""
    match data:
        case None:
            return None
        case str():
            return Calendar(places=(_place(data),))
        case list() if data:
            return Calendar(also=tuple(one for item in data if (one := read_calendar(item)) is not None))
        case dict() if data:
            return _of_fields(data)
        case _:
            message = f'{data!r} is no calendar: write "DE-BY", {{"holidays": …, "hours": …}} or a list of these'
            raise Invalid(message)


def read_hours(text: str) -> dict[str, list[str]]:
    """Return hours as a person writes them as the `hours` of a calendar. Raises `Invalid`.

    >>> read_hours("mon-tue 09:00-12:00 13:00-17:00; sat 10:00-12:00")
    {'mon': ['09:00-12:00', '13:00-17:00'], 'tue': ['09:00-12:00', '13:00-17:00'], 'sat': ['10:00-12:00']}
    """
    hours: dict[str, list[str]] = {}
    for part in text.lower().split(";"):
        days, *spans = part.split()[:1] or [""], *part.split()[1:]
        first, _, last = days[0].partition("-")
        if first not in _WEEKDAYS or (last or first) not in _WEEKDAYS or not spans:
            message = f"{text!r} are no hours: write them like mon-fri 09:00-17:00; sat 10:00-12:00"
            raise Invalid(message)
        for day in _WEEKDAYS[_WEEKDAYS.index(first) : _WEEKDAYS.index(last or first) + 1]:
            hours[day] = spans
    _hours(hours)
    return hours


def _of_fields(fields: Mapping[str, Any]) -> Calendar:
    unknown = fields.keys() - _KEYS
    if unknown:
        message = f"a calendar has no {', '.join(sorted(map(str, unknown)))}; it may have {', '.join(sorted(_KEYS))}"
        raise Invalid(message)
    if fields.get("weekends", "closed") not in {"closed", "open"}:
        message = "weekends of a calendar are closed or open"
        raise Invalid(message)
    holidays = fields.get("holidays")
    places = [] if holidays is None else holidays if isinstance(holidays, list) else [holidays]
    hours = fields.get("hours")
    return Calendar(
        places=tuple(_place(place) for place in places),
        weekends=fields.get("weekends", "closed") == "closed",
        closed=_dates(fields.get("closed", []), "closed"),
        opened=_dates(fields.get("open", []), "open"),
        hours=None if hours is None else _hours(hours),
    )


def _place(text: Any) -> str:
    if not isinstance(text, str):
        message = f"{text!r} is no country or region: write it like DE or DE-BY"
        raise Invalid(message)
    _holidays(text)
    return text


@functools.lru_cache(maxsize=256)
def _holidays(place: str) -> Any:
    """Return the holidays of a country or region; years are added as they are asked for."""
    import holidays  # noqa: PLC0415 - it costs a while to load, and most schedules need none

    country, _, region = place.upper().partition("-")
    try:
        return holidays.country_holidays(country, subdiv=region or None)
    except NotImplementedError as error:
        regions = holidays.list_supported_countries().get(country)
        known = f"regions of {country}: {', '.join(regions)}" if regions else "write it like DE, DE-BY or US-CA"
        message = f"there is no calendar for {place!r}; {known}"
        raise Invalid(message) from error


def _dates(data: Any, name: str) -> frozenset[date]:
    try:
        return frozenset(date.fromisoformat(text) for text in data)
    except (TypeError, ValueError) as error:
        message = f"`{name}` of a calendar is a list of dates like 2026-12-24: {error}"
        raise Invalid(message) from error


def _hours(data: Any) -> tuple[tuple[tuple[int, int], ...], ...]:
    if not isinstance(data, Mapping) or data.keys() - set(_WEEKDAYS):
        message = f"`hours` of a calendar is an object with {', '.join(_WEEKDAYS)}"
        raise Invalid(message)
    hours = tuple(tuple(_span(text) for text in data.get(day, [])) for day in _WEEKDAYS)
    if not any(hours):
        message = "`hours` of a calendar leave no day open"
        raise Invalid(message)
    for spans in hours:
        if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans)):
            message = "`hours` of one day overlap or are out of order"
            raise Invalid(message)
    return hours


def _span(text: Any) -> tuple[int, int]:
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found:
        begin, end = (int(found[place]) * 3600 + int(found[place + 1]) * 60 for place in (1, 3))
        if begin < end <= DAY_S:
            return begin, end
    message = f"{text!r} is no span of hours: write it like 09:00-17:00"
    raise Invalid(message)
