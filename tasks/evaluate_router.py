"""Steps of measuring the router: read what agents did with tasks, let all policies serve the same streams, and say how they compare."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.assigning import Worth, assign
from models.errors import Invalid
from models.intervals import interval
from models.policies import ONE_PASS, POLICIES
from models.simulation import Recorded, Result, Setting, one_pass, simulate

LOADS: Final = {"0.65": Setting(load=0.65), "0.9": Setting(load=0.9), "outage": Setting(load=0.65, failing=3)}
SEEDS: Final = 4
CALL_MINUTES: Final = 0.2  # that a call of a model takes: 12 s
COST_SHARE: Final = 0.2  # how much the relative price of a model counts beside the quality of its answers
PASS: Final = 6_000  # prompts of a pass
REFERENCE: Final = "known means"  # what regret is measured against
_AGENT_COLUMNS: Final = ("agent", "task", "repo", "resolved", "cost_usd", "api_calls")
_PROMPT_COLUMNS: Final = ("task", "task_name", "question")
_TASKS, _AGENTS, _GROUPS, _EACH = 10_000, 200, 20, 60  # of the measured backlog; places of each agent


def evaluate_router(data: Path, *, seeds: int = SEEDS, arrivals: int | None = None) -> dict[str, Any]:
    """Return what every policy earned, with 95 % intervals over seeds, and how many assignments a second one core makes.

    `data` is a Parquet file, either of agents (columns agent, task, repo, resolved, cost_usd, api_calls; one row for each pair) or of models (task,
    task_name, question, and a column of qualities for each model; prices in the file beside it that ends in `_prices.json`). Of the second there is
    no time and no capacity: `loads` has the one key `pass`. `arrivals`, null: as many as usual. Raises `Invalid` for any other file.
    """
    frame = _read(data)
    if set(_AGENT_COLUMNS) <= set(frame.columns):
        recorded = of_agents(frame, data)
        settings = {name: setting if arrivals is None else replace(setting, arrivals=arrivals) for name, setting in LOADS.items()}
        loads = {name: _compared(recorded, setting, seeds) for name, setting in settings.items()}
    elif set(_PROMPT_COLUMNS) <= set(frame.columns):
        recorded = of_models(frame, data)
        loads = {"pass": _passed(recorded, seeds, arrivals or PASS)}
    else:
        message = f"{data} has neither the columns {', '.join(_AGENT_COLUMNS)} nor {', '.join(_PROMPT_COLUMNS)}"
        raise Invalid(message)
    return {"loads": loads, "assignments_per_second": round(assignments_per_second())}


def of_agents(frame: pd.DataFrame, path: Path) -> Recorded:
    """Return what agents did with tasks; the category of a task is its repository."""
    frame = frame[list(_AGENT_COLUMNS)]
    if frame.empty or frame.isna().any(axis=None) or frame.duplicated(["agent", "task"]).any():
        message = f"{path} needs a row without gaps for each agent and task, and only one"
        raise Invalid(message)
    try:
        tables = {column: _table(frame, column) for column in ("resolved", "cost_usd", "api_calls")}
    except (TypeError, ValueError) as error:
        message = f"{path}: resolved, cost_usd and api_calls have to be numbers: {error}"
        raise Invalid(message) from error
    if any(table.isna().any(axis=None) or (table < 0).any(axis=None) for table in tables.values()) or (tables["resolved"] > 1).any(axis=None):
        message = f"{path}: every agent needs an outcome for every task, none below zero, and resolved within 0 and 1"
        raise Invalid(message)
    if (tables["api_calls"] == 0).all(axis=None):
        message = f"{path}: somebody has to have made calls, else no time passes"
        raise Invalid(message)
    repositories = frame.drop_duplicates("task").set_index("task")["repo"].loc[tables["resolved"].index]
    categories = sorted(set(repositories))
    return Recorded(
        agents=tuple(map(str, tables["resolved"].columns)), categories=tuple(map(str, categories)),
        category=np.array([categories.index(one) for one in repositories], dtype=np.int64),
        success=tables["resolved"].to_numpy(), cost=tables["cost_usd"].to_numpy(), minutes=tables["api_calls"].to_numpy() * CALL_MINUTES,
    )  # fmt: skip


def of_models(frame: pd.DataFrame, path: Path) -> Recorded:
    """Return what models answered to prompts. Cost is relative: the share of the dearest model's price per token, times `COST_SHARE`."""
    prices = _prices(path.with_name(f"{path.stem}_prices.json"))
    models = [column for column in frame.columns if column not in _PROMPT_COLUMNS]
    missing = [model for model in models if model not in prices]
    if frame.empty or not models or missing:
        message = f"{path} needs prompts, and models with a price: {', '.join(missing) or 'there are none'}"
        raise Invalid(message)
    try:
        quality = frame[models].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{path}: the qualities of answers have to be numbers: {error}"
        raise Invalid(message) from error
    if not ((quality >= 0) & (quality <= 1)).all() or frame["task_name"].isna().any():
        message = f"{path}: qualities have to lie within 0 and 1, and every prompt needs a task_name"
        raise Invalid(message)
    categories, category = np.unique(frame["task_name"].astype(str), return_inverse=True)
    cost = COST_SHARE * np.array([prices[model] for model in models]) / max(prices[model] for model in models)
    return Recorded(
        agents=tuple(models), categories=tuple(categories.tolist()), category=category.astype(np.int64),
        success=quality, cost=np.broadcast_to(cost, quality.shape).copy(), minutes=np.zeros(quality.shape),
    )  # fmt: skip


def assignments_per_second(*, tasks: int = _TASKS, agents: int = _AGENTS) -> float:
    """Return how many ready tasks of a backlog find an agent in a second of one core's time."""
    dice = np.random.default_rng(1)
    names = tuple(f"agent {number:03}" for number in range(agents))
    groups = tuple(f"group {number:02}" for number in range(_GROUPS))
    worth = Worth(groups=groups, agents=names, values=dice.random((_GROUPS, agents)))
    ready = {f"task {number:05}": groups[group] for number, group in enumerate(dice.integers(_GROUPS, size=tasks))}
    free = dict.fromkeys(names, _EACH)
    began = time.process_time()
    chosen = assign(ready, free, worth)
    return len(chosen) / (time.process_time() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Summary:
    """What a policy earned per task, over all seeds."""

    utility: float
    interval: tuple[float, float]  # of the utility, 95 %; both are the mean with one seed
    regret: float  # utility that the reference earned more, on the same streams
    regret_interval: tuple[float, float]
    success: float
    cost: float
    wait_p95: float  # minutes


def _compared(recorded: Recorded, setting: Setting, seeds: int) -> dict[str, dict[str, Any]]:
    runs = {name: [simulate(recorded, make(recorded, setting, seed), setting, seed=seed) for seed in range(seeds)] for name, make in POLICIES.items()}
    return _summaries(runs)


def _passed(recorded: Recorded, seeds: int, arrivals: int) -> dict[str, dict[str, Any]]:
    setting = Setting(load=1.0, arrivals=arrivals, price=1.0, minute_price=0.0, places=1_000_000)
    runs = {name: [one_pass(recorded, make(recorded, setting, seed), setting, seed=seed) for seed in range(seeds)] for name, make in ONE_PASS.items()}
    return _summaries(runs)


def _summaries(runs: Mapping[str, list[Result]]) -> dict[str, dict[str, Any]]:
    reference = np.array([run.utility for run in runs[REFERENCE]])
    return {name: asdict(_summary(results, reference)) for name, results in runs.items()}


def _summary(results: list[Result], reference: NDArray[np.float64]) -> _Summary:
    utility = np.array([run.utility for run in results])
    return _Summary(
        utility=float(utility.mean()),
        interval=interval(utility),
        regret=float((reference - utility).mean()),
        regret_interval=interval(reference - utility),
        success=float(np.mean([run.success for run in results])),
        cost=float(np.mean([run.cost for run in results])),
        wait_p95=float(np.mean([run.wait_p95 for run in results])),
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"{path} is not a Parquet file of what agents or models did: {error}"
        raise Invalid(message) from error


def _table(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.pivot_table(index="task", columns="agent", values=column, aggfunc="first").astype(np.float64)  # both in alphabetical order


def _prices(path: Path) -> dict[str, float]:
    """Return the price of each model: US dollars for a million tokens read plus a million written."""
    try:
        prices = json.loads(path.read_text(encoding="utf-8"))
        return {str(model): float(one["input_usd_per_mtok"]) + float(one["output_usd_per_mtok"]) for model, one in prices.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{path} does not hold a price for each model (input_usd_per_mtok, output_usd_per_mtok): {error!r}"
        raise Invalid(message) from error
