"""How agents read: where they stand, what they are paid, when they work, and how the last days went. Pure: values of the API in, text or sums out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from dashboards import wording

Row = Mapping[str, Any]

DAYS: Final = 14  # that the API tells of, the last of them today
NOTHING: Final = frozenset({"no price", "no limit", "always", "any", "0"})  # terms that limit nothing
STATES: Final[Mapping[str, tuple[str, str, str]]] = {  # state of an agent → colour, icon, meaning; the icon tells it without the colour
    "online": ("green", "check_circle", "takes work"),
    "away": ("gray", "schedule", "works again later"),
    "draining": ("orange", "hourglass_bottom", "finishes what it has and takes nothing new"),
    "offline": ("red", "power_settings_new", "takes no work until it is brought online"),
}


def window(now: datetime) -> tuple[date, date]:
    """Return the first and the last day that the API tells of, in UTC."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=DAYS - 1), today


def dated(rows: Iterable[Row], first: date) -> list[dict[str, Any]]:
    """Return the days of an agent with their `date`; `first` is that of day 0."""
    return [{**row, "date": first + timedelta(days=row["day"])} for row in rows]


def success(rows: Iterable[Row], first: int = 0, last: int = DAYS - 1) -> float | None:
    """Return the share of attempts that succeeded from one day to another; null when there were none."""
    within = [row for row in rows if first <= row["day"] <= last]
    tried = sum(row["attempts"] for row in within)
    return sum(row["succeeded"] for row in within) / tried if tried else None


def trend(rows: Sequence[Row]) -> str | None:
    """Return by how many points the success of the last seven days differs from the seven before; null when one of them has no attempts."""
    before, after = success(rows, last=DAYS - 8), success(rows, first=DAYS - 7)
    return None if before is None or after is None else f"{(after - before) * 100:+.1f} points"


def course(rows: Iterable[Row], name: str) -> list[float]:
    """Return the sum of a figure on each day, oldest first."""
    sums = [0.0] * DAYS
    for row in rows:
        sums[row["day"]] += row[name]
    return sums


def costs(rows: Iterable[Row]) -> dict[str, int]:
    """Return what the attempts cost, by currency."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["cost_cents"]
    return {currency: cents for currency, cents in sums.items() if cents} or dict.fromkeys(list(sums)[:1], 0)


def points(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return dated rows with a `line` as points of it: `line`, `date`, `attempts`, `succeeded`, whatever the currency."""
    found: dict[tuple[str, date], dict[str, int]] = {}
    for row in rows:
        known = found.setdefault((row["line"], row["date"]), {"attempts": 0, "succeeded": 0})
        known |= {name: known[name] + row[name] for name in known}
    return [{"line": line, "date": day.isoformat(), **sums} for (line, day), sums in found.items()]


def rests(circuits: Iterable[Row], zone: str) -> list[str]:
    """Return in Markdown in which categories an agent rests after failures, and until when."""
    return [
        f"{wording.markdown(row['category'])}: {row['failures']} failures in a row, "
        + ("tried out with one task now" if row["state"] == "probing" else f"rests until {wording.when(row['probe_at'], zone)}")
        for row in circuits
    ]


def terms(agent: Row) -> dict[str, str]:
    """Return what an agent costs, how much it does and when, and what it may see, as the row holds it."""
    currency, languages, calendar = agent["currency"], _decoded(agent.get("languages")), _decoded(agent.get("calendar"))
    said = {
        "price of an attempt": wording.money(agent["price_cents"], currency),
        "price of a minute": wording.money(agent["minute_cents"], currency),
        "a million tokens read": _tokens(agent.get("input_cents"), currency),
        "a million tokens written": _tokens(agent.get("output_cents"), currency),
        "attempts at once": f"{agent['capacity']:,}",
        "attempts begun in a minute": "no limit" if agent["rate_most"] is None else f"{agent['rate_most']:,} at most",
        "hours": "always" if calendar is None else f"{hours(calendar)} ({agent['zone'] or 'UTC'})",
        "languages": ", ".join(map(str, languages)) if languages else "any",
        "clearance": str(agent.get("clearance") or 0),
    }
    budget = _decoded(agent.get("budget"))
    return said | ({"budget": _budget(budget, currency)} if budget else {"budget": "no limit"})


def brief(agent: Row) -> str:
    """Return the terms that say more than that there is no limit."""
    said = {name: value for name, value in terms(agent).items() if name != "attempts at once" and value not in NOTHING}
    return " · ".join(f"{name}: {value}" for name, value in said.items()) or "no terms but its capacity"


def hours(calendar: Any) -> str:
    """Return a calendar as text: days with their hours, then what else it says."""
    match calendar:
        case str():
            return f"days that are no holidays of {calendar}"
        case list():
            return "; ".join(map(hours, calendar))
        case dict():
            days = [f"{day} {' '.join(spans)}" for day, spans in calendar.get("hours", {}).items() if spans]
            others = [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in calendar.items() if name != "hours"]
            return "; ".join([*([", ".join(days)] if days else []), *others])
    return str(calendar)


def _tokens(cents: int | None, currency: str) -> str:
    return "no price" if cents is None else wording.money(cents, currency)


def _budget(budget: Any, currency: str) -> str:
    """Return limits by name; an amount of cents as money."""
    if not isinstance(budget, dict):
        return _plain(budget)
    named = {name: wording.money(value, currency) if name == "cents" and isinstance(value, int) else _plain(value) for name, value in budget.items()}
    return ", ".join(f"{'money' if name == 'cents' else name}: {value}" for name, value in named.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decoded(value: Any) -> Any:
    """Return what a column holds as JSON, whether or not the answer has it decoded."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
