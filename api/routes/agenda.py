"""The calendar feed, and the personal link to it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.auth import GuardedRoute
from api.parts import The, Who
from tasks import agenda

router = APIRouter(route_class=GuardedRoute, tags=["calendar"])


@router.get("/calendar.ics", response_class=Response, responses={200: {"content": {"text/calendar": {}}}})
def read_calendar(the: The, key: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Return coming fires and deadlines of whose key this is, as iCalendar; a client's own deadlines only."""
    return Response(agenda.feed(the.journal, key), media_type="text/calendar", headers={"Cache-Control": "private, no-store"})


@router.post("/calendar/link")
def make_link(the: The, viewer: Who) -> dict[str, Any]:
    """Give a link for calendar programs, this once. The link before it opens nothing any more."""
    key = agenda.make_link(the.journal, viewer.name, actor=viewer.actor)
    return {"key": key, "path": f"/calendar.ics?key={key}"}


@router.delete("/calendar/link")
def revoke_link(the: The, viewer: Who) -> dict[str, Any]:
    """Let my link open nothing any more."""
    agenda.revoke_link(the.journal, viewer.name, actor=viewer.actor)
    return {"revoked": True}
