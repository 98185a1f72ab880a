"""How the replay of a policy reads. Pure: an answer of the API in, rows of tables and sentences out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashboards import wording

Row = Mapping[str, Any]

FACES: Final[Mapping[str, tuple[str, str]]] = {  # how a verdict begins → how it is shown, its icon
    "better": ("success", "trending_up"),
    "worse": ("error", "trending_down"),
    "cannot be known": ("warning", "help"),
}
MEASURES: Final[Mapping[str, bool]] = {"success": False, "cost": True, "late": False, "worth": True}  # measure → whether it is money


def face(verdict: str) -> tuple[str, str]:
    """Return how a verdict is shown, and its icon."""
    return next((found for beginning, found in FACES.items() if verdict.startswith(beginning)), ("info", "balance"))


def sentence(answer: Row) -> str:
    """Return in a sentence what was replayed and how much of it would have moved."""
    tried = answer["tried_out"]
    seen = "" if tried is None else f"; of those, {tried:.0%} to an agent that had been tried out for such a task"
    return f"**{answer['decisions']:,}** decisions of {answer['days']:g} days were replayed, **{answer['moved_count']:,}** would have moved{seen}."


def left_out(answer: Row) -> str:
    """Return how many of the moved tasks are named, when these are not all."""
    named = len(answer["moved"])
    return "" if named == answer["moved_count"] else f"; the first {named:,} of {answer['moved_count']:,}"


def measures(answer: Row) -> list[dict[str, str]]:
    """Return what a decision brings, as it was and as it would be, with the change and the interval that holds it."""
    currencies = answer["currencies"]
    currency = currencies[0] if len(currencies) == 1 else None
    rows = []
    for name, money in MEASURES.items():
        change = answer["change"][name]
        rows.append(
            {
                "a decision": name,
                "as it was": _value(answer["before"][name], currency, money=money),
                "as it would be": _value(answer["after"][name], currency, money=money),
                "change": _change(change["mean"], currency, money=money),
                "with 95 %": _interval(change["low"], change["high"], currency, money=money),
            }
        )
    return rows


def moved(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the moved tasks as rows of a table."""
    return [
        {
            "task": row["title"], "client": row["client"], "from": row["before"], "to": row["after"],
            "gain expected": _change(row["gain"], row["currency"], money=True),
            "chance that it had": None if row["chance"] is None else f"{row['chance']:.0%}",
        }
        for row in rows
    ]  # fmt: skip


def _value(value: float, currency: str | None, *, money: bool) -> str:
    """Return a mean; amounts of several currencies are minor units without a name."""
    if not money:
        return f"{value:.1%}"
    return wording.money(value, currency) if currency else f"{value:,.1f} minor units"


def _interval(low: float, high: float, currency: str | None, *, money: bool) -> str:
    if not money:
        return f"{_points(low)} to {_points(high)} points"
    return f"{_change(low, currency, money=True)} to {_change(high, currency, money=True)}"


def _change(value: float, currency: str | None, *, money: bool) -> str:
    if not money:
        return f"{_points(value)} points"
    sign = "+" if value > 0 else ""
    return sign + (wording.money(value, currency) if currency else f"{value:,.1f} minor units")


def _points(share: float) -> str:
    return f"{round(share * 100, 1) + 0.0:+.1f}"  # adding zero makes of minus zero zero
