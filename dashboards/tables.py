"""Rows of the API as tables: which columns, in which order, how each reads. Foreign text stays plain: cells are not Markdown."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from dashboards import wording
from models.money import digits

Row = Mapping[str, Any]
Columns = dict[str, Any]

_SIGNS = {
    "waiting": "○", "ready": "◔", "running": "►", "review": "◆", "paused": "‖", "succeeded": "✓", "failed": "✗", "cancelled": "⊘", "expired": "⊗",
    "timeout": "⊗", "lost": "↯", "active": "►", "ended": "■", "made": "✓", "queued": "◔", "skipped": "»",
}  # fmt: skip


def sign(state: str) -> str:
    """Return a state or an outcome with its sign."""
    return f"{_SIGNS.get(state, '•')} {state}"


def tasks(rows: Sequence[Row], zone: str) -> tuple[list[dict[str, Any]], Columns]:
    """Return tasks as rows of a table, and its columns."""
    shown = [
        {
            "state": sign(wording.standing(row)),
            "title": row["title"],
            "category": row["category"],
            "client": row["client"],
            "price": row["price_cents"] / 10 ** digits(row["currency"]),
            "currency": row["currency"],
            "created": wording.instant(row["created_at"]),
            "finished": wording.instant(row["finished_at"]),
            **({"cost": row["cost_cents"] / 10 ** digits(row["currency"])} if "cost_cents" in row else {}),  # clients are not told
            "source": row["source"],
        }
        for row in rows
    ]
    places = max((digits(row["currency"]) for row in rows), default=2)
    return shown, {
        "state": st.column_config.TextColumn(width=115),
        "title": st.column_config.TextColumn(width=300),
        "price": money_column("price", places),
        "cost": money_column("cost", places),
        "currency": st.column_config.TextColumn(width=75),
        "created": moments("created", zone),
        "finished": moments("finished", zone),
    }


def schedules(rows: Sequence[Row], zone: str) -> tuple[list[dict[str, Any]], Columns]:
    """Return schedules as rows of a table, and its columns."""
    shown = [
        {
            "name": row["name"],
            "state": sign(row["state"]),
            "fires": row["describes"],
            "next": wording.instant(row["next_at"]) if row["state"] == "active" else None,
            "last": wording.instant(row["last_due_at"]),
            "verdict": sign(row["last_verdict"]) if row["last_verdict"] else None,
            "late (s)": row["lateness"] or None,
            **({"why": row["why"] or None} if any(one["why"] for one in rows) else {}),
        }
        for row in rows
    ]
    return shown, {
        "name": st.column_config.TextColumn(width=120),
        "state": st.column_config.TextColumn(width=85),
        "fires": st.column_config.TextColumn(width=200, help="What its timing means"),
        "next": moments("next", zone, "D MMM YYYY HH:mm", 135),
        "last": moments("last", zone, "D MMM HH:mm:ss", 118),
        "verdict": st.column_config.TextColumn(width=90, help="What became of the last fire"),
        "late (s)": st.column_config.LineChartColumn(width=100, y_min=0, help="Seconds from due to made, of the last fires, oldest first"),
        "why": st.column_config.TextColumn(width=260, help="Why it does not fire"),
    }


def coming(rows: Sequence[Row], zone: str) -> tuple[list[dict[str, Any]], Columns]:
    """Return coming fires as rows of a table, and its columns."""
    shown = [{"at": wording.instant(row["at"]), "its own clock": wording.own_clock(row["local"])} for row in rows]
    return shown, {"at": moments("at", zone, "D MMM YYYY HH:mm:ss", 155), "its own clock": st.column_config.TextColumn(width=205)}


def moves(before: Sequence[Row], after: Sequence[Row]) -> list[dict[str, Any]]:
    """Return how the next fires move, the first against the first and so on: the clock and the zone may be others afterwards."""
    pairs = itertools.zip_longest(before, after)
    return [
        {
            "": "→" if old is None or new is None or old["at"] != new["at"] else "=",
            "now": wording.own_clock(old["local"]) if old else None,
            "after": wording.own_clock(new["local"]) if new else None,
        }
        for old, new in pairs
    ]


def history(rows: Sequence[Row], zone: str) -> tuple[list[dict[str, Any]], Columns]:
    """Return what became of fires as rows of a table, and its columns."""
    shown = [
        {
            "due": wording.instant(row["due_at"]),
            "verdict": sign(row["verdict"]),
            "count": row["count"],
            "until": wording.instant(row["last_at"]) if row["count"] > 1 else None,
            "cause": row["cause"],
            "late": None if row["late_s"] is None else wording.span(row["late_s"] * 1_000_000),
            "tasks": f"{row['done']} of {row['tasks']} ended, {row['succeeded']} succeeded" if row["tasks"] else None,
            "why": row["why"] or None,
            "note": row["note"] or None,
        }
        for row in rows
    ]
    return shown, {
        "due": moments("due", zone),
        "verdict": st.column_config.TextColumn(width=100),
        "count": st.column_config.NumberColumn(width=65, help="So many in a row were skipped for the same reason"),
        "until": moments("until", zone),
        "cause": st.column_config.TextColumn(width=80),
        "late": st.column_config.TextColumn(width=85, help="From the moment when it was due to the moment when its tasks were made"),
        "tasks": st.column_config.TextColumn(width=195),
        "why": st.column_config.TextColumn(width=300),
        "note": st.column_config.TextColumn(width=260, help="What is odd about its time"),
    }


def moments(title: str, zone: str, form: str = "D MMM HH:mm:ss", width: int = 130) -> Any:
    """Return a column of instants on the reader's clock."""
    return st.column_config.DatetimeColumn(title, format=form, timezone=zone, width=width, help=f"Times are in the zone {zone}.")


def anything(rows: Iterable[Row], zone: str) -> tuple[list[dict[str, Any]], Columns]:
    """Return rows of which only the naming is known.

    `at` and `…_at` are instants, `…_us` a length of time, `…_cents` money in the row's `currency`.
    """
    shown = [{_title(name): _cell(name, value, row) for name, value in row.items()} for row in rows]
    columns = {_title(name): moments(_title(name), zone) for row in rows for name in row if _is_instant(name)}
    return shown, columns


def _is_instant(name: str) -> bool:
    return name == "at" or name.endswith("_at")


def _title(name: str) -> str:
    for ending in ("_at", "_us", "_cents", "_id"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def _cell(name: str, value: Any, row: Row) -> Any:
    if value is None:
        return None
    if _is_instant(name):
        return wording.instant(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    if name.endswith("_us"):
        return wording.span(value)
    if name.endswith("_cents"):
        return wording.money(value, row.get("currency"))
    return value


def money_column(title: str, places: int) -> Any:
    """Return a column of amounts in major units, with so many decimal places."""
    return st.column_config.NumberColumn(title, format=f"%.{places}f", width=80)


def took(row: Row) -> timedelta | None:
    """Return how long something took that has a start and an end, null while it goes on."""
    start, end = wording.instant(row["started_at"]), wording.instant(row["finished_at"])
    return end - start if start and end else None
