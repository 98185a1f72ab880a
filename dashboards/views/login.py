"""Logging in and out."""

import streamlit as st

from dashboards import data, faces, wording
from dashboards.calls import Refused
from dashboards.sessions import Login

_KEEP = st.components.v2.component(
    "arbiter_session",
    js="""
    export default function ({ data, parentElement }) {
      if (parentElement.handedIn === data.code) return;
      parentElement.handedIn = data.code;
      const body = JSON.stringify({ code: data.code });
      fetch("/session", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    }
    """,
)


def show() -> None:
    """Ask for name and password."""
    _, middle, _ = st.columns([1, 1.4, 1])
    with middle:
        st.space("large")
        st.markdown("# :material/balance: Arbiter")
        st.caption("Takes paid work, lets agents do it, and measures it to the cent.")
        if farewell := st.session_state.get("farewell"):
            st.info(farewell, icon=":material/lock_clock:")
        _form()
        with st.expander("Where do I get a password?", icon=":material/help:"):
            st.markdown(
                "`arbiter up` makes the first administrator, **admin**, and shows its password **once**, when it starts for the first time. "
                "Lost it? `arbiter token --help` and `arbiter doctor` tell how to get in again on this machine. "
                "Everybody else gets a name and a password from an administrator."
            )


def _form() -> None:
    with st.form("log-in"):
        name = st.text_input("Name", autocomplete="username", key="name")
        password = st.text_input("Password", type="password", autocomplete="current-password", key="password")
        asked = st.form_submit_button("Log in", type="primary", width="stretch")
    if not asked:
        return
    if not name or not password:
        st.warning("Enter your name and your password.", icon=":material/edit:")
        return
    try:
        data.log_in(name, password)
    except Refused as error:
        st.error(wording.markdown(str(error)), icon=":material/lock:", title="Not logged in")
        return
    st.session_state.pop("farewell", None)
    st.rerun()


def keep() -> None:
    """Hand the code of a new session to the browser, which gets its cookie for it (without that, a reload asks again), and keep the session alive."""
    with st.sidebar:
        if code := st.session_state.get("code"):
            _KEEP(key="session-code", data={"code": code}, height=0)
        _stay()


@st.fragment(run_every="2m")
def _stay() -> None:
    with faces.guard():
        data.stay()


def badge(person: Login) -> None:
    """Show who is logged in, and the way out."""
    with st.sidebar, st.container(key="person"):
        whose = f" · sees {wording.markdown(person.client)}" if person.client else ""
        st.markdown(f":gray[:material/account_circle:] **{wording.markdown(person.name)}**  \n:gray[{wording.markdown(person.role)}{whose}]")
        if st.button("Log out", icon=":material/logout:", type="tertiary"):
            data.log_out()
            st.rerun()
