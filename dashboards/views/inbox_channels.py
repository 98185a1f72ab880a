"""Channels, for operators: where messages go beside the inbox, whether they arrive, and what became of each."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboards import data, faces, notifying, wording

LOG_MOST: Final = 200  # messages of the log
DEAD_MOST: Final = 20  # of the dead that can be sent again here
KINDS: Final[Mapping[str | None, str]] = {
    None: "a signed webhook when the address begins with http, else Apprise",
    "webhook": "a signed webhook",
    "apprise": "an address of Apprise",
}
STATES: Final = ("all", "waiting", "sent", "dead")
SECRET: Final = "channel-secret"  # noqa: S105 - the key of a session's memory, not a secret

Row = Mapping[str, Any]


def show() -> None:
    """Draw channels and the log of messages."""

    @st.dialog("New channel")
    def opened() -> None:
        with faces.guard():
            new()

    if st.button("New channel", icon=":material/add:", key="new-channel"):
        opened()
    _secret()
    rows = data.read("/channels")["items"]
    if not rows:
        faces.empty("There are no channels: nothing leaves this machine.", "Add one with **New channel** above, or with `arbiter channel add NAME`.")
    for channel in rows:
        _channel(channel)
    with faces.guard():
        _log({row["id"]: row for row in rows})


def _secret() -> None:
    """Show the secret of a new webhook until the reader says that they have it; it can never be shown again."""
    kept = st.session_state.get(SECRET)
    if kept is None:
        return
    name, secret = kept
    with st.container(border=True, key="secret"):
        st.markdown(f"**The secret that signs messages of {wording.markdown(name)}.** The receiver needs it, and it is shown this once.")
        st.code(secret, language=None)
        if st.button("I have it", icon=":material/check:", key="secret-kept"):
            del st.session_state[SECRET]
            st.rerun()


def _channel(channel: Row) -> None:
    colour, icon, meaning = notifying.CHANNELS[channel["state"]]
    with st.container(border=True, gap="small", key=f"channel-{channel['id']}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{wording.markdown(channel['name'])}**", width="content")
            st.badge(channel["state"], icon=f":material/{icon}:", color=colour, help=meaning.capitalize())  # type: ignore[arg-type] # one of Streamlit's colours
            owner = f" of {wording.markdown(channel['user_id'])}" if channel["user_id"] else ""
            st.caption(f"{channel['kind']}{owner}, leads to {wording.markdown(channel['address'])}; {_reached(channel)}", width="content")
        if channel["reason"]:
            st.markdown(f":orange[:material/warning:] {wording.markdown(channel['reason'])}{_rests(channel)}")
        with st.container(horizontal=True, key=f"deeds-{channel['id']}"):
            tested = _test(channel)
            _deeds(channel)
        if tested is not None:
            _outcome(tested)


def _reached(channel: Row) -> str:
    return f"last reached {wording.when(channel['reached_at'], data.zone())}" if channel["reached_at"] else "never reached yet"


def _rests(channel: Row) -> str:
    if channel["state"] != "active" or channel["next_at"] is None:
        return ""
    return f" :gray[It failed {channel['failures']} times in a row and is tried again from {wording.when(channel['next_at'], data.zone())} on.]"


def _test(channel: Row) -> Row | None:
    """Offer to send a test; return what became of the one that was just sent."""
    if not st.button("Send a test", icon=":material/send:", type="tertiary", key=f"test-{channel['id']}"):
        return None
    sent: Row = data.act(f"/channels/{channel['id']}/test")
    return sent


def _outcome(tested: Row) -> None:
    if tested["error"]:
        st.error(wording.markdown(tested["error"]), icon=":material/block:", title="The test did not arrive")
    else:
        st.success("The test was sent.", icon=":material/check:")


def _deeds(channel: Row) -> None:
    path, key = f"/channels/{channel['id']}", channel["id"]
    if channel["state"] == "active":
        if st.button("Pause", icon=":material/pause:", type="tertiary", key=f"pause-{key}"):
            data.change(path, {"state": "paused"})
            _done("messages wait from now on")
    elif st.button("Resume", icon=":material/play_arrow:", type="tertiary", key=f"resume-{key}"):
        data.change(path, {"state": "active"})
        _done("what waits is brought")
    with st.popover("Delete", icon=":material/delete:", type="tertiary", key=f"delete-{key}"):
        st.caption("Its address is deleted, and what waits for it is dead. This cannot be taken back.")
        if st.button("Delete this channel", key=f"remove-{key}"):
            data.remove(path)
            _done("the channel is deleted")


def new() -> None:
    """Ask for a new channel and add it."""
    with st.form("channel", border=False):
        name = st.text_input("Name", key="channel-name", max_chars=100)
        url = st.text_input(
            "Address", type="password", key="channel-url", max_chars=2000, autocomplete="off",
            help="`https://hooks.example.com/arbiter`, or an address of Apprise, such as "
            "`mailto://user:password@mail.example.com?to=ann@example.com`. It is kept in a file that only the house can read, and never shown.",
        )  # fmt: skip
        kind = st.selectbox("What it is", list(KINDS), format_func=KINDS.__getitem__, key="channel-kind")
        user = st.text_input("Whose it is; empty: the house's", key="channel-user", max_chars=100)
        sent = st.form_submit_button("Add this channel", type="primary", key="channel-add")
    if sent:
        row = data.act("/channels", {"name": name, "url": url, "kind": kind, "user": user or None})
        if "secret" in row:
            st.session_state[SECRET] = (row["name"], row["secret"])
        _done("the channel is there; send a test")


def _log(channels: Mapping[str, Row]) -> None:
    st.subheader("Messages", anchor=False)
    state = st.segmented_control("State", STATES, default="all", required=True, key="log-state", label_visibility="collapsed")
    _dead()
    rows = data.read("/deliveries", state=None if state == "all" else state, most=LOG_MOST)["items"]
    if not rows:
        faces.empty("No such messages.", "A message is made when a rule with a channel wants something, and when a channel is tested.")
        return
    shown, columns = notifying.messages(rows, channels, data.zone())
    st.dataframe(
        shown, hide_index=True, column_config=columns, key="log", row_height=38, height=min(38 * len(rows) + 37, 600), alt="Messages, newest first",
        placeholder=wording.DASH,
    )  # fmt: skip
    if len(rows) == LOG_MOST:
        st.caption(f"Only the newest {LOG_MOST} are shown; `arbiter deliveries --most 500` lists more.")


def _dead() -> None:
    """List the newest messages that were given up, each with why, and offer to send them again."""
    rows = data.read("/deliveries", state="dead", most=DEAD_MOST)["items"]
    if not rows:
        return
    with st.expander(f"Not delivered, and given up ({len(rows)}{' or more' if len(rows) == DEAD_MOST else ''})", icon=":material/error:"):
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", key=f"dead-{row['id']}"):
                said = f"**{wording.markdown(row['title'])}** to {wording.markdown(row['channel'])}"
                st.markdown(f"{said}  \n:gray[{wording.markdown(row['error'] or '')}]", width="content")
                if st.button("Send again", icon=":material/replay:", type="tertiary", key=f"replay-{row['id']}"):
                    data.act(f"/deliveries/{row['id']}/replay")
                    _done("it is tried again")


def _done(what: str) -> None:
    st.toast(f"Done: {what}.", icon=":material/check:")
    st.rerun()
