"""One task: where it stands and why, what can be done about it, and everything that is known of it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from dashboards import charts, data, decisions, faces, tables, wording
from models.category import NONE

GRAPH_MOST: Final = 30  # tasks in the picture of dependencies
PICTURE_MOST: Final = 2_000_000  # bytes of a picture that is shown without being asked for

Row = Mapping[str, Any]


def show(task_id: str) -> None:
    """Draw the task."""
    if st.button("All tasks", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["task"]
        st.rerun()
    detail = data.read(f"/tasks/{task_id}")
    task = detail["task"]
    _head(task)
    _actions(task)
    _figures(task, detail["attempts"])
    parts: dict[str, Callable[[], None]] = {
        "Timeline": lambda: _timeline(detail["attempts"], task["currency"]),
        "Dependencies": lambda: _dependencies(detail),
        "Decision": lambda: _decisions(detail["decisions"], task["currency"]),
        f"Artifacts ({len(detail['artifacts'])})": lambda: _artifacts(detail["artifacts"]),
        "Work": lambda: _work(task),
        "Events": lambda: _events(detail["events"]),
    }
    if "decisions" not in detail:  # clients are not told
        del parts["Decision"]
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab:
            draw()


def _head(task: Row) -> None:
    standing = wording.standing(task)
    colour, icon, meaning = wording.STATES[standing]
    st.header(wording.markdown(task["title"]), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(standing, icon=f":material/{icon}:", color=colour, help=meaning.capitalize())  # type: ignore[arg-type] # one of Streamlit's colours
        if task["category"]:
            st.badge(task["category"], color="gray", help=_categorized(task))
        st.caption(f"`{task['id']}` for {wording.markdown(task['client'])} from {wording.markdown(task['source'])}", width="content")
    if task["why"]:
        st.markdown(wording.markdown(task["why"]))
    if task.get("prediction"):
        st.caption(f":material/label: {wording.markdown(_said(task['prediction']))}")


def _said(prediction: Row) -> str:
    """Return what the categorizer said, in one line."""
    rival = f", then {prediction['runner_up']} {prediction['runner_up_confidence']:.2f}" if "runner_up" in prediction else ""
    spoke = f", for {', '.join(prediction['words'])}" if prediction.get("words") else ""
    return f"The categorizer said {prediction['guess']} {prediction['confidence']:.2f}{rival}{spoke} (version {prediction.get('version', 0)})"


def _categorized(task: Row) -> str:
    by = {"given": "Given with the task", "person": "Chosen by a person", "model": "Found by the categorizer"}.get(task["category_by"] or "", "")
    return by if task["confidence"] is None else f"{by}, confidence {task['confidence']:.2f}"


def _figures(task: Row, attempts: list[Row]) -> None:
    zone, now = data.zone(), datetime.now(UTC)
    created, started, finished = (wording.instant(task[name]) for name in ("created_at", "started_at", "finished_at"))
    waited = ((started or finished or now) - created).total_seconds() * 1_000_000 if created else None
    worked = ((finished or now) - started).total_seconds() * 1_000_000 if started else None
    grid = st.grid(5 if "cost_cents" in task else 4, min_column_width=140, border=True)
    with grid:
        st.metric("Price", wording.money(task["price_cents"], task["currency"]))
        if "cost_cents" in task:
            st.metric("Cost so far" if not finished else "Cost", wording.money(task["cost_cents"], task["currency"]))
        st.metric("Attempts", f"{len(attempts)} of {task['attempts_most']}")
        submitted = wording.when(task["created_at"], zone)
        st.metric("Waited", wording.span(waited), help=f"From its submission, {submitted}, to the start of its first attempt")
        st.metric("Worked", wording.span(worked), help="From the start of its first attempt to its end, with the waits between attempts")
    if task["deadline_at"]:
        st.caption(f":material/flag: To be started before {wording.when(task['deadline_at'], zone)}")
    if task["due_at"]:
        st.caption(f":material/handshake: Promised for {wording.when(task['due_at'], zone)}")
    if task["group_id"]:
        st.page_link(
            st.session_state["pages"]["work"],
            label="The group it belongs to",
            icon=":material/account_tree:",
            query_params={"group": task["group_id"]},
        )


# --- acting -----------------------------------------------------------------------------------------------------------------------------------


def _actions(task: Row) -> None:
    possible = [(action, draw) for action, applies, draw in _ACTIONS if applies(task) and data.may(f"POST /tasks/{{task_id}}/{action}")]
    if not possible:
        return
    with st.container(horizontal=True, key="actions"):
        for _, draw in possible:
            draw(task)


def _button(label: str, action: str, icon: str, task: Row, *, primary: bool = False) -> None:
    if st.button(label, icon=f":material/{icon}:", type="primary" if primary else "secondary", key=action):
        _act(task, action, {})


def _review(task: Row) -> None:
    with st.popover("Choose the category", icon=":material/rate_review:", type="primary"):
        names = [*data.read("/categories")["items"], NONE]
        guess = (task.get("prediction") or {}).get("guess")
        chosen = st.radio("Category", names, index=names.index(guess) if guess in names else None, key="chosen")
        if st.button("Decide", type="primary", disabled=chosen is None, key="decide"):
            _act(task, "review", {"category": chosen})


def _cancel(task: Row) -> None:
    with st.popover("Cancel", icon=":material/cancel:"):
        why = st.text_input("Why? It stays in the journal.", key="why", max_chars=300)
        if st.button("Cancel this task", type="primary", key="cancel"):
            _act(task, "cancel", {"why": why})


def _reject(task: Row) -> None:
    with st.popover("Reject", icon=":material/thumb_down:"):
        note = st.text_input("Why? Whoever does it again, or asks why it ended, reads it.", key="note", max_chars=300)
        if st.button("Reject", type="primary", key="reject", disabled=not note.strip()):
            _act(task, "reject", {"note": note})


def _presented(task: Row) -> bool:
    """Tell whether a result waits to be accepted."""
    return bool(task["state"] == "review" and task["reason"] == "approval")


def _waits_for_approval(task: Row) -> bool:
    return _presented(task) or (task["approval"] == "needed" and task["state"] != "done")


def _can_be_paused(task: Row) -> bool:
    if task["state"] == "running":
        return task["kind"] != "prefect" and not task["hold_at"] and not task["stop_at"]
    return task["state"] in ("waiting", "ready", "review") and not _presented(task)


def _act(task: Row, action: str, body: dict[str, Any]) -> None:
    data.act(f"/tasks/{task['id']}/{action}", body)
    st.toast(f"Done: {action}.", icon=":material/check:")
    st.rerun()


_ACTIONS: Final[tuple[tuple[str, Callable[[Row], bool], Callable[[Row], None]], ...]] = (  # route, when it can help, how it is drawn
    ("review", lambda task: task["state"] == "review" and not _presented(task), _review),
    ("approve", _waits_for_approval, partial(_button, "Approve", "approve", "approval", primary=True)),
    ("reject", _waits_for_approval, _reject),
    (
        "resume",
        lambda task: task["state"] == "paused" or (task["state"] == "running" and bool(task["hold_at"])),
        partial(_button, "Resume", "resume", "play_arrow", primary=True),
    ),
    ("retry", lambda task: task["outcome"] not in (None, "succeeded"), partial(_button, "Try again", "retry", "replay", primary=True)),
    ("pause", _can_be_paused, partial(_button, "Pause", "pause", "pause")),
    ("cancel", lambda task: task["state"] != "done", _cancel),
)


# --- what is known ----------------------------------------------------------------------------------------------------------------------------


def _timeline(attempts: list[Row], currency: str) -> None:
    if not attempts:
        faces.empty("No attempt yet.", "The first one begins when the task is ready and an agent with its skill is free.")
        return
    chart = charts.gantt(attempts, now=datetime.now(UTC), zone=data.zone())
    st.altair_chart(chart, width="stretch", height=charts.lanes_height(len(attempts)), alt="Attempts over time")
    shown, columns = tables.anything([_attempt(row, currency) for row in attempts], data.zone())
    columns["step"] = st.column_config.LinkColumn("step in Prefect", display_text="open")
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder=wording.DASH)
    for row in attempts:
        if row["error"]:
            st.markdown(f"**Attempt {row['number']}** ended with:")
            st.code(row["error"], language=None, wrap_lines=True)


def _attempt(row: Row, currency: str) -> Row:
    took = tables.took(row)
    return {
        "number": row["number"],
        "agent_id": row["agent_id"],
        "state": tables.sign(row["state"]),
        "started_at": row["started_at"],
        "took": wording.span(took.total_seconds() * 1_000_000) if took else "goes on",
        "stage": row["stage"],
        **({"cost": wording.money(row["cost_cents"], currency)} if "cost_cents" in row else {}),
        "step": data.prefect_step(row["run_id"]),
    }


def _dependencies(detail: Row) -> None:
    nodes, edges = _neighbours(detail)
    if not edges:
        faces.empty("It needs no other task, and none needs it.", "Name needed tasks under `needs` when submitting work.")
        return
    st.graphviz_chart(charts.graph(nodes, edges, chosen=detail["task"]["id"], dark=data.dark()), width="content", alt="Tasks and what they wait for")
    st.caption("An arrow points from a task to the one that waits for it.")
    for link in [node for node in nodes if node["id"] != detail["task"]["id"]]:
        label = f"{wording.markdown(link['title'])} · {wording.standing(link)}"
        st.page_link(st.session_state["pages"]["tasks"], label=label, icon=":material/checklist:", query_params={"task": link["id"]})


def _neighbours(detail: Row) -> tuple[list[Row], list[Row]]:
    """Return the tasks around this one and their links, walking outward, nearest first, up to `GRAPH_MOST` tasks."""
    nodes: dict[str, Row] = {detail["task"]["id"]: detail["task"]}
    edges: dict[tuple[str, str], Row] = {}
    queue = [detail]
    while queue:
        here = queue.pop(0)
        links = [(row, row["id"], here["task"]["id"]) for row in here["needs"]] + [(row, here["task"]["id"], row["id"]) for row in here["needed_by"]]
        for row, needs_id, task_id in links:
            if row["id"] not in nodes:
                if len(nodes) >= GRAPH_MOST:
                    continue
                nodes[row["id"]] = row
                queue.append(data.read(f"/tasks/{row['id']}"))
            edges[(needs_id, task_id)] = {"needs_id": needs_id, "task_id": task_id, "condition": row["condition"]}
    return list(nodes.values()), list(edges.values())


def _decisions(made: list[Row], currency: str) -> None:
    if not made:
        faces.empty("No routing decision yet.", "Each attempt is preceded by one; it keeps every candidate and why it was chosen or rejected.")
        return
    for decision in reversed(made):
        decisions.show(decision, currency)


def _artifacts(artifacts: list[Row]) -> None:
    if not artifacts:
        faces.empty("No artifacts.", "Files that an attempt brings appear here when it succeeds.")
        return
    for row in artifacts:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            about = f"{wording.file_size(row['size'])} · {wording.markdown(row['media_type'])}"
            st.markdown(f"**{wording.markdown(row['name'])}**  \n:gray[{about}]", width="stretch")
            st.download_button(
                "Download",
                _bytes_of(row),
                file_name=row["name"],
                mime=row["media_type"],
                icon=":material/download:",
                on_click="ignore",
                key=row["id"],
                help=f"SHA-256 {row['sha256']}",
            )
        if row["media_type"] in ("image/png", "image/jpeg") and row["size"] <= PICTURE_MOST:
            st.image(data.picture(row["id"]), width=640)


def _bytes_of(row: Row) -> Callable[[], bytes]:
    """Return what fetches an artifact when its button is pressed, as the person who sees the page now: the press runs on another thread."""
    calls = data.calls()
    return lambda: calls.download(f"/artifacts/{row['id']}")


def _work(task: Row) -> None:
    if task["description"]:
        st.text(task["description"])
    st.markdown(f"**Inputs** for an agent of kind `{task['kind']}`")
    st.code(json.dumps(task["inputs"], indent=2, ensure_ascii=False), language="json", wrap_lines=True)
    if task["result"] is not None:
        st.markdown("**Result**")
        st.code(json.dumps(task["result"], indent=2, ensure_ascii=False), language="json", wrap_lines=True)


def _events(events: list[Row]) -> None:
    zone = data.zone()
    rows = [
        {"seq": e["seq"], "at": wording.instant(e["at"]), "what": e["kind"], "who": e["actor"], "changed": ", ".join(e["patch"])}
        for e in reversed(events)
    ]
    st.dataframe(rows, hide_index=True, column_config={"at": tables.moments("at", zone)})
