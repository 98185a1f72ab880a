"""Simple ways to choose an agent, that the router is compared with. They keep the same rules, know the same and go through the same dispatch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.deciding import Decision, Problem, Ready, free_places
from models.routing import Candidate
from store.journal import Journal
from tasks.router import Router

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Pick = Callable[[Problem, int, Bools, Floats], int]  # the group of a task, who may have it now, and which share of its places each has taken

_CAPABILITY, _LOAD, _SUCCESS, _COST, _SPEED = 0.4, 0.2, 0.2, 0.1, 0.1


class Baseline(Router):
    """Takes tasks in the order of the queue and gives each to one of the agents that may have it and have a free place."""

    def __init__(self, journal: Journal, name: str, *, seed: int) -> None:
        super().__init__(journal, name=name, seed=seed)
        self._pick = BASELINES[name](seed)

    @property
    def decider(self) -> str:
        """How decisions name what made them."""
        return self._name

    def decide(self, ready: Sequence[Ready], agents: Sequence[Candidate]) -> dict[str, Decision]:
        """Return the decisions about ready tasks: those that start, and those that no agent fits."""
        if not ready:
            return {}
        self._staff(agents)
        problem = Problem(ready, agents, self._dispatcher, self.policy)
        verdicts, free = problem.judge(problem.agents), free_places(problem.agents)
        capacity = np.array([agent.capacity for agent in problem.agents])
        running = np.array([agent.running for agent in problem.agents])
        decisions: dict[str, Decision] = {}
        for task, group in zip(ready, problem.of, strict=True):
            able = verdicts.allowed[group] & (free > 0)
            if able.any():
                agent = self._pick(problem, group, able, running / capacity)
                free[agent] -= 1
                running[agent] += 1
                decisions[task.task_id] = _decided(problem.agents[agent].agent_id, f"{self._name}: {int(able.sum())} could take it")
            elif not verdicts.fits[group].any():
                decisions[task.task_id] = _decided(None, "no agent fits")
        return decisions


def at_random(seed: int) -> Pick:
    """Choose any agent."""
    dice = np.random.default_rng(seed)
    return lambda _problem, _group, able, _taken: int(dice.choice(np.flatnonzero(able)))


def round_robin(_seed: int) -> Pick:
    """Choose one agent after the other, in the order of their names."""
    last = ""

    def pick(problem: Problem, _group: int, able: Bools, _taken: Floats) -> int:
        nonlocal last
        places: list[int] = np.flatnonzero(able).tolist()
        place = next((one for one in places if problem.agents[one].agent_id > last), places[0])
        last = problem.agents[place].agent_id
        return place

    return pick


def least_loaded(seed: int) -> Pick:
    """Choose the agent that has taken the smallest share of its places; any of them where several have."""
    dice = np.random.default_rng(seed)

    def pick(_problem: Problem, _group: int, able: Bools, taken: Floats) -> int:
        least = taken[able].min()
        return int(dice.choice(np.flatnonzero(able & (taken <= least))))

    return pick


def weighted_score(_seed: int) -> Pick:
    """Choose by the greatest weighted sum of success in the category, free places, success in all that is waiting, cheapness and speed."""

    def pick(problem: Problem, group: int, able: Bools, taken: Floats) -> int:
        weighed = problem.weighed
        score = _CAPABILITY * weighed.success[group] + _LOAD * (1 - taken) + _SUCCESS * weighed.success.mean(axis=0)
        score += _COST * _cheapness(weighed.cost[group]) + _SPEED * _cheapness(weighed.minutes[group])
        return int(np.where(able, score, -np.inf).argmax())

    return pick


BASELINES: Final[Mapping[str, Callable[[int], Pick]]] = {
    "random": at_random,
    "round robin": round_robin,
    "least loaded": least_loaded,
    "weighted score": weighted_score,
}


def _decided(agent_id: str | None, why: str) -> Decision:
    return Decision(agent_id=agent_id, why=why, candidates=[] if agent_id is None else [{"agent_id": agent_id, "rejected": None}], flips=[])


def _cheapness(amounts: Floats) -> Floats:
    return np.asarray(1 - amounts / max(float(amounts.max()), 1e-9))
