"""How values read: money, shares, spans of time, instants, states. Pure.

Everything here takes the value of the API's answer and returns text; null becomes a dash, because an absent number must not look like zero.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.clock import to_datetime
from models.money import amount

DASH: Final = "–"

SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}

STATES: Final[Mapping[str, tuple[str, str, str]]] = {  # state or outcome → colour, icon, meaning; the icon tells it without the colour
    "waiting": ("gray", "hourglass_empty", "waits for time, other tasks, approval or a category"),
    "ready": ("blue", "schedule", "an agent may take it"),
    "running": ("blue", "play_circle", "an agent works on it"),
    "review": ("orange", "rate_review", "a person must decide"),
    "paused": ("gray", "pause_circle", "an operator stopped it for now"),
    "succeeded": ("green", "check_circle", "the result was accepted"),
    "failed": ("red", "error", "no attempt brought a result"),
    "cancelled": ("gray", "cancel", "a person, or a task that it needed, ended it"),
    "expired": ("orange", "timer_off", "its deadline passed"),
    "timeout": ("red", "timer_off", "it took too long"),
    "declined": ("gray", "assignment_return", "its agent gave it back"),
    "lost": ("orange", "link_off", "the process that worked on it died"),
    "done": ("gray", "done_all", "it ended"),
}

SCHEDULES: Final[Mapping[str, tuple[str, str, str]]] = {  # state of a schedule → colour, icon, meaning
    "active": ("green", "event_repeat", "fires when it is due"),
    "paused": ("orange", "pause_circle", "does not fire until it is resumed"),
    "ended": ("gray", "event_busy", "none of its fires comes any more"),
    "deleted": ("gray", "delete", "never fires again; its history stays"),
}


def money(minor: float | None, currency: str | None) -> str:
    """Return an amount of minor units with its currency, for example `€1,234.50`; without a currency the code is not guessed."""
    if minor is None:
        return DASH
    size = amount(abs(minor), currency)
    sign = "−" if minor < 0 else ""
    if currency in SYMBOLS:
        return f"{sign}{SYMBOLS[currency]}{size}"
    return f"{sign}{currency} {size}" if currency else f"{sign}{size}"


def span(us: float | None) -> str:
    """Return a length of time in the two units that matter, for example `2 min 5 s`."""
    if us is None:
        return DASH
    seconds = us / 1_000_000
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return _two_units(round(seconds))


def _two_units(seconds: int) -> str:
    for size, name, below, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size} {name} {rest} {small}" if rest else f"{seconds // size} {name}"
    return f"{seconds} s"


def quantity(value: float | None, unit: str, currency: str | None = None) -> str:
    """Return a KPI's value in its unit: `cents`, `ratio`, `us` or `count`."""
    if value is None:
        return DASH
    match unit:
        case "cents":
            return money(value, currency)
        case "ratio":
            return f"{value:.1%}"
        case "us":
            return span(value)
        case "count":
            return f"{value:,.0f}"
    message = f"no such unit: {unit}"
    raise ValueError(message)


def change(kpi: Mapping[str, Any]) -> str | None:
    """Return the change of a KPI against the window before, or null when there is nothing to compare with.

    A share changes by percentage points: "up 50 %" of a share would be misread.
    """
    value, previous = kpi["value"], kpi["previous"]
    if value is None or previous is None:
        return None
    if kpi["unit"] == "ratio":
        return f"{(value - previous) * 100:+.1f} points"
    return None if kpi["change"] is None else f"{kpi['change']:+.1%}"


def instant(value: int | str | None) -> datetime | None:
    """Return an instant of an answer, ISO 8601 or microseconds, as an aware datetime in UTC."""
    if value is None:
        return None
    if isinstance(value, int):
        return to_datetime(value)
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC)


def when(value: int | str | datetime | None, zone: str) -> str:
    """Return an instant on the reader's clock, with the short name of the zone."""
    moment = value if isinstance(value, datetime) else instant(value)
    return DASH if moment is None else moment.astimezone(ZoneInfo(zone)).strftime("%-d %b %Y %H:%M:%S %Z")


def own_clock(local: str) -> str:
    """Return an instant on the clock that it was written on, with the day of the week; seconds only where there are any."""
    moment = datetime.fromisoformat(local)
    clock = "%H:%M:%S" if moment.second else "%H:%M"
    return moment.strftime(f"%a %-d %b %Y {clock} %z")


def on_clock(moment: datetime | None, zone: str) -> str | None:
    """Return what a reader entered on their own clock, without a zone, as an instant in ISO 8601; null stays null."""
    return None if moment is None else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()


def next_morning(now: datetime, zone: str) -> str:
    """Return nine o'clock of the reader's next day as an instant in ISO 8601."""
    return (now.astimezone(ZoneInfo(zone)) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0).isoformat()


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was, roughly: `just now`, `12 min ago`."""
    if moment is None:
        return "never"
    past = now - moment
    if past < timedelta(seconds=10):
        return "just now"
    number, unit, *_ = span(past / timedelta(microseconds=1)).split(" ")
    return f"{number} {unit} ago"


def file_size(size: int) -> str:
    """Return a number of bytes in binary units."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def standing(task: Mapping[str, Any]) -> str:
    """Return the word that tells where a task stands: its outcome when it ended, else its state."""
    return str(task.get("outcome") or task["state"])


def markdown(text: str) -> str:
    """Return foreign text so that Streamlit's Markdown shows it letter by letter: no links, images, colours, icons, mathematics or HTML.

    Addresses would become links even when every letter is escaped, because that is done after the escapes were read; an invisible word joiner in them
    prevents it.
    """
    broken = re.sub(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", "\u2060", " ".join(text.split()), flags=re.IGNORECASE)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", broken)


def advice(text: str) -> str:
    """Return a sentence of ours that may quote foreign text: what stands between backticks is a command and reads as one, all else as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markdown(text)
    return "".join(f"`{part}`" if number % 2 and part.strip() else _spaced(part) for number, part in enumerate(parts))


def _spaced(text: str) -> str:
    """Return foreign text for the middle of a sentence: the spaces at its ends stay."""
    return " " * text.startswith(" ") + markdown(text) + " " * (text.endswith(" ") and bool(text.strip()))
