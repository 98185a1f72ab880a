"""One deed on all tasks that fit the filters: seen before it is done, and taken back for some minutes after."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, tables, wording

DEEDS: Final = {  # of the API: as a wish, and when it was done
    "cancel": ("Cancel", "cancelled"),
    "retry": ("Try again", "tried again"),
    "pause": ("Pause", "paused"),
    "resume": ("Resume", "resumed"),
    "reprioritise": ("Give a priority", "given another priority"),
    "reassign": ("Give to an agent", "given to another agent"),
}

Row = Mapping[str, Any]


def offer(filters: Mapping[str, str | None]) -> None:
    """Offer the deeds, and taking back those of the last minutes, to a person who may."""
    if not data.may("POST /bulk"):
        return
    wanted = {name: value for name, value in filters.items() if value}

    @st.dialog("Do something with all that fit", width="large")
    def opened() -> None:
        with faces.guard():
            choose(wanted)

    if wanted and st.button("Do something with all that fit", icon=":material/library_add_check:", type="tertiary", key="many"):
        opened()
    for row in data.read("/bulk")["items"]:
        if row["undo_until_at"] is not None:
            _offer_undo(row)


def _offer_undo(row: Row) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"done-{row['id']}"):
        who, when = wording.markdown(row["actor"].removeprefix("user:")), wording.when(row["at"], data.zone())
        st.caption(f"{row['count']} tasks were {DEEDS[row['deed']][1]} by {who}, {when}", width="content")
        if st.button(
            "Take it back", icon=":material/undo:", key=f"undo-{row['id']}", help=f"Until {wording.when(row['undo_until_at'], data.zone())}"
        ):
            answer = data.act(f"/bulk/{row['id']}/undo")
            st.toast(f"Done: {answer['restored']} of {row['count']} tasks are as they were.", icon=":material/check:")
            st.rerun()


def choose(filters: Row) -> None:
    """Ask what is to be done, show what that would touch, and do it."""
    st.caption("Tasks with " + ", ".join(f"{name} **{wording.markdown(value)}**" for name, value in filters.items()))
    deed = st.selectbox("What", list(DEEDS), format_func=lambda deed: DEEDS[deed][0], key="deed")
    wanted: dict[str, Any] = {"deed": deed, "filters": filters} | _more(deed)
    why = st.text_input("Why? It stays in the journal.", key="bulk-why", max_chars=300)
    seen = data.ask("/bulk/preview", wanted)
    _show(seen)
    if st.button(f"{DEEDS[deed][0]}: {seen['count']} tasks", type="primary", disabled=not seen["count"], key="do"):
        answer = data.act("/bulk", wanted | {"why": why, "count": seen["count"]})
        st.toast(f"Done: {answer['count']} tasks were {DEEDS[deed][1]}.", icon=":material/check:")
        st.rerun()


def _more(deed: str) -> dict[str, Any]:
    if deed == "reprioritise":
        return {"priority": st.number_input("Priority, higher comes first", value=0, min_value=-1000, max_value=1000, step=10, key="priority")}
    if deed == "reassign":
        agents = [row["id"] for row in data.read("/agents")["items"]]
        return {"agent": st.selectbox("Agent", agents, index=None, placeholder="whichever is best", key="agent")}
    return {}


def _show(seen: Row) -> None:
    if not seen["count"]:
        faces.empty("It can be done to none of them.", f"{seen['left']} tasks fit the filters, and none is in a state in which this can be done.")
        return
    states = ", ".join(f"{count} {state}" for state, count in seen["states"].items())
    clients = ", ".join(f"{wording.markdown(client)} {count}" for client, count in seen["clients"].items())
    left = f" {seen['left']} more fit the filters and stay as they are." if seen["left"] else ""
    st.markdown(f"**{seen['count']} tasks**: {states}. Clients: {clients}.{left}")
    shown, columns = tables.anything([dict(row) for row in seen["sample"]], data.zone())
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder=wording.DASH)
    if len(seen["sample"]) < seen["count"]:
        st.caption(f"The first {len(seen['sample'])} of them.")
