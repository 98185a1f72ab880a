"""Who may do what: a table of rules for routes; that of the feed's topics is in `models.topics`. What has no rule is refused.

The tables say which *roles* pass; `Viewer` adds whose *objects* a person sees: a client its own tasks, an agent what is assigned to it. What the
house alone may know is kept from clients even where a task is their own: what it cost, what was earned on it, and how its agents were chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from models.errors import Invalid


class Role(StrEnum):
    """What a user is to the house."""

    ADMIN = "admin"  # everything, users too
    OPERATOR = "operator"  # runs the business
    ANALYST = "analyst"  # reads everything but users, changes nothing
    CLIENT = "client"  # submits work and sees its own
    AGENT = "agent"  # sees what is assigned to the agent whose id is its name


EVERYBODY = frozenset(Role)
STAFF = frozenset({Role.ADMIN, Role.OPERATOR, Role.ANALYST})
OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
OPERATORS_AND_CLIENTS = OPERATORS | {Role.CLIENT}
STAFF_AND_CLIENTS = STAFF | {Role.CLIENT}
STAFF_AND_AGENTS = STAFF | {Role.AGENT}
OPERATORS_AND_AGENTS = OPERATORS | {Role.AGENT}
ADMINS = frozenset({Role.ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a route."""

    roles: frozenset[Role]
    anonymous: bool = False  # also without logging in
    local: bool = False  # also without logging in, from the same machine


def _roles(roles: frozenset[Role]) -> Rule:
    return Rule(roles=roles)


_OPEN = Rule(roles=EVERYBODY, anonymous=True)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "POST /token": _OPEN,
        "POST /token/renew": _roles(EVERYBODY),
        "GET /me": _roles(EVERYBODY),
        "POST /feed/ticket": _roles(EVERYBODY),
        "WS /feed": _roles(EVERYBODY),  # topics have their own rules
        "GET /feed/events": _roles(EVERYBODY),
        "POST /tasks": _roles(OPERATORS_AND_CLIENTS),
        "GET /tasks": _roles(EVERYBODY),
        "GET /tasks/counts": _roles(STAFF_AND_CLIENTS),
        "GET /tasks/{task_id}": _roles(EVERYBODY),
        "POST /tasks/{task_id}/cancel": _roles(OPERATORS_AND_CLIENTS),
        "POST /tasks/{task_id}/retry": _roles(OPERATORS),
        "POST /tasks/{task_id}/approve": _roles(OPERATORS),
        "POST /tasks/{task_id}/reject": _roles(OPERATORS),
        "POST /tasks/{task_id}/delegate": _roles(OPERATORS),
        "POST /tasks/{task_id}/review": _roles(OPERATORS),
        "POST /tasks/{task_id}/pause": _roles(OPERATORS),
        "POST /tasks/{task_id}/resume": _roles(OPERATORS),
        "POST /tasks/{task_id}/priority": _roles(OPERATORS),
        "POST /tasks/{task_id}/agent": _roles(OPERATORS),
        "POST /bulk/preview": _roles(OPERATORS),
        "POST /bulk": _roles(OPERATORS),
        "GET /bulk": _roles(STAFF),
        "POST /bulk/{bulk_id}/undo": _roles(OPERATORS),
        "GET /queue": _roles(STAFF),
        "GET /fleet": _roles(STAFF),
        "GET /groups": _roles(STAFF_AND_CLIENTS),
        "GET /groups/{group_id}": _roles(STAFF_AND_CLIENTS),
        "GET /artifacts/{artifact_id}": _roles(EVERYBODY),
        "POST /files": _roles(OPERATORS_AND_CLIENTS),
        "GET /categories": _roles(EVERYBODY),
        "POST /categories": _roles(OPERATORS),
        "POST /categories/{name}/retire": _roles(OPERATORS),
        "GET /reviews": _roles(STAFF),
        "GET /labels": _roles(STAFF),
        "POST /labels/{label_id}/withdraw": _roles(OPERATORS),
        "GET /categorizers": _roles(STAFF),
        "POST /categorizers/{number}/activate": _roles(OPERATORS),
        "GET /agents": _roles(STAFF_AND_AGENTS),
        "POST /agents": _roles(OPERATORS),
        "PATCH /agents/{agent_id}": _roles(OPERATORS),
        "POST /agents/{agent_id}/stop": _roles(OPERATORS),
        "GET /decisions": _roles(STAFF),
        "GET /levels": _roles(STAFF),
        "GET /policies": _roles(STAFF),
        "POST /policies": _roles(OPERATORS),
        "POST /policies/replay": _roles(STAFF),
        "POST /policies/{number}/restore": _roles(OPERATORS),
        "GET /preferences": _roles(STAFF),
        "PUT /preferences": _roles(OPERATORS),
        "GET /work": _roles(OPERATORS_AND_AGENTS),  # all of these: what the viewer's own agent was given
        "POST /work/claim": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/heartbeat": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/progress": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/result": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/fail": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/decline": _roles(OPERATORS_AND_AGENTS),
        "POST /work/{attempt_id}/files": _roles(OPERATORS_AND_AGENTS),
        "GET /work/{attempt_id}/inputs/{number}": _roles(OPERATORS_AND_AGENTS),
        "GET /postings": _roles(STAFF),
        "GET /bids": _roles(STAFF),
        "POST /bids": _roles(OPERATORS),
        "POST /bids/{bid_id}/won": _roles(OPERATORS),
        "POST /bids/{bid_id}/lost": _roles(OPERATORS),
        "POST /bids/{bid_id}/withdraw": _roles(OPERATORS),
        "GET /schedules": _roles(STAFF),
        "POST /schedules": _roles(OPERATORS),
        "POST /schedules/preview": _roles(STAFF),
        "GET /schedules/calendar": _roles(STAFF),
        "GET /schedules/{name}": _roles(STAFF),
        "PUT /schedules/{name}": _roles(OPERATORS),
        "DELETE /schedules/{name}": _roles(OPERATORS),
        "POST /schedules/{name}/changes": _roles(STAFF),
        "POST /schedules/{name}/pause": _roles(OPERATORS),
        "POST /schedules/{name}/resume": _roles(OPERATORS),
        "POST /schedules/{name}/run": _roles(OPERATORS),
        "GET /schedules/{name}/backfills": _roles(STAFF),
        "POST /schedules/{name}/backfills": _roles(OPERATORS),
        "POST /backfills/{backfill_id}/cancel": _roles(OPERATORS),
        "GET /freezes": _roles(STAFF),
        "POST /freezes": _roles(OPERATORS),
        "POST /freezes/{freeze_id}/end": _roles(OPERATORS),
        "GET /alerts": _roles(STAFF),
        "GET /inbox": _roles(EVERYBODY),
        "POST /inbox/read": _roles(EVERYBODY),
        "POST /inbox/{notice_id}/acknowledge": _roles(EVERYBODY),
        "POST /inbox/{notice_id}/snooze": _roles(EVERYBODY),
        "POST /inbox/{notice_id}/assign": _roles(OPERATORS),
        "GET /channels": _roles(EVERYBODY),  # operators: all; everybody else: their own
        "POST /channels": _roles(OPERATORS),
        "PATCH /channels/{channel_id}": _roles(OPERATORS),
        "DELETE /channels/{channel_id}": _roles(OPERATORS),
        "POST /channels/{channel_id}/test": _roles(OPERATORS),
        "GET /notify/rules": _roles(EVERYBODY),  # operators: all; everybody else: their own
        "POST /notify/rules": _roles(EVERYBODY),
        "PUT /notify/rules/{rule_id}": _roles(EVERYBODY),
        "DELETE /notify/rules/{rule_id}": _roles(EVERYBODY),
        "POST /notify/rules/{rule_id}/mute": _roles(EVERYBODY),
        "GET /deliveries": _roles(OPERATORS),
        "POST /deliveries/{delivery_id}/replay": _roles(OPERATORS),
        "GET /calendar.ics": _OPEN,  # calendar programs cannot log in: the key in the address tells whose it is
        "POST /calendar/link": _roles(STAFF_AND_CLIENTS),
        "DELETE /calendar/link": _roles(STAFF_AND_CLIENTS),
        "GET /kpis": _roles(STAFF_AND_CLIENTS),
        "GET /kpis/{kpi_id}/rows": _roles(STAFF_AND_CLIENTS),
        "GET /monitor": _OPEN,
        "GET /monitor/{name}": _OPEN,
        "GET /openapi.json": _OPEN,
        "GET /asyncapi.json": _OPEN,
        "GET /healthz": _OPEN,
        "GET /readyz": _OPEN,
        "GET /metrics": Rule(roles=OPERATORS, local=True),
    },
)

HOUSE_FIELDS = frozenset({"cost_cents", "extra_cents", "tokens_in", "tokens_out"})  # of tasks, attempts and events
HOUSE_PARTS = frozenset({"decisions"})  # of a task
HOUSE_KPIS = frozenset({"cost", "margin"})


def may_use(role: Role | None, route: str) -> bool:
    """Tell whether a role, or null for somebody who has not logged in, may use a route such as `GET /tasks`."""
    rule = RULES.get(route)
    if rule is None:
        return False
    return rule.anonymous if role is None else role in rule.roles


def rights_of(role: Role) -> list[str]:
    """Return the routes that a role may use, for pages that offer only what is not refused."""
    return sorted(name for name in RULES if may_use(role, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who has logged in."""

    name: str
    role: Role
    client: str | None = None  # whose tasks a viewer of role client sees; null for all other roles

    def __post_init__(self) -> None:
        """Refuse a client who is nobody's: null means "not limited" everywhere else."""
        if (self.role is Role.CLIENT) != bool(self.client):
            message = "a user of role client, and no other, needs the client whose tasks it sees"
            raise Invalid(message)

    @property
    def actor(self) -> str:
        """How the journal names the viewer."""
        return f"user:{self.name}"

    @property
    def agent(self) -> str | None:
        """The one agent whose work the viewer sees; null: not limited to one."""
        return self.name if self.role is Role.AGENT else None


def for_client(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row, or a patch or facts of an event, without the fields that the house alone may know."""
    return {name: value for name, value in row.items() if name not in HOUSE_FIELDS}


def assigned(detail: Mapping[str, Any], agent: str) -> bool:
    """Tell whether a task, with its attempts, is or was given to an agent."""
    return detail["task"]["wanted_agent"] == agent or any(attempt["agent_id"] == agent for attempt in detail["attempts"])
