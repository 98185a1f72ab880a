"""Who gets what: decisions, what was learned of agents, the policy, and what clients prefer."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.answers import shown_all
from api.auth import GuardedRoute
from api.parts import The, Who
from tasks import levels, policies, preferences, replay

router = APIRouter(route_class=GuardedRoute, tags=["routing"])

Why = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewPolicy(_Strict):
    """A policy to save; what the definition does not name stays as it is."""

    definition: dict[str, Any]
    why: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]  # what the change is for


class Replayed(_Strict):
    """A policy to try on the decisions of the last days."""

    definition: dict[str, Any]
    days: Annotated[float, Field(gt=0, le=366)] = 14.0


class Preference(_Strict):
    """What a client thinks of an agent."""

    client: Annotated[str, Field(min_length=1, max_length=100)]
    agent: Annotated[str, Field(min_length=1, max_length=100)]
    stance: preferences.Stance
    why: Why = ""


@router.get("/decisions")
def decisions(the: The, viewer: Who, most: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
    """Return routing decisions, newest first."""
    return {"items": shown_all(levels.list_decisions(the.journal, most=most), viewer)}


@router.get("/levels")
def learned(the: The) -> dict[str, Any]:
    """Return what was learned of each agent: its skills by category with their uncertainty, its last days, and where it rests."""
    return {"items": levels.levels(the.journal)}


@router.get("/policies")
def versions(the: The) -> dict[str, Any]:
    """Return all versions of the policy, newest first, what counts now, and what each field means."""
    with the.journal.look() as view:
        now = policies.active(view)
    return {"items": policies.list_policies(the.journal), "active": {"number": now.number, **now.policy.model_dump()}, "fields": levels.defaults()}


@router.post("/policies", status_code=201)
def save(the: The, viewer: Who, wanted: NewPolicy) -> dict[str, Any]:
    """Make a new version of the policy the one that counts."""
    return policies.save(the.journal, wanted.definition, actor=viewer.actor, why=wanted.why)


@router.post("/policies/replay")
def try_out(the: The, wanted: Replayed) -> dict[str, Any]:
    """Tell what a policy would have changed in the last days; nothing is saved."""
    return replay.replay_policy(the.journal, wanted.definition, days=wanted.days)


@router.post("/policies/{number}/restore", status_code=201)
def restore(the: The, viewer: Who, number: int) -> dict[str, Any]:
    """Make a new version of an older one; 0 is what the product begins with."""
    return policies.go_back(the.journal, number, actor=viewer.actor)


@router.get("/preferences")
def list_preferences(the: The) -> dict[str, Any]:
    """Return what clients prefer."""
    return {"items": preferences.list_preferences(the.journal)}


@router.put("/preferences")
def prefer(the: The, viewer: Who, wanted: Preference) -> dict[str, Any]:
    """Note what a client thinks of an agent; `none` takes it back."""
    return preferences.prefer(the.journal, wanted.client, wanted.agent, wanted.stance, actor=viewer.actor, why=wanted.why)
