"""The queue as people read it: what is ready, in which order, and why it does not run yet."""

from sqlalchemy import bindparam, select

from models.deciding import wish_of
from models.routing import BUSY, hold_up, rejection
from models.task import State
from store.journal import Journal
from store.query import Query, Row
from store.schema import tasks
from store.settings import Settings
from tasks.moves import public
from tasks.roster import Roster

MOST = 500

_READY = Query(select(tasks).where(tasks.c.state == State.READY).order_by(tasks.c.queue_key, tasks.c.id).limit(bindparam("most")))


def queue(journal: Journal, settings: Settings, *, most: int = 100) -> list[Row]:
    """Return the ready tasks in their order, each with its `place`, and in `why` what it waits for and who can change that."""
    with journal.look() as view:
        roster = Roster(view, settings.dispatch, journal.clock())
        rows = view.rows(_READY, most=min(most, MOST))
    return [public(row) | {"place": place, "why": _why(row, roster)} for place, row in enumerate(rows, 1)]


def explain(journal: Journal, settings: Settings, task: Row) -> str:
    """Return why a task does not run, and who can change that; for one that is ready, which agents hold it up right now."""
    if task["state"] != State.READY:
        return str(task["why"])
    with journal.look() as view:
        return _why(task, Roster(view, settings.dispatch, journal.clock()))


def _why(task: Row, roster: Roster) -> str:
    client = task["client"] if roster.has_preferences(task["client"]) else None
    timeout_s = roster.timeout_of(task)
    wish = wish_of(task, client=client, excluded=roster.excluded(client) if client else frozenset(), timeout_s=timeout_s)
    fitting = [one for one in roster.within_budgets([timeout_s]) if rejection(wish, one) is None]
    if not fitting:
        return "no agent that fits is online: an operator can bring one back, or give it to another"
    if roster.category_left(task["category"]) == 0:
        return f"{task['category']} may start no more tasks this minute (dispatch.category_rates)"
    held = {one.agent_id: hold_up(wish, one) for one in fitting}
    reasons = set(held.values())
    if reasons == {BUSY}:
        return f"every agent that fits is busy ({', '.join(list(held)[:3])}): an operator can raise its priority or an agent's capacity"
    if None not in reasons:
        each = "; ".join(f"{agent_id} {why}" for agent_id, why in list(held.items())[:3])
        return f"{each}: an operator can change that with `arbiter agent`"
    return "starts in a moment, unless all slots of the shift are taken (dispatch.slots)"
