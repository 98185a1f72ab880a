"""Many tasks at once: the queue, and one deed on all that fit."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import Json, The, Who
from models.clock import HOUR
from tasks import bulk, queue, read

router = APIRouter(route_class=GuardedRoute, tags=["many tasks"])


@router.get("/queue")
def read_queue(the: The, viewer: Who, most: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
    """Return the ready tasks in their order, each with its place and why it does not run yet."""
    return {"items": shown_all(queue.queue(the.journal, the.settings, most=most), viewer)}


@router.get("/fleet")
def fleet(the: The, viewer: Who, hours: Annotated[int, Query(ge=1, le=168)] = 1) -> dict[str, Any]:
    """Return the attempts of the last hours, oldest first: what every agent worked on."""
    return {"items": shown_all(read.fleet(the.journal, since=the.journal.clock() - hours * HOUR), viewer)}


@router.post("/bulk/preview")
def preview(the: The, wanted: Json) -> dict[str, Any]:
    """Return which tasks a deed would touch, and do nothing."""
    return bulk.preview(the.journal, bulk.read_bulk(wanted))


@router.post("/bulk")
def perform(the: The, viewer: Who, wanted: Json) -> dict[str, Any]:
    """Cancel, retry, pause, resume, reprioritise or reassign all tasks that fit, in one transaction."""
    row = bulk.perform(the.journal, bulk.read_bulk(wanted), actor=viewer.actor)
    return shown(bulk.shown(row, the.journal.clock()), viewer)


@router.get("/bulk")
def list_bulks(the: The, viewer: Who) -> dict[str, Any]:
    """Return deeds on many tasks, newest first."""
    return {"items": shown_all(bulk.list_bulks(the.journal), viewer)}


@router.post("/bulk/{bulk_id}/undo")
def undo(the: The, viewer: Who, bulk_id: str) -> dict[str, Any]:
    """Take a deed back, as far as its tasks are still as it left them."""
    row = bulk.undo(the.journal, bulk_id, actor=viewer.actor)
    return shown(bulk.shown(row, the.journal.clock()), viewer)
