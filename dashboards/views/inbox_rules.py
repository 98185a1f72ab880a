"""The rules of an inbox: what each does in one sentence, muting, deleting, and a form for a new one or another definition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import streamlit as st

from dashboards import data, faces, notifying, wording
from models.access import OPERATORS, Role
from models.notifying import Rule

Row = Mapping[str, Any]
Value = TypeVar("Value")


def show() -> None:
    """Draw the rules: an operator sees all, everybody else their own."""

    @st.dialog("New rule", width="large")
    def opened() -> None:
        with faces.guard():
            form()

    if st.button("New rule", icon=":material/add:", key="new-rule"):
        opened()
    rows = data.read("/notify/rules")["items"]
    if not rows:
        faces.empty("You have no rules of your own.", "What the house's rules tell you comes all the same. **New rule** adds to that.")
        return
    channels = _channels()
    for rule in rows:
        _rule(rule, channels)


@st.dialog("Change the rule", width="large")
def _opened(rule: Row) -> None:
    with faces.guard():
        form(rule)


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
            if st.button("Change", icon=":material/edit:", type="tertiary", key=f"change-{rule['id']}"):
                _opened(rule)
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


def form(rule: Row | None = None) -> None:
    """Ask for a new rule and make it, or for another definition of one that is there."""
    me = data.me()
    operator = me is not None and Role(me.role) in OPERATORS
    myself = f"user:{me.name}" if me else ""
    channels, key = _channels(), f"rule-{rule['id']}" if rule else "rule"
    known = rule or {"name": "", **asdict(Rule(id="", to=(myself,), events=(), zone=data.zone()))}
    with st.form(key, border=False):
        fields: dict[str, Any] = {"name": st.text_input("Name", value=known["name"], key=f"{key}-name", max_chars=100)}
        people = [myself, "role:operator", "role:admin", "role:analyst", "client", "approver", "assignee"]
        fields["to"] = _told("Whom does it tell?", people, known["to"], f"{key}-to") if operator else [myself]
        fields["events"] = _events(known, key)
        fields |= _conditions(known, key)
        fields |= _ways(known, key, channels)
        if operator:
            fields |= _escalation(known, key, people, channels)
        sent = st.form_submit_button("Keep this" if rule else "Make this rule", type="primary", key=f"{key}-make")
    if sent and rule:
        data.replace(f"/notify/rules/{rule['id']}", notifying.definition(fields))
        _done("the rule has changed")
    elif sent:
        data.act("/notify/rules", notifying.definition(fields))
        _done("the rule counts from now on")


def _told(label: str, people: list[str], chosen: Sequence[str], key: str) -> list[str]:
    return st.multiselect(
        label, _with(people, chosen), default=chosen, accept_new_options=True, key=key,
        help="`user:ann`, `role:operator`, `client`: whose task it is, `approver`, `assignee`: whose work it is",
    )  # fmt: skip


def _with(options: Iterable[Value], chosen: Iterable[Value]) -> list[Value]:
    """Return the options, and after them what is chosen and none of them."""
    return list(dict.fromkeys([*options, *chosen]))


def _events(known: Row, key: str) -> list[str]:
    return st.multiselect(
        "Of what?", _with(notifying.EVENTS, known["events"]), default=known["events"], accept_new_options=True, key=f"{key}-events",
        format_func=_event, help="Or any kind of the journal, such as `schedule.paused`",
    )  # fmt: skip


def _event(kind: str) -> str:
    meaning = notifying.EVENTS.get(kind)
    return f"{kind}: {meaning}" if meaning else kind


def _conditions(known: Row, key: str) -> dict[str, Any]:
    def some(label: str, name: str) -> list[str]:
        chosen = known[name]
        return st.multiselect(label, chosen, default=chosen, accept_new_options=True, key=f"{key}-{name}", placeholder="any")

    with st.expander("Only when …"):
        severities = list(notifying.SEVERITIES)
        severity = st.selectbox("Severity at least", severities, index=severities.index(known["severity"]), key=f"{key}-severity")
        found: dict[str, Any] = {"severity": severity, "clients": some("Client", "clients"), "categories": some("Category", "categories")}
        found["sources"] = some("Source", "sources")
        found["price_least_cents"] = st.number_input(
            "Price at least, in minor units (cents)", value=known["price_least_cents"], min_value=0, step=100, key=f"{key}-price"
        )
    return found


def _ways(known: Row, key: str, channels: Mapping[str, str]) -> dict[str, Any]:
    """Ask for channels and times; the inbox is told always and at once."""

    def moment(label: str, name: str) -> time | None:
        return st.time_input(label, value=_clock(known[name]), key=f"{key}-{name.replace('_', '-')}")

    with st.expander("Through channels too, and when"):
        found: dict[str, Any] = {"channels": _through("Channels", channels, known["channels"], f"{key}-channels")}
        found["group_by"] = _chosen("Join what waits by", notifying.GROUPS, known["group_by"], f"{key}-group")
        found["digest_s"] = _chosen("Gather messages", notifying.DIGESTS, known["digest_s"], f"{key}-digest")
        found["digest_at"] = moment("Or gather until a time of day", "digest_at")
        found["quiet_from"] = moment("Quiet from", "quiet_from")
        found["quiet_until"] = moment("Quiet until", "quiet_until")
        found["zone"] = st.text_input("Zone of these times", value=known["zone"], key=f"{key}-zone", max_chars=60)
        found["flap_most"] = st.number_input(
            "What changes more often than this", value=known["flap_most"], min_value=1, max_value=1000, key=f"{key}-flap-most"
        )
        found["flap_s"] = st.number_input(
            "within so many seconds waits until it has come to rest", value=known["flap_s"], min_value=10, max_value=86_400, key=f"{key}-flap-s"
        )
    return found


def _escalation(known: Row, key: str, people: list[str], channels: Mapping[str, str]) -> dict[str, Any]:
    with st.expander("When nobody acknowledges it"):
        after = _chosen("Then", notifying.ESCALATIONS, known["escalate_s"], f"{key}-escalate")
        to = _told("Tell", people, known["escalate_to"], f"{key}-escalate-to")
        through = _through("Through", channels, known["escalate_channels"], f"{key}-escalate-channels")
    return {"escalate_s": after, "escalate_to": to, "escalate_channels": through}


def _through(label: str, channels: Mapping[str, str], chosen: Sequence[str], key: str) -> list[str]:
    return st.multiselect(
        label,
        _with(channels, chosen),
        default=chosen,
        format_func=lambda one: channels.get(one, f"{one}, which is gone"),
        key=key,
        placeholder="none",
    )


def _chosen(label: str, meanings: Mapping[Any, str], value: Any, key: str) -> Any:
    """Ask for one of some values; one that has no words of its own stays to be chosen."""
    options = _with(meanings, [value])
    return st.selectbox(label, options, index=options.index(value), format_func=lambda one: meanings.get(one, f"{one} seconds"), key=key)


def _clock(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None


def _done(what: str) -> None:
    st.toast(f"Done: {what}.", icon=":material/check:")
    st.rerun()
