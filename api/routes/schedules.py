"""Schedules: what fires when, backfills, freezes and alerts."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import Json, The, Who
from models.clock import DAY, to_us
from tasks import backfill, fire, freezes, schedules, timetable
from tasks.alerts import list_alerts

router = APIRouter(route_class=GuardedRoute, tags=["schedules"])

Most = Annotated[int, Query(ge=1, le=1000)]


@router.post("/schedules", status_code=201)
def create(the: The, viewer: Who, definition: Json) -> dict[str, Any]:
    """Make a schedule: a name, a timing, the work of each fire, and what to do about missed and overlapping fires."""
    row = schedules.create(the.journal, definition, settings=the.settings, actor=viewer.actor)
    return shown(schedules.shown(row), viewer)


@router.get("/schedules")
def list_all(the: The, viewer: Who) -> dict[str, Any]:
    """Return all schedules with their next and last fires."""
    return {"items": shown_all(timetable.list_schedules(the.journal), viewer)}


@router.post("/schedules/preview")
def preview(the: The, timing: Json, start: AwareDatetime | None = None, most: Most = 5) -> dict[str, Any]:
    """Return what a timing means and its next fires, after now or after `start`."""
    return timetable.preview(timing, after=the.journal.clock() if start is None else to_us(start), most=most)


@router.get("/schedules/calendar")
def calendar(the: The, days: Annotated[int, Query(ge=1, le=366)] = 7, most: Most = 500) -> dict[str, Any]:
    """Return the coming fires of all schedules, in order, and which schedules fire too often to be in it to its end."""
    return timetable.calendar(the.journal, until=the.journal.clock() + days * DAY, most=most)


@router.get("/schedules/{name}")
def detail(the: The, viewer: Who, name: str, most: Most = 100) -> dict[str, Any]:
    """Return a schedule with its next fires and what became of those before."""
    found = timetable.schedule_detail(the.journal, name, most=most)
    return found | {"schedule": shown(found["schedule"], viewer), "history": shown_all(found["history"], viewer)}


@router.put("/schedules/{name}")
def change(the: The, viewer: Who, name: str, definition: Json) -> dict[str, Any]:
    """Define a schedule anew."""
    row = schedules.change(the.journal, name, definition, settings=the.settings, actor=viewer.actor)
    return shown(schedules.shown(row), viewer)


@router.post("/schedules/{name}/changes")
def changes(the: The, name: str, definition: Json, most: Most = 5) -> dict[str, Any]:
    """Return how a change would move the next fires, and change nothing."""
    return timetable.changes(the.journal, name, definition, most=most)


@router.delete("/schedules/{name}")
def remove(the: The, viewer: Who, name: str) -> dict[str, Any]:
    """Delete a schedule; its history stays."""
    return shown(schedules.shown(schedules.remove(the.journal, name, actor=viewer.actor)), viewer)


@router.post("/schedules/{name}/pause")
def pause(the: The, viewer: Who, name: str, wanted: schedules.Pause | None = None) -> dict[str, Any]:
    """Keep a schedule from firing, until an instant or until it is resumed."""
    return shown(schedules.shown(schedules.pause(the.journal, name, wanted or schedules.Pause(), actor=viewer.actor)), viewer)


@router.post("/schedules/{name}/resume")
def resume(the: The, viewer: Who, name: str) -> dict[str, Any]:
    """Let a paused schedule go on."""
    return shown(schedules.shown(schedules.resume(the.journal, name, actor=viewer.actor)), viewer)


@router.post("/schedules/{name}/run", status_code=202)
def run(the: The, viewer: Who, name: str) -> dict[str, Any]:
    """Make a fire now, whatever its timing says."""
    row = fire.run_now(the.journal, the.settings, name, actor=viewer.actor)
    return shown(row, viewer) | {"tasks": timetable.fire_tasks(the.journal, row["id"])}


@router.get("/schedules/{name}/backfills")
def backfills(the: The, viewer: Who, name: str) -> dict[str, Any]:
    """Return the backfills of a schedule."""
    return {"items": shown_all(backfill.list_backfills(the.journal, name), viewer)}


@router.post("/schedules/{name}/backfills", status_code=202)
def begin_backfill(the: The, viewer: Who, name: str, wanted: Json, dry_run: Literal["yes", "no"] = "no") -> dict[str, Any]:
    """Make the fires of a window in the past; a dry run says how many, at what cost and for how long, and does nothing."""
    if dry_run == "yes":
        return backfill.estimate(the.journal, name, wanted)
    return shown(backfill.backfill(the.journal, name, wanted, actor=viewer.actor), viewer)


@router.post("/backfills/{backfill_id}/cancel")
def cancel_backfill(the: The, viewer: Who, backfill_id: str) -> dict[str, Any]:
    """End a backfill and cancel the open tasks of its fires."""
    return shown(backfill.cancel_backfill(the.journal, backfill_id, actor=viewer.actor), viewer)


@router.get("/freezes")
def list_freezes(the: The, viewer: Who) -> dict[str, Any]:
    """Return freezes and maintenance windows, newest first."""
    return {"items": shown_all(freezes.list_freezes(the.journal), viewer)}


@router.post("/freezes", status_code=201)
def freeze(the: The, viewer: Who, wanted: Json) -> dict[str, Any]:
    """Set a freeze or a maintenance window: no schedule fires while it lasts."""
    return shown(freezes.freeze(the.journal, wanted, actor=viewer.actor), viewer)


@router.post("/freezes/{freeze_id}/end")
def thaw(the: The, viewer: Who, freeze_id: str) -> dict[str, Any]:
    """End a freeze."""
    return shown(freezes.thaw(the.journal, freeze_id, actor=viewer.actor), viewer)


@router.get("/alerts")
def alerts(the: The, viewer: Who, most: Most = 100) -> dict[str, Any]:
    """Return alerts, newest first."""
    return {"items": shown_all(list_alerts(the.journal, most=most), viewer)}
