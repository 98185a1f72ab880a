"""How rules, notices and messages read. Pure: values of the API in, Markdown or rows out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any, Final

from dashboards import tables, wording
from models.happening import KINDS

Row = Mapping[str, Any]

SEVERITIES: Final[Mapping[str, str]] = {  # → an icon in its colour; the icon tells it without the colour
    "info": ":blue[:material/info:]",
    "warning": ":orange[:material/warning:]",
    "critical": ":red[:material/error:]",
}
CHANNELS: Final[Mapping[str, tuple[str, str, str]]] = {  # state of a channel → colour, icon, meaning
    "active": ("green", "send", "messages are brought as soon as they are due"),
    "paused": ("orange", "pause_circle", "messages wait until it is resumed"),
    "deleted": ("gray", "delete", "its address is gone"),
}
EVENTS: Final[Mapping[str, str]] = {
    "alert.*": "everything about alerts",
    "task.*": "everything about tasks",
    "agent.*": "everything about agents",
    **KINDS,
}
GROUPS: Final[Mapping[str, str]] = {
    "thing": "what it is about",
    "kind": "its kind",
    "client": "the client",
    "category": "the category",
    "rule": "this rule: all in one message",
}
DIGESTS: Final[Mapping[int | None, str]] = {
    None: "no, at once",
    900: "15 minutes long",
    3600: "1 hour long",
    14_400: "4 hours long",
    86_400: "1 day long",
}
ESCALATIONS: Final[Mapping[int | None, str]] = {None: "nothing more", 300: "after 5 minutes", 900: "after 15 minutes", 3600: "after 1 hour"}


def whom(told: str) -> str:
    """Return how one of those whom a rule tells reads in a sentence."""
    kind, _, name = told.partition(":")
    match kind:
        case "user":
            return f"**{wording.markdown(name)}**"
        case "role":
            return f"every {name}"
        case "client":
            return "the client whose task it is"
        case "assignee":
            return "whose work it is"
    return "who must decide"


def sentence(rule: Row, channels: Mapping[str, str]) -> str:
    """Return what a rule does, in Markdown. `channels` maps ids to names; one that is not known there was removed."""
    parts = [f"Tells {_list(map(whom, rule['to']))} of {_list(f'`{kind}`' for kind in rule['events'])}{_conditions(rule)}, {_where(rule, channels)}"]
    if rule["digest_at"]:
        parts.append(f"gathers messages until {rule['digest_at']}")
    if rule["digest_s"]:
        parts.append(f"gathers messages {wording.span(rule['digest_s'] * 1_000_000)} long")
    if rule["quiet_from"]:
        parts.append(f"is quiet from {rule['quiet_from']} until {rule['quiet_until']} ({wording.markdown(rule['zone'])})")
    if rule["escalate_s"]:
        further = [whom(one) for one in rule["escalate_to"]] + _names(rule["escalate_channels"], channels)
        parts.append(f"tells {_list(further)} when nobody acknowledged it after {wording.span(rule['escalate_s'] * 1_000_000)}")
    return "; ".join(parts) + "."


def _conditions(rule: Row) -> str:
    said = [] if rule["severity"] == "info" else [f" of severity {rule['severity']} at least"]
    for name, of in (("clients", "for"), ("categories", "in"), ("sources", "from")):
        if rule[name]:
            said.append(f" {of} {_list(map(wording.markdown, rule[name]), 'or')}")
    if rule["price_least_cents"] is not None:
        said.append(f" with a price of {rule['price_least_cents']} minor units at least")
    return "".join(said)


def _where(rule: Row, channels: Mapping[str, str]) -> str:
    return "in the inbox" + (f" and through {_list(_names(rule['channels'], channels))}" if rule["channels"] else "")


def _names(ids: Iterable[str], channels: Mapping[str, str]) -> list[str]:
    return [f"**{wording.markdown(channels[one])}**" if one in channels else f"a channel that is not there any more (`{one}`)" for one in ids]


def _list(words: Iterable[str], last: str = "and") -> str:
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} {last} {found[-1]}"


def definition(fields: Row) -> dict[str, Any]:
    """Return what somebody entered as the API takes a rule: times of day as text, and nothing where nothing was entered."""
    given = {name: value.strftime("%H:%M") if isinstance(value, time) else value for name, value in fields.items()}
    return {name: value for name, value in given.items() if value not in (None, "", [])}


def messages(rows: Sequence[Row], channels: Mapping[str, Row], zone: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return messages as rows of a table, and its columns."""
    shown = [
        {
            "state": _SIGNS.get(row["state"], row["state"]),
            "channel": row["channel"],
            "message": row["title"],
            "made": wording.instant(row["created_at"]),
            "tries": row["tries"],
            "next try": next_try(row, channels.get(row["channel_id"])),
            "error": row["error"],
            "why": _why(row, channels.get(row["channel_id"])),
        }
        for row in rows
    ]
    return shown, {"made": tables.moments("made", zone), "next try": tables.moments("next try", zone)}


_SIGNS: Final = {"waiting": "○ waiting", "sent": "✓ sent", "dead": "✗ dead"}


def next_try(row: Row, channel: Row | None) -> datetime | None:
    """Return when a message is tried next: when it is due and its channel rests no more; null when nothing will try it."""
    if row["state"] != "waiting" or channel is None or channel["state"] != "active":
        return None
    moments = [wording.instant(row["next_at"]), wording.instant(channel["next_at"])]
    return max((moment for moment in moments if moment), default=None)


def _why(row: Row, channel: Row | None) -> str | None:
    if row["state"] == "waiting" and channel is not None and channel["state"] == "paused":
        return "its channel is paused"
    return row["why"] or None
