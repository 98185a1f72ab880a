"""The reserve: a process that goes on with the work while no shift lives.

Shifts are flow runs, and a flow run begins only when Prefect's server and a worker are there. When all of them die at once that takes half a
minute; the reserve needs none of them and goes on within a second. Leases, routing and records are the same; its attempts have no step in Prefect.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import select

from store.journal import Journal
from store.query import Query
from store.schema import beats
from store.settings import Settings
from tasks.beats import living_shifts
from tasks.claim import Claim
from tasks.perform import Ended
from tasks.shift import Shift

FIRST_S = 120.0  # how long the first shift after a start may take: Prefect builds its database, and work waits for its steps
LOOK_S = 0.5

_BEATS = Query(select(beats.c.name))


def stand_by(journal: Journal, settings: Settings, over: threading.Event) -> None:
    """Wait until no shift lives any more and work until one does, again and again, until told to stop."""
    since = time.monotonic()
    while not over.wait(LOOK_S):
        if not living_shifts(journal) and (_one_died(journal) or time.monotonic() - since > FIRST_S):
            work(journal, settings, over)


def work(journal: Journal, settings: Settings, over: threading.Event) -> int:
    """Do what a shift does, in threads, until a shift lives and all that was begun has ended; return how many attempts were made."""
    made = 0
    running: set[str] = set()  # attempts
    with ThreadPoolExecutor(settings.dispatch.slots, "reserve") as threads, Shift(journal, settings, reserve=True) as shift:
        while not over.is_set() and (shift.open or running):
            for claim in shift.claims(len(running)):
                running.add(claim.attempt_id)
                threads.submit(shift.attempt(claim).perform).add_done_callback(_ended(shift, claim, running))
                made += 1
            shift.wait()
    return made


def _ended(shift: Shift, claim: Claim, running: set[str]) -> Callable[[Future[Ended]], None]:
    def note(future: Future[Ended]) -> None:
        shift.step_ended(claim, future.exception())
        running.discard(claim.attempt_id)

    return note


def _one_died(journal: Journal) -> bool:
    """Tell whether a shift left without handing over: its name is still there."""
    with journal.look() as view:
        return any(row["name"].startswith("open:") for row in view.rows(_BEATS))
