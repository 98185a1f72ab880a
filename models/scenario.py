"""A scenario: a business that is made up, to see how a policy does before real work depends on it.

Tasks come at random, with prices and promised times; agents have skills that no router is told. Moments are shares of the tasks: 0.25 is when a
quarter of them has come. Money is minor units of the scenario's currency.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.category import Category

Probability = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[float, Field(ge=0, le=1)]
Cents = Annotated[int, Field(ge=0, le=10_000_000)]
Minutes = Annotated[float, Field(gt=0, le=600)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Skills = Annotated[dict[Category, Probability], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Demand(_Part):
    """The tasks of one category."""

    share: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0  # how often they come, compared with the other categories
    price_cents: tuple[Cents, Cents]  # least and most
    minutes: Minutes  # that an agent of pace 1 takes on average
    promised_minutes: tuple[Minutes, Minutes] | None = None  # least and most from submission; null: nothing is promised

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("price_cents", "promised_minutes"):
            bounds = getattr(self, name)
            if bounds and bounds[0] > bounds[1]:
                message = f"{name}: the least, {bounds[0]}, is more than the most, {bounds[1]}"
                raise ValueError(message)
        return self


class Hired(_Part):
    """An agent, and what is hidden of it: how often it succeeds, its pace and its extra costs."""

    skills: Skills  # category → chance that an attempt succeeds
    capacity: Annotated[int, Field(ge=1, le=100)] = 2
    price_cents: Cents = 0  # of an attempt, by its price list
    minute_cents: Cents = 0  # of a minute of it, by its price list
    extra_cents: Cents = 0  # of an attempt, beyond the list
    pace: Annotated[float, Field(ge=0.05, le=20)] = 1.0  # 2 takes twice as long
    since: Moment = 0.0  # when it is hired


class Outage(_Part):
    """A time in which an agent does not work."""

    agent: Name
    since: Moment
    until: Moment
    how: Literal["offline", "failing"] = "offline"  # offline: it is known, and what it had begun fails; failing: it takes tasks and fails at all
    takes: Annotated[float, Field(gt=0, le=10)] = 0.1  # share of the usual time that a failing attempt takes


class Drift(_Part):
    """A moment from which an agent does better or worse than before."""

    agent: Name
    at: Moment
    skills: Skills  # those that change


class Scenario(_Part):
    """A business that is made up."""

    load: Annotated[float, Field(gt=0, le=5)] = 0.8  # share of the places that attempts take, were agents chosen evenly
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    demand: Annotated[dict[Category, Demand], Field(min_length=1)]
    agents: Annotated[dict[Name, Hired], Field(min_length=1, max_length=200)]
    outages: tuple[Outage, ...] = ()
    drifts: tuple[Drift, ...] = ()
    spread: Annotated[float, Field(ge=0, le=2)] = 0.5  # standard deviation of the logarithm of durations
    attempts_most: Annotated[int, Field(ge=1, le=20)] = 3
    backoff_s: Annotated[int, Field(ge=0, le=3600)] = 5

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problem = next(iter([*self._unserved(), *self._wrong_outages(), *self._wrong_drifts()]), None)
        if problem:
            raise ValueError(problem)
        return self

    def _unserved(self) -> list[str]:
        first = {category for agent in self.agents.values() if agent.since == 0 for category in agent.skills}
        return [f"demand: no agent has the skill {category} from the beginning" for category in self.demand if category not in first]

    def _wrong_outages(self) -> list[str]:
        found = []
        last: dict[str, float] = {}
        for outage in sorted(self.outages, key=lambda one: one.since):
            agent = self.agents.get(outage.agent)
            if agent is None:
                found.append(f"outages: there is no agent {outage.agent!r}")
            elif not max(agent.since, last.get(outage.agent, 0.0)) <= outage.since < outage.until:
                found.append(f"outages: {outage.agent} has to be hired and well before {outage.since:g}, and the outage has to end after it begins")
            last[outage.agent] = outage.until
        return found

    def _wrong_drifts(self) -> list[str]:
        return [
            f"drifts: there is no agent {drift.agent!r} with the skill {category}"
            for drift in self.drifts
            for category in drift.skills
            if drift.agent not in self.agents or category not in self.agents[drift.agent].skills
        ]


def per_minute(scenario: Scenario) -> float:
    """Return how many tasks come per minute, so that the agents of the beginning have the scenario's load, attempts after failures included."""
    first = [agent for agent in scenario.agents.values() if agent.since == 0]
    work = 0.0
    for category, demand in scenario.demand.items():
        able = [agent for agent in first if category in agent.skills]
        places = sum(agent.capacity for agent in able)
        fails = 1 - sum(agent.skills[category] * agent.capacity for agent in able) / places
        pace = sum(agent.pace * agent.capacity for agent in able) / places
        work += demand.share * demand.minutes * pace * sum(fails**number for number in range(scenario.attempts_most))
    mean = work / sum(demand.share for demand in scenario.demand.values())
    return scenario.load * sum(agent.capacity for agent in first) / mean


DEFAULT: Final[dict[str, Any]] = {
    "load": 0.8,
    "demand": {
        "Data Processing": {"share": 4, "price_cents": [1500, 4000], "minutes": 8, "promised_minutes": [30, 120]},
        "Web Scraping": {"share": 3, "price_cents": [1000, 3000], "minutes": 6, "promised_minutes": [30, 90]},
        "Analysis & Reporting": {"share": 2, "price_cents": [4000, 12000], "minutes": 20, "promised_minutes": [60, 240]},
        "Content Generation": {"share": 2, "price_cents": [2000, 6000], "minutes": 12},
    },
    "agents": {
        "all-round": {
            "skills": {"Data Processing": 0.8, "Web Scraping": 0.8, "Analysis & Reporting": 0.7, "Content Generation": 0.75},
            "capacity": 4, "price_cents": 300,
        },
        "cheap": {
            "skills": {"Data Processing": 0.65, "Web Scraping": 0.7, "Content Generation": 0.5}, "capacity": 4, "price_cents": 50, "pace": 0.7,
        },
        "expert": {"skills": {"Analysis & Reporting": 0.95, "Data Processing": 0.95}, "capacity": 2, "price_cents": 500, "minute_cents": 40},
        "scraper": {"skills": {"Web Scraping": 0.95, "Data Processing": 0.6}, "capacity": 3, "price_cents": 100},
        "writer": {"skills": {"Content Generation": 0.92, "Analysis & Reporting": 0.5}, "capacity": 3, "price_cents": 100, "extra_cents": 150},
        "steady": {
            "skills": {"Data Processing": 0.85, "Web Scraping": 0.6, "Analysis & Reporting": 0.8}, "capacity": 2, "price_cents": 200, "pace": 1.5,
        },
    },
}  # fmt: skip
