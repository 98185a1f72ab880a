"""*Agents*: how each stands, what it is busy with, what it can do and how its last days went; and one of them, opened."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboards import data, faces, staff
from dashboards.views import agent

Row = Mapping[str, Any]


def show() -> None:
    """Draw one agent when the address names one, else all of them."""
    chosen = st.query_params.get("agent")
    if chosen:
        agent.show(chosen)
        return
    faces.heading("Agents")
    _all()


@st.fragment(run_every="5s")
def _all() -> None:
    """Draw a card for each agent, and go on doing so for as long as the page is open."""
    with faces.guard():
        rows = data.read("/agents")["items"]
        if not rows:
            faces.empty("There are no agents yet.", "`arbiter up` and `arbiter demo` hire one of each built-in kind; each gets a card here.")
            return
        st.caption(
            f"What runs now; success, attempts and cost of the last {staff.DAYS} days; and what is expected in each category, one deviation to "
            "either side, with the number of attempts that it is learned from."
        )
        levels = {level["agent_id"]: level for level in data.read("/levels")["items"]}
        with st.grid(2, min_column_width=430):
            for row in rows:
                with st.container(border=True, gap="small", key=f"agent-{row['id']}"):
                    agent.card(row, levels.get(row["id"], agent.UNKNOWN))
