"""Happenings: what people may want to be told, read from the events of the journal.

A happening has a kind of its own where the journal says it in several ways (`approval.needed`), else the kind of its event. Those about the same
thing share a `group`, so that many of them make one line; one that `closes` a group ends what was told before: the alert is resolved, the approval
given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from models.event import Event
from models.untrusted import Untrusted

TITLE_MOST = 200  # characters
TEXT_MOST = 600


class Severity(StrEnum):
    """How much it matters; in this order."""

    INFO = "info"  # good to know
    WARNING = "warning"  # somebody should look at it
    CRITICAL = "critical"  # somebody must act


RANK: Mapping[str, int] = MappingProxyType({severity: rank for rank, severity in enumerate(Severity)})

OWN = frozenset({"channels", "notify_rules", "notices", "deliveries", "inboxes", "readers"})  # tables of notifying itself: nobody is told about these

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "alert.opened": "something is amiss",
        "alert.changed": "an alert has other words or another severity",
        "alert.resolved": "it is well again",
        "approval.needed": "a task or a result waits for an approval",
        "review.needed": "the categorizer is not sure about a task",
        "decision.made": "an approval or a review was given or refused",
        "task.succeeded": "a task ended well",
        "task.failed": "no attempt brought a result",
        "task.expired": "a task ended because its time was over",
        "task.cancelled": "a task was cancelled",
        "work.assigned": "a person was given work",
        "agent.offline": "an agent cannot work",
        "agent.online": "an agent can work again",
    },
)
FOR_CLIENTS = frozenset({"task.succeeded", "task.failed", "task.expired", "task.cancelled"})  # of its own tasks; the rest is the house's


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that somebody may want to know."""

    kind: str
    seq: int  # of its event
    at: int
    severity: Severity
    title: str  # one harmless line
    text: str  # one harmless line that says more; may be empty
    entity: str  # ledger table and key of what it is about
    entity_id: str
    group: str  # what it is about, so that two about the same thing meet
    closes: frozenset[str] = frozenset()  # groups that it ends
    client: str | None = None  # whose it is
    approver: str | None = None  # the one user who must decide
    assignee: str | None = None  # the one user whose work it is
    resolves: bool = False  # it says that something is over, which passes through quiet hours
    facts: Mapping[str, Any] = field(default_factory=dict)  # category, source and price_cents, where they are known


def read(event: Event, row: Mapping[str, Any] | None) -> Happening | None:
    """Return what an event means to people, null when that is nothing. `row` is what it is about, where `needs_row` says so."""
    if event.entity in OWN:
        return None
    match event.entity:
        case "alerts":
            return _alert(event, row or {})
        case "tasks" if row is not None:
            return _task(event, row)
        case "attempts" if _is_persons(event) and row is not None:
            return _assigned(event, row)
        case "agents" if event.patch.get("state") in {"online", "offline"} and event.kind == "agent.changed":
            return _agent(event)
    return _plain(event)


def needs_row(event: Event) -> bool:
    """Tell whether `read` needs the row that the event is about: patches hold only what changed."""
    return (
        event.entity == "alerts"
        or _is_persons(event)
        or (event.entity == "tasks" and (event.kind in _TASK_KINDS or event.patch.get("reason") == "approval"))
    )


_TASK_KINDS = frozenset({"task.finished", "task.presented", "task.questioned", "task.approved", "task.rejected", "task.reviewed"})


def _line(text: object, most: int = TITLE_MOST) -> str:
    return Untrusted(str(text)).line(most)


def _alert(event: Event, row: Mapping[str, Any]) -> Happening:
    """Read an alert: an event that changes a part of it is read together with its row."""
    said = {**row, **event.patch}
    group = f"alerts:{said.get('name') or event.key}"
    title, text = _line(said.get("title", "an alert")), _line(said.get("advice", ""), TEXT_MOST)
    over = event.kind == "alert.resolved"
    severity = Severity.INFO if over else Severity(said.get("severity", Severity.WARNING))
    return Happening(
        kind=event.kind, seq=event.seq, at=event.at, severity=severity, title=f"Resolved: {title}" if over else title, text="" if over else text,
        group=group, closes=frozenset({group}) if over else frozenset(), resolves=over,
        entity=said.get("entity") or "alerts", entity_id=said.get("entity_id") or event.key,
    )  # fmt: skip


def _task(event: Event, task: Mapping[str, Any]) -> Happening | None:
    decided = f"tasks:{event.key}:decision"
    if event.kind in {"task.approved", "task.rejected", "task.reviewed"}:
        return _about_task(event, task, "decision.made", Severity.INFO, f"Decided: {task['title']}", decided, closes={decided}, resolves=True)
    if event.kind == "task.finished":
        outcome = str(event.patch.get("outcome", "succeeded"))
        severity = Severity.WARNING if outcome in {"failed", "expired"} else Severity.INFO
        about = {**task, "why": event.patch.get("why", "")}
        group = f"work:{task['group_id'] or event.key}"
        return _about_task(event, about, f"task.{outcome}", severity, f"{outcome.capitalize()}: {task['title']}", group, closes={decided})
    about = {**task, "why": event.patch.get("why", task["why"])}
    if event.kind == "task.presented" or (event.patch.get("reason") == "approval" and event.kind != "task.finished"):
        return _about_task(event, about, "approval.needed", Severity.WARNING, f"Waits for approval: {task['title']}", decided)
    if event.kind == "task.questioned":
        return _about_task(event, about, "review.needed", Severity.WARNING, f"Which category: {task['title']}", decided)
    return _plain(event)


def _about_task(
    event: Event, task: Mapping[str, Any], kind: str, severity: Severity, title: str, group: str, *, closes: Iterable[str] = (),
    resolves: bool = False,
) -> Happening:  # fmt: skip
    return Happening(
        kind=kind, seq=event.seq, at=event.at, severity=severity, title=_line(title), text=_line(task["why"], TEXT_MOST), entity="tasks",
        entity_id=event.key, group=group, closes=frozenset(closes), resolves=resolves, client=task["client"], approver=task["approver"],
        facts={name: task[name] for name in ("category", "source", "price_cents")},
    )  # fmt: skip


def _is_persons(event: Event) -> bool:
    """Tell whether a person was given work, or it is over."""
    if event.kind == "attempt.started":
        return str(event.patch.get("shift_id", "")).startswith("person:")
    return event.kind == "attempt.finished" and event.facts.get("kind") == "person"


def _assigned(event: Event, task: Mapping[str, Any]) -> Happening:
    """Read that a person was given work: `task` is its task, with the person's user in `assignee`. That it is over only closes what was told."""
    group, over = f"attempts:{event.key}", event.kind == "attempt.finished"
    return Happening(
        kind=event.kind if over else "work.assigned", seq=event.seq, at=event.at, severity=Severity.INFO, title=_line(f"For you: {task['title']}"),
        text=_line(task["description"], TEXT_MOST), entity="tasks", entity_id=task["id"], group=group, client=task["client"],
        closes=frozenset({group}) if over else frozenset(), assignee=None if over else task["assignee"],
        facts={name: task[name] for name in ("category", "source", "price_cents")},
    )  # fmt: skip


def _agent(event: Event) -> Happening:
    online = event.patch["state"] == "online"
    group = f"agents:{event.key}"
    return Happening(
        kind="agent.online" if online else "agent.offline", seq=event.seq, at=event.at, severity=Severity.INFO if online else Severity.WARNING,
        title=_line(f"{event.key} {'can work again' if online else 'cannot work'}"), text=_line(event.patch.get("reason", ""), TEXT_MOST),
        entity="agents", entity_id=event.key, group=group, closes=frozenset({group}) if online else frozenset(), resolves=online,
    )  # fmt: skip


def _plain(event: Event) -> Happening:
    """Read any other event, for rules that name its kind."""
    named = next((event.patch[name] for name in ("title", "name") if isinstance(event.patch.get(name), str)), event.key)
    client = event.facts.get("client") or event.patch.get("client")
    return Happening(
        kind=event.kind, seq=event.seq, at=event.at, severity=Severity.INFO, title=_line(f"{event.kind.replace('.', ' ')}: {named}"),
        text=_line(event.patch.get("why", ""), TEXT_MOST), entity=event.entity, entity_id=event.key, group=f"{event.entity}:{event.key}",
        client=client if isinstance(client, str) else None,
    )  # fmt: skip
