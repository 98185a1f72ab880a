"""*Schedules*: what fires when, what holds it up, and what is wrong with it; and one of them, opened or edited."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from dashboards import charts, data, faces, tables, wording
from dashboards.calls import Refused
from dashboards.views import schedule, schedule_editor

HOW: Final = "Make one with **New schedule** above, or from a file with `arbiter schedule create FILE`."
HOW_SEEN: Final = "An operator makes one on this page, or from a file with `arbiter schedule create FILE`."
DAYS: Final = {1: "1 day", 7: "7 days", 30: "30 days"}
MOST: Final = 1000  # coming fires that are drawn, the most that the API tells
NAME: Final = re.compile(r"[a-z0-9_-]+")  # or an id
SLACK: Final = timedelta(seconds=30)  # beyond its grace, before a fire on which nobody decided makes these times old

Row = Mapping[str, Any]


def show() -> None:
    """Draw what the address names: a schedule, an editor, or all schedules."""
    chosen, edited = st.query_params.get("schedule"), st.query_params.get("edit")
    if chosen and (not NAME.fullmatch(chosen) or chosen == "calendar"):  # it becomes part of an address of the API, which has routes of its own there
        message = f"there is no schedule {chosen!r}"
        raise Refused(message)
    if edited:
        schedule_editor.show(chosen)
    elif chosen:
        schedule.show(chosen)
    else:
        _all()


def _all() -> None:
    with faces.heading("Schedules"):
        _buttons()
    with faces.guard():
        _alerts()
    frozen = False
    with faces.guard():
        frozen = _frozen()
    answer = data.read("/schedules")
    _freshness(answer, frozen=frozen)
    _table(answer["items"])
    if answer["items"]:
        with faces.guard():
            _calendar()


def _buttons() -> None:
    with st.container(horizontal=True, horizontal_alignment="right", width="content", key="buttons"):
        if data.may("POST /freezes"):
            _freeze()
        if data.may("POST /schedules") and st.button("New schedule", icon=":material/add:", type="primary", key="new"):
            st.query_params["edit"] = "new"
            st.rerun()


def _freeze() -> None:
    with st.popover("Freeze", icon=":material/ac_unit:"):
        st.caption("While a freeze lasts no schedule fires; each keeps its own state. Tasks that are there go on.")
        why = st.text_input("Why?", key="freeze-why", max_chars=300, live=True)
        until = st.datetime_input(f"Until ({data.zone()}); without an end somebody must end it", value=None, key="freeze-until")
        if st.button("Freeze all schedules", type="primary", key="freeze", disabled=not why):
            data.act("/freezes", {"why": why, "end": wording.on_clock(until, data.zone())})
            st.toast("Done: freeze.", icon=":material/check:")
            st.rerun()


def _alerts() -> None:
    """List what somebody must know; nothing is drawn when there is nothing."""
    opened = [alert for alert in data.read("/alerts")["items"] if alert["state"] == "open"]
    if not opened:
        return
    with st.container(border=True, gap="small", key="alerts"):
        st.markdown(f"**Open alerts: {len(opened)}**")
        for alert in opened:
            icon = ":red[:material/error:]" if alert["severity"] == "critical" else ":orange[:material/warning:]"
            since = wording.ago(wording.instant(alert["opened_at"]), datetime.now(UTC))
            st.markdown(f"{icon} **{wording.markdown(alert['title'])}** :gray[{since}]  \n{wording.advice(alert['advice'])}")


def _frozen() -> bool:
    """Say that nothing fires, why, and until when; offer to end it. Tells whether a freeze lasts."""
    freezes = data.read("/freezes")["items"]
    lasting = [freeze for freeze in freezes if freeze["lasts"]]
    for freeze in lasting:
        until = f"until {wording.when(freeze['until_at'], data.zone())}" if freeze["until_at"] else "until somebody ends it"
        again = ", a maintenance window that comes again" if freeze["timing"] else ""
        st.info(f"{wording.markdown(freeze['why'])}\n\nIt lasts {until}{again}.", icon=":material/ac_unit:", title="Frozen: no schedule fires")
        _thaw(freeze, "End this freeze")
    _windows([freeze for freeze in freezes if freeze["state"] == "set" and not freeze["lasts"] and not _is_over(freeze)])
    return bool(lasting)


def _is_over(freeze: Row) -> bool:
    until = wording.instant(freeze["until_at"])
    return until is not None and until <= datetime.now(UTC)


def _windows(freezes: list[Row]) -> None:
    """List freezes that are to come."""
    if not freezes:
        return
    with st.expander(f"Freezes to come ({len(freezes)})", icon=":material/ac_unit:"):
        for freeze in freezes:
            begins = f"from {wording.when(freeze['from_at'], data.zone())}"
            if freeze["timing"]:
                begins += f", {wording.span(freeze['length_s'] * 1_000_000)} long, again and again: {wording.markdown(str(freeze['timing']))}"
            st.markdown(f"**{wording.markdown(freeze['why'])}**  \n:gray[{begins}]")
            _thaw(freeze, "Take it back")


def _thaw(freeze: Row, label: str) -> None:
    if data.may("POST /freezes/{freeze_id}/end") and st.button(label, icon=":material/mode_heat:", key=f"thaw-{freeze['id']}"):
        data.act(f"/freezes/{freeze['id']}/end")
        st.toast("Done: the freeze has ended.", icon=":material/check:")
        st.rerun()


@st.fragment(run_every="10s")
def _freshness(shown: Row, *, frozen: bool) -> None:
    """Say whether what is shown is still so, for as long as the page is open, and when fires are due on which nobody decided."""
    with faces.guard():
        rows = data.read("/schedules")["items"]
        late = [] if frozen else [row["name"] for row in rows if _is_overdue(row)]
        if late:
            names = wording.markdown(", ".join(late))
            faces.stale(
                f"**These times are old.** Nobody decided on what was due of {names}: nobody gives out work, or it is slow. "
                "`arbiter status` tells what runs, `arbiter up` starts it."
            )
        if rows != shown["items"] and st.button("Show what changed since", icon=":material/refresh:", type="tertiary", key="newer"):
            st.rerun(scope="app")


def _is_overdue(row: Row) -> bool:
    due = wording.instant(row["next_at"])
    return row["state"] == "active" and due is not None and datetime.now(UTC) - due > timedelta(seconds=row["grace_s"]) + SLACK


def _table(rows: list[Row]) -> None:
    if not rows:
        faces.empty("There are no schedules yet.", HOW if data.may("POST /schedules") else HOW_SEEN)
        return
    shown, columns = tables.schedules(rows, data.zone())
    event: Any = st.dataframe(
        shown, hide_index=True, column_config=columns, on_select="rerun", selection_mode="single-row", key="schedules", row_height=38,
        height=min(38 * len(rows) + 37, 600), alt="Schedules by name", placeholder=wording.DASH,
    )  # fmt: skip
    st.caption("Select a row to open the schedule.")
    if event.selection.rows:
        st.query_params["schedule"] = rows[event.selection.rows[0]]["name"]
        st.rerun()


def _calendar() -> None:
    """Draw the coming fires of all active schedules."""
    st.subheader("Coming fires", anchor=False)
    with st.container(horizontal=True, key="calendar"):
        days = st.segmented_control(
            "Days", list(DAYS), default=7, required=True, format_func=DAYS.__getitem__, key="days", label_visibility="collapsed"
        )
        by = st.segmented_control(
            "Lanes", ["day", "schedule"], default="day", required=True, format_func="by {}".format, key="by", label_visibility="collapsed"
        )
    coming = data.read("/schedules/calendar", days=days, most=MOST)
    fires = coming["items"]
    if not fires:
        faces.empty(f"Nothing fires within {DAYS[days]}.", "Paused and ended schedules do not fire. Choose more days above to look further ahead.")
        return
    st.altair_chart(charts.timetable(fires, zone=data.zone(), by=by), width="stretch", alt="Coming fires")
    if len(fires) == MOST:
        st.caption(f"Only the next {MOST:,} fires are drawn; they reach until {wording.when(fires[-1]['at'], data.zone())}.")
    for one in coming["cut"]:
        until = wording.when(one["at"], data.zone())
        st.caption(f"**{wording.markdown(one['schedule'])}** fires too often to be drawn to the end: it is until {until}, and goes on after that.")
    odd = [fire for fire in fires if fire["reason"]]
    if odd:
        with st.expander(f"At an odd time ({len(odd)})", icon=":material/schedule:"):
            rows, columns = tables.coming(odd, data.zone())
            named = [{"schedule": fire["schedule"], "what is odd": fire["reason"]} | row for fire, row in zip(odd, rows, strict=True)]
            st.dataframe(named, hide_index=True, column_config=columns)
