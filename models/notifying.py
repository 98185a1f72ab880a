"""Notifying: whom a rule tells, when, and in which company. Decisions only; what reads and writes is `tasks.notify`.

    decide(rule, happening, past, now) → now, hold until an instant, or suppress; with the reason

A message that is held is not lost: it gathers what else comes for it and goes out when its time has come.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from models.access import Role
from models.clock import DAY, HOUR, MINUTE, SECOND
from models.happening import FOR_CLIENTS, RANK, Happening, Severity
from models.topics import TOPIC_OF, topics_of
from models.zones import place, zone_of

BACKOFF_FIRST_S = 5
BACKOFF_MOST_S = 300
GIVE_UP = 3 * DAY  # a message that could not be delivered for so long is dead
TRIES_MOST = 10  # so often a message is tried while others reach the same channel
FLAP_HOLD_MOST = HOUR  # a thing that never comes to rest is told this often


class Verdict(StrEnum):
    """What becomes of a happening in one channel."""

    NOW = "now"
    HOLD = "hold"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of it, until when it is held, and why."""

    verdict: Verdict
    until: int
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a rule told before about the same thing in the same channel."""

    changes: Sequence[int] = ()  # instants
    held_since: int | None = None  # a message about it waits and has not been tried yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who is told what, where and when."""

    id: str
    to: tuple[str, ...]  # `user:<name>`, `role:<role>`, `client`, `approver`, `assignee`
    events: tuple[str, ...]  # kinds of happenings; `task.*` means all that begin so
    severity: Severity = Severity.INFO  # the least
    clients: tuple[str, ...] = ()  # empty: all
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    price_least_cents: int | None = None
    channels: tuple[str, ...] = ()  # ids; the inbox always
    group_by: str = "thing"  # thing, kind, client, category, rule
    zone: str = "UTC"
    quiet_from: str | None = None  # wall time in the zone, "22:00"
    quiet_until: str | None = None
    digest_s: int | None = None  # gathers for so long
    digest_at: str | None = None  # gathers until this wall time
    flap_most: int = 4  # changes of one thing within flap_s that are told one by one
    flap_s: int = 600
    escalate_s: int | None = None  # nobody acknowledged it for so long
    escalate_to: tuple[str, ...] = ()
    escalate_channels: tuple[str, ...] = ()
    muted_until: int | None = None
    since: int = 0  # happenings before this instant are none of its business


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user as far as notifying knows it."""

    name: str
    role: str
    client: str | None


def wants(rule: Rule, happening: Happening) -> bool:
    """Tell whether a rule is about a happening."""
    if happening.at < rule.since or not any(fnmatch.fnmatchcase(happening.kind, pattern) for pattern in rule.events):
        return False
    if RANK[happening.severity] < RANK[rule.severity] and not happening.resolves:
        return False
    price = happening.facts.get("price_cents")
    return (
        (not rule.clients or happening.client in rule.clients)
        and (not rule.categories or happening.facts.get("category") in rule.categories)
        and (not rule.sources or happening.facts.get("source") in rule.sources)
        and (rule.price_least_cents is None or (price is not None and price >= rule.price_least_cents))
    )


def audience(to: Iterable[str], happening: Happening, people: Iterable[Person]) -> list[str]:
    """Return the names of those who are told, as far as they may know it: a client hears of the end of its own tasks and of nothing else."""
    known = [person for person in people if _may_know(person, happening)]
    found: dict[str, None] = {}
    for one in to:
        found |= dict.fromkeys(person.name for person in known if _is_meant(one, person, happening))
    return list(found)


def _may_know(person: Person, happening: Happening) -> bool:
    match Role(person.role):
        case Role.CLIENT:
            return happening.kind in FOR_CLIENTS and happening.client is not None and person.client == happening.client
        case Role.AGENT:  # of its own work
            return happening.assignee == person.name
        case Role.ADMIN | Role.OPERATOR | Role.ANALYST as role:
            return TOPIC_OF.get(happening.entity) in topics_of(role)


def _is_meant(one: str, person: Person, happening: Happening) -> bool:
    kind, _, name = one.partition(":")
    match kind:
        case "user" | "assignee":
            return person.name == (name or happening.assignee)
        case "role":
            return person.role == name
        case "client":
            return person.role == Role.CLIENT and person.client == happening.client
        case "approver" if happening.approver is not None:
            return person.name == happening.approver
        case "approver":
            return person.role in {Role.ADMIN, Role.OPERATOR}
    return False


def group_key(rule: Rule, happening: Happening) -> str:
    """Return what a message of a rule is about: happenings with the same key meet in one message while it waits."""
    if rule.digest_s is not None or rule.digest_at is not None:
        return "digest"
    match rule.group_by:
        case "kind":
            return f"kind:{happening.kind}"
        case "client":
            return f"client:{happening.client}"
        case "category":
            return f"category:{happening.facts.get('category')}"
        case "rule":
            return "rule"
        case _:
            return happening.group


def decide(rule: Rule, happening: Happening, past: Past, now: int) -> Decision:
    """Say what becomes of a happening in a channel of a rule.

    What says that something is over passes through muting and quiet hours, unless what it ends was not told yet: then both wait together.
    """
    passes = happening.resolves and past.held_since is None
    if rule.muted_until is not None and now < rule.muted_until and not passes:
        return Decision(verdict=Verdict.SUPPRESS, until=now, why="the rule is muted")
    until, why = _gathered(rule, past, now)
    if not passes or until > now:
        awake = quiet_end(rule, until)
        until, why = (awake, "quiet hours") if awake is not None else (until, why)
    return Decision(verdict=Verdict.HOLD if until > now else Verdict.NOW, until=until, why=why if until > now else "")


def _gathered(rule: Rule, past: Past, now: int) -> tuple[int, str]:
    digest = digest_end(rule, now)
    if digest is not None:
        return digest, "digest"
    recent = sum(at > now - rule.flap_s * SECOND for at in past.changes)
    if recent >= rule.flap_most:
        latest = (past.held_since if past.held_since is not None else now) + FLAP_HOLD_MOST
        return min(now + rule.flap_s * SECOND, max(latest, now)), "it changes all the time"
    return now, ""


def quiet_end(rule: Rule, now: int) -> int | None:
    """Return when the quiet hours end that last at an instant; null when none do. Wall times follow the zone through daylight saving."""
    if rule.quiet_from is None or rule.quiet_until is None or rule.quiet_from == rule.quiet_until:
        return None
    today = _day(now, rule.zone)
    for day in (today - timedelta(days=1), today):
        begin = _instant(day, rule.quiet_from, rule.zone)
        end = _instant(day if rule.quiet_from < rule.quiet_until else day + timedelta(days=1), rule.quiet_until, rule.zone)
        if begin <= now < end:
            return end
    return None


def digest_end(rule: Rule, now: int) -> int | None:
    """Return when a digest that begins now goes out; null for a rule without. Those of a length are cut at its multiples, so all begin alike."""
    if rule.digest_at is not None:
        today = _day(now, rule.zone)
        return next(at for at in (_instant(today + timedelta(days=days), rule.digest_at, rule.zone) for days in (0, 1, 2)) if at > now)
    return None if rule.digest_s is None else (now // (rule.digest_s * SECOND) + 1) * rule.digest_s * SECOND


def backoff(tries: int) -> int:
    """Return how long a channel rests after so many failures in a row: 5, 10, 20 … seconds, at most five minutes."""
    return min(BACKOFF_MOST_S, BACKOFF_FIRST_S << min(max(0, tries - 1), 10)) * SECOND


def gives_up(*, tries: int, failed_at: int, reached_at: int | None, now: int) -> bool:
    """Tell whether a message is dead: it failed for days, or again and again while others reached the same channel."""
    return now - failed_at >= GIVE_UP or (tries >= TRIES_MOST and reached_at is not None and reached_at > failed_at)


def next_to_try(waiting: Sequence[Any], failures: int) -> Any:
    """Return which of the waiting messages a channel tries next: the oldest; after every third failure in a row another one, so that none blocks."""
    return waiting[failures // 3 % len(waiting)]


def summary(items: Sequence[Mapping[str, Any]], count: int) -> str:
    """Return the title of a message with several items."""
    last = str(items[-1]["title"])
    return last if count == 1 else f"{last} (and {count - 1} more)"


def is_wall(text: str) -> bool:
    """Tell whether a text is a wall time such as 22:00."""
    hour, colon, minute = text.partition(":")
    return len(text) == 5 and colon == ":" and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60


def _day(now: int, zone: str) -> date:
    return datetime.fromtimestamp(now // SECOND, UTC).astimezone(zone_of(zone)).date()


def _instant(day: date, wall: str, zone: str) -> int:
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    minutes = int(wall[:2]) * 60 + int(wall[3:])
    return place(midnight + minutes * (MINUTE // SECOND), zone).instant * SECOND
