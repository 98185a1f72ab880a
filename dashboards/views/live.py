"""*Live*: what happens now. The picture is drawn in the browser, by a component with its own socket to the feed; nothing polls."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from dashboards import data, faces
from dashboards.calls import PAGE, Refused, Silent

OPEN: Final = ("running", "ready", "review", "paused", "waiting")
SHOWN: Final = ("id", "title", "state", "client", "category")  # what the picture needs of a task
RECENT: Final = 200  # newest tasks, whose titles the list of events needs
_HERE: Final = Path(__file__).resolve().parent.parent

_LIVE = st.components.v2.component(
    "arbiter_live",
    html=(_HERE / "live.html").read_text(encoding="utf-8"),
    css=(_HERE / "live.css").read_text(encoding="utf-8"),
    js=(_HERE / "live.js").read_text(encoding="utf-8"),
)


def show() -> None:
    """Draw the page."""
    faces.heading("Live")
    _component()


@st.fragment
def _component() -> None:
    with faces.guard():
        seen = st.session_state.get("live", {})
        wanted, opened = seen.get("wanted"), seen.get("opened")
        if opened:
            st.switch_page(st.session_state["pages"]["tasks"], query_params={"task": str(opened)})
        if wanted:
            st.session_state["live_answer"] = _answer(wanted)
        _LIVE(key="live", data=st.session_state.get("live_answer", {"n": 0}), on_wanted_change=_nothing, on_opened_change=_nothing)


def _nothing() -> None:
    """Do nothing: a trigger needs a callback to be known to Python, and the run that follows does the work."""


def _answer(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the component asked for, or why there is none: a ticket, a snapshot, or both, and then the snapshot is the later one."""
    answer: dict[str, Any] = {"n": wanted["n"], "url": data.feed_url()}
    try:
        if wanted.get("ticket"):
            answer["ticket"] = data.calls().post("/feed/ticket")
        if wanted.get("snapshot"):
            answer["snapshot"] = _snapshot()
    except (Silent, Refused) as error:
        answer["failed"] = str(error)
    return answer


def _snapshot() -> dict[str, Any]:
    """Return what is open now. A task that moves while this reads may be missing here; its event then comes through the feed."""
    calls = data.calls()
    pages = {state: calls.get("/tasks", state=state, most=PAGE) for state in OPEN}
    tasks = {task["id"]: task for page in pages.values() for task in page["items"]}
    complete = not any(page["next"] for page in pages.values())
    counts = Counter(task["state"] for task in tasks.values()) if complete else calls.get("/tasks/counts")
    running = [task_id for task_id, task in tasks.items() if task["state"] == "running"]
    attempts = [attempt for task_id in running for attempt in calls.get(f"/tasks/{task_id}")["attempts"] if attempt["state"] == "running"]
    return {
        "titles": {task["id"]: task["title"] for task in calls.get("/tasks", most=RECENT)["items"]},
        "tasks": [{name: task[name] for name in SHOWN} for task in tasks.values()],
        "attempts": attempts,
        "agents": calls.get("/agents")["items"] if data.may("GET /agents") else [],
        "counts": dict(counts),
        "complete": complete,
    }
