"""Deciding about a backlog with all its explanations, beside giving it away one by one to the best weighted score without any."""

import time
from typing import Any

import numpy as np

from models.deciding import Ready
from models.dispatching import Dispatcher, Rate
from models.explaining import decide
from models.policy import Policy
from models.routing import Candidate, Wish

TASKS, AGENTS, CATEGORIES = 10_000, 200, 6


def run() -> dict[str, Any]:
    """Return seconds of one core for 10,000 tasks and 200 agents, by how many prices the tasks have, beside the baseline of the same run."""
    dice = np.random.default_rng(0)
    agents = [_agent(place, dice) for place in range(AGENTS)]
    policy = Policy()
    known = Dispatcher(places={}, minute_price=policy.minute, seed=1, manner=policy.manner)
    for _ in range(3_000):
        agent, category = agents[dice.integers(AGENTS)].agent_id, f"c{dice.integers(CATEGORIES)}"
        known.valuation.learn(agent, category, success=float(dice.random() < 0.7), cost=float(dice.random()), minutes=float(dice.random() * 10))
    known.staff({one.agent_id: one.capacity for one in agents}, {one.agent_id: Rate(task=one.task_cost) for one in agents})
    baseline = _timed(lambda: _one_by_one(agents, dice))
    found: dict[str, Any] = {"places": sum(one.capacity for one in agents), "one by one, unexplained": {"seconds": round(baseline, 3)}}
    for prices in (1, 50, 150):
        queue = [_task(place, prices, dice) for place in range(TASKS)]
        seconds = _timed(lambda queue=queue: decide(queue, agents, known, policy))
        found[f"{prices} prices"] = {"seconds": round(seconds, 3), "ratio": round(seconds / baseline, 2)}
    single = _timed(lambda: [decide(queue[:1], agents, known, policy) for _ in range(100)]) / 100
    return found | {"one task": {"milliseconds": round(1000 * single, 3)}}


def _agent(place: int, dice: np.random.Generator) -> Candidate:
    skills = frozenset(f"c{category}" for category in range(CATEGORIES) if dice.random() < 0.6)
    return Candidate(
        agent_id=f"a{place:03}", takes=frozenset({"query"}), skills=skills, state="online", capacity=int(dice.integers(1, 50)), running=0,
        currency="EUR", charges=True, task_cost=float(dice.integers(0, 100)),
    )  # fmt: skip


def _task(place: int, prices: int, dice: np.random.Generator) -> Ready:
    wish = Wish(category=f"c{dice.integers(CATEGORIES)}", kind="query", currency="EUR")
    return Ready(task_id=f"t{place:05}", wish=wish, price=float(dice.integers(1, 1 + prices) * 100))


def _one_by_one(agents: list[Candidate], dice: np.random.Generator) -> None:
    free = np.array([one.capacity for one in agents])
    capable = np.array([[f"c{category}" in one.skills for one in agents] for category in range(CATEGORIES)])
    success, cost, speed = dice.random(AGENTS), dice.random(AGENTS), dice.random(AGENTS)
    places = free.copy()
    for category in dice.integers(CATEGORIES, size=TASKS):
        load = free / places
        score = np.where(capable[category] & (free > 0), 0.4 + 0.2 * load + 0.2 * success + 0.1 * cost + 0.1 * speed, -1.0)
        best = int(score.argmax())
        if score[best] >= 0:
            free[best] -= 1


def _timed(do: Any) -> float:
    begun = time.process_time()
    do()
    return time.process_time() - begun
