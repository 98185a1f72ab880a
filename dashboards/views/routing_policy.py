"""The policy that agents are compared by: an editor that saves only what was replayed, what would have moved, and the versions."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, replaying, wording

DAYS: Final = (1, 7, 14, 30, 90)  # of decisions that may be replayed
REPLAY_S: Final = 120.0  # a replay of many decisions takes a while
SHOWN: Final = 20  # versions

Row = Mapping[str, Any]

_MEASURES: Final = {
    "a decision": st.column_config.TextColumn(help="Worth: what was earned, less cost and lateness, by the policy that is tried"),
    "with 95 %": st.column_config.TextColumn(width=210, help="The interval that holds the change with so much certainty"),
}


def show() -> None:
    """Draw the editor, the replay of what is edited, and the versions."""
    answer = data.read("/policies")
    active = {name: value for name, value in answer["active"].items() if name != "number"}
    number = answer["active"]["number"]
    why = next((row["why"] for row in answer["items"] if row["number"] == number), "what the product begins with")
    st.markdown(f"**Version {number}** counts now: {wording.markdown(why)}.")
    edited = _editor(answer["fields"], active, number)
    tried = _replay(edited, active, number)
    if data.may("POST /policies"):
        _save(edited, tried)
    st.subheader("Versions", anchor=False)
    _versions(answer, active, number)


def _editor(fields: Row, active: Row, number: int) -> dict[str, Any]:
    """Return the values that are entered; those of another version begin anew."""
    edited: dict[str, Any] = {}
    with st.grid(3, min_column_width=250, border=True):
        for name, field in fields.items():
            with st.container(gap="small", key=f"field-{name}"):
                edited[name] = _input(name, active[name], field["default"], f"policy-{number}-{name}")
                now = "" if edited[name] == active[name] else f" :orange[Now {_plain(active[name])}.]"
                st.caption(f"{wording.markdown(field['about'].capitalize())}. Default: {_plain(field['default'])}.{now}")
    return edited


def _input(name: str, value: Any, default: Any, key: str) -> Any:
    if isinstance(value, bool):
        return st.toggle(name, value=value, key=key)
    if isinstance(value, int):
        return st.number_input(name, value=value, min_value=0, step=1, key=key)
    return st.number_input(name, value=float(value), min_value=0.0, step=0.05 if default < 1 else 1.0, format="%g", key=key)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"


def _replay(edited: Row, active: Row, number: int) -> Row | None:
    """Offer to replay what is entered and draw what that tells; return the policy that was replayed, null while it is not what is entered."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="replay"):
        days = st.segmented_control("Days of decisions", DAYS, default=14, required=True, key="replay-days")
        asked = st.button("Replay", icon=":material/replay:", type="primary", disabled=edited == active, key="replay-do")
    if asked:
        with st.spinner("Weighing the candidates of those days anew …"), faces.guard():
            answer = data.ask("/policies/replay", {"definition": edited, "days": days}, within_s=REPLAY_S)
            st.session_state["replayed"] = {"number": number, "wanted": edited, "answer": answer}
    if edited == active:
        st.caption("Nothing is changed. Change a field to replay the decisions of the last days under it; nothing is saved by that.")
        return None
    tried = st.session_state.get("replayed")
    if tried is None or (tried["number"], tried["wanted"]) != (number, edited):
        st.caption("These values have not been replayed." if tried is None else "These values are others than those that were replayed: replay them.")
        return None
    _told(tried["answer"])
    policy: Row = tried["answer"]["policy"]
    return policy


def _told(answer: Row) -> None:
    """Draw what a policy would have changed."""
    face, icon = replaying.face(answer["verdict"])
    draw = {"success": st.success, "error": st.error, "warning": st.warning, "info": st.info}[face]
    draw(wording.markdown(answer["verdict"].capitalize() + "."), icon=f":material/{icon}:")
    if not answer["decisions"]:
        st.caption("An attempt that ends under a decision makes one that can be replayed. Choose more days to look further back.")
        return
    st.markdown(replaying.sentence(answer))
    st.dataframe(replaying.measures(answer), hide_index=True, alt="Before and after, per decision", column_config=_MEASURES)
    if len(answer["currencies"]) > 1:
        st.caption(f"Amounts of {', '.join(answer['currencies'])} are added up in minor units as they are: their mean says little.")
    if answer["moved"]:
        st.markdown(f"**Tasks that would have moved**, the greatest gain first{replaying.left_out(answer)}")
        st.dataframe(replaying.moved(answer["moved"]), hide_index=True, alt="Tasks that would have moved", placeholder=wording.DASH)


def _save(edited: Row, tried: Row | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="save"):
        why = st.text_input("What is the change for? It stays with the version.", key="policy-why", max_chars=300, live=True)
        help_ = None if tried else "Replay these values first"
        saved = st.button("Save", icon=":material/save:", key="policy-save", disabled=tried is None or not why.strip(), help=help_)
    if saved and tried == edited:
        made = data.act("/policies", {"definition": tried, "why": why})
        del st.session_state["replayed"], st.session_state["policy-why"]
        _done(f"version {made['number']} counts now")


def _versions(answer: Row, active: Row, number: int) -> None:
    """List the versions, newest first, with how each differs from what counts; the last one is what the product begins with."""
    start = {"number": 0, "why": "what the product begins with", "created_at": None, "definition": {}}
    rows = [*answer["items"], start]
    for row in [*rows[:SHOWN], *(rows[-1:] if len(rows) > SHOWN else [])]:
        values = {name: row["definition"].get(name, field["default"]) for name, field in answer["fields"].items()}
        others = [f"{name} {_plain(values[name])}" for name in values if values[name] != active[name]]
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"version-{row['number']}"):
            made = f", made {wording.when(row['created_at'], data.zone())}" if row["created_at"] else ""
            told = "counts now" if row["number"] == number else f"has {', '.join(others)}" if others else "is as what counts now"
            st.markdown(f"**Version {row['number']}** {wording.markdown(row['why'])}{made}  \n:gray[{wording.markdown(told)}]", width="stretch")
            if row["number"] != number and others and data.may("POST /policies/{number}/restore"):
                _restore(row["number"])


def _restore(number: int) -> None:
    with st.popover("Restore", icon=":material/history:", key=f"restore-{number}"), faces.guard():
        st.caption("It becomes a new version that counts at once. What it would move is not replayed.")
        if st.button(f"Restore version {number}", type="primary", key=f"restore-do-{number}"):
            made = data.act(f"/policies/{number}/restore")
            _done(f"version {made['number']} counts now, as version {number} did")


def _done(what: str) -> None:
    st.toast(f"Done: {what}.", icon=":material/check:")
    st.rerun()
