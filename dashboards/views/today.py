"""*Today*: how the business does, and what waits for a person."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from dashboards import charts, data, faces, tables, wording
from dashboards.calls import PAGE

WINDOWS: Final = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "all": "all time"}
STALE_AFTER: Final = timedelta(minutes=5)  # `measure` looks every few seconds
LESS_IS_BETTER: Final = frozenset({"cost", "completion_p50", "completion_p95"})
HOW: Final = "Submit work with `arbiter submit`, or load the examples with `arbiter demo`."

Kpi = Mapping[str, Any]


def show() -> None:
    """Draw the page."""
    with faces.heading("Today"):
        window = st.segmented_control(
            "Window", list(WINDOWS), default="24h", required=True, key="window", bind="query-params", label_visibility="collapsed"
        )
    answer = data.read("/kpis", window=window)
    _freshness(answer, window)
    _waiting(answer)
    _tiles(answer)


@st.fragment(run_every="10s")
def _freshness(shown: Mapping[str, Any], window: str) -> None:
    """Say how old the numbers are, for as long as the page is open; the first ones are drawn when they come, newer ones when they are asked for."""
    answer = data.read("/kpis", window=window)
    newest, measured = wording.instant(answer["as_of"]), wording.instant(answer["measured_at"])
    if newest is None or measured is None:
        return
    if shown["status"] == "empty":
        st.rerun(scope="app")
    if answer["seq"] != shown["seq"]:
        if st.button(f"Show newer numbers, up to event {answer['seq']:,}", icon=":material/refresh:", type="tertiary"):
            st.rerun(scope="app")
        return
    now, zone = datetime.now(UTC), data.zone()
    if now - measured > STALE_AFTER:
        faces.stale(
            f"**These numbers are old.** They were measured {wording.ago(measured, now)} ({wording.when(measured, zone)}) and know nothing of what "
            "happened since. The flow `measure` should look every few seconds: `arbiter status` tells whether it does, `arbiter run measure` does it."
        )
        return
    st.caption(f":material/check_circle: Measured {wording.ago(measured, now)}, up to event {answer['seq']:,} of {wording.when(newest, zone)}")


def _waiting(answer: Mapping[str, Any]) -> None:
    """Count what needs a person, each count a way into *Tasks*."""
    counts = data.read("/tasks/counts")
    waiting = data.read("/tasks", state="waiting", most=PAGE)
    failed = data.read("/tasks", outcome="failed", most=PAGE)
    since = wording.instant(answer["window"]["from"])
    approvals = [task for task in waiting["items"] if task["reason"] == "approval"]
    recent = [task for task in failed["items"] if since and (ended := wording.instant(task["finished_at"])) and ended >= since]
    links = [
        (counts.get("review", 0), "", "for review", ":material/rate_review:", {"state": "review"}),
        (len(approvals), "+" if waiting["next"] else "", "for approval", ":material/approval:", {"state": "approval"}),
        (len(recent), "+" if failed["next"] else "", "failed", ":material/error:", {"outcome": "failed"}),
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="waiting"):
        if not any(number for number, *_ in links):
            st.markdown(":green[:material/task_alt:] Nothing waits for a person.", width="content")
            return
        st.markdown("**Needs a person:**", width="content")
        for number, more, words, icon, query in links:
            if number:
                st.page_link(st.session_state["pages"]["tasks"], label=f"{number:,}{more} {words}", icon=icon, query_params=query)


def _tiles(answer: Mapping[str, Any]) -> None:
    kpis = answer["kpis"]
    if answer["status"] == "empty":
        faces.empty("Nothing has been measured yet.", "The first numbers appear within a minute after the first task ends. " + HOW)
        return
    if not any(kpi["value"] for kpi in kpis):
        faces.empty("No task ended in this window.", "Choose a longer window above. " + HOW)
    grid = st.grid(4, min_column_width=230, border=True)
    for kpi in kpis:
        with grid.cell():
            _tile(kpi, answer)


def _tile(kpi: Kpi, answer: Mapping[str, Any]) -> None:
    window = answer["window"]["name"]
    name = f"{kpi['id']}-{kpi['currency'] or ''}"
    difference = wording.change(kpi)
    colour: Any = "off" if difference is None else "inverse" if kpi["id"] in LESS_IS_BETTER else "normal"
    course = [point["value"] if point["value"] is not None else float("nan") for point in kpi["series"]]
    st.metric(
        kpi["title"],
        wording.quantity(kpi["value"], kpi["unit"], kpi["currency"]),
        difference or ("no value" if kpi["value"] is None else "nothing to compare with"),
        delta_color=colour,
        delta_arrow="auto" if difference else "off",
        delta_description=f"vs {WINDOWS[window]} before" if difference else None,
        chart_data=course if any(point["value"] is not None for point in kpi["series"]) else None,
        chart_type="bar" if kpi["unit"] in ("cents", "count") else "area",
    )
    if kpi["why_null"]:
        st.caption(wording.markdown(kpi["why_null"][:1].upper() + kpi["why_null"][1:]) + ".")
    if st.button("Definition and rows", icon=":material/frame_inspect:", type="tertiary", key=f"open-{name}"):
        _open(kpi, answer["window"])


def _open(kpi: Kpi, window: Kpi) -> None:
    @st.dialog(f"{kpi['title']} · {WINDOWS[window['name']]}", width="large")
    def opened() -> None:
        with faces.guard():
            _behind(kpi, window)

    opened()


def _behind(kpi: Kpi, window: Kpi) -> None:
    """Show what is behind a number: its definition, its course, the SQL that computes it and the tasks it was computed from."""
    zone = data.zone()
    st.markdown(wording.markdown(kpi["definition"]))
    st.altair_chart(charts.course(kpi, until=window["to"], zone=zone), width="stretch", height=charts.HEIGHT + 40, alt=f"{kpi['title']} over time")
    with st.expander("The SQL that defines it", icon=":material/database:"):
        st.code(kpi["sql"], language="sql")
    behind = data.read(f"/kpis/{kpi['id']}/rows", window=window["name"], currency=kpi["currency"])
    if not behind["items"]:
        faces.empty("No rows are behind this number.", "No task ended in this window.")
        return
    st.markdown(f"**The ends of tasks behind it: {behind['total']:,}**")
    shown, columns = tables.anything(behind["items"], zone)
    st.dataframe(shown, hide_index=True, column_config=columns, height=min(36 * len(shown) + 40, 320), placeholder=wording.DASH)
    if behind["total"] > len(shown):
        st.caption(f"The newest {len(shown):,} are shown.")
