"""The router: who is asking decides whether a page or the log-in is shown. Run by `python -m dashboards`."""

from pathlib import Path

import streamlit as st

from dashboards import data, faces
from dashboards.calls import LoggedOut, Refused, Silent
from dashboards.sessions import Login
from dashboards.views import agents, inbox, live, login, my_work, routing, schedules, tasks, today, work

HERE = Path(__file__).resolve().parent
TODAY = st.Page(today.show, title="Today", icon=":material/space_dashboard:", url_path="today", default=True)
LIVE = st.Page(live.show, title="Live", icon=":material/sensors:", url_path="live")
TASKS = st.Page(tasks.show, title="Tasks", icon=":material/checklist:", url_path="tasks")
WORK = st.Page(work.show, title="Work", icon=":material/account_tree:", url_path="work")
AGENTS = st.Page(agents.show, title="Agents", icon=":material/badge:", url_path="agents")
ROUTING = st.Page(routing.show, title="Routing", icon=":material/alt_route:", url_path="routing")
MY_WORK = st.Page(my_work.show, title="My work", icon=":material/assignment_ind:", url_path="my-work")
SCHEDULES = st.Page(schedules.show, title="Schedules", icon=":material/event_repeat:", url_path="schedules")


def main() -> None:
    """Show the page that the address names, or the log-in in its place: the address stays, and is right after logging in."""
    st.set_page_config(page_title="Arbiter", page_icon=str(HERE / "arbiter.svg"), layout="wide", initial_sidebar_state=240)
    st.logo(str(HERE / "wordmark.svg"), icon_image=str(HERE / "arbiter.svg"), size="large")
    person = data.me()
    agent = person is not None and person.role == "agent"
    program = agent and not _works(person, "person")
    staff = person is None or data.may("GET /schedules")  # before the log-in every address must stay
    mine = st.Page(inbox.show, title="Inbox" if program else _inbox_title(person), icon=":material/inbox:", url_path="inbox")
    house = [AGENTS, ROUTING, SCHEDULES] if staff else []
    pages = [MY_WORK, mine] if agent else [TODAY, LIVE, WORK, TASKS, *house, *([MY_WORK] if _works(person) else []), mine]
    page = st.navigation(pages, position="sidebar" if person else "hidden")
    st.session_state["pages"] = {
        "live": LIVE, "work": WORK, "tasks": TASKS, "agents": AGENTS, "routing": ROUTING, "schedules": SCHEDULES, "inbox": mine, "my_work": MY_WORK
    }  # fmt: skip
    with faces.guard():
        if person is None:
            login.show()
            return
        login.badge(person)
        login.keep()
        if program:
            st.info("This account is for a program. Log in as a person to see pages.", icon=":material/smart_toy:")
            return
        page.run()


def _works(person: Login | None, *kinds: str) -> bool:
    """Tell whether somebody works as an agent of the house, of one of these kinds where any are named; before the log-in every address must stay."""
    if person is None or not data.may("GET /work"):
        return person is None
    try:
        agent = data.read("/work")["agent"]
    except Silent:
        return bool(kinds)  # the page says that nothing can be known
    except (LoggedOut, Refused):
        return False
    return agent is not None and (not kinds or agent["kind"] in kinds)


def _inbox_title(person: Login | None) -> str:
    """Return the title of the inbox with the number unread; without one when nobody can tell it now, and then the page says why."""
    if person is None:
        return "Inbox"
    try:
        unread = data.read("/inbox", most=1)["unread"]
    except (LoggedOut, Refused, Silent):
        return "Inbox"
    return f"Inbox ({unread})" if unread else "Inbox"


main()
