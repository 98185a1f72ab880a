"""What the feed tells to whom: topics with their rules, what its followers want, and whom an event concerns. What has no topic is told to nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.access import ADMINS, EVERYBODY, HOUSE_PARTS, OPERATORS, STAFF, STAFF_AND_AGENTS, STAFF_AND_CLIENTS, Role, Viewer

TOPICS: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "tasks": EVERYBODY,  # clients and agents: their own
        "agents": STAFF_AND_AGENTS,  # agents: themselves
        "postings": STAFF,
        "bids": STAFF,
        "schedules": STAFF,
        "alerts": STAFF,
        "users": ADMINS,
        "system": OPERATORS,
        "inbox": EVERYBODY,  # everybody: the own one
        "kpis": STAFF_AND_CLIENTS,  # that there are new figures, not which
        "presence": STAFF,  # who else looks
    },
)
PERSONAL = frozenset({"inbox"})  # topics of which everybody is told only what names them
ASKED_FOR = frozenset({"inbox", "presence", "kpis"})  # topics that nobody gets who does not ask for them

TOPIC_OF: Mapping[str, str] = MappingProxyType(  # by the ledger table that an event is about
    {
        "tasks": "tasks",
        "attempts": "tasks",
        "dependencies": "tasks",
        "decisions": "tasks",
        "artifacts": "tasks",
        "agents": "agents",
        "policies": "agents",
        "preferences": "agents",
        "circuits": "agents",
        "categories": "system",
        "labels": "system",
        "categorizers": "system",
        "postings": "postings",
        "bids": "bids",
        "users": "users",
        "requests": "system",
        "schedules": "schedules",
        "backfills": "schedules",
        "fires": "schedules",
        "freezes": "schedules",
        "alerts": "alerts",
        "bulks": "system",
        "notices": "inbox",
        "inboxes": "inbox",
        "channels": "system",
        "notify_rules": "system",
        "deliveries": "system",
        "readers": "system",
    },
)
_PEOPLE = ("user", "approver", "assigned_to")  # columns and facts that name a person


def topics_of(role: Role) -> frozenset[str]:
    """Return the topics of the feed that a role may follow."""
    return frozenset(topic for topic, roles in TOPICS.items() if role in roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The part of its topics that somebody wants; null: whichever. All that are given must hold."""

    client: str | None = None
    category: str | None = None
    agent: str | None = None
    task: str | None = None  # its id
    mine: bool = False  # what the viewer did, and what names it: as approver, as whom an alert was given to, in its inbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A class of viewers of the feed who see the same events."""

    topics: frozenset[str]
    client: str | None = None  # only this client's events may be seen
    agent: str | None = None  # only events about this agent may be seen
    user: str | None = None  # the viewer, where what it sees depends on that
    wanted: Filters = Filters()

    @classmethod
    def of(cls, viewer: Viewer, topics: frozenset[str], wanted: Filters | None = None) -> "Scope":
        """Return the scope of a viewer that follows these topics, of which it keeps those that it may follow."""
        wanted, kept = wanted or Filters(), topics & topics_of(viewer.role)
        user = viewer.name if wanted.mine or kept & PERSONAL else None
        return cls(topics=kept, client=viewer.client, agent=viewer.agent, user=user, wanted=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom an event concerns."""

    topic: str | None  # null: an entity without a topic, shown to nobody
    client: str | None
    agents: frozenset[str]
    house: bool = False  # no client may see it, not even its own
    categories: frozenset[str] = frozenset()  # of its task; both when it changed
    task: str | None = None
    people: frozenset[str] = frozenset()  # users whom it names
    actor: str = ""

    @classmethod
    def of(cls, entity: str, key: str, actor: str, patch: Mapping[str, Any], facts: Mapping[str, Any]) -> "Audience":
        """Read from an event whose it is."""
        client = facts.get("client")
        return cls(
            topic=TOPIC_OF.get(entity),
            client=client if isinstance(client, str) else None,
            agents=_texts(patch.get("agent_id"), patch.get("wanted_agent"), facts.get("agent_id"), key if entity == "agents" else None),
            house=entity in HOUSE_PARTS,
            categories=_texts(patch.get("category"), facts.get("category")),
            task=_task(entity, key, patch, facts),
            people=_texts(*(source.get(name) for name in _PEOPLE for source in (patch, facts))),
            actor=actor,
        )


def concerns(audience: Audience, scope: Scope) -> bool:
    """Tell whether viewers of a scope may see what concerns an audience, and want to."""
    return _may_see(audience, scope) and _wants(audience, scope.wanted, scope.user)


def _may_see(audience: Audience, scope: Scope) -> bool:
    if audience.topic not in scope.topics:
        return False
    if audience.topic in PERSONAL:
        return scope.user in audience.people
    if scope.client is not None and (audience.house or audience.client != scope.client):
        return False
    return scope.agent is None or scope.agent in audience.agents


def _wants(audience: Audience, wanted: Filters, user: str | None) -> bool:
    return (
        (wanted.client is None or wanted.client == audience.client)
        and (wanted.category is None or wanted.category in audience.categories)
        and (wanted.agent is None or wanted.agent in audience.agents)
        and (wanted.task is None or wanted.task == audience.task)
        and (not wanted.mine or user in audience.people or audience.actor == f"user:{user}")
    )


def _task(entity: str, key: str, patch: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    if entity == "tasks":
        return key
    found = facts.get("task_id") or patch.get("task_id") or (patch.get("entity_id") if patch.get("entity") == "tasks" else None)
    return found if isinstance(found, str) else None


def _texts(*values: Any) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str))
