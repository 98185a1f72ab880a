"""The editor of a schedule, new or known: what its timing means and how its next fires move is shown while it is written."""

import json
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

import streamlit as st

from dashboards import data, faces, tables, wording

KINDS: Final = {"cron": "0 9 * * 1-5", "every": "90m", "rrule": "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0"}  # kind → an example
CATCH_UPS: Final = {
    "last": "make up for the latest", "all": "make up for each", "none": "make up for nothing", "within": "make up for those not older than …",
}  # fmt: skip
OVERLAPS: Final = {
    "skip": "skip the new one", "queue_one": "let one wait", "queue_all": "let all wait", "replace": "cancel the earlier work",
    "allow": "run side by side",
}  # fmt: skip
ROLLS: Final = {"skip": "is skipped", "forward": "moves forward", "back": "moves back"}
EXAMPLE: Final = '{"title": "Letter of ${fire.date}", "category": "Content Generation", "kind": "generate", "inputs": {…}}'
PREVIEW: Final = 7  # coming fires that are shown

Row = Mapping[str, Any]


def show(name: str | None) -> None:
    """Draw the editor of a schedule, or of a new one when the name is null."""
    if st.button("Back without saving", icon=":material/arrow_back:", type="tertiary"):
        _leave(name)
    if not data.may("PUT /schedules/{name}" if name else "POST /schedules"):
        st.info("Only operators and administrators change schedules.", icon=":material/lock:")
        return
    known: Row | None = data.read(f"/schedules/{name}")["schedule"] if name else None
    st.header(f"Edit {wording.markdown(known['name'])}" if known else "New schedule", anchor=False)
    written, seen = st.columns([4, 3], gap="medium")
    with written:
        definition, wrong = _written(known)
    with seen, faces.guard():
        _preview(definition["timing"])
        if name and not wrong and _says_when(definition["timing"]):
            _moves(name, definition)
    _save(name, definition, wrong)


def _leave(name: str | None) -> None:
    st.query_params.clear()
    if name:
        st.query_params["schedule"] = name
    st.rerun()


# --- what is written --------------------------------------------------------------------------------------------------------------------------


def _written(known: Row | None) -> tuple[dict[str, Any], str | None]:
    """Draw the fields; return the definition that they hold, and what is wrong with it before the API has seen it."""
    name = st.text_input("Name", known["name"] if known else "", key="edit-name", placeholder="daily-report", help="Letters, digits and hyphens")
    timing = _timing(known["timing"] if known else {})
    policy = _policy(known or {})
    text = st.text_area(
        "Work of each fire, as JSON",
        json.dumps(known["work"], indent=2, ensure_ascii=False) if known else "",
        height=260,
        key="edit-work",
        placeholder=EXAMPLE,
        help="What `arbiter submit` takes: a task, or an object with `tasks`. Placeholders such as `${fire.date}` are filled in at each fire.",
    )
    try:
        work = json.loads(text) if text.strip() else None
    except ValueError as error:
        return {"name": name, "timing": timing, "work": None} | policy, f"The work is not JSON: {error}"
    return {"name": name, "timing": timing, "work": work} | policy, None


def _timing(known: Row) -> dict[str, Any]:
    kind = next((kind for kind in KINDS if kind in known), "cron")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen: str = st.segmented_control("Timing", list(KINDS), default=kind, required=True, key="edit-kind")
    told: dict[str, Any] = {"key": f"edit-{chosen}", "placeholder": KINDS[chosen], "help": f"For example `{KINDS[chosen]}`"}
    if chosen == "rrule":  # may have several lines
        rule = st.text_area("When it fires", known.get(chosen, ""), height=110, **told)
    else:
        rule = st.text_input("When it fires", known.get(chosen, ""), live="400ms", **told)
    zones, at = _zones(known.get("zone") or data.zone())
    with st.grid(3, min_column_width=170):
        zone = st.selectbox("Zone", zones, at, key="edit-zone")
        calendar = st.text_input("Calendar", _calendar_text(known), key="edit-calendar", placeholder="none", help="`DE-BY`, or JSON")
        roll = st.selectbox("A fire on a closed day", list(ROLLS), _at(ROLLS, known.get("roll")), format_func=ROLLS.__getitem__, key="edit-roll")
    timing = {chosen: rule, "zone": zone} | _bounds(known, chosen)
    if calendar.strip():
        timing |= {"calendar": _calendar(calendar), "roll": roll}
    return timing


def _zones(chosen: str) -> tuple[list[str], int]:
    """Return all zones, and the place of one among them; a zone that this machine has no name for is refused by the API, not hidden here."""
    zones = sorted(available_timezones() | {chosen})
    return zones, zones.index(chosen)


def _at(options: Mapping[str, str], value: str | None) -> int:
    return list(options).index(value) if value is not None and value in options else 0


def _calendar_text(known: Row) -> str:
    calendar = known.get("calendar", "")
    return calendar if isinstance(calendar, str) else json.dumps(calendar, ensure_ascii=False)


def _calendar(text: str) -> Any:
    """Return what was written as JSON where it is some, else as the name of a calendar; the API says what is wrong with it."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _bounds(known: Row, kind: str) -> dict[str, Any]:
    with st.expander("Bounds, jitter and spread", icon=":material/tune:"), st.grid(3, min_column_width=170):
        moments = {
            "start": st.text_input("Not before", known.get("start", ""), key="edit-start", placeholder="2027-01-01T00:00:00Z"),
            "end": st.text_input("Not after", known.get("end", ""), key="edit-end", placeholder="2027-12-31T00:00:00Z"),
        }
        if kind == "every":
            moments["anchor"] = st.text_input("Counted from", known.get("anchor", ""), key="edit-anchor", placeholder="the moment of saving")
        numbers = {
            "most": _whole("Times at most", known.get("most"), "most", "no limit"),
            "jitter_s": _whole("Jitter in seconds", known.get("jitter_s"), "jitter", "none", help="Each fire is later by up to this"),
            "spread_s": _whole("Spread in seconds", known.get("spread_s"), "spread", "none", help="All fires are later by the same, up to this"),
        }
    return {name: value for name, value in (moments | numbers).items() if value not in (None, "")}


def _whole(label: str, value: int | None, key: str, empty: str, **options: Any) -> int | None:
    number: int | None = st.number_input(label, min_value=0, value=value, step=1, key=f"edit-{key}", placeholder=empty, **options)
    return number


def _policy(known: Row) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    with st.grid(3, min_column_width=170):
        policy["catch_up"] = st.selectbox(
            "Missed fires", list(CATCH_UPS), _at(CATCH_UPS, known.get("catch_up")), format_func=CATCH_UPS.__getitem__, key="edit-catch-up"
        )
        policy["overlap"] = st.selectbox(
            "While earlier work is open", list(OVERLAPS), _at(OVERLAPS, known.get("overlap")), format_func=OVERLAPS.__getitem__, key="edit-overlap"
        )
        policy["grace_s"] = _whole("Grace in seconds", known.get("grace_s", 60), "grace", "60", help="Decided on later than this, a fire was missed")
        if policy["catch_up"] == "within":
            policy["within_s"] = _whole("Not older than, in seconds", known.get("within_s"), "within", "3600")
    return {name: value for name, value in policy.items() if value is not None}


# --- what it means ----------------------------------------------------------------------------------------------------------------------------


def _says_when(timing: Row) -> bool:
    return any(timing.get(kind, "").strip() for kind in KINDS)


def _preview(timing: Row) -> None:
    """Show what the API makes of a timing, with what is odd about its next fires; it refuses one that is wrong."""
    st.markdown("**What this means**")
    if not _says_when(timing):
        faces.empty("Nothing to show yet.", "Say when it fires: its meaning and its next fires appear here while you write.")
        return
    found = data.ask("/schedules/preview", timing, most=PREVIEW)
    st.markdown(f"Fires {wording.markdown(found['describes'])}.")
    shown, columns = tables.coming(found["fires"], data.zone())
    st.dataframe(shown, hide_index=True, column_config=columns, alt="Next fires")
    faces.oddities(found["fires"])


def _moves(name: str, definition: Row) -> None:
    """Show how saving would move the next fires."""
    st.markdown("**How its next fires move**")
    found = data.ask(f"/schedules/{name}/changes", definition, most=PREVIEW)
    if found["before"] == found["after"]:
        st.caption(":material/check: They stay as they are.")
        return
    columns = {"": st.column_config.TextColumn(width=30)}
    moves = tables.moves(found["before"], found["after"])
    st.dataframe(moves, hide_index=True, column_config=columns, placeholder=wording.DASH, alt="Next fires before and after")


def _save(name: str | None, definition: dict[str, Any], wrong: str | None) -> None:
    if wrong:
        st.error(wording.markdown(wrong), icon=":material/data_object:")
    if not st.button("Save" if name else "Make this schedule", icon=":material/save:", type="primary", key="save", disabled=bool(wrong)):
        return
    with faces.guard():
        row = data.replace(f"/schedules/{name}", definition) if name else data.act("/schedules", definition)
        st.toast("Done: saved.", icon=":material/check:")
        _leave(row["name"])
