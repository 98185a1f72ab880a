"""Freezes: while one lasts no schedule fires. Each schedule keeps its own state, and afterwards its catch-up policy decides on what was due."""

import json
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, StrictInt, model_validator
from sqlalchemy import select

from models.clock import SECOND, new_id, to_us
from models.errors import IllegalMove, Invalid
from models.recurrence import Timing
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import freezes
from tasks.schedules import read_timing
from tasks.work import Strict, read_form

_SET = Query(select(freezes).where(freezes.c.state == "set").order_by(freezes.c.id))
_ALL = Query(select(freezes).order_by(freezes.c.id.desc()))


class NewFreeze(Strict):
    """A stretch of time without fires: once, from and until an instant, or again and again by a timing."""

    why: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
    start: AwareDatetime | None = None  # null: now
    end: AwareDatetime | None = None  # null: until somebody ends it
    timing: dict[str, Any] | None = None  # when a maintenance window begins that comes again
    length_s: Annotated[StrictInt, Field(ge=1, le=7 * 86_400)] | None = None  # of such a window

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.timing is None) != (self.length_s is None):
            message = "a window that comes again needs a timing and a length_s"
            raise ValueError(message)
        return self


def freeze(journal: Journal, data: Any, *, actor: str) -> Row:
    """Set a freeze or a maintenance window; return its row. Raises `Invalid` for one that would be over before it begins."""
    wanted = read_form(NewFreeze, data, "freeze")
    timing = None if wanted.timing is None else json.dumps(Timing.read(wanted.timing).write(), sort_keys=True)
    with journal.write(actor) as tx:
        start = tx.now if wanted.start is None else to_us(wanted.start)
        end = None if wanted.end is None else to_us(wanted.end)
        if end is not None and end <= max(start, tx.now):
            message = "it would be over before it begins: give an end that is after its start and after now"
            raise Invalid(message)
        row = {
            "id": new_id("fz", tx.now), "why": wanted.why, "from_at": start, "until_at": end, "timing": timing, "length_s": wanted.length_s,
            "state": "set", "created_at": tx.now, "ended_at": None,
        }  # fmt: skip
        return tx.create(freezes, row, "freeze.set")


def thaw(journal: Journal, freeze_id: str, *, actor: str) -> Row:
    """End a freeze, or take back a maintenance window."""
    with journal.write(actor) as tx:
        row = tx.get(freezes, freeze_id)
        if row["state"] != "set":
            message = "this freeze has ended already"
            raise IllegalMove(message)
        patch = {"state": "ended", "ended_at": tx.now}
        tx.change(freezes, freeze_id, patch, "freeze.ended")
        return row | patch


def frozen(view: View, now: int) -> Row | None:
    """Return a freeze that lasts at an instant; null when none does."""
    return next((row for row in view.rows(_SET) if _lasts(row, now)), None)


def list_freezes(journal: Journal) -> list[Row]:
    """Return all freezes, newest first, each with whether it lasts now."""
    now = journal.clock()
    with journal.look() as view:
        rows = view.rows(_ALL)
    return [row | {"timing": row["timing"] and json.loads(row["timing"]), "lasts": row["state"] == "set" and _lasts(row, now)} for row in rows]


def _lasts(row: Row, now: int) -> bool:
    if not row["from_at"] <= now < (row["until_at"] or now + 1):
        return False
    if row["timing"] is None:
        return True
    begins = next(read_timing(row["timing"]).fires(now - row["length_s"] * SECOND, identity=row["id"]), None)
    return begins is not None and begins.at_us <= now
