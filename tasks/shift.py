"""A shift: a process that gives out tasks for some minutes and hands over.

It holds a lane while it claims. Of several shifts one holds each lane and the others stand by: whoever finds a lane free, lapsed or held by a dead
process takes it. So a shift may be killed at any moment: one that stands by goes on within a second and takes back what the dead one held.
"""

import contextlib
import logging
import queue
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy import bindparam, select

from models.clock import SECOND, new_id
from models.errors import ArbiterError, Invalid, LeaseLost, Unsolved
from models.untrusted import storable
from store.bell import Listener
from store.engine import DATABASE_ERRORS
from store.journal import Journal
from store.query import Query
from store.schema import attempts, tasks
from store.settings import Settings
from tasks.alerts import raise_alert
from tasks.beats import Beat, give, living, living_shifts, stop
from tasks.categorize_waiting import categorize_waiting
from tasks.claim import Claim, anything_due, claim
from tasks.fire import Lane, fire
from tasks.look_outside import look_outside
from tasks.perform import Ended, Running, perform, record_end
from tasks.reap import anything_lost, reap, take_back_unended
from tasks.router import Router

logger = logging.getLogger("arbiter.shift")

LOOK_S = 0.25  # between looks when nobody rings
GATHER_S = 0.01  # after a ring: what ends or comes together is looked at together
GRACE_S = 30  # beyond its time-out that an agent has to stop
CHECK_S = 0.2  # between looks at what runs and at what was lost
BROKEN_S = 60  # between alerts that tasks cannot be given out
FULL_S = 1  # between claims for those who work elsewhere, while all slots here are taken
KEEP_S = 60  # between checkpoints of what was learned


_HELD = Query(
    select(attempts.c.id, attempts.c.started_at, tasks.c.stop_at, tasks.c.hold_at, tasks.c.held_us, tasks.c.timeout_s)
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.state == "running", attempts.c.shift_id == bindparam("shift_id")),
)


class Attempt:
    """A claim with what it takes to perform it: a plain object, because Prefect looks into dataclasses and settings at every step."""

    def __init__(self, journal: Journal, settings: Settings, claim: Claim, running: Running) -> None:
        self.claim = claim
        self._journal, self._settings, self._running = journal, settings, running

    def perform(self, *, run_id: str | None = None) -> Ended:
        """Work on the claim until it ended; `run_id` names Prefect's step, where there is one."""
        return perform(self._journal, self._settings, self.claim, self._running, run_id=run_id)


class Shift:
    """One shift; use it as a context manager. A reserve is open for as long as no other shift lives, and counts as none."""

    def __init__(self, journal: Journal, settings: Settings, *, minutes: float | None = None, reserve: bool = False) -> None:
        self.id = new_id("s", journal.clock())
        self.running = Running()
        self._journal = journal
        self._all_settings = settings
        self._settings = settings.dispatch
        self._reserve = reserve
        self._needed = reserve  # whether no other shift lived at the last sign of life
        self._ends = time.monotonic() + 60 * (minutes if minutes is not None else self._settings.minutes)
        self._bell = Listener(settings.run / "bells")
        self._lanes = [f"lane:{number}" for number in range(self._settings.lanes)]
        self._lane: str | None = None
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="beat", daemon=True)
        self._claimed: dict[str, Claim] = {}  # by attempt, until their steps are over
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()  # attempts whose steps are over
        self._looked_at: dict[str, float] = {}  # when something was last looked at, by name
        self._next_fire: int | None = None
        self._router: Router | None = None  # while it holds a lane

    def __enter__(self) -> Self:
        """Give the first sign of life; of more shifts than are wanted, the latest end at once."""
        if not self._reserve and len(living_shifts(self._journal)) >= self._settings.lanes + self._settings.standby:
            self._ends = time.monotonic()
        self._give_sign()
        self._beating.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop what still runs and give everything up."""
        self._over.set()
        self.running.stop_all("lost")
        self._beating.join()
        self._bell.close()
        self._check_ended()
        self._leave_lane()
        self._give_up(f"shift:{self.id}", f"open:{self.id}")

    @property
    def open(self) -> bool:
        """Whether it still takes tasks."""
        return self._needed if self._reserve else time.monotonic() < self._ends

    def claims(self, busy: int) -> list[Claim]:
        """Return the tasks to start now, given how many attempts run; none while standing by or handing over. To be called often."""
        self._check_ended()
        if self._is_time("running", CHECK_S):
            self._check_running()
        if not self.open:
            self._leave_lane()
        if self._lane is None:
            return []
        if self._is_time("lost", CHECK_S) and anything_lost(self._journal):
            reap(self._journal, actor=f"shift:{self.id}", lost_most=self._settings.lost_most)
        if self._is_time("outside", CHECK_S):
            look_outside(self._journal, self._settings, actor=f"shift:{self.id}")
        self._fire()
        categorize_waiting(self._journal, self._all_settings, actor=f"shift:{self.id}")
        free = max(0, self._settings.slots - busy)
        if (free == 0 and not self._is_time("full", FULL_S)) or not anything_due(self._journal):
            return []
        if self._router is None:
            self._router = Router(self._journal)
            self._is_time("keep", KEEP_S)
        elif self._is_time("keep", KEEP_S):
            self._router.keep()
        try:
            claims = claim(self._journal, shift_id=self.id, lane=self._lane, free=free, router=self._router, dispatch=self._settings)
        except (Invalid, Unsolved, ArithmeticError) as error:  # what runs goes on, and the next look tries again
            self._cannot_route(error)
            return []
        self._claimed |= {one.attempt_id: one for one in claims}
        return claims

    def _cannot_route(self, error: Exception) -> None:
        """Let people know that no task can be given out, at most once a minute."""
        if self._is_time("broken", BROKEN_S):
            logger.error("tasks cannot be given out", exc_info=error)
            with self._journal.write(f"shift:{self.id}") as tx:
                raise_alert(
                    tx, "routing", severity="critical", title="Tasks cannot be given out", advice=f"what runs goes on: {storable(str(error))[:500]}"
                )  # fmt: skip

    def attempt(self, claim: Claim) -> Attempt:
        """Return what a step needs to perform a claim."""
        return Attempt(self._journal, self._all_settings, claim, self.running)

    def step_ended(self, claim: Claim, error: BaseException | None = None) -> None:
        """Note that the step of a claim is over, however, and log an error that nobody else does; may be called by any thread."""
        if error is not None:
            logger.error("the attempt %s could not be performed", claim.attempt_id, exc_info=error)
        self._ended.put(claim.attempt_id)

    def wait(self) -> None:
        """Sleep until somebody commits, or for a moment."""
        due = self._next_fire if self._lane else None
        until_due_s = LOOK_S if due is None else (due - self._journal.clock()) / SECOND
        if self._bell.wait(max(GATHER_S, min(LOOK_S, until_due_s))):
            time.sleep(GATHER_S)

    def _fire(self) -> None:
        """Make tasks of the schedules that are due."""
        due = self._next_fire is not None and self._next_fire <= self._journal.clock()
        if self._lane is not None and (self._is_time("fires", LOOK_S) or due):
            self._next_fire = fire(self._journal, self._all_settings, Lane(name=self._lane, holder=self.id))

    def _leave_lane(self) -> None:
        """Let another shift claim; what this one started goes on."""
        if self._lane is not None:
            if self._router is not None:
                self._router.keep()
            self._give_up(self._lane, f"open:{self.id}")
            self._lane = self._router = None

    def _check_ended(self) -> None:
        """Take back what Prefect gave up without running it, as it does when its server is away at the wrong moment."""
        while not self._ended.empty():
            attempt_id = self._ended.get()
            self._claimed.pop(attempt_id, None)
            take_back_unended(self._journal, attempt_id, actor=f"shift:{self.id}")

    def _check_running(self) -> None:
        """Compare what runs here with the ledger: pass on cancellations, stop what was taken away, and end what overstays its time."""
        with self._journal.look() as view:
            held = {row["id"]: row for row in view.rows(_HELD, shift_id=self.id)}
        for attempt_id in self.running.ids() - held.keys():
            self.running.stop(attempt_id, "lost")
        for attempt_id, row in held.items():
            if row["stop_at"] is not None:
                self.running.stop(attempt_id, "cancelled")
                if row["stop_at"] + int(self._settings.cancel_s * SECOND) < self._journal.clock() and attempt_id in self._claimed:
                    error = f"was asked to stop and did not within {self._settings.cancel_s:g} s"
                    self._leave(self._claimed[attempt_id], Ended(state="cancelled", error=error))
            self.running.hold(attempt_id, paused=row["hold_at"] is not None)
            ends = row["started_at"] + (row["held_us"] or 0) + (row["timeout_s"] + GRACE_S) * SECOND
            if row["hold_at"] is None and ends < self._journal.clock() and attempt_id in self._claimed:
                self.running.stop(attempt_id, "timeout")
                error = f"took longer than {row['timeout_s']} s and did not stop when it was told to"
                self._leave(self._claimed[attempt_id], Ended(state="timeout", error=error, retryable=True))

    def _leave(self, claim: Claim, ended: Ended) -> None:
        """End an attempt whose agent does not heed what it is told; its thread is left to itself."""
        with contextlib.suppress(LeaseLost):  # it ended at last
            record_end(self._journal, claim, ended)

    def _is_time(self, name: str, every_s: float) -> bool:
        """Tell whether something was not looked at for so long, and note that it is looked at now."""
        now = time.monotonic()
        if now - self._looked_at.get(name, -every_s) < every_s:
            return False
        self._looked_at[name] = now
        return True

    def _beat(self) -> None:
        """Give signs of life; when that fails for the length of a lease, the attempts are lost and must stop."""
        pause_s = self._settings.lease_s / 4
        given_at = time.monotonic()
        while not self._over.wait(pause_s if self._lane else min(pause_s, 0.5)):
            try:
                self._give_sign()
                given_at = time.monotonic()
            except (ArbiterError, OSError, *DATABASE_ERRORS):
                logger.exception("no sign of life could be given")
                if time.monotonic() - given_at > self._settings.lease_s:
                    self.running.stop_all("lost")

    def _give_sign(self) -> None:
        with self._journal.write(f"shift:{self.id}") as tx:
            until = tx.now + int(self._settings.lease_s * SECOND)
            self._needed = self._reserve and not living(tx, "open:", tx.now)
            given = [give(tx, Beat(name=name, holder=self.id, until=until)) for name in self._names()]
            lane = self._lane if all(given) else None  # this process slept past its lease and another shift took over
            if lane is None and self.open:
                lane = next((name for name in self._lanes if give(tx, Beat(name=name, holder=self.id, until=until))), None)
        self._lane = lane

    def _give_up(self, *names: str) -> None:
        with self._journal.write(f"shift:{self.id}") as tx:
            for name in names:
                stop(tx, name, self.id)

    def _names(self) -> list[str]:
        """Return what this shift holds: its attempts, and while it is open a place among those that claim or stand by, and perhaps a lane."""
        names = [f"shift:{self.id}"]
        if self.open and not self._reserve:
            names.append(f"open:{self.id}")
        return [*names, self._lane] if self._lane else names
