"""What tests of schedules share: a clock that they turn, a lane, and work that ends when they say so."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select

from models.clock import SECOND
from store.journal import Journal
from store.query import Query, Row
from store.schema import fires, tasks
from store.settings import Settings
from tasks import schedules
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.fire import Lane, fire
from tasks.perform import Ended, record_end
from tasks.router import Router
from tasks.staff import hire_built_in

WORK = {"title": "Count", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}
LANE = Lane(name="lane:0", holder="s_test")

_FIRES = Query(
    select(fires)
    .join(schedules.schedules, schedules.schedules.c.id == fires.c.schedule_id)
    .where(schedules.schedules.c.name == bindparam("name"))
    .order_by(fires.c.due_at, fires.c.decided_at, fires.c.id),
)
_TASKS = Query(select(tasks).order_by(tasks.c.id))


def us(text: str) -> int:
    """Return an instant; UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * SECOND)


class Clockwork:
    """A journal under a clock that stands still until it is turned, with a shift that fires when it is told to."""

    def __init__(self, journal: Journal, settings: Settings, now: str = "2026-05-04T09:59:00") -> None:
        self.journal, self.settings = journal, settings
        self.now = us(now)
        journal.clock = lambda: self.now
        hire_built_in(journal, settings, actor="test")
        with journal.write("test") as tx:
            give(tx, Beat(name=LANE.name, holder=LANE.holder, until=us("2200-01-01")))

    def create(self, name: str = "daily", timing: dict[str, Any] | None = None, work: Any = WORK, **more: Any) -> Row:
        """Make a schedule, hourly unless it says otherwise."""
        data = {"name": name, "timing": timing or {"cron": "0 * * * *"}, "work": work} | more
        return schedules.create(self.journal, data, settings=self.settings, actor="user:ann")

    def at(self, moment: str | int) -> "Clockwork":
        """Turn the clock and let the shift fire until nothing is due."""
        self.now = us(moment) if isinstance(moment, str) else moment
        for _ in range(1000):
            before = self.journal.head()
            fire(self.journal, self.settings, LANE)
            if self.journal.head() == before:
                return self
        message = "the shift never comes to rest"
        raise AssertionError(message)

    def fires(self, name: str = "daily") -> list[Row]:
        """Return the history of a schedule, in order of due times."""
        with self.journal.look() as view:
            return view.rows(_FIRES, name=name)

    def verdicts(self, name: str = "daily", cause: str = "clock") -> str:
        """Return the first letters of its verdicts, one for each due time."""
        return "".join(row["verdict"][0] * row["count"] for row in self.fires(name) if row["cause"] == cause)

    def tasks(self) -> list[Row]:
        """Return all tasks, oldest first."""
        with self.journal.look() as view:
            return view.rows(_TASKS)

    def work_off(self, state: str = "succeeded") -> int:
        """Let agents work on all that is ready, and end so; return how many tasks that were."""
        done = 0
        while claims := claim(self.journal, shift_id=LANE.holder, lane=LANE.name, free=1000, router=Router(self.journal)):
            for one in claims:
                record_end(self.journal, one, Ended(state=state, error=None if state == "succeeded" else "it broke"))
            done += len(claims)
        return done
