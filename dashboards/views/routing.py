"""*Routing*: who got what and why, what a person must categorize, by which policy agents are compared, and what was learned."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from dashboards import data, decisions, faces, tables, wording
from dashboards.calls import PAGE, Refused
from dashboards.views import routing_learning, routing_policy, routing_review

HOW: Final = "Each attempt is preceded by one; it keeps who was weighed, why one was chosen, and what would have changed that."

Row = Mapping[str, Any]


def show() -> None:
    """Draw the part that is open, or the decision that the address names. Parts that are not open are not drawn: their keys would act."""
    faces.heading("Routing")
    chosen = st.query_params.get("decision")
    if chosen:
        _one(chosen)
        return
    parts: dict[str, Callable[[], None]] = {
        "Decisions": _decisions,
        "Review": routing_review.show,
        "Policy": routing_policy.show,
        "Learning": routing_learning.show,
    }
    for tab, draw in zip(st.tabs(list(parts), key="part", on_change="rerun", bind="query-params"), parts.values(), strict=True):
        if tab.open:
            with tab, faces.guard():
                draw()


def _decisions() -> None:
    rows = data.read("/decisions", most=PAGE)["items"]
    if not rows:
        faces.empty("No decision has been made yet.", HOW)
        return
    _news(rows[0]["id"])
    fitting = _fitting(rows)
    if not fitting:
        faces.empty(f"None of the newest {len(rows)} decisions fits these filters.", "Clear a filter above to see more.")
        return
    event: Any = st.dataframe(
        [_row(row) for row in fitting], hide_index=True, column_config=_columns(), on_select="rerun", selection_mode="single-row", key="decisions",
        row_height=38, height=min(38 * len(fitting) + 37, 760), alt="Decisions, newest first", placeholder=wording.DASH,
    )  # fmt: skip
    st.caption(f"Select a row to open the decision. {len(fitting)} of the newest {len(rows)}, newest first.")
    if event.selection.rows:
        st.query_params["decision"] = fitting[event.selection.rows[0]]["id"]
        st.rerun()


@st.fragment(run_every="10s")
def _news(shown: str) -> None:
    """Say that something was decided since, for as long as the page is open."""
    with faces.guard():
        newest = data.read("/decisions", most=1)["items"]
        came = bool(newest) and newest[0]["id"] != shown
        if came and st.button("Show what was decided since", icon=":material/refresh:", type="tertiary", key="newer"):
            st.rerun(scope="app")


def _fitting(rows: list[Row]) -> list[Row]:
    """Ask for filters, which stay in the address, and return the decisions that fit them."""
    agents = sorted({row["agent_id"] for row in rows if row["agent_id"]})
    with st.grid(3, min_column_width=140):
        text = st.text_input("Text", key="text", bind="query-params", type="search", placeholder="title, client, why or id") or ""
        agent = st.selectbox("Agent", agents, index=None, key="agent", placeholder="any", accept_new_options=True, bind="query-params")
        category = st.selectbox("Category", data.read("/categories")["items"], index=None, key="category", placeholder="any", bind="query-params")
    return [
        row
        for row in rows
        if text.casefold() in " ".join((row["title"], row["client"], row["why"], row["task_id"])).casefold()
        and agent in {None, row["agent_id"]}
        and category in {None, row["category"]}
    ]


def _row(row: Row) -> dict[str, Any]:
    flips = row["flips"]
    return {
        "at": wording.instant(row["at"]),
        "task": row["title"],
        "category": row["category"],
        "agent": row["agent_id"] or "nobody",
        "why": row["why"],
        "flip": f"it {flips[0]['words']}" if flips else None,
        "price": wording.money(row["price_cents"], row["currency"]),
        "policy": row["policy"],
    }


def _columns() -> dict[str, Any]:
    return {
        "at": tables.moments("at", data.zone()),
        "task": st.column_config.TextColumn(width=220),
        "agent": st.column_config.TextColumn(width=110),
        "why": st.column_config.TextColumn(width=330),
        "flip": st.column_config.TextColumn("what would have changed it", width=300),
        "price": st.column_config.TextColumn(width=90),
    }


def _one(decision_id: str) -> None:
    if st.button("All decisions", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["decision"]
        st.rerun()
    row = next((row for row in data.read("/decisions", most=PAGE)["items"] if row["id"] == decision_id), None)
    if row is None:
        message = f"{decision_id!r} is none of the newest {PAGE} decisions; a task shows its own, however old"
        raise Refused(message)
    st.header(wording.markdown(row["title"]), anchor=False)
    about = [row["category"] or "without a category", f"for {row['client']}", wording.money(row["price_cents"], row["currency"])]
    st.caption(wording.markdown(", ".join(about)))
    decisions.show(row, row["currency"])
    pages = st.session_state["pages"]
    with st.container(horizontal=True, key="links"):
        st.page_link(pages["tasks"], label="Open the task", icon=":material/checklist:", query_params={"task": row["task_id"]})
        if row["agent_id"]:
            st.page_link(pages["agents"], label="Open the agent", icon=":material/badge:", query_params={"agent": row["agent_id"]})
