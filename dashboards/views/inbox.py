"""*Inbox*: what I should know, what I take care of, and by which rules and channels it reaches me."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, notifying, wording
from dashboards.views import inbox_channels, inbox_rules

PAGE: Final = 25  # notices
FILTERS: Final[Mapping[str, str]] = {"open": "Open", "all": "All", "snoozed": "Put away"}
STANDINGS: Final[Mapping[str, str]] = {"acknowledged": "acknowledged", "resolved": "over"}
HOW: Final = (
    "Notices get here by rules: operators hear of alerts and of decisions that wait for them, a client how its own tasks ended, and everybody of "
    "what a rule under **Rules** asks for. `arbiter notify`, which `arbiter up` starts, brings them."
)

Row = Mapping[str, Any]


def show() -> None:
    """Draw the page."""
    with faces.heading("Inbox"):
        if data.may("POST /calendar/link"):
            _calendar()
    parts = {"Notices": _notices, "Rules": inbox_rules.show}
    if data.may("POST /channels"):
        parts["Channels"] = inbox_channels.show
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab, faces.guard():
            draw()


def _calendar() -> None:
    with st.popover("Calendar", icon=":material/calendar_add_on:"), faces.guard():
        st.caption(
            "A personal address for calendar programs, with coming fires and deadlines that you may see. It is shown this once. Whoever has it sees "
            "what you see there; a new one makes the one before useless."
        )
        if st.button("Make my link", key="calendar-link", type="primary"):
            st.code(data.address(data.act("/calendar/link")["path"]), language=None, wrap_lines=True)
        if st.button("Make my link useless", key="calendar-revoke", type="tertiary"):
            data.remove("/calendar/link")
            st.caption("Done: your link opens nothing any more.")


def _notices() -> None:
    chosen = st.segmented_control(
        "Which", list(FILTERS), default="open", required=True, format_func=FILTERS.__getitem__, key="filter", label_visibility="collapsed"
    )
    cursors: list[int | None] = st.session_state.setdefault(f"inbox-{chosen}", [None])
    box = data.read("/inbox", state=None if chosen == "all" else chosen, cursor=cursors[-1], most=PAGE)
    _standing(box)
    _news(box["last"])
    if not box["items"]:
        what = {"open": "Nothing is open.", "snoozed": "Nothing is put away."}.get(chosen, "There are no notices yet.")
        faces.empty(what, HOW)
    for notice in box["items"]:
        _notice(notice)
    _turn(cursors, box["next"])


def _standing(box: Row) -> None:
    """Say how many are unread, and offer to have read them."""
    with st.container(horizontal=True, vertical_alignment="center", key="standing"):
        st.caption(f"**{box['unread']}** unread. Newest first; times are in the zone {wording.markdown(data.zone())}.", width="content")
        if box["read_to"] < box["last"] and st.button("Mark all as read", icon=":material/done_all:", type="tertiary", key="read"):
            _do("/inbox/read", {"to": box["last"]}, "all is read")


@st.fragment(run_every="10s")
def _news(shown: int) -> None:
    """Say that something came since, for as long as the page is open: what somebody reads does not move under their eyes."""
    with faces.guard():
        came = data.read("/inbox", most=1)["last"] != shown
        if came and st.button("Show what came since", icon=":material/refresh:", type="tertiary", key="newer"):
            st.rerun(scope="app")


def _notice(notice: Row) -> None:
    with st.container(border=True, gap="small", key=f"notice-{notice['id']}"):
        unread = ":blue[●] " if notice["unread"] else ""
        st.markdown(f"{unread}{notifying.SEVERITIES[notice['severity']]} **{wording.markdown(notice['title'])}**")
        if notice["text"]:
            st.markdown(wording.advice(notice["text"]))
        st.caption(" · ".join(_facts(notice)))
        with st.container(horizontal=True, vertical_alignment="center", key=f"deeds-{notice['id']}"):
            _link(notice)
            _deeds(notice)


def _facts(notice: Row) -> list[str]:
    at = wording.instant(notice["at"])
    said = [*(["unread"] if notice["unread"] else []), notice["severity"], f"{wording.when(at, data.zone())}, {wording.ago(at, datetime.now(UTC))}"]
    if notice["count"] > 1:
        said.append(f"{notice['count']} times")
    if notice["state"] in STANDINGS:
        said.append(STANDINGS[notice["state"]])
    if notice["snoozed_until_at"] is not None:
        said.append(f"put away until {wording.when(notice['snoozed_until_at'], data.zone())}")
    if notice["assigned_to"]:
        said.append(f"{wording.markdown(notice['assigned_to'])} takes care of it")
    return said


def _link(notice: Row) -> None:
    pages, about = st.session_state["pages"], notice["entity_id"]
    match notice["entity"]:
        case "tasks" if (person := data.me()) and person.role == "agent":
            st.page_link(pages["my_work"], label="Open my work", icon=":material/assignment_ind:")
        case "tasks":
            st.page_link(pages["tasks"], label="Open the task", icon=":material/checklist:", query_params={"task": about})
        case "schedules" if data.may("GET /schedules"):
            st.page_link(pages["schedules"], label="Open the schedule", icon=":material/event_repeat:", query_params={"schedule": about})


def _deeds(notice: Row) -> None:
    path = f"/inbox/{notice['id']}"
    if notice["state"] == "open" and st.button(
        "Acknowledge", icon=":material/check:", type="tertiary", key=f"ack-{notice['id']}", help="You took note: it is not escalated any more"
    ):
        _do(f"{path}/acknowledge", {}, "acknowledged")
    if notice["state"] != "resolved":
        _snooze(notice, path)
        if data.may("POST /inbox/{notice_id}/assign"):
            _assign(notice, path)


def _snooze(notice: Row, path: str) -> None:
    now = datetime.now(UTC)
    with st.popover("Put away", icon=":material/snooze:", type="tertiary", key=f"snooze-{notice['id']}"):
        st.caption("It comes back then, unread.")
        if st.button("For 1 hour", key=f"hour-{notice['id']}"):
            _do(f"{path}/snooze", {"until": (now + timedelta(hours=1)).isoformat()}, "put away for an hour")
        if st.button("Until tomorrow, 09:00", key=f"morning-{notice['id']}", help=f"In the zone {wording.markdown(data.zone())}"):
            _do(f"{path}/snooze", {"until": wording.next_morning(now, data.zone())}, "put away until tomorrow")


def _assign(notice: Row, path: str) -> None:
    me = data.me()
    with st.popover("Give to", icon=":material/person_add:", type="tertiary", key=f"assign-{notice['id']}"), faces.guard():
        to = st.text_input("Who takes care of it?", value=me.name if me else "", key=f"to-{notice['id']}", max_chars=100)
        st.caption("A person of the house; it comes into their inbox.")
        if st.button("Give", key=f"give-{notice['id']}", disabled=not to):
            _do(f"{path}/assign", {"to": to}, f"{wording.markdown(to)} takes care of it")


def _do(path: str, body: Row, done: str) -> None:
    data.act(path, body)
    st.toast(f"Done: {done}.", icon=":material/check:")
    st.rerun()


def _turn(cursors: list[int | None], following: int | None) -> None:
    if following is None and len(cursors) == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="turn"):
        if st.button("Newer", icon=":material/chevron_left:", disabled=len(cursors) == 1, key="newer-page"):
            cursors.pop()
            st.rerun()
        st.caption(f"Page {len(cursors)}", width="content")
        if st.button("Older", icon=":material/chevron_right:", icon_position="right", disabled=following is None, key="older-page"):
            cursors.append(following)
            st.rerun()
