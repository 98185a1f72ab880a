"""The rules of an inbox: what each does in one sentence, muting, deleting, and a form for a new one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from dashboards import data, faces, notifying, wording
from models.access import OPERATORS, Role

Row = Mapping[str, Any]


def show() -> None:
    """Draw the rules: an operator sees all, everybody else their own."""

    @st.dialog("New rule", width="large")
    def opened() -> None:
        with faces.guard():
            new()

    if st.button("New rule", icon=":material/add:", key="new-rule"):
        opened()
    rows = data.read("/notify/rules")["items"]
    if not rows:
        faces.empty("You have no rules of your own.", "What the house's rules tell you comes all the same. **New rule** adds to that.")
        return
    channels = _channels()
    for rule in rows:
        _rule(rule, channels)


def _channels() -> dict[str, str]:
    return {row["id"]: row["name"] for row in data.read("/channels")["items"]}


def _rule(rule: Row, channels: Mapping[str, str]) -> None:
    with st.container(border=True, gap="small", key=f"rule-{rule['id']}"):
        until = wording.instant(rule["muted_until_at"])
        muted = until is not None and until > datetime.now(UTC)
        owner = f" :gray[of {wording.markdown(rule['user_id'])}]" if rule["user_id"] else " :gray[of the house]"
        st.markdown(f"**{wording.markdown(rule['name'])}**{owner}  \n{notifying.sentence(rule, channels)}")
        if muted:
            st.caption(f":material/notifications_off: Its channels are muted until {wording.when(until, data.zone())}; the inbox goes on.")
        with st.container(horizontal=True, key=f"deeds-{rule['id']}"):
            _mute(rule, muted=muted)
            with st.popover("Delete", icon=":material/delete:", type="tertiary", key=f"delete-{rule['id']}"):
                st.caption("What it made stays. This cannot be taken back.")
                if st.button("Delete this rule", key=f"remove-{rule['id']}"):
                    data.remove(f"/notify/rules/{rule['id']}")
                    _done("the rule is deleted")


def _mute(rule: Row, *, muted: bool) -> None:
    path = f"/notify/rules/{rule['id']}/mute"
    if muted:
        if st.button("Unmute", icon=":material/notifications_active:", type="tertiary", key=f"unmute-{rule['id']}"):
            data.act(path, {"until": None})
            _done("the rule is not muted any more")
        return
    now = datetime.now(UTC)
    with st.popover("Mute", icon=":material/notifications_off:", type="tertiary", key=f"mute-{rule['id']}"):
        st.caption("Nothing goes through its channels meanwhile; the inbox goes on.")
        if st.button("For 1 hour", key=f"mute-hour-{rule['id']}"):
            data.act(path, {"until": (now + timedelta(hours=1)).isoformat()})
            _done("muted for an hour")
        if st.button("Until tomorrow, 09:00", key=f"mute-morning-{rule['id']}"):
            data.act(path, {"until": wording.next_morning(now, data.zone())})
            _done("muted until tomorrow")


def new() -> None:
    """Ask for a new rule and make it."""
    me = data.me()
    operator = me is not None and Role(me.role) in OPERATORS
    myself = f"user:{me.name}" if me else ""
    channels = _channels()
    with st.form("rule", border=False):
        fields: dict[str, Any] = {"name": st.text_input("Name", key="rule-name", max_chars=100)}
        people = [myself, "role:operator", "role:admin", "role:analyst", "client", "approver"]
        fields["to"] = _told("Whom does it tell?", people, [myself], "rule-to") if operator else [myself]
        fields["events"] = _events()
        fields |= _conditions()
        fields |= _ways(channels)
        if operator:
            fields |= _escalation(people, channels)
        sent = st.form_submit_button("Make this rule", type="primary", key="rule-make")
    if sent:
        data.act("/notify/rules", notifying.definition(fields))
        _done("the rule counts from now on")


def _told(label: str, people: list[str], default: list[str], key: str) -> list[str]:
    return st.multiselect(
        label, people, default=default, accept_new_options=True, key=key, help="`user:ann`, `role:operator`, `client`: whose task it is, `approver`"
    )


def _events() -> list[str]:
    return st.multiselect(
        "Of what?", list(notifying.EVENTS), accept_new_options=True, key="rule-events", format_func=_event,
        help="Or any kind of the journal, such as `schedule.paused`",
    )  # fmt: skip


def _event(kind: str) -> str:
    meaning = notifying.EVENTS.get(kind)
    return f"{kind}: {meaning}" if meaning else kind


def _conditions() -> dict[str, Any]:
    with st.expander("Only when …"):
        severity = st.selectbox("Severity at least", list(notifying.SEVERITIES), key="rule-severity")
        clients = st.multiselect("Client", [], accept_new_options=True, key="rule-clients", placeholder="any")
        categories = st.multiselect("Category", [], accept_new_options=True, key="rule-categories", placeholder="any")
        sources = st.multiselect("Source", [], accept_new_options=True, key="rule-sources", placeholder="any")
        price = st.number_input("Price at least, in minor units (cents)", value=None, min_value=0, step=100, key="rule-price")
    return {"severity": severity, "clients": clients, "categories": categories, "sources": sources, "price_least_cents": price}


def _ways(channels: Mapping[str, str]) -> dict[str, Any]:
    """Ask for channels and times; the inbox is told always and at once."""
    with st.expander("Through channels too, and when"):
        through = st.multiselect("Channels", list(channels), format_func=lambda one: channels.get(one, one), key="rule-channels", placeholder="none")
        group_by = st.selectbox(
            "Join what waits by", list(notifying.GROUPS), format_func=lambda one: notifying.GROUPS.get(one, one), key="rule-group"
        )
        digest_s = st.selectbox("Gather messages", list(notifying.DIGESTS), format_func=notifying.DIGESTS.__getitem__, key="rule-digest")
        digest_at = st.time_input("Or gather until a time of day", value=None, key="rule-digest-at")
        quiet_from = st.time_input("Quiet from", value=None, key="rule-quiet-from")
        quiet_until = st.time_input("Quiet until", value=None, key="rule-quiet-until")
        zone = st.text_input("Zone of these times", value=data.zone(), key="rule-zone", max_chars=60)
    return {
        "channels": through, "group_by": group_by, "digest_s": digest_s, "digest_at": digest_at, "quiet_from": quiet_from,
        "quiet_until": quiet_until, "zone": zone,
    }  # fmt: skip


def _escalation(people: list[str], channels: Mapping[str, str]) -> dict[str, Any]:
    with st.expander("When nobody acknowledges it"):
        after = st.selectbox("Then", list(notifying.ESCALATIONS), format_func=notifying.ESCALATIONS.__getitem__, key="rule-escalate")
        to = _told("Tell", people, [], "rule-escalate-to")
        through = st.multiselect(
            "Through", list(channels), format_func=lambda one: channels.get(one, one), key="rule-escalate-channels", placeholder="none"
        )
    return {"escalate_s": after, "escalate_to": to, "escalate_channels": through}


def _done(what: str) -> None:
    st.toast(f"Done: {what}.", icon=":material/check:")
    st.rerun()
