"""Tasks whose category nobody was sure of: the first one with a key for each choice, then those behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, tables, wording
from models.category import NONE

ROUTE: Final = "POST /tasks/{task_id}/review"
SKIP: Final = "0"  # the key that puts a task behind the others
HOW: Final = "A task comes here when the categorizer is less sure than the house asks for. A task that is submitted with a category never does."

MOST: Final = 200  # tasks that are listed

Row = Mapping[str, Any]


def show() -> None:
    """Draw the task that has waited longest, and list the others."""
    skipped: list[str] = st.session_state.setdefault("review-skipped", [])
    rows = sorted(_waiting(), key=lambda row: (_place(row["id"], skipped), row["created_at"]))
    _news(_ids(rows))
    if not rows:
        faces.empty("No task waits for its category.", HOW)
        return
    more = f", the first {MOST} are here" if len(rows) == MOST else ""
    st.caption(f"**{len(rows)}** {'waits' if len(rows) == 1 else 'wait'} for a category{more}. The one that has waited longest comes first.")
    _first(rows[0])
    if rows[1:]:
        st.markdown("**Behind it**")
        _others(rows[1:])


def _waiting() -> list[Row]:
    found: list[Row] = data.read("/reviews", most=MOST)["items"]
    return found


def _place(task_id: str, skipped: Sequence[str]) -> int:
    return skipped.index(task_id) + 1 if task_id in skipped else 0


def _ids(rows: Sequence[Row]) -> set[str]:
    return {row["id"] for row in rows}


@st.fragment(run_every="10s")
def _news(shown: set[str]) -> None:
    """Say that others came or were decided on since; the task under somebody's eyes does not move."""
    with faces.guard():
        changed = _ids(_waiting()) != shown
        if changed and st.button("Show what changed since", icon=":material/refresh:", type="tertiary", key="newer"):
            st.rerun(scope="app")


def _first(task: Row) -> None:
    with st.container(border=True, key="first"):
        st.subheader(wording.markdown(task["title"]), anchor=False)
        st.caption(f"For {wording.markdown(task['client'])}, since {wording.when(task['created_at'], data.zone())}")
        if task["description"]:
            st.text(task["description"])
        else:
            st.caption("It has no description.")
        st.markdown(_guess(task))
        if data.may(ROUTE):
            _choices(task)
        with st.container(horizontal=True, vertical_alignment="center", key="besides"):
            if data.may(ROUTE):
                _skip(task["id"])
            st.page_link(st.session_state["pages"]["tasks"], label="Open the task", icon=":material/checklist:", query_params={"task": task["id"]})


def _guess(task: Row) -> str:
    said = task["prediction"]
    if said is None or said["guess"] is None:
        return f":material/help: {wording.markdown(task['why'])}"
    second = f", then {wording.markdown(said['runner_up'])}, {said['runner_up_confidence']:.2f}" if "runner_up" in said else ""
    spoke = f"  \nWhat spoke for it: {wording.markdown(', '.join(said['words']))}" if said.get("words") else ""
    guess = f"The guess is **{wording.markdown(said['guess'])}**, confidence {said['confidence']:.2f}{second}."
    return f":material/help: {guess}  \n{wording.markdown(task['why'])}{spoke}"


def _choices(task: Row) -> None:
    """Draw a button for each category; its key is its number, n for none of them, and works while no field is being written in."""
    guess = (task["prediction"] or {}).get("guess")
    keys = "123456789"
    with st.grid(3, min_column_width=220):
        for number, category in enumerate(data.read("/categories")["items"]):
            _choice(task, category, key=keys[number] if number < len(keys) else None, number=number + 1, guessed=category == guess)
        _choice(task, NONE, key="n", number=0, guessed=False)


def _choice(task: Row, category: str, *, key: str | None, number: int, guessed: bool) -> None:
    label = f"**{wording.markdown(category)}**, the guess" if guessed else wording.markdown(category)
    if st.button(label, shortcut=key, key=f"choose-{number}-{task['id']}", width="stretch"):
        data.act(f"/tasks/{task['id']}/review", {"category": category})
        if category == NONE:
            _put_behind(task["id"])
        st.toast(f"Done: {wording.markdown(category)}.", icon=":material/check:")
        st.rerun()


def _skip(task_id: str) -> None:
    if st.button("Not now", icon=":material/skip_next:", type="tertiary", shortcut=SKIP, key=f"skip-{task_id}", help="Puts it behind the others"):
        _put_behind(task_id)
        st.rerun()


def _put_behind(task_id: str) -> None:
    skipped = st.session_state["review-skipped"]
    st.session_state["review-skipped"] = [*(one for one in skipped if one != task_id), task_id]


def _others(rows: Sequence[Row]) -> None:
    shown = [
        {
            "title": row["title"],
            "client": row["client"],
            "guess": (row["prediction"] or {}).get("guess"),
            "confidence": row["confidence"],
            "since": wording.instant(row["created_at"]),
        }
        for row in rows
    ]
    columns = {
        "title": st.column_config.TextColumn(width=320),
        "confidence": st.column_config.NumberColumn(format="%.2f", width=90),
        "since": tables.moments("since", data.zone()),
    }
    st.dataframe(shown, hide_index=True, column_config=columns, placeholder=wording.DASH)
