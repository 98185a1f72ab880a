"""Bids: what the house offers for postings."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import Json, The, Who
from api.routes.work import Key
from tasks import bids

router = APIRouter(route_class=GuardedRoute, tags=["bids"])


@router.get("/bids")
def list_bids(
    the: The, viewer: Who, state: Annotated[str | None, Query(max_length=20)] = None, most: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:  # fmt: skip
    """Return bids with their postings' titles, newest first."""
    return {"items": shown_all(bids.list_bids(the.journal, state=state, most=most), viewer)}


@router.post("/bids", status_code=201)
def offer(the: The, viewer: Who, wanted: Json, key: Key = None) -> dict[str, Any]:
    """Offer something for a posting: `posting` (its id), `price_cents`, and perhaps `currency`, `days` and `note`."""
    return shown(bids.offer(the.journal, wanted, actor=viewer.actor, key=key), viewer)


@router.post("/bids/{bid_id}/won")
def win(the: The, viewer: Who, bid_id: str, work: Json, key: Key = None) -> dict[str, Any]:
    """Make the task that an accepted bid promises: the body is a task, at least its `inputs`; the rest is the posting's and the bid's."""
    return shown(bids.win(the.journal, bid_id, work, settings=the.settings, actor=viewer.actor, key=key), viewer)


@router.post("/bids/{bid_id}/lost")
def lose(the: The, viewer: Who, bid_id: str, key: Key = None) -> dict[str, Any]:
    """Note that a bid was not accepted."""
    return shown(bids.lose(the.journal, bid_id, actor=viewer.actor, key=key), viewer)


@router.post("/bids/{bid_id}/withdraw")
def withdraw(the: The, viewer: Who, bid_id: str, key: Key = None) -> dict[str, Any]:
    """Take a bid back."""
    return shown(bids.withdraw(the.journal, bid_id, actor=viewer.actor, key=key), viewer)
