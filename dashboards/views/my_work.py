"""*My work*: what I was given, with a form for each answer; what is not for me goes back, or to a colleague."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, wording

HOW: Final = "Work gets here when a task in words fits you. You are told in your **Inbox**; an operator can take you off with `arbiter agent`."
MANY_LINES: Final = 140  # pixels of a field for text

Row = Mapping[str, Any]


def show() -> None:
    """Draw the page."""
    faces.heading("My work")
    mine = data.read("/work")
    agent = mine["agent"]
    if agent is None:
        faces.empty("You do not work for the house.", "`arbiter agent add --kind person` hires somebody.")
        return
    if agent["state"] != "online":
        st.info(f"You are {agent['state']}{': ' if agent['reason'] else ''}{wording.markdown(agent['reason'])}. Nothing new comes meanwhile.")
    if not mine["items"]:
        faces.empty("There is nothing for you to do.", HOW)
    for job in mine["items"]:
        with st.container(border=True, key=f"job-{job['attempt_id']}"), faces.guard():
            _job(job)
    _news([job["attempt_id"] for job in mine["items"]])


@st.fragment(run_every="10s")
def _news(shown: list[str]) -> None:
    """Say that something changed since: what somebody fills in does not move under their eyes."""
    with faces.guard():
        if [job["attempt_id"] for job in data.read("/work")["items"]] != shown and st.button(
            "Show what changed", icon=":material/refresh:", key="newer"
        ):
            st.rerun(scope="app")


def _job(job: Row) -> None:
    st.markdown(f"**{wording.markdown(job['title'])}**")
    ends = wording.instant(job["ends_at"])
    left = "its time stands still" if ends is None else f"until {wording.when(ends, data.zone())}"
    late = " · **its time is over**" if ends is not None and ends < datetime.now(UTC) else ""
    st.caption(f"{wording.markdown(job['category'])} · {left}{late}")
    if job["do"] != "go_on":
        st.warning(f"{'Stop' if job['do'] == 'stop' else 'Wait'}: {wording.markdown(job['why'])}", icon=":material/back_hand:")
    if job["description"]:
        st.text(job["description"])
    _asked(job["inputs"])
    _files(job)
    _form(job)
    _decline(job)


def _asked(inputs: Row) -> None:
    if "instructions" in inputs:
        st.text(inputs["instructions"])
    for name, value in inputs.get("data", {}).items():
        st.caption(wording.markdown(name))
        if isinstance(value, str):
            st.text(value)
        else:
            st.json(value)


def _files(job: Row) -> None:
    for name, file in job["inputs"].get("files", {}).items():
        key, label = f"file-{job['attempt_id']}-{name}", f"{wording.markdown(name)}: {wording.markdown(file['name'])}"
        fetched = partial(data.calls().download, file["$href"])  # when it is asked for
        st.download_button(label, data=fetched, file_name=file["name"] or name, icon=":material/download:", key=key, on_click="ignore")


def _form(job: Row) -> None:
    fields = job["inputs"].get("answer", {"answer": {"type": "text"}})
    with st.form(f"form-{job['attempt_id']}", border=False):
        answer = {name: _field(job, name, field) for name, field in fields.items()}
        handed = st.file_uploader("Files that go with it", accept_multiple_files=True, key=f"files-{job['attempt_id']}")
        if st.form_submit_button("Bring the result", type="primary", icon=":material/check:", key=f"bring-{job['attempt_id']}"):
            missing = [name for name, value in answer.items() if value is None]
            if missing:
                st.warning(f"Still missing: {', '.join(map(wording.markdown, missing))}", icon=":material/edit:")
                return
            files = [data.hand_in(f"/work/{job['attempt_id']}/files", one.getvalue(), name=one.name, fence=job["fence"])["id"] for one in handed]
            _do(job, "result", {"answer": answer, "files": files}, "the result was accepted")


def _field(job: Row, name: str, field: Row) -> Any:
    """Draw a field of the answer as it was asked for; return what it holds, null while that is nothing."""
    key, label = f"{job['attempt_id']}-{name}", wording.markdown(name)
    about = wording.markdown(field.get("about", "")) or None
    match field.get("type", "text"):
        case "boolean":
            chosen = st.radio(label, ["yes", "no"], index=None, horizontal=True, help=about, key=key)
            return None if chosen is None else chosen == "yes"
        case "choice":
            return st.selectbox(label, field["choices"], index=None, help=about, key=key)
        case "integer":
            least, most = (None if field.get(limit) is None else int(field[limit]) for limit in ("least", "most"))
            return st.number_input(label, min_value=least, max_value=most, value=None, step=1, help=about, key=key)
        case "number":
            least_of, most_of = (None if field.get(limit) is None else float(field[limit]) for limit in ("least", "most"))
            return st.number_input(label, min_value=least_of, max_value=most_of, value=None, help=about, key=key)
        case _:
            return st.text_area(label, height=MANY_LINES, help=about, key=key) or None


def _decline(job: Row) -> None:
    with st.popover("Not for me", icon=":material/assignment_return:", type="tertiary", key=f"not-{job['attempt_id']}"), faces.guard():
        why = st.text_input("Why?", key=f"why-{job['attempt_id']}", max_chars=1000)
        to = st.text_input("Who should do it instead? (id of an agent; empty: whoever is best)", key=f"to-{job['attempt_id']}", max_chars=100)
        if st.button("Give it back", key=f"decline-{job['attempt_id']}", disabled=not why):
            _do(job, "decline", {"why": why, "to": to or None}, "it was given back")


def _do(job: Row, deed: str, said: Row, done: str) -> None:
    data.act(f"/work/{job['attempt_id']}/{deed}", {"fence": job["fence"], **said})
    st.toast(f"Done: {done}.", icon=":material/check:")
    st.rerun()
