"""A routing decision as people read it: who got the task, what was weighed, who was kept from it, and what would have changed it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboards import data, tables, wording
from models.money import digits

Row = Mapping[str, Any]

_MONEY: Mapping[str, str] = {
    "value": "worth",
    "income": "income",
    "cost": "cost",
    "late": "lateness",
    "taken": "price of its minutes",
    "bonus": "preference",
}  # terms, and how their columns are named


def show(decision: Row, currency: str) -> None:
    """Draw a decision."""
    st.markdown(f"**{wording.markdown(decision['agent_id'] or 'nobody')}** — {wording.markdown(decision['why'])}")
    st.caption(f"{wording.when(decision['at'], data.zone())}, policy `{decision['policy']}`")
    fitting = [row for row in decision["candidates"] if not row["rejected"]]
    if fitting:
        places = digits(currency)
        columns = {name: tables.money_column(title, places) for name, title in _MONEY.items()}
        rows = [_candidate(row, decision["agent_id"], 10**places) for row in fitting]
        st.dataframe(rows, hide_index=True, column_config=columns, key=decision["id"], placeholder=wording.DASH)
    for flip in decision["flips"] or []:
        st.markdown(f":material/alt_route: It {wording.markdown(flip['words'])}.")
    rejected: defaultdict[str, list[str]] = defaultdict(list)
    for row in decision["candidates"]:
        if row["rejected"]:
            rejected[row["rejected"]].append(row["agent_id"])
    for rule, agents in rejected.items():
        st.caption(f"✗ {wording.markdown(', '.join(agents))}: {wording.markdown(rule)}")


def _candidate(row: Row, chosen: str | None, unit: int) -> dict[str, Any]:
    """Return a candidate as a row of a table; money in units of the currency."""
    stands = row.get("held") or row.get("outside") or "could take it"
    shown: dict[str, Any] = {"agent": row["agent_id"], "verdict": "✓ chosen" if row["agent_id"] == chosen else stands}
    if "value" not in row:
        return shown
    shown |= {name: row[name] / unit for name in _MONEY}
    shown |= {"success": f"{row['success']:.0%} ± {row['deviation']:.0%}", "minutes": round(row["minutes"], 1), "free places": row["free"]}
    return shown if row["chance"] is None else shown | {"chance": f"{row['chance']:.0%}"}
