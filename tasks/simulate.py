"""Steps of a simulation: read the scenario, let each policy serve the same worlds, and say what each earned.

    utility of a task = price if it succeeded - cost - price of a minute * minutes waited - share for being late * price when late

The price of a minute and the share are those of our policy, for all.
"""

import json
import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import Invalid
from models.intervals import interval
from models.policy import Policy
from models.scenario import DEFAULT, Scenario
from models.world import World
from tasks import policies
from tasks.baselines import BASELINES
from tasks.simulated import OURS, Run, run
from tasks.work import read_form

TASKS: Final = 1_000
SEEDS: Final = 3
SAID: Final = "simulated: an invented business in virtual time; none of this work was done"
MEASURES: Final = ("utility", "success", "cost", "wait_median", "wait_p95", "late", "attempts")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Who serves what."""

    scenario: Scenario
    policy: Mapping[str, Any]  # ours, as it is saved; empty: what the product begins with
    against: tuple[str, ...]  # names of baselines
    tasks: int
    seeds: int
    jobs: int = 1  # processes


def read_scenario(path: Path | None, *, load: float | None = None) -> Scenario:
    """Return the scenario of a JSON file, null: the built-in one, under another load where one is given. Raises `Invalid` for each wrong field."""
    data = DEFAULT if path is None else _read(path)
    if load is not None and isinstance(data, dict):
        data = {**data, "load": load}
    return read_form(Scenario, data, "scenario")


def read_policy(path: Path | None) -> dict[str, Any]:
    """Return the policy of a JSON file as it is saved, null: what the product begins with. Raises `Invalid` for each wrong field."""
    return {} if path is None else policies.read(_read(path)).model_dump()


def check_baselines(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of baselines, all of them where none is given. Raises `Invalid` for an unknown one."""
    for name in names:
        if name not in BASELINES:
            message = f"there is no baseline {name!r}; there are {', '.join(BASELINES)}"
            raise Invalid(message)
    return tuple(dict.fromkeys(names)) or tuple(BASELINES)


def simulate(contest: Contest) -> dict[str, Any]:
    """Return what every policy earned per task: means over seeds with 95 % intervals, and how much less than ours, seed by seed."""
    deciders = (OURS, *contest.against)
    wanted = [(contest, decider, seed) for decider in deciders for seed in range(contest.seeds)]
    runs: list[Run] = _in_processes(wanted, contest.jobs) if contest.jobs > 1 else [_one(each) for each in wanted]
    by_decider = {decider: runs[place * contest.seeds : (place + 1) * contest.seeds] for place, decider in enumerate(deciders)}
    policy = policies.read(contest.policy)
    tables = {decider: np.array([_measures(one, policy) for one in found]) for decider, found in by_decider.items()}
    return {
        "simulated": True, "said": SAID, "tasks": contest.tasks, "seeds": contest.seeds, "load": contest.scenario.load,
        "currency": contest.scenario.currency,
        "policies": {decider: _summary(table, tables[OURS]) | {"shares": _shares(by_decider[decider])} for decider, table in tables.items()},
        "broken": [f"{decider}: {words}" for decider, found in by_decider.items() for one in found for words in one.broken],
    }  # fmt: skip


def _one(wanted: tuple[Contest, str, int]) -> Run:
    contest, decider, seed = wanted
    return run(World(contest.scenario, tasks=contest.tasks, seed=seed), decider=decider, policy=contest.policy, seed=seed)


def _in_processes(wanted: Sequence[tuple[Contest, str, int]], jobs: int) -> list[Run]:
    with ProcessPoolExecutor(min(jobs, len(wanted)), mp_context=multiprocessing.get_context("spawn")) as processes:
        return list(processes.map(_one, wanted))


def _measures(one: Run, policy: Policy) -> list[float]:
    """Return the means over the tasks of a run, in the order of `MEASURES`; money in minor units, times in minutes."""
    price, cost, succeeded, waited, late, attempts = np.array(
        [(task.price_cents, task.cost_cents, task.succeeded, task.waited, task.late, task.attempts) for task in one.served], dtype=np.float64
    ).T
    utility = price * succeeded - cost - policy.minute * waited - policy.late * price * late
    means: Iterable[Any] = (
        utility.mean(), succeeded.mean(), cost.mean(), np.median(waited), np.quantile(waited, 0.95), late.mean(), attempts.mean(),
    )  # fmt: skip
    return [float(mean) for mean in means]


def _summary(table: Floats, ours: Floats) -> dict[str, Any]:
    """Return each measure with its mean and interval, and the same of its difference to ours on the same worlds."""
    return {
        name: {
            "mean": float(table[:, place].mean()),
            "interval": interval(table[:, place]),
            "difference": float((table - ours)[:, place].mean()),
            "difference_interval": interval((table - ours)[:, place]),
        }
        for place, name in enumerate(MEASURES)
    }


def _shares(runs: Sequence[Run]) -> dict[str, float]:
    """Return which share of the attempts each agent was given."""
    given = [one.agent for each in runs for one in each.given]
    return {agent: given.count(agent) / len(given) for agent in sorted(set(given))}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as JSON: {error}"
        raise Invalid(message) from error
