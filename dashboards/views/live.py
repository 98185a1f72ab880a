"""*Live*: the monitor. It is drawn in the browser and has its own socket to the feed; nothing polls."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from clients import SCRIPTS, web
from dashboards import data, faces
from dashboards.calls import Refused, Silent
from models.access import Role, rights_of
from models.topics import topics_of


def _script() -> str:
    """Return the monitor's scripts as one: Streamlit takes a single text, in which nothing need be imported."""
    lines = "\n".join(web(name) for name in (*SCRIPTS, "streamlit.js")).splitlines()
    return "\n".join(line for line in lines if not line.startswith("import "))


_LIVE: Final = st.components.v2.component("arbiter_live", html="", css=web("monitor.css"), js=_script())


def show() -> None:
    """Draw the page."""
    faces.heading("Live")
    _component()


@st.fragment
def _component() -> None:
    login = data.me()
    with faces.guard():
        seen = st.session_state.get("live", {})
        wanted, opened = seen.get("wanted"), seen.get("opened")
        if opened:
            st.switch_page(st.session_state["pages"]["tasks"], query_params={"task": str(opened)})
        if wanted:
            st.session_state["live_answer"] = _answer(wanted)
        who = {"url": data.feed_url(), "name": login.name} | _allowed(Role(login.role)) if login else {}
        _LIVE(key="live", data=st.session_state.get("live_answer", {"n": 0}) | who, on_wanted_change=_nothing, on_opened_change=_nothing)


def _allowed(role: Role) -> dict[str, list[str]]:
    return {"rights": rights_of(role), "topics": sorted(topics_of(role))}


def _nothing() -> None:
    """Do nothing: a trigger needs a callback to be known to Python, and the run that follows does the work."""


def _answer(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the component asked for, or why there is none. The API decides; this page has no rights of its own."""
    try:
        return {"n": wanted["n"], "result": _result(wanted)}
    except (Silent, Refused) as error:
        return {"n": wanted["n"], "failed": str(error)}


def _result(wanted: Mapping[str, Any]) -> Any:
    match wanted.get("what"):
        case "ticket":
            data.stay(at_once=bool(wanted.get("fresh")))
            return data.calls().post("/feed/ticket")["ticket"]
        case "get":
            return data.calls().get(str(wanted["path"]))
        case "act":
            return data.act(str(wanted["path"]), wanted.get("body"), key=str(wanted["key"]))
        case other:
            message = f"the page cannot do {other!r}"
            raise Refused(message)
