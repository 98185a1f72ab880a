"""Rows of the API as tables: which columns, in which order, how each reads. Foreign text stays plain: cells are not Markdown."""

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
    "timeout": "⊗", "lost": "↯",
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


def moments(title: str, zone: str) -> Any:
    """Return a column of instants on the reader's clock."""
    return st.column_config.DatetimeColumn(title, format="D MMM HH:mm:ss", timezone=zone, width=130, help=f"Times are in the zone {zone}.")


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
