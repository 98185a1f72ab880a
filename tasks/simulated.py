"""One run of a business in virtual time: the real submission, claims and records of ends, on a ledger of its own that is thrown away.

The clock stands still while something is done and then turns to what comes next, so a day takes seconds. The same scenario, seed and policy give the
same decisions.
"""

import heapq
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from models.clock import DAY, MINUTE, SECOND, iso
from models.task import Outcome, State
from models.world import Arrival, Attempted, Change, World
from store.engine import connect
from store.home import set_up
from store.journal import Journal
from store.query import Query
from store.schema import agents, attempts, tasks
from store.settings import Settings
from tasks import policies
from tasks.audit import broken
from tasks.baselines import Baseline
from tasks.beats import Beat, give
from tasks.claim import Claim, anything_due, claim
from tasks.perform import Ended, record_end
from tasks.router import Router
from tasks.staff import change_agent, hire, release_stranded
from tasks.submit import submit
from tasks.terms import AgentChange, Terms
from tasks.work import read_work

OURS: Final = "ours"
START: Final = 1_767_571_200 * SECOND  # Monday 2026-01-05, midnight UTC
LOOK: Final = 10 * SECOND  # between looks at what waits while nothing else happens
STUCK: Final = DAY  # tasks that nobody began for so long, while nothing else was to come, never end
_ACTOR: Final = "simulation"
_LANE: Final = "lane:0"
_PLACES: Final = 20_000  # attempts at once, of all agents

_TASKS = Query(select(tasks).order_by(tasks.c.id))
_ATTEMPTS = Query(select(attempts).order_by(attempts.c.started_at, attempts.c.task_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An attempt that an agent was given."""

    task: int  # the number of its arrival
    number: int
    agent: str
    category: str
    at: float  # minutes since the beginning
    state: str  # how it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of a task."""

    price_cents: int
    cost_cents: int
    succeeded: bool
    waited: float  # minutes from submission to end in which nobody worked on it
    late: bool  # ended after it was promised
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is over."""

    served: tuple[Served, ...]  # tasks, as they came
    given: tuple[Given, ...]  # attempts, as they began
    broken: tuple[str, ...]  # rules that were not kept; none


def run(world: World, *, decider: str = OURS, policy: Mapping[str, Any] | None = None, seed: int = 0) -> Run:
    """Let a business serve the tasks of a world to their end.

    `decider` is `ours` or a name of `tasks.baselines`; `policy` is the active one, null: what the product begins with; `seed` decides what
    the router draws. Settings of the product, of the environment or of a home play no part.
    """
    with tempfile.TemporaryDirectory(prefix="arbiter-simulated-") as folder:
        settings = Settings.model_construct(home=Path(folder).resolve())
        set_up(settings)
        clock = _Clock()
        journal = Journal(connect(settings.database_url), clock=lambda: clock.now)
        try:
            if policy:
                policies.save(journal, policy, actor=_ACTOR, why="to be tried")
            router = Router(journal, seed=seed) if decider == OURS else Baseline(journal, decider, seed=seed)
            business = _Business(journal, settings, clock, world, router)
            business.serve()
            return business.report()
        finally:
            journal.close()


@dataclass(slots=True)
class _Clock:
    now: int = START


class _Business:
    """The agenda of a run, and who works on what."""

    def __init__(self, journal: Journal, settings: Settings, clock: _Clock, world: World, router: Router) -> None:
        self._journal, self._settings, self._clock, self._world, self._router = journal, settings, clock, world, router
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._arrivals: dict[str, Arrival] = {}  # by task
        self._running: dict[str, tuple[Claim, Attempted]] = {}  # by attempt
        self._waiting: set[str] = set()  # tasks that came, have not ended and are not worked on
        self._looks = False  # whether a look is on the agenda
        self._moved_at = START  # when something last happened

    def serve(self) -> None:
        """Go through the agenda to its end."""
        with self._journal.write(_ACTOR) as tx:
            give(tx, Beat(name=_LANE, holder=_ACTOR, until=START + 100 * 366 * DAY))
        for change in self._world.changes:
            self._plan(_instant(change.at), lambda change=change: self._change(change))  # type: ignore[misc] # mypy cannot infer such a lambda
        for arrival in self._world.arrivals:
            self._plan(_instant(arrival.at), lambda arrival=arrival: self._arrive(arrival))  # type: ignore[misc] # the same
        while self._agenda:
            self._clock.now, _, deed = heapq.heappop(self._agenda)
            deed()
            if not self._agenda or self._agenda[0][0] > self._clock.now:
                self._begin()

    def report(self) -> Run:
        """Return what became of everything."""
        with self._journal.look() as view:
            rows, tries = view.rows(_TASKS), view.rows(_ATTEMPTS)
        worked = dict.fromkeys(self._arrivals, 0)
        for row in tries:
            worked[row["task_id"]] += (row["finished_at"] or self._clock.now) - row["started_at"]
        served = []
        for row in rows:
            ended = row["finished_at"] or self._clock.now
            served.append(
                Served(
                    price_cents=row["price_cents"], cost_cents=row["cost_cents"], succeeded=row["outcome"] == Outcome.SUCCEEDED,
                    waited=(ended - row["created_at"] - worked[row["id"]]) / MINUTE, late=row["due_at"] is not None and ended > row["due_at"],
                    attempts=row["attempts"],
                )
            )  # fmt: skip
        given = [
            Given(
                task=self._arrivals[row["task_id"]].number, number=row["number"], agent=row["agent_id"],
                category=self._arrivals[row["task_id"]].category, at=(row["started_at"] - START) / MINUTE, state=row["state"],
            )
            for row in tries
        ]  # fmt: skip
        return Run(served=tuple(served), given=tuple(given), broken=tuple(broken(self._journal)))

    def _plan(self, at: int, deed: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), deed))

    def _arrive(self, arrival: Arrival) -> None:
        scenario = self._world.scenario
        work = read_work({
            "title": f"Task {arrival.number}", "category": arrival.category, "kind": "python", "inputs": {"function": "examples.functions:nothing"},
            "price_cents": arrival.price_cents, "currency": scenario.currency, "attempts_most": scenario.attempts_most,
            "backoff_s": scenario.backoff_s, "timeout_s": 86_400, "due_at": None if arrival.due is None else iso(_instant(arrival.due)),
        })  # fmt: skip
        answer = submit(self._journal, work, settings=self._settings, actor=_ACTOR, source="simulated")
        task_id = answer["tasks"][0]["id"]
        self._arrivals[task_id] = arrival
        self._waiting.add(task_id)
        self._moved_at = self._clock.now

    def _change(self, change: Change) -> None:
        self._moved_at = self._clock.now
        if change.what == "hired":
            self._hire(change.agent)
            return
        state = AgentChange.model_validate({"state": change.what})
        change_agent(self._journal, self._settings, change.agent, state, actor=_ACTOR)
        if change.what == "offline":
            for attempt_id, (held, _) in list(self._running.items()):
                if held.agent_id == change.agent:
                    self._end(attempt_id, Ended(state="failed", error="its agent went away", retryable=True))

    def _hire(self, name: str) -> None:
        hired = self._world.scenario.agents[name]
        terms = Terms(price_cents=hired.price_cents, minute_cents=hired.minute_cents, currency=self._world.scenario.currency, capacity=hired.capacity)
        with self._journal.write(_ACTOR) as tx:
            hire(tx, name, kind="python", title=name, terms=terms)
            tx.change(agents, name, {"skills": json.dumps(list(hired.skills))}, "agent.changed")
            release_stranded(tx)

    def _begin(self) -> None:
        """Let the router give out what is ready, and plan to look again while something waits."""
        if anything_due(self._journal):
            for one in claim(self._journal, shift_id=_ACTOR, lane=_LANE, free=_PLACES - len(self._running), router=self._router):
                attempted = self._world.attempt(self._arrivals[one.task_id], one.agent_id, number=one.number, at=self._minutes())
                self._running[one.attempt_id] = (one, attempted)
                self._waiting.discard(one.task_id)
                ended = Ended(
                    state="succeeded" if attempted.succeeded else "failed", error=None if attempted.succeeded else "it was not good enough",
                    retryable=not attempted.succeeded, extra_cents=attempted.extra_cents,
                )  # fmt: skip
                self._plan(self._clock.now + round(attempted.minutes * MINUTE), lambda key=one.attempt_id, how=ended: self._end(key, how))  # type: ignore[misc] # the same
        if self._waiting and not self._looks and self._clock.now - self._moved_at < STUCK:
            self._looks = True
            self._plan(self._clock.now + LOOK, self._look)

    def _look(self) -> None:
        self._looks = False

    def _end(self, attempt_id: str, ended: Ended) -> None:
        if attempt_id not in self._running:
            return  # it ended when its agent went away
        held, attempted = self._running.pop(attempt_id)
        record_end(self._journal, held, ended, jitter=attempted.jitter)
        with self._journal.look() as view:
            if view.get(tasks, held.task_id)["state"] != State.DONE:
                self._waiting.add(held.task_id)
        self._moved_at = self._clock.now

    def _minutes(self) -> float:
        return (self._clock.now - START) / MINUTE


def _instant(minutes: float) -> int:
    return START + round(minutes * MINUTE)
