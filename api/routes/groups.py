"""Groups: tasks that were submitted together, as one thing."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import The, Who
from tasks import groups

router = APIRouter(route_class=GuardedRoute, tags=["groups"])


@router.get("/groups")
def list_groups(the: The, viewer: Who, most: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, Any]:
    """Return groups, newest first, with their state and how much of them is done."""
    return {"items": shown_all(groups.list_groups(the.journal, client=viewer.client, most=most), viewer)}


@router.get("/groups/{group_id}")
def group(the: The, viewer: Who, group_id: str) -> dict[str, Any]:
    """Return a group with its tasks, what waits for what, its critical path and what is expected."""
    found = groups.group_detail(the.journal, group_id, client=viewer.client)
    return {"group": shown(found["group"], viewer), "tasks": shown_all(found["tasks"], viewer), "edges": found["edges"]}
