"""What happens in a scenario: when tasks come, and what would become of an attempt of any agent at any of them.

Every random number belongs to its task, agent and attempt, so all policies meet the same world, and what one does changes nothing for another.

>>> from models.scenario import DEFAULT, Scenario
>>> world = World(Scenario.model_validate(DEFAULT), tasks=3, seed=1)
>>> [(round(one.at, 2), one.category, one.price_cents) for one in world.arrivals]
[(1.04, 'Data Processing', 2142), (1.34, 'Web Scraping', 1818), (6.56, 'Content Generation', 5463)]
>>> [world.attempt(world.arrivals[0], agent, number=1, at=1.1).succeeded for agent in ("scraper", "expert")]
[False, True]
"""

import zlib
from dataclasses import dataclass
from math import exp

import numpy as np

from models.category import Category
from models.scenario import Outage, Scenario, per_minute

LONGEST: float = 24 * 60.0  # minutes of an attempt
APART: float = 1 / 30_000  # minutes between two arrivals at least, 2 ms: so that their identifiers sort as they came


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A task that comes. Moments are minutes since the beginning."""

    number: int
    at: float
    category: str
    price_cents: int
    due: float | None  # when its result is promised; null: it is not
    minutes: float  # that an agent of pace 1 takes on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """What becomes of an attempt."""

    succeeded: bool
    minutes: float  # that it takes
    extra_cents: int
    jitter: float  # 0 to 1, of the pause that follows should it fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of an agent that the business learns of."""

    at: float  # minutes since the beginning
    agent: str
    what: str  # hired, offline, online


class World:
    """A scenario and a seed. Asked again it answers the same."""

    def __init__(self, scenario: Scenario, *, tasks: int, seed: int) -> None:
        self.scenario = scenario
        self._seed = seed
        self.arrivals = _arrivals(scenario, tasks, np.random.default_rng(seed))

    def moment(self, share: float) -> float:
        """Return when this share of the tasks has come, in minutes since the beginning."""
        came = int(share * len(self.arrivals))
        return self.arrivals[came - 1].at if came else 0.0

    @property
    def changes(self) -> list[Change]:
        """Return what the business learns of its agents, in order."""
        found = [Change(at=self.moment(agent.since), agent=name, what="hired") for name, agent in self.scenario.agents.items()]
        for outage in self.scenario.outages:
            if outage.how == "offline":
                found.append(Change(at=self.moment(outage.since), agent=outage.agent, what="offline"))
                found.append(Change(at=self.moment(outage.until), agent=outage.agent, what="online"))
        return sorted(found, key=lambda change: change.at)

    def attempt(self, arrival: Arrival, agent: str, *, number: int, at: float) -> Attempted:
        """Return what becomes of the attempt with this number at a task, if the agent begins at this moment."""
        hired, spread = self.scenario.agents[agent], self.scenario.spread
        dice = np.random.default_rng([self._seed, arrival.number, zlib.crc32(agent.encode()), number])
        luck, length = dice.random(), dice.standard_normal()
        minutes = arrival.minutes * hired.pace * exp(spread * length - spread**2 / 2)
        failing = self._failing(agent, at)
        return Attempted(
            succeeded=failing is None and bool(luck < self._skill(agent, arrival.category, at)),
            minutes=min(minutes * (failing.takes if failing else 1.0), LONGEST),
            extra_cents=hired.extra_cents,
            jitter=dice.random(),
        )

    def _failing(self, agent: str, at: float) -> Outage | None:
        outages = (one for one in self.scenario.outages if one.agent == agent and one.how == "failing")
        return next((one for one in outages if self.moment(one.since) <= at < self.moment(one.until)), None)

    def _skill(self, agent: str, category: str, at: float) -> float:
        skill = self.scenario.agents[agent].skills[Category(category)]
        for drift in sorted(self.scenario.drifts, key=lambda one: one.at):
            if drift.agent == agent and self.moment(drift.at) <= at:
                skill = drift.skills.get(Category(category), skill)
        return skill


def _arrivals(scenario: Scenario, tasks: int, dice: np.random.Generator) -> tuple[Arrival, ...]:
    categories = list(scenario.demand)
    shares = np.array([scenario.demand[category].share for category in categories])
    at = (dice.exponential(1 / per_minute(scenario), tasks) + APART).cumsum()
    found = []
    for number, (moment, place) in enumerate(zip(at.tolist(), dice.choice(len(categories), size=tasks, p=shares / shares.sum()), strict=True)):
        demand = scenario.demand[categories[place]]
        price = int(dice.integers(demand.price_cents[0], demand.price_cents[1] + 1))
        promised = None if demand.promised_minutes is None else moment + float(dice.uniform(*demand.promised_minutes))
        found.append(Arrival(number=number, at=moment, category=categories[place].value, price_cents=price, due=promised, minutes=demand.minutes))
    return tuple(found)
