"""One agent: its card, what can be done about it, and everything that is known of it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from dashboards import charts, data, faces, staff, tables, wording
from dashboards.calls import Refused

ROUTE: Final = "PATCH /agents/{agent_id}"
UNKNOWN: Final[Mapping[str, Any]] = {"skills": {}, "days": [], "circuits": []}  # of an agent that came after its levels were read
TASKS: Final = 20  # of its last ones
WITHIN: Final = f"the attempts that ended in the last {staff.DAYS} days"
STANCES: Final[Mapping[str, str]] = {"preferred": "prefers it", "excluded": "excludes it"}

Row = Mapping[str, Any]


def card(row: Row, level: Row) -> None:
    """Draw an agent among others."""
    st.markdown(f"**{wording.markdown(row['id'])}** :gray[{wording.markdown(row['title'])}]")
    _standing(row, level)
    _figures(row, level, width=105)
    _skills(level)
    st.caption(wording.markdown(staff.brief(row)))
    with st.container(horizontal=True, vertical_alignment="center", key=f"deeds-{row['id']}"):
        st.page_link(st.session_state["pages"]["agents"], label="Open", icon=":material/open_in_full:", query_params={"agent": row["id"]})
        _deeds(row)


def show(agent_id: str) -> None:
    """Draw an agent with all that is known of it."""
    if st.button("All agents", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["agent"]
        st.rerun()
    row, level = _read(agent_id)
    st.header(wording.markdown(row["id"]), anchor=False)
    st.caption(f"{wording.markdown(row['title'])}, of kind `{row['kind']}`, since {wording.when(row['created_at'], data.zone())}")
    _now(agent_id)
    with st.container(horizontal=True, key="deeds"):
        _deeds(row)
    parts: dict[str, Callable[[], None]] = {
        "Skills": lambda: _learned(level),
        "Last days": lambda: _days(level),
        "Terms": lambda: _terms(row),
        "Preferences": lambda: _preferences(agent_id),
        "Tasks": lambda: _tasks(agent_id),
    }
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab, faces.guard():
            draw()


def _read(agent_id: str) -> tuple[Row, Row]:
    """Return an agent's row and what was learned of it."""
    row = next((row for row in data.read("/agents")["items"] if row["id"] == agent_id), None)
    if row is None:
        message = f"there is no agent {agent_id!r}"
        raise Refused(message)
    return row, next((level for level in data.read("/levels")["items"] if level["agent_id"] == agent_id), UNKNOWN)


@st.fragment(run_every="5s")
def _now(agent_id: str) -> None:
    """Draw how the agent stands, for as long as the page is open."""
    with faces.guard():
        row, level = _read(agent_id)
        _standing(row, level)
        _figures(row, level, width=130)


def _standing(row: Row, level: Row) -> None:
    colour, icon, meaning = staff.STATES.get(row["state"], ("gray", "help", row["state"]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(row["state"], icon=f":material/{icon}:", color=colour, help=meaning.capitalize())  # type: ignore[arg-type] # one of Streamlit's colours
        if row["reason"]:
            st.caption(wording.markdown(row["reason"]), width="content")
    for rest in staff.rests(level["circuits"], data.zone()):
        st.markdown(f":orange[:material/bedtime:] {rest}")


def _figures(row: Row, level: Row, *, width: int) -> None:
    """Draw what runs and how the last days went; figures are at least so many pixels wide. A course is drawn once there are two days of it."""
    days, costs = level["days"], staff.costs(level["days"])
    tried = staff.course(days, "attempts")
    several = sum(map(bool, tried)) > 1
    with st.grid(4, min_column_width=width):
        st.metric("Running", f"{row['running']} of {row['capacity']}", help="Attempts now, and how many it may have at once")
        share = wording.quantity(staff.success(days), "ratio")
        st.metric("Succeeded", share, staff.trend(days), help=f"Of {WITHIN}; below it, the last 7 days against the 7 before")
        st.metric("Attempts", f"{sum(tried):,.0f}", chart_data=tried if several else None, chart_type="bar", help=WITHIN.capitalize())
        spent = " + ".join(wording.money(cents, currency) for currency, cents in costs.items()) or wording.DASH
        course = staff.course(days, "cost_cents") if several and len(costs) == 1 else None  # amounts of two currencies have none in common
        st.metric("Cost", spent, chart_data=course, chart_type="bar", help=f"Of {WITHIN}")


def _skills(level: Row) -> None:
    if level["skills"]:
        st.altair_chart(charts.intervals(level["skills"]), width="stretch", alt="Expected success by category, with its uncertainty")
    else:
        st.caption("It has no skills: no task fits it.")


# --- acting -----------------------------------------------------------------------------------------------------------------------------------


def _deeds(row: Row) -> None:
    if not data.may(ROUTE):
        return
    if row["state"] in ("online", "away"):
        _leave(row, "draining", "Drain", "hourglass_bottom", "It finishes what it has and takes nothing new.")
    if row["state"] != "offline":
        _leave(row, "offline", "Send offline", "power_settings_new", "It takes no work until somebody brings it online.")
    if row["state"] in ("draining", "offline") and st.button("Bring online", icon=":material/play_arrow:", key=f"online-{row['id']}"):
        _change(row, {"state": "online"}, "it is online")
    _limit(row)


def _leave(row: Row, state: str, label: str, icon: str, meaning: str) -> None:
    with st.popover(label, icon=f":material/{icon}:", key=f"{state}-{row['id']}"), faces.guard():
        st.caption(meaning)
        why = st.text_input("Why? It is shown with the agent.", key=f"{state}-why-{row['id']}", max_chars=300, live=True)
        if st.button(f"{label} {wording.markdown(row['id'])}", type="primary", key=f"{state}-do-{row['id']}", disabled=not why.strip()):
            _change(row, {"state": state, "why": why}, f"it is {state}")


def _limit(row: Row) -> None:
    key = row["id"]
    with st.popover("Limit", icon=":material/speed:", key=f"limit-{key}"), faces.guard():
        capacity = st.number_input("Attempts at once", value=row["capacity"], min_value=1, step=1, key=f"capacity-{key}")
        rate = st.number_input("Attempts begun in a minute; 0: no limit", value=row["rate_most"] or 0, min_value=0, step=1, key=f"rate-{key}")
        why = st.text_input("Why? It stays in the journal.", key=f"limit-why-{key}", max_chars=300, live=True)
        same = (capacity, rate) == (row["capacity"], row["rate_most"] or 0)
        if st.button("Change the limits", type="primary", key=f"limit-do-{key}", disabled=same or not why.strip()):
            _change(row, {"capacity": capacity, "rate_most": rate, "why": why}, "its limits have changed")


def _change(row: Row, body: Row, done: str) -> None:
    data.change(f"/agents/{quote(row['id'], safe='')}", body)
    _done(done)


def _done(what: str) -> None:
    st.toast(f"Done: {what}.", icon=":material/check:")
    st.rerun(scope="app")


# --- what is known ----------------------------------------------------------------------------------------------------------------------------


def _learned(level: Row) -> None:
    _skills(level)
    resting = {row["category"] for row in level["circuits"]}
    rows = [
        {
            "category": name, "success": f"{skill['success']:.0%} ± {skill['deviation']:.0%}", "attempts": skill["attempts"],
            "took": wording.span(skill["minutes"] * 60_000_000), "": "rests" if name in resting else None,
        }
        for name, skill in level["skills"].items()
    ]  # fmt: skip
    if rows:
        columns = {
            "success": st.column_config.TextColumn(help="Expected, plus or minus one deviation: the more attempts, the surer"),
            "took": st.column_config.TextColumn("takes", help="Expected length of an attempt"),
        }
        st.dataframe(rows, hide_index=True, column_config=columns, placeholder=wording.DASH)
        st.caption("Learned from its attempts. Where there were none, it is expected to do as others do.")


def _days(level: Row) -> None:
    first, last = staff.window(datetime.now(UTC))
    days = staff.dated(level["days"], first)
    rows = [
        {
            "day": row["date"], "category": row["category"], "attempts": row["attempts"], "succeeded": row["succeeded"],
            "worked": wording.span(row["busy_us"]), "cost": wording.money(row["cost_cents"], row["currency"]),
        }
        for row in reversed(days)
    ]  # fmt: skip
    if not rows:
        faces.empty(f"No attempt ended in the last {staff.DAYS} days.", "Each day on which one does gets a row here, and a point in the curve.")
        return
    points = staff.points({**row, "line": row["category"]} for row in days)
    st.altair_chart(charts.curves(points, first=first, last=last), width="stretch", alt="Share of its attempts that succeeded, by day and category")
    st.dataframe(rows, hide_index=True, placeholder=wording.DASH)
    st.caption("Days are days of UTC. Attempts count on the day on which they end.")


def _terms(row: Row) -> None:
    rows = [{"term": name, "is": wording.markdown(value)} for name, value in staff.terms(row).items()]
    st.table(rows, hide_index=True, hide_header=True, width="content")


def _preferences(agent_id: str) -> None:
    rows = [row for row in data.read("/preferences")["items"] if row["agent_id"] == agent_id]
    may = data.may("PUT /preferences")
    if not rows:
        how = "Add one below." if may else "An operator adds one on this page, or with `arbiter prefer`."
        faces.empty("No client prefers or excludes it.", f"A client's preference counts when its tasks are routed. {how}")
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"preference-{row['id']}"):
            why = f": {wording.markdown(row['why'])}" if row["why"] else ""
            st.markdown(f"**{wording.markdown(row['client'])}** {STANCES.get(row['stance'], row['stance'])}{why}", width="stretch")
            if may and st.button("Remove", icon=":material/delete:", type="tertiary", key=f"forget-{row['id']}"):
                _prefer(row["client"], agent_id, "none", "")
    if may:
        _new_preference(agent_id)


def _new_preference(agent_id: str) -> None:
    with st.form("preference", clear_on_submit=True), faces.guard():
        client = st.text_input("Client", key="preference-client", max_chars=100)
        stance = st.segmented_control(
            "What", list(STANCES), default="preferred", required=True, format_func=STANCES.__getitem__, key="preference-stance"
        )
        why = st.text_input("Why? It is said where it keeps the agent from a task.", key="preference-why", max_chars=300)
        if st.form_submit_button("Add", type="primary", key="preference-add"):
            _prefer(client, agent_id, stance, why)


def _prefer(client: str, agent_id: str, stance: str, why: str) -> None:
    data.replace("/preferences", {"client": client, "agent": agent_id, "stance": stance, "why": why})
    _done("the preference is removed" if stance == "none" else "the preference counts from now on")


def _tasks(agent_id: str) -> None:
    rows = data.read("/tasks", agent=agent_id, most=TASKS)["items"]
    if not rows:
        faces.empty("It has not worked on any task.", "Tasks appear here with its first attempt at them.")
        return
    shown, columns = tables.tasks(rows, data.zone())
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder=wording.DASH)
    st.caption(f"The last {TASKS} at most that it made an attempt at, newest first.")
