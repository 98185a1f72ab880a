"""A shift: a process that gives out tasks for some minutes and hands over.

It holds a lane while it claims. Of several shifts one holds each lane and the others stand by: whoever finds a lane free, lapsed or held by a dead
process takes it. So a shift may be killed at any moment: one that stands by goes on within a second and takes back what the dead one held.
"""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from models.clock import SECOND, new_id
from models.errors import ArbiterError
from store.bell import Listener
from store.engine import DATABASE_ERRORS
from store.journal import Journal
from store.schema import tasks
from store.settings import Settings
from tasks.beats import Beat, give, living_shifts, stop
from tasks.categorize_waiting import categorize_waiting
from tasks.claim import Claim, anything_due, claim, track_record
from tasks.perform import Running
from tasks.reap import anything_lost, reap

logger = logging.getLogger("arbiter.shift")

LOOK_S = 0.25  # between looks when nobody rings
RECORD_S = 10  # between counts of the agents' records


class Shift:
    """One shift; use it as a context manager."""

    def __init__(self, journal: Journal, settings: Settings, *, minutes: float | None = None) -> None:
        self.id = new_id("s", journal.clock())
        self.running = Running()
        self._journal = journal
        self._settings = settings.dispatch
        self._least = settings.confidence_least
        self._ends = time.monotonic() + 60 * (minutes if minutes is not None else self._settings.minutes)
        self._bell = Listener(settings.run / "bells")
        self._lanes = [f"lane:{number}" for number in range(self._settings.lanes)]
        self._lane: str | None = None
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="beat", daemon=True)
        self._seen = journal.head()
        self._counted_at = 0.0
        self._record: dict[tuple[str, str], tuple[int, int]] = {}

    def __enter__(self) -> Self:
        """Give the first sign of life; of more shifts than are wanted, the latest end at once."""
        if len(living_shifts(self._journal)) >= self._settings.lanes + self._settings.standby:
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
        self.leave_lane()
        self._give_up(f"shift:{self.id}", f"open:{self.id}")

    @property
    def open(self) -> bool:
        """Whether it still takes tasks."""
        return time.monotonic() < self._ends

    def claims(self, busy: int) -> list[Claim]:
        """Return the tasks to start now, given how many attempts run; empty while standing by."""
        self._heed_stops()
        if self._lane is None:
            return []
        if anything_lost(self._journal):
            reap(self._journal, actor=f"shift:{self.id}", lost_most=self._settings.lost_most)
        categorize_waiting(self._journal, least=self._least, actor=f"shift:{self.id}")
        free = self._settings.slots - busy
        if free < 1 or not anything_due(self._journal):
            return []
        self._count()
        return claim(self._journal, shift_id=self.id, lane=self._lane, free=free, record=self._record)

    def wait(self) -> None:
        """Sleep until somebody commits, or for a moment."""
        self._bell.wait(LOOK_S)

    def leave_lane(self) -> None:
        """Let another shift claim; what this one started goes on."""
        if self._lane is not None:
            self._give_up(self._lane, f"open:{self.id}")
            self._lane = None

    def _heed_stops(self) -> None:
        """Pass on the cancellations in the journal since the last look."""
        while events := self._journal.events(self._seen):
            for event in events:
                if event.kind == "task.stop_requested":
                    self._pass_on_stop(event.key)
            self._seen = events[-1].seq

    def _pass_on_stop(self, task_id: str) -> None:
        with self._journal.look() as view:
            attempt_id = view.get(tasks, task_id)["attempt_id"]
        if attempt_id is not None:
            self.running.stop(attempt_id, "cancelled")

    def _count(self) -> None:
        if time.monotonic() - self._counted_at > RECORD_S:
            with self._journal.look() as view:
                self._record = track_record(view)
            self._counted_at = time.monotonic()

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
        if self.open:
            names.append(f"open:{self.id}")
        return [*names, self._lane] if self._lane else names
