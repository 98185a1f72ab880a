"""The agents as a transaction sees them: who may start how much now, and what keeps the others."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import BigInteger, bindparam, func, select

from agents import registry
from models.calendars import read_calendar
from models.clock import MINUTE, SECOND, first_id, iso
from models.rolling import opening
from models.routing import Candidate, Wish, rejection
from store.journal import View
from store.query import Query, Row
from store.schema import agents, attempts, circuits, preferences, tasks
from store.settings import Dispatch
from tasks.budgets import Left, charges, left, refusal

LIMITED = "may start no more this minute"

_AGENTS = Query(select(agents))
_RUNNING = Query(
    select(attempts.c.agent_id, tasks.c.category, func.count().label("n"))
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.state == "running")
    .group_by(attempts.c.agent_id, tasks.c.category)
)
_RECENT = Query(
    select(attempts.c.agent_id, tasks.c.category)
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.id >= bindparam("first"), attempts.c.started_at > bindparam("since", type_=BigInteger)),
)
_CIRCUITS = Query(select(circuits).where(circuits.c.state != "closed"))
_PREFERENCES = Query(select(preferences).where(preferences.c.stance != "none"))


class Roster:
    """All agents at one moment."""

    def __init__(self, view: View, dispatch: Dispatch, now: int) -> None:
        self.rows = {row["id"]: row for row in view.rows(_AGENTS)}
        self._now = now
        self._running: defaultdict[str, dict[str, int]] = defaultdict(dict)  # agent → category → attempts that run
        for row in view.rows(_RUNNING):
            self._running[row["agent_id"]][row["category"]] = row["n"]
        self._category_rates = dispatch.category_rates
        limited = self._category_rates or any(row["rate_most"] is not None for row in self.rows.values())
        self._recent = view.rows(_RECENT, first=first_id("x", now - MINUTE), since=now - MINUTE) if limited else []
        self.circuits = {(row["agent_id"], row["category"]): row for row in view.rows(_CIRCUITS)}
        self._preferences: defaultdict[str, list[Row]] = defaultdict(list)
        for row in view.rows(_PREFERENCES):
            if row["agent_id"] in self.rows:
                self._preferences[row["client"]].append(row)
        self._budgets: dict[str, Left] = {row["id"]: left(view, row, now) for row in self.rows.values() if row["budget"] is not None}
        self.candidates = [self._candidate(row) for row in self.rows.values()]

    def category_left(self, category: str) -> int | None:
        """Return how many more tasks of a category may start this minute; null: no limit."""
        return self._left(self._category_rates.get(category), "category", category)

    def places_for(self, wish: Wish) -> tuple[int, int] | None:
        """Return the free places for a queue, those here and those elsewhere; null when no agent fits."""
        fitting = [one for one in self.candidates if rejection(wish, one) is None]
        if not fitting:
            return None
        left = self.category_left(wish.category)
        outside = sum(one.free for one in fitting if self.rows[one.agent_id]["kind"] in registry.ELSEWHERE)
        inside = sum(one.free for one in fitting) - outside
        return (inside, outside) if left is None else (min(inside, left), min(outside, left))

    def timeout_of(self, task: Row) -> int:
        """Return a task's time-out where that decides whether a budget suffices; 0 where no agent has one."""
        return int(task["timeout_s"]) if self._budgets else 0

    def within_budgets(self, timeouts: Iterable[int]) -> list[Candidate]:
        """Return the agents with the time-outs for which the budget of each does not suffice."""
        return [
            replace(one, refusals={timeout_s: words for timeout_s in set(timeouts) if (words := self._refusal(one.agent_id, timeout_s))})
            if one.agent_id in self._budgets
            else one
            for one in self.candidates
        ]

    def excluded(self, client: str) -> frozenset[tuple[str, str]]:
        """Return the agents that a client does not want, and why."""
        found = ((row["agent_id"], row["why"]) for row in self._preferences.get(client, ()) if row["stance"] == "excluded")
        return frozenset((agent_id, f"is excluded by {client}" + (f": {why}" if why else "")) for agent_id, why in found)

    def preferred(self, client: str) -> list[str]:
        """Return the agents that a client prefers."""
        return [row["agent_id"] for row in self._preferences.get(client, ()) if row["stance"] == "preferred"]

    def has_preferences(self, client: str) -> bool:
        """Tell whether a client prefers or excludes anybody."""
        return client in self._preferences

    def _candidate(self, row: Row) -> Candidate:
        known = self._circuits(row["id"])
        return Candidate(
            agent_id=row["id"], kind=row["kind"], takes=registry.also_takes(row["kind"], row["config"]) | {registry.takes(row["kind"])},
            skills=frozenset(json.loads(row["skills"])),
            state=row["state"], capacity=row["capacity"], running=sum(self._running[row["id"]].values()), currency=row["currency"],
            charges=charges(row),
            task_cost=float(row["price_cents"]), minute_cost=float(row["minute_cents"]), clearance=row["clearance"] or 0,
            languages=None if row["languages"] is None else frozenset(json.loads(row["languages"])),
            most=self._left(row["rate_most"], "agent_id", row["id"]), rests=self._rests(row), circuits=known[0], probes=known[1],
        )  # fmt: skip

    def _rests(self, row: Row) -> str | None:
        if self._left(row["rate_most"], "agent_id", row["id"]) == 0:
            return LIMITED
        calendar = read_calendar(json.loads(row["calendar"])) if row["calendar"] else None
        if calendar is not None:
            opens = opening(calendar, row["zone"] or "UTC", self._now // SECOND)
            if opens is None or opens > self._now // SECOND:
                return f"works again at {iso(opens * SECOND)}" if opens else "has no working day for a year"
        return None

    def _circuits(self, agent_id: str) -> tuple[Mapping[str, str], frozenset[str]]:
        """Return the categories in which an agent takes nothing now, with the reason, and those in which one attempt may try."""
        closed: dict[str, str] = {}
        probes = set()
        for (agent, category), row in self.circuits.items():
            if agent == agent_id:
                often = f"failed {row['failures']} times in a row in {category}"
                if row["probe_at"] is not None and self._now < row["probe_at"]:
                    closed[category] = f"{often} and rests until {iso(row['probe_at'])}"
                elif row["state"] == "probing" and self._running[agent_id].get(category):
                    closed[category] = f"{often} and is tried out with another task"
                else:
                    probes.add(category)
        return closed, frozenset(probes)

    def _refusal(self, agent_id: str, timeout_s: int) -> str | None:
        return refusal(self.rows[agent_id], self._budgets[agent_id], timeout_s=timeout_s)

    def _left(self, most: int | None, column: str, value: str) -> int | None:
        return None if most is None else max(0, most - sum(row[column] == value for row in self._recent))
