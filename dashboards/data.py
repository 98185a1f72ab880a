"""Readers of the API for the pages: who is asking, what was read a moment ago, and how pages meet a session that ended or an API that is silent."""

import os
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import streamlit as st

from dashboards import wording
from dashboards.calls import Calls, connect
from dashboards.sessions import SESSIONS, Login, cookie_name
from models.access import Role, may_use

FRESH_S: Final = 2  # readers of one page share an answer for so long
RENEW_S: Final = 480  # a token that lasts less than this is renewed; the API gives 15 minutes


def me() -> Login | None:
    """Return who looks at the page: from this page's memory, or, after a reload, from the browser's cookie."""
    if "login" not in st.session_state:
        url = st.context.url
        session = st.context.cookies.get(cookie_name(urlsplit(url).port)) if url else None
        st.session_state["session"], st.session_state["login"] = session, SESSIONS.find(session)
    login: Login | None = st.session_state["login"]
    return login


def log_in(name: str, password: str) -> None:
    """Log in and open a session; raise `Refused` with the API's sentence when it does not let in."""
    login = _login(calls().log_in(name, password))
    session, code = SESSIONS.open(login)
    st.session_state.update(login=login, session=session, code=code)


def stay(*, at_once: bool = False) -> None:
    """Exchange the token for a fresh one when its time is running out, so that a page that is only looked at does not end."""
    login = me()
    if login is None or (login.expires - time.time() > RENEW_S and not at_once):
        return
    fresh = _login(calls().post("/token/renew"))
    st.session_state["login"] = fresh
    SESSIONS.renew(st.session_state["session"], fresh)


def _login(answer: Mapping[str, Any]) -> Login:
    expires = wording.instant(answer["expires_at"])
    return Login(
        name=answer["name"],
        role=answer["role"],
        client=answer["client"],
        token=answer["access_token"],
        expires=expires.timestamp() if expires else 0.0,
    )


def log_out(why: str | None = None) -> None:
    """End the session; the next page asks for a log-in and says why."""
    SESSIONS.close(st.session_state.get("session"))
    st.session_state.clear()
    st.session_state.update(login=None, session=None, farewell=why)


def calls() -> Calls:
    """Return the API as the person who looks at the page."""
    address, token = _asking()
    return Calls(_pool(address), token)


def _asking() -> tuple[str, str | None]:
    """Return the address of the API and the token of who asks it; both are part of what is kept, so that nobody is shown what another may see."""
    login = me()
    return os.environ["ARBITER_API_URL"], login.token if login else None


def feed_url() -> str:
    """Return the address of the feed as a browser finds it."""
    given = os.environ.get("ARBITER_FEED_URL")
    return given or "ws" + os.environ["ARBITER_API_URL"].removeprefix("http").rstrip("/") + "/feed"


def address(path: str) -> str:
    """Return a path of the API as the reader's own programs find it: where their browser finds the feed."""
    return "http" + feed_url().removeprefix("ws").removesuffix("/feed") + path


def prefect_step(run_id: str | None) -> str | None:
    """Return where Prefect shows the step of an attempt; null when it has none, or nobody said where Prefect is."""
    url = os.environ.get("PREFECT_UI_URL") or os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
    return f"{url}/runs/task-run/{run_id}" if run_id and url else None


def read(path: str, **parameters: Any) -> Any:
    """Return the answer to GET, as this person may see it; not older than `FRESH_S`."""
    return _read(*_asking(), path, parameters)


def may(route: str) -> bool:
    """Tell whether the API lets this person use a route; the API decides, this only spares the page what it would refuse."""
    login = me()
    return login is not None and may_use(Role(login.role), route)


def picture(artifact_id: str) -> bytes:
    """Return the bytes of a picture; artifacts never change."""
    return _picture(*_asking(), artifact_id)


def act(path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
    """Change something, and forget what was read before; with a key, twice is once."""
    return _changed(calls().post(path, body, key=key))


def hand_in(path: str, content: bytes, **parameters: Any) -> Any:
    """Send a file."""
    return calls().upload(path, content, **parameters)


def replace(path: str, body: Mapping[str, Any]) -> Any:
    """Put something in the place of what is there, and forget what was read before."""
    return _changed(calls().put(path, body))


def change(path: str, body: Mapping[str, Any]) -> Any:
    """Change a part of something, and forget what was read before."""
    return _changed(calls().patch(path, body))


def remove(path: str) -> Any:
    """Delete something, and forget what was read before."""
    return _changed(calls().delete(path))


def ask(path: str, body: Mapping[str, Any], **parameters: Any) -> Any:
    """Return the answer to a question that is too long for an address; it changes nothing."""
    return calls().post(path, body, **parameters)


def _changed(answer: Any) -> Any:
    _read.clear()
    return answer


def zone() -> str:
    """Return the reader's time zone, UTC when the browser does not tell."""
    return st.context.timezone or "UTC"


def dark() -> bool:
    """Tell whether the reader looks at the dark theme."""
    return st.context.theme.type == "dark"


@st.cache_resource
def _pool(base_url: str) -> httpx.Client:
    return connect(base_url)


@st.cache_data(ttl=FRESH_S, max_entries=512, show_spinner=False)
def _read(address: str, token: str | None, path: str, parameters: Mapping[str, Any]) -> Any:
    return Calls(_pool(address), token).get(path, **parameters)


@st.cache_data(ttl=300, max_entries=32, show_spinner=False)
def _picture(address: str, token: str | None, artifact_id: str) -> bytes:
    return Calls(_pool(address), token).download(f"/artifacts/{artifact_id}")
