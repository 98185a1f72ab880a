"""The queue as people read it: what is ready, in which order, and why it does not run yet."""

from sqlalchemy import bindparam, select

from models.routing import Wish, rejection
from models.task import State
from store.journal import Journal
from store.query import Query, Row
from store.schema import tasks
from store.settings import Settings
from tasks.claim import Staff
from tasks.moves import public

MOST = 500

_READY = Query(select(tasks).where(tasks.c.state == State.READY).order_by(tasks.c.queue_key, tasks.c.id).limit(bindparam("most")))


def queue(journal: Journal, settings: Settings, *, most: int = 100) -> list[Row]:
    """Return the ready tasks in their order, each with its `place`, and in `why` what it waits for and who can change that."""
    with journal.look() as view:
        staff = Staff(view, {}, settings.dispatch, journal.clock())
        rows = view.rows(_READY, most=min(most, MOST))
    return [public(row) | {"place": place, "why": _why(row, staff)} for place, row in enumerate(rows, 1)]


def explain(journal: Journal, settings: Settings, task: Row) -> str:
    """Return why a task does not run, and who can change that; for one that is ready, which agents hold it up right now."""
    if task["state"] != State.READY:
        return str(task["why"])
    with journal.look() as view:
        return _why(task, Staff(view, {}, settings.dispatch, journal.clock()))


def _why(task: Row, staff: Staff) -> str:
    wish = Wish(category=task["category"], kind=task["kind"], currency=task["currency"], wanted_agent=task["wanted_agent"])
    fitting = [one for one in staff.candidates(task["category"]) if rejection(wish, one) is None]
    if not fitting:
        return "no agent that fits is online: an operator can bring one back, or give it to another"
    if staff.category_left(task["category"]) == 0:
        return f"{task['category']} may start no more tasks this minute (dispatch.category_rates)"
    limited = [one.agent_id for one in fitting if one.limited]
    if len(limited) == len(fitting):
        return f"{', '.join(limited)} may start no more this minute: an operator can change that with `arbiter agent`"
    if all(one.limited or one.running >= one.capacity for one in fitting):
        busy = ", ".join(one.agent_id for one in fitting[:3])
        return f"every agent that fits is busy ({busy}): an operator can raise its priority or an agent's capacity"
    return "starts in a moment, unless all slots of the shift are taken (dispatch.slots)"
