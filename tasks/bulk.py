"""One deed on many tasks: what it would touch is shown first, it is done in one transaction, and it can be taken back for some minutes."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StrictInt, model_validator
from sqlalchemy import select

from models.clock import MINUTE, iso, new_id
from models.errors import Conflict, IllegalMove, Invalid, UserError
from models.task import Outcome, State
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import agents, bulks, tasks
from tasks.act import pause_task, reassign_task, reprioritise_task, resume_task, retry_task, stop
from tasks.categories import check_filter
from tasks.read import matching
from tasks.work import Strict, Text, read_form

MOST = 1000  # tasks of one deed
SAMPLE = 20  # of those, shown before
UNDO_US = 10 * MINUTE  # for so long it can be taken back

_LIST = Query(select(bulks).order_by(bulks.c.id.desc()).limit(100))


class Deed(StrEnum):
    """What is done to each task."""

    CANCEL = "cancel"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    REPRIORITISE = "reprioritise"
    REASSIGN = "reassign"


class Filters(Strict):
    """Which tasks; all that are given must hold, and at least one is."""

    state: State | None = None
    outcome: Outcome | None = None
    category: Text | None = None
    client: Text | None = None
    agent: Text | None = None
    source: Text | None = None
    group: Text | None = None
    text: Text | None = None


class Bulk(Strict):
    """A deed on the tasks that fit."""

    deed: Deed
    filters: Filters
    why: Annotated[Text, Field(max_length=300)] = ""
    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)] | None = None  # of reprioritise
    agent: Text | None = None  # of reassign; null: whichever is best
    count: Annotated[StrictInt, Field(ge=0)] | None = None  # as the preview said: refused when other tasks fit by now

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.deed is Deed.REPRIORITISE) != (self.priority is not None):
            message = "a priority is given to reprioritise, and only then"
            raise ValueError(message)
        if self.agent is not None and self.deed is not Deed.REASSIGN:
            message = "an agent is given to reassign, and only then"
            raise ValueError(message)
        if not any(value is not None for value in self.filters.model_dump().values()):
            message = "name at least one filter"
            raise ValueError(message)
        return self


_APPLIES: Mapping[Deed, Callable[[Row], bool]] = {
    Deed.CANCEL: lambda task: task["state"] != State.DONE and task["stop_at"] is None,
    Deed.RETRY: lambda task: task["state"] == State.DONE and task["outcome"] != Outcome.SUCCEEDED,
    Deed.PAUSE: lambda task: task["state"] in {State.WAITING, State.READY, State.REVIEW},
    Deed.RESUME: lambda task: task["state"] == State.PAUSED,
    Deed.REPRIORITISE: lambda task: task["state"] != State.DONE,
    Deed.REASSIGN: lambda task: task["state"] not in {State.DONE, State.RUNNING},
}


def read_bulk(data: Any) -> Bulk:
    """Return JSON as a deed. Raises `Invalid` with every field that is wrong."""
    return read_form(Bulk, data, "bulk")


def preview(journal: Journal, wanted: Bulk) -> Row:
    """Return what a deed would touch, and do nothing.

    Returns:
        `count` (tasks that it would touch), `left` (those that fit the filters and that it cannot touch), `states` and `clients` (how many of
        each) and `sample` (the first of them).

    """
    with journal.look() as view:
        found, left = _found(view, wanted)
        if wanted.agent is not None:
            view.get(agents, wanted.agent)
    sample = [{name: task[name] for name in ("id", "title", "client", "state", "category", "priority")} for task in found[:SAMPLE]]
    states, clients = (dict(Counter(str(task[name]) for task in found)) for name in ("state", "client"))
    return {"count": len(found), "left": left, "states": states, "clients": clients, "sample": sample}


def perform(journal: Journal, wanted: Bulk, *, actor: str) -> Row:
    """Do it to all that fit, in one transaction; return its row. Raises `Conflict` when not `count` tasks fit any more."""
    with journal.write(actor) as tx:
        found, _ = _found(tx, wanted)
        if wanted.count is not None and len(found) != wanted.count:
            message = f"{len(found)} tasks fit by now, not {wanted.count}: look at the preview again"
            raise Conflict(message)
        note = f"{wanted.deed} of many by {actor}" + (f": {wanted.why}" if wanted.why else "")
        before = []
        for task in found:
            current = tx.get(tasks, task["id"])
            if _APPLIES[wanted.deed](current):  # it may have ended with another one
                _do(tx, wanted, current, note)
                before.append({name: current[name] for name in ("id", "state", "priority", "wanted_agent")})
        row = {
            "id": new_id("bk", tx.now), "deed": str(wanted.deed), "wanted": wanted.model_dump_json(exclude_none=True), "before": json.dumps(before),
            "count": len(before), "actor": actor, "state": "done", "at": tx.now, "undone_at": None,
        }  # fmt: skip
        return tx.create(bulks, row, "bulk.done")


def undo(journal: Journal, bulk_id: str, *, actor: str) -> Row:
    """Take a deed back, as far as its tasks are still as it left them; return its row with how many were `restored`.

    Raises `IllegalMove` for one that is too old or was taken back already.
    """
    with journal.write(actor) as tx:
        row = tx.get(bulks, bulk_id)
        if row["state"] != "done" or row["at"] + UNDO_US < tx.now:
            message = "it was taken back already" if row["state"] != "done" else f"it can no longer be taken back: it was done at {iso(row['at'])}"
            raise IllegalMove(message)
        note = f"{row['deed']} of many was taken back by {actor}"
        restored = sum(_restore(tx, Deed(row["deed"]), old, json.loads(row["wanted"]), note) for old in reversed(json.loads(row["before"])))
        patch = {"state": "undone", "undone_at": tx.now}
        tx.change(bulks, bulk_id, patch, "bulk.undone", restored=restored)
        return row | patch | {"restored": restored}


def list_bulks(journal: Journal) -> list[Row]:
    """Return deeds on many tasks, newest first, each with until when it can be taken back (null: it cannot)."""
    now = journal.clock()
    with journal.look() as view:
        rows = view.rows(_LIST)
    return [shown(row, now) for row in rows]


def shown(row: Row, now: int) -> Row:
    """Return a deed as answers show it."""
    until = row["at"] + UNDO_US
    open_still = row["state"] == "done" and until > now
    seen = {name: value for name, value in row.items() if name != "before"}
    return seen | {"wanted": json.loads(row["wanted"]), "undo_until_at": until if open_still else None}


def _found(view: View, wanted: Bulk) -> tuple[list[Row], int]:
    check_filter(view, wanted.filters.category)
    rows = matching(view, {name: value and str(value) for name, value in wanted.filters.model_dump().items()}, most=MOST + 1)
    found = [row for row in rows if _APPLIES[wanted.deed](row)]
    if len(rows) > MOST:
        message = f"more than {MOST} tasks fit: narrow the filters"
        raise Invalid(message)
    return found, len(rows) - len(found)


def _do(tx: Tx, wanted: Bulk, task: Row, note: str) -> None:
    match wanted.deed:
        case Deed.CANCEL:
            stop(tx, task, note)
        case Deed.RETRY:
            retry_task(tx, task)
        case Deed.PAUSE:
            pause_task(tx, task, note)
        case Deed.RESUME:
            resume_task(tx, task, note)
        case Deed.REPRIORITISE:
            reprioritise_task(tx, task, wanted.priority or 0)
        case Deed.REASSIGN:
            reassign_task(tx, task, wanted.agent)


def _restore(tx: Tx, deed: Deed, old: Row, wanted: Mapping[str, Any], note: str) -> bool:
    """Bring one task back to what it was before; false when somebody or something changed it since."""
    task = tx.get(tasks, old["id"])
    try:
        match deed:
            case Deed.CANCEL if task["outcome"] == Outcome.CANCELLED:
                reopened = retry_task(tx, task)
                if old["state"] == State.PAUSED:
                    pause_task(tx, reopened, note)
            case Deed.RETRY if task["state"] != State.DONE:
                stop(tx, task, note)
            case Deed.PAUSE if task["state"] == State.PAUSED:
                resume_task(tx, task, note)
            case Deed.RESUME if task["state"] in {State.WAITING, State.READY}:
                pause_task(tx, task, note)
            case Deed.REPRIORITISE if task["state"] != State.DONE and task["priority"] == wanted["priority"]:
                reprioritise_task(tx, task, old["priority"])
            case Deed.REASSIGN if task["wanted_agent"] == wanted.get("agent"):
                reassign_task(tx, task, old["wanted_agent"])
            case _:
                return False
    except UserError:  # it moved on meanwhile: it stays as it is, and is not counted
        return False
    return True
