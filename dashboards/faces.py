"""The faces of what is not there: no data, old data, refused, silent. Each looks different from the others and from health, and says what to do."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import data, wording
from dashboards.calls import LoggedOut, Refused, Silent


def heading(title: str) -> DeltaGenerator:
    """Draw a page's title; what is drawn in the returned container stands beside it, or below on a phone."""
    row = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom")
    row.title(title, anchor=False, width="content")
    return row


def empty(what: str, how: str) -> None:
    """Say that there is nothing yet; `how` says in Markdown how something gets here."""
    with st.container(border=True):
        st.markdown(f":gray[:material/inbox:] **{what}**")
        st.caption(how)


def stale(text: str) -> None:
    """Say that what is shown is true, but old."""
    st.warning(text, icon=":material/history:")


def oddities(fires: Iterable[Mapping[str, Any]]) -> None:
    """Explain the coming fires at odd times, such as those that daylight saving moves; nothing is drawn when there are none."""
    for fire in fires:
        if fire["reason"]:
            st.markdown(f":orange[:material/schedule:] {wording.markdown(wording.own_clock(fire['local']))}: {wording.markdown(fire['reason'])}")


def refused(error: Exception) -> None:
    """Say that the API understood and said no."""
    st.error(wording.markdown(str(error)), icon=":material/block:", title="This cannot be done")


def silent(error: Exception) -> None:
    """Say that the API, or what it reads, cannot be reached, so that nothing here can be known now."""
    st.error(
        f"{wording.markdown(str(error))}\n\n"
        "Nothing here can be known until it answers. Ask `arbiter status` what runs, or start it with `arbiter up`.",
        icon=":material/cloud_off:",
        title="No answer from the API",
    )
    st.button("Try again", icon=":material/refresh:", key=f"again-{id(error)}")


@contextmanager
def guard() -> Iterator[None]:
    """Run a page, a fragment or a dialog: an ended session leads to the log-in, an error of the API gets its face in the place where it happened."""
    try:
        yield
    except LoggedOut:
        data.log_out("Your session has ended. Log in to go on.")
        st.rerun(scope="app")
    except Silent as error:
        silent(error)
    except Refused as error:
        refused(error)
