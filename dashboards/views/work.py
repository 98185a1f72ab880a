"""*Work*: groups of tasks with their course, the queue with its reasons, and what every agent does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from dashboards import charts, data, faces, plans, tables, wording

Row = Mapping[str, Any]

HOURS: Final = (1, 6, 24)  # of the fleet's timeline


def show() -> None:
    """Draw one group when the address names one, else the overview."""
    chosen = st.query_params.get("group")
    if chosen:
        _group(chosen)
        return
    faces.heading("Work")
    parts = {"Groups": _groups}
    if data.may("GET /queue"):  # clients see their own groups and nobody's queue
        parts |= {"Queue": _queue, "Fleet": _fleet}
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab, faces.guard():
            draw()


def _groups() -> None:
    rows = data.read("/groups")["items"]
    if not rows:
        faces.empty("No tasks that belong together yet.", "Tasks that are submitted together, or by one fire of a schedule, are a group.")
        return
    shown = [
        {
            "state": tables.sign(row["outcome"] or row["state"]),
            "title": row["title"],
            "done": row["done"] / row["tasks"],
            "tasks": row["tasks"],
            "client": row["client"],
            "source": row["source"],
            "created": wording.instant(row["created_at"]),
        }
        for row in rows
    ]
    columns = {
        "state": st.column_config.TextColumn(width=115),
        "title": st.column_config.TextColumn("first task", width=300),
        "done": st.column_config.ProgressColumn("done", format="percent", min_value=0, max_value=1),
        "created": tables.moments("created", data.zone()),
    }
    event: Any = st.dataframe(
        shown, hide_index=True, column_config=columns, on_select="rerun", selection_mode="single-row", key="groups", row_height=38,
        height=min(38 * len(rows) + 37, 760), alt="Groups of tasks, newest first", placeholder=wording.DASH,
    )  # fmt: skip
    st.caption("Select a row to open the group. Newest first.")
    if event.selection.rows:
        st.query_params["group"] = rows[event.selection.rows[0]]["group_id"]
        st.rerun()


def _queue() -> None:
    rows = data.read("/queue", most=200)["items"]
    if not rows:
        faces.empty("Nobody waits for an agent.", "Tasks stand here from the moment at which nothing is missing any more until an agent starts them.")
        return
    shown = [
        {
            "place": row["place"],
            "title": row["title"],
            "client": row["client"],
            "priority": row["priority"],
            "ready": wording.instant(row["ready_at"]),
            "category": row["category"],
            "why": row["why"],
        }
        for row in rows
    ]
    columns = {
        "place": st.column_config.NumberColumn(width=60),
        "title": st.column_config.TextColumn(width=240),
        "ready": tables.moments("ready", data.zone()),
        "why": st.column_config.TextColumn("why it does not run yet", width=460),
    }
    st.dataframe(shown, hide_index=True, column_config=columns, alt="The queue, in its order", placeholder=wording.DASH)
    st.caption(
        "Order: who has been ready longest, less one minute for each point of priority, plus five seconds for each task of the same client that was "
        "ready before. Open a task to change its priority."
    )


def _fleet() -> None:
    hours = st.segmented_control("Span", HOURS, default=HOURS[0], format_func=lambda hours: f"{hours} h", key="hours") or HOURS[0]
    rows = data.read("/fleet", hours=hours)["items"]
    if not rows:
        faces.empty("No agent worked on anything in this span.", "Every attempt is a bar in its agent's lane.")
        return
    chart = plans.fleet(rows, now=datetime.now(UTC), zone=data.zone())
    st.altair_chart(chart, width="stretch", alt="What every agent worked on")


def _group(group_id: str) -> None:
    if st.button("All work", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["group"]
        st.rerun()
    found = data.read(f"/groups/{group_id}")
    head, tasks = found["group"], found["tasks"]
    st.header(wording.markdown(tasks[0]["title"]) + (f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""), anchor=False)
    standing = head["outcome"] or head["state"]
    colour, icon, meaning = wording.STATES[standing]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(standing, icon=f":material/{icon}:", color=colour, help=meaning.capitalize())  # type: ignore[arg-type] # one of Streamlit's colours
        st.caption(f"`{head['id']}` for {wording.markdown(tasks[0]['client'])} from {wording.markdown(tasks[0]['source'])}", width="content")
    st.progress(head["done"] / head["tasks"], text=f"{head['done']} of {head['tasks']} done{_expected(head)}")
    for tab, draw in zip(st.tabs(["Course", "Graph", "Tasks"]), (_course, _graph, _tasks), strict=True):
        with tab:
            draw(found)


def _expected(head: Row) -> str:
    if head["state"] == "done":
        return ""
    if head["expected_end_at"] is None:
        return " · nobody can say yet when it will end"
    return f" · expected to end {wording.when(head['expected_end_at'], data.zone())}"


def _course(found: Row) -> None:
    chart = plans.schedule_of(found["tasks"], found["group"]["critical"], now=datetime.now(UTC), zone=data.zone())
    if chart is None:
        faces.empty("Nothing was started, and nothing can be foreseen.", "Expected times come from past tasks of the same category and kind.")
        return
    st.altair_chart(chart, width="stretch", alt="The tasks of the group over time")
    st.caption("● is the critical path: the chain that decides when all of it is done. Paler bars are expected, by what such tasks took before.")


def _graph(found: Row) -> None:
    dot = charts.graph(found["tasks"], found["edges"], chosen="", dark=data.dark(), path=found["group"]["critical"])
    st.graphviz_chart(dot, width="content", alt="Tasks and what they wait for")
    st.caption("An arrow points from a task to the one that waits for it; the critical path is drawn bold.")


def _tasks(found: Row) -> None:
    for task in found["tasks"]:
        slack = "on the critical path" if task["id"] in found["group"]["critical"] else f"{wording.span(task['slack_us'])} to spare"
        label = f"{wording.markdown(task['title'])} · {wording.standing(task)} · {slack}"
        st.page_link(st.session_state["pages"]["tasks"], label=label, icon=":material/checklist:", query_params={"task": task["id"]})
