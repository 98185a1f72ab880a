"""One schedule: how it stands and why, what comes next, what became of what was due, and what can be done about it."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards import charts, data, faces, tables, wording
from dashboards.calls import PAGE

HISTORY_MOST: Final = 200  # fires of the history
WHICH: Final = {"missing": "those that were not made", "failed": "those that failed", "all": "all, once more"}

Row = Mapping[str, Any]


def show(name: str) -> None:
    """Draw the schedule."""
    if st.button("All schedules", icon=":material/arrow_back:", type="tertiary"):
        _leave()
    detail = data.read(f"/schedules/{name}", most=HISTORY_MOST)
    row = detail["schedule"]
    _head(row, detail["frozen"])
    _actions(row)
    _policies(row)
    parts: dict[str, Callable[[], None]] = {
        "Next fires": lambda: _next(row, detail["next"]),
        "History": lambda: _history(detail["history"]),
        "Lateness": lambda: _lateness(row, detail["history"]),
        "Backfills": lambda: _backfills(row),
        "Work": lambda: _work(row),
    }
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab, faces.guard():
            draw()


def _leave() -> None:
    st.query_params.clear()
    st.rerun()


def _head(row: Row, frozen: str | None) -> None:
    colour, icon, meaning = wording.SCHEDULES[row["state"]]
    st.header(wording.markdown(row["name"]), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(row["state"], icon=f":material/{icon}:", color=colour, help=meaning.capitalize())  # type: ignore[arg-type] # one of Streamlit's colours
        st.caption(f"version {row['version']}, {row['made']:,} fires made by the clock, since {wording.when(row['created_at'], data.zone())}")
    st.markdown(f"Fires {wording.markdown(row['describes'])}.")
    if row["why"]:
        until = f", until {wording.when(row['resume_at'], data.zone())}" if row["resume_at"] else ""
        st.markdown(f":material/info: {wording.markdown(row['why'])}{until}")
    if frozen is not None:
        st.info(wording.markdown(frozen), icon=":material/ac_unit:", title="Frozen: no schedule fires")


def _policies(row: Row) -> None:
    within = f" {wording.span(row['within_s'] * 1_000_000)}" if row["within_s"] else ""
    with st.grid(4, min_column_width=140, border=True):
        st.metric("Next fire", _soon(row), help=wording.when(row["next_at"], data.zone()))
        st.metric("Catch-up", row["catch_up"] + within, help="What becomes of fires that were missed")
        st.metric("Overlap", row["overlap"].replace("_", " "), help="What becomes of a fire while work of an earlier one is open")
        st.metric("Grace", wording.span(row["grace_s"] * 1_000_000), help="Decided on later than this, a fire was missed")


def _soon(row: Row) -> str:
    due = wording.instant(row["next_at"])
    if due is None or row["state"] != "active":
        return wording.DASH
    return due.astimezone(ZoneInfo(data.zone())).strftime("%-d %b %H:%M")


# --- acting -----------------------------------------------------------------------------------------------------------------------------------


def _actions(row: Row) -> None:
    possible = [draw for applies, route, draw in _ACTIONS if row["state"] in applies and data.may(route)]
    if not possible:
        return
    with st.container(horizontal=True, key="actions"):
        for draw in possible:
            draw(row)


def _resume(row: Row) -> None:
    if st.button("Resume", icon=":material/play_arrow:", type="primary", key="resume"):
        _act(row, "resume")


def _pause(row: Row) -> None:
    with st.popover("Pause", icon=":material/pause:"):
        why = st.text_input("Why? It stays in the journal.", key="pause-why", max_chars=300)
        until = st.datetime_input(f"Until ({data.zone()}); without one somebody must resume it", value=None, key="pause-until")
        if st.button("Pause this schedule", type="primary", key="pause"):
            _act(row, "pause", {"why": why, "until": wording.on_clock(until, data.zone())})


def _run(row: Row) -> None:
    if st.button("Run now", icon=":material/bolt:", key="run", help="Makes a fire at once, whatever its timing, a pause or a freeze say"):
        _act(row, "run")


def _edit(_: Row) -> None:
    if st.button("Edit", icon=":material/edit:", key="edit"):
        st.query_params["edit"] = "yes"
        st.rerun()


def _make_up(row: Row) -> None:
    @st.dialog(f"Backfill {row['name']}", icon=":material/history:")
    def opened() -> None:
        with faces.guard():
            backfill(row)

    if st.button("Backfill", icon=":material/history:", key="backfill"):
        opened()


def _delete(row: Row) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(
            f"**{wording.markdown(row['name'])}** never fires again. Its history stays, its open work goes on, fires that wait are cancelled."
        )
        if st.button("Delete this schedule", type="primary", key="delete"):
            data.remove(f"/schedules/{row['name']}")
            st.toast("Done: delete.", icon=":material/check:")
            _leave()


def _act(row: Row, action: str, body: dict[str, Any] | None = None) -> None:
    data.act(f"/schedules/{row['name']}/{action}", body)
    st.toast(f"Done: {action}.", icon=":material/check:")
    st.rerun()


_ACTIONS: Final[tuple[tuple[tuple[str, ...], str, Callable[[Row], None]], ...]] = (  # states in which it helps, route, how it is drawn
    (("paused",), "POST /schedules/{name}/resume", _resume),
    (("active",), "POST /schedules/{name}/pause", _pause),
    (("active", "paused", "ended"), "POST /schedules/{name}/run", _run),
    (("active", "paused", "ended"), "PUT /schedules/{name}", _edit),
    (("active", "paused", "ended"), "POST /schedules/{name}/backfills", _make_up),
    (("active", "paused", "ended"), "DELETE /schedules/{name}", _delete),
)


def backfill(row: Row) -> None:
    """Ask for a window in the past, say what making its fires would cost, then begin."""
    zone = data.zone()
    today = datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    start = st.datetime_input(f"From ({zone}), included", value=today - timedelta(days=7), key="backfill-from")
    end = st.datetime_input(f"Until ({zone}), not included", value=today, key="backfill-until")
    which = st.selectbox("Which fires", list(WHICH), format_func=WHICH.__getitem__, key="backfill-which")
    at_once = st.number_input("At once", min_value=1, max_value=1000, value=5, key="backfill-at-once", help="So many fires have open work at most")
    wanted = {"start": wording.on_clock(start, zone), "end": wording.on_clock(end, zone), "which": which, "at_once": at_once}
    found = data.ask(f"/schedules/{row['name']}/backfills", wanted, dry_run="yes")
    if not found["fires"]:
        faces.empty("The window holds no such fire.", "Choose another window, or other fires.")
        return
    st.markdown(f"**{found['fires']:,} fires**, {wording.when(found['first'], zone)} to {wording.when(found['last'], zone)}")
    costs = found["cost"]
    cost = "unknown: none has ended yet" if costs is None else " + ".join(wording.money(cents, currency) for currency, cents in costs.items())
    took = "unknown: none has ended yet" if found["seconds"] is None else wording.span(found["seconds"] * 1_000_000)
    st.caption(f"Going by past fires: cost {wording.markdown(cost)}, time {took}. Nothing has been done yet.")
    if st.button(f"Make {found['fires']:,} fires", type="primary", key="backfill-begin"):
        data.act(f"/schedules/{row['name']}/backfills", wanted)
        st.toast("Done: the backfill has begun.", icon=":material/check:")
        st.rerun()


# --- what is known ----------------------------------------------------------------------------------------------------------------------------


def _next(row: Row, fires: list[Row]) -> None:
    if not fires:
        faces.empty("No fire comes.", "Edit its timing to let it fire again." if row["state"] == "ended" else "It does not fire any more.")
        return
    shown, columns = tables.coming(fires, data.zone())
    st.dataframe(shown, hide_index=True, column_config=columns, alt="Next fires")
    faces.oddities(fires)
    if row["state"] == "paused":
        st.caption("It is paused: its catch-up policy decides on those that pass until it is resumed.")


def _history(history: list[Row]) -> None:
    if not history:
        faces.empty("Nothing was due yet.", "Each fire appears here with what became of it and why. **Run now** makes one at once.")
        return
    shown, columns = tables.history(history, data.zone())
    event: Any = st.dataframe(
        shown, hide_index=True, column_config=columns, on_select="rerun", selection_mode="single-row", key="history",
        height=min(36 * len(shown) + 40, 480), alt="Fires, newest first", placeholder=wording.DASH,
    )  # fmt: skip
    st.caption(f"The newest {len(shown):,} fires. Select one to see its tasks.")
    if event.selection.rows:
        tasks_of(history[event.selection.rows[0]])


def tasks_of(fire: Row) -> None:
    """Lead to the tasks of a fire."""
    if not fire["tasks"]:
        faces.empty("This fire has no tasks.", wording.markdown(fire["why"] or "None were made."))
        return
    for task in data.read("/tasks", fire=fire["id"], most=PAGE)["items"]:
        label = f"{wording.markdown(task['title'])} · {wording.standing(task)}"
        st.page_link(st.session_state["pages"]["tasks"], label=label, icon=":material/checklist:", query_params={"task": task["id"]})


def _lateness(row: Row, history: list[Row]) -> None:
    made = [fire for fire in history if fire["late_s"] is not None and fire["cause"] == "clock"]
    if not made:
        faces.empty("No fire was made yet.", "From the first one on, the seconds from due to made are drawn here.")
        return
    chart = charts.lateness(made, grace_s=row["grace_s"], zone=data.zone())
    st.altair_chart(chart, width="stretch", height=charts.HEIGHT + 40, alt="Lateness of fires over time")
    st.caption(f"From the moment when a fire was due to the moment when its tasks were made. Its grace is {row['grace_s']:,} s.")


def _backfills(row: Row) -> None:
    found = data.read(f"/schedules/{row['name']}/backfills")["items"]
    if not found:
        faces.empty("No backfill yet.", f"**Backfill** above, or `arbiter schedule backfill {row['name']}`, makes the fires of a window in the past.")
        return
    zone = data.zone()
    for one in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            window = f"{wording.when(one['from_at'], zone)} to {wording.when(one['until_at'], zone)}"
            about = f"{WHICH[one['which']]}, {one['at_once']:,} at once, begun {wording.when(one['created_at'], zone)}"
            st.markdown(f"**{tables.sign(one['state'])}**, {one['made']:,} made: {window}  \n:gray[{about}]", width="stretch")
            if one["state"] != "cancelled" and data.may("POST /backfills/{backfill_id}/cancel"):
                _cancel(one)


def _cancel(one: Row) -> None:
    if st.button(
        "Cancel", icon=":material/cancel:", key=f"cancel-{one['id']}", help="Makes no further fires, and cancels the open tasks of those made"
    ):
        data.act(f"/backfills/{one['id']}/cancel")
        st.toast("Done: the backfill was cancelled.", icon=":material/check:")
        st.rerun()


def _work(row: Row) -> None:
    st.markdown("**Timing**")
    st.code(json.dumps(row["timing"], indent=2, ensure_ascii=False), language="json", wrap_lines=True)
    st.markdown("**What each fire submits**")
    st.code(json.dumps(row["work"], indent=2, ensure_ascii=False), language="json", wrap_lines=True)
