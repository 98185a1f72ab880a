"""My inbox: what I should know, what I have read, what I take care of."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import Json, The, Who
from tasks import notices

router = APIRouter(route_class=GuardedRoute, tags=["inbox"])


@router.get("/inbox")
def read_inbox(
    the: The,
    viewer: Who,
    state: Annotated[str | None, Query(max_length=20)] = None,
    severity: Annotated[str | None, Query(max_length=20)] = None,
    unread: bool = False,  # noqa: FBT001, FBT002 - a parameter of the address
    cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    most: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Return my notices, newest first, how many are unread, and the number up to which I have read."""
    found = notices.list_inbox(the.journal, viewer.name, state=state, severity=severity, unread=unread, cursor=cursor, most=most)
    return found | {"items": shown_all(found["items"], viewer)}


@router.post("/inbox/read")
def move_cursor(the: The, viewer: Who, wanted: Json) -> dict[str, Any]:
    """Note up to which number I have read: `{"to": number}`. It never goes back."""
    box = notices.read_to(the.journal, viewer.name, wanted, actor=viewer.actor)
    return {"read_to": box["read_to"], "last": box["last"]}


@router.post("/inbox/{notice_id}/acknowledge")
def acknowledge(the: The, viewer: Who, notice_id: str) -> dict[str, Any]:
    """Take note: what it is about is not escalated any more."""
    return shown(notices.acknowledge(the.journal, notice_id, user=viewer.name, actor=viewer.actor), viewer)


@router.post("/inbox/{notice_id}/snooze")
def snooze(the: The, viewer: Who, notice_id: str, wanted: Json) -> dict[str, Any]:
    """Put it away: `{"until": instant}`. Then it is unread again."""
    return shown(notices.snooze(the.journal, notice_id, wanted, user=viewer.name, actor=viewer.actor), viewer)


@router.post("/inbox/{notice_id}/assign")
def assign(the: The, viewer: Who, notice_id: str, wanted: Json) -> dict[str, Any]:
    """Give it to somebody of the house: `{"to": name}`."""
    return shown(notices.assign(the.journal, notice_id, wanted, user=viewer.name, actor=viewer.actor), viewer)
