"""What was learned: how well each agent did in each category from day to day, and how well the categorizer guesses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboards import charts, data, faces, staff, wording

Row = Mapping[str, Any]


def show() -> None:
    """Draw the learning curves and, for who may see it, the report card of the categorizer."""
    _curves()
    if data.may("GET /categorizers"):
        with faces.guard():
            _categorizers()


def _curves() -> None:
    st.subheader("Agents", anchor=False)
    levels = data.read("/levels")["items"]
    first, last = staff.window(datetime.now(UTC))
    rows = [{**row, "line": level["agent_id"]} for level in levels for row in staff.dated(level["days"], first)]
    present = sorted({row["category"] for row in rows})
    if not present:
        how = "Each agent gets a curve in each category once attempts of it end; what is expected of it stands on the page *Agents*."
        faces.empty(f"No attempt ended in the last {staff.DAYS} days.", how)
        return
    category = st.pills("Category", present, default=present[0], required=True, key="learning", label_visibility="collapsed")
    points = staff.points(row for row in rows if row["category"] == category)
    chart = charts.curves(points, first=first, last=last)
    st.altair_chart(chart, width="stretch", alt=f"Share of attempts at {category} that succeeded, by agent and day")
    st.dataframe(_expected(levels, category), hide_index=True, placeholder=wording.DASH)
    st.caption(f"The curve is what happened in the last {staff.DAYS} days of UTC, the table what is expected now, from all attempts.")


def _expected(levels: list[Row], category: str) -> list[dict[str, Any]]:
    """Return what is expected of the agents in a category, the best first."""
    found = [(level["agent_id"], level["skills"][category]) for level in levels if category in level["skills"]]
    return [
        {
            "agent": agent, "expected success": f"{skill['success']:.0%} ± {skill['deviation']:.0%}", "attempts": skill["attempts"],
            "takes": wording.span(skill["minutes"] * 60_000_000),
        }
        for agent, skill in sorted(found, key=lambda one: (-one[1]["success"], one[0]))
    ]  # fmt: skip


def _categorizers() -> None:
    st.subheader("The categorizer", anchor=False)
    rows = [_version(row) for row in data.read("/categorizers")["items"]]
    st.dataframe(rows, hide_index=True, placeholder=wording.DASH)
    st.caption(
        "Version 0 is the shipped one. A challenger learns from what people choose, is scored on the newest quarter of it beside the version in use,"
        " and is used only where it is better."
    )


def _version(row: Row) -> dict[str, Any]:
    """Return a version with its report card as a row of a table; the shipped one has no card."""
    card = row["card"]
    shown = {"version": row["number"], "state": row["state"], "labels": row["labels"] or None, "trained": wording.instant(row["trained_at"])}
    scores: dict[str, str | None] = {"macro-F1": None, "of the one before": None, "calibration error": None}
    if card is not None:
        low, high = card["macro_f1_interval"]
        scores = {
            "macro-F1": f"{card['macro_f1']:.3f} ({low:.3f} to {high:.3f})",
            "of the one before": f"{card['versus']['macro_f1']:.3f}",
            "calibration error": f"{card['calibration_error']:.3f}",
        }
    return {**shown, **scores, "why": row["why"]}
