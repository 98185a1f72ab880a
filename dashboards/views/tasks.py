"""*Tasks*: all of them, found by filters that stay in the address; and one of them, opened."""

from typing import Any, Final

import streamlit as st

from dashboards import data, faces, tables, wording
from dashboards.calls import PAGE
from dashboards.views import many, task
from models.task import Outcome, State

MOST: Final = 50  # rows of one page
APPROVAL: Final = "approval"  # not a state of its own: waiting, for somebody's approval
FILTERS: Final = ("state", "outcome", "category", "client", "source", "text")


def show() -> None:
    """Draw one task when the address names one, else the table."""
    chosen = st.query_params.get("task")
    if chosen:
        task.show(chosen)
        return
    faces.heading("Tasks")
    filters = _filters()
    cursors = _cursors(filters)
    page = _page(filters, cursors[-1])
    many.offer({name: value for name, value in filters.items() if value != APPROVAL})
    _table(page["items"], filters)
    _turn(cursors, page["next"])


def _filters() -> dict[str, str | None]:
    """Return what is asked for; each filter is bound to the address, so that it can be shared and survives a reload."""
    bound: dict[str, Any] = {"bind": "query-params", "index": None, "placeholder": "any"}
    with st.grid(6, min_column_width=140):
        text = st.text_input("Text", key="text", bind="query-params", type="search", placeholder="title, client or id")
        state = st.selectbox("State", [*map(str, State), APPROVAL], key="state", **bound)
        outcome = st.selectbox("Outcome", list(map(str, Outcome)), key="outcome", **bound)
        category = st.selectbox("Category", data.read("/categories")["items"], key="category", **bound)
        client = st.text_input("Client", key="client", bind="query-params", placeholder="any")
        source = st.text_input("Source", key="source", bind="query-params", placeholder="any")
    return dict(zip(FILTERS, (state, outcome, category, client, source, text), strict=True))


def _cursors(filters: dict[str, str | None]) -> list[str | None]:
    """Return the cursors of the pages turned so far; other filters begin at the first page again."""
    if st.session_state.get("filtered") != filters:
        st.session_state.update(filtered=filters, cursors=[None])
    cursors: list[str | None] = st.session_state["cursors"]
    return cursors


def _page(filters: dict[str, str | None], cursor: str | None) -> dict[str, Any]:
    if filters["state"] != APPROVAL:
        found: dict[str, Any] = data.read("/tasks", **filters, cursor=cursor, most=MOST)
        return found
    waiting = data.read("/tasks", **filters | {"state": State.WAITING}, cursor=cursor, most=PAGE)
    return {"items": [row for row in waiting["items"] if row["reason"] == APPROVAL], "next": waiting["next"]}


def _table(rows: list[dict[str, Any]], filters: dict[str, str | None]) -> None:
    if not rows:
        if any(filters.values()):
            faces.empty("No task fits these filters.", "Clear a filter above to see more.")
        else:
            faces.empty("There are no tasks yet.", "Submit one with `arbiter submit`, or load the examples with `arbiter demo`.")
        return
    shown, columns = tables.tasks(rows, data.zone())
    event: Any = st.dataframe(
        shown, hide_index=True, column_config=columns, on_select="rerun", selection_mode="single-row", key="table", row_height=38,
        height=min(38 * len(rows) + 37, 760), alt="Tasks, newest first", placeholder=wording.DASH,
    )  # fmt: skip
    st.caption("Select a row to open the task. Newest first.")
    if event.selection.rows:
        st.query_params["task"] = rows[event.selection.rows[0]]["id"]
        st.rerun()


def _turn(cursors: list[str | None], following: str | None) -> None:
    if following is None and len(cursors) == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Newer", icon=":material/chevron_left:", disabled=len(cursors) == 1):
            cursors.pop()
            st.rerun()
        st.caption(f"Page {len(cursors)}", width="content")
        if st.button("Older", icon=":material/chevron_right:", icon_position="right", disabled=following is None):
            cursors.append(following)
            st.rerun()
