"""Why a task went where it went: what was weighed, and the smallest changes that would have sent it elsewhere.

A change of worth is found for all groups at once and exact (`models.flipping`). Changes in an agent (a free place, being online, a skill) are named
only where deciding again with that change did send the task there.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.deciding import Decision, Group, Problem, Ready, Verdicts, free_places
from models.dispatching import Dispatcher
from models.flipping import losses
from models.money import amount
from models.policy import Policy
from models.routing import BUSY, Candidate, Wish

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHOWN: Final = 12  # candidates that fit of which a decision keeps all terms
_TRIED: Final = 8  # tasks decided at once up to which changes in agents are tried
_DRAWS: Final = 400  # for the chance that each agent had, where agents are tried out
_SURE: Final = 0.999
_TINY: Final = 1e-9

_WHO: Final = "an operator can bring one back, add one, or change the task"


def decide(ready: Sequence[Ready], agents: Sequence[Candidate], dispatcher: Dispatcher, policy: Policy) -> dict[str, Decision]:
    """Return the decisions by task, in the order of the queue: those that start, and those that no agent fits. Tasks that wait are absent.

    `ready` are the tasks in the order of the queue (`models.deciding.Ready`). Nothing of the order of `agents` matters.
    """
    if not ready:
        return {}
    problem = Problem(ready, agents, dispatcher, policy)
    verdicts, free = problem.judge(problem.agents), free_places(problem.agents)
    chosen = problem.solve(verdicts, free)
    dispatcher.spend(
        replace(problem.weighed, allowed=verdicts.allowed),
        [(problem.names[problem.of[task]], problem.agents[agent].agent_id) for task, agent in chosen.items()],
    )
    writer = _Writer(problem, verdicts, free, chosen)
    decisions: dict[str, Decision] = {}
    for place, task in enumerate(ready):
        if place in chosen:
            decisions[task.task_id] = writer.started(place, chosen[place])
        elif not verdicts.fits[problem.of[place]].any():
            decisions[task.task_id] = writer.nobody(problem.of[place])
    return decisions


class _Writer:
    """Writes the reasons; tasks of one group that went to one agent share them."""

    def __init__(self, problem: Problem, verdicts: Verdicts, free: Ints, chosen: dict[int, int]) -> None:
        self._problem, self._verdicts, self._free, self._chosen = problem, verdicts, free, chosen
        self._numbers = np.zeros(verdicts.allowed.shape, dtype=np.int64)
        for task, agent in chosen.items():
            self._numbers[problem.of[task], agent] += 1
        spare = free - self._numbers.sum(axis=0)
        self._expected = problem.weighed.expected
        self._losses = losses(problem.weighed.values, verdicts.allowed, self._numbers, spare) if chosen else np.zeros((0, 0))
        self._chances: dict[int, Floats | None] = {}
        self._written: dict[tuple[int, int], Decision] = {}

    def started(self, task: int, agent: int) -> Decision:
        """Return the decision about a task that an agent gets."""
        group = self._problem.of[task]
        if (group, agent) not in self._written:
            flips = self._flips(task, group, agent)
            candidates = self._candidates(group, agent)
            why = self._why(group, agent, flips)
            self._written[group, agent] = Decision(agent_id=self._problem.agents[agent].agent_id, why=why, candidates=candidates, flips=flips)
        return self._written[group, agent]

    def nobody(self, group: int) -> Decision:
        """Return the decision about a task that no agent fits."""
        rejected = self._verdicts.rejected[group]
        found = [(agent.agent_id, str(rule)) for agent, rule in zip(self._problem.agents, rejected, strict=True)]
        return Decision(agent_id=None, why=_nobody(self._problem.groups[group].wish, found), candidates=_rejected(found), flips=[])

    def _why(self, group: int, agent: int, flips: list[dict[str, Any]]) -> str:
        weighed, what = self._problem.weighed, self._problem.groups[group]
        able = int((self._verdicts.allowed[group] & (self._free > 0)).sum())
        others = {1: "no other is free", 2: "1 other is free"}.get(able, f"{able - 1} others are free")
        cost, success = float(weighed.cost[group, agent]), float(weighed.success[group, agent])
        costs = f", costs {amount(round(cost), what.wish.currency)}" if round(cost) else ""
        worth = f"worth {amount(round(float(self._expected[group, agent])), what.wish.currency)} {what.wish.currency}"
        return f"{worth}: expected success {success:.0%}{costs}; {others}" + (f"; {flips[0]['words']}" if flips else "")

    def _candidates(self, group: int, agent: int) -> list[dict[str, Any]]:
        weighed, verdicts = self._problem.weighed, self._verdicts
        fitting = np.flatnonzero(verdicts.fits[group])
        order = fitting[np.lexsort((fitting, -weighed.values[group, fitting], ~verdicts.allowed[group, fitting], fitting != agent))]
        chances = self._chance(group)
        shown = []
        for place in order[:SHOWN].tolist():
            terms = {
                name: round(float(getattr(weighed, name)[group, place]), 4)
                for name in ("success", "deviation", "minutes", "income", "cost", "late", "taken", "bonus")
            }
            number, outside = verdicts.outside[group][place]
            shown.append({
                "agent_id": self._problem.agents[place].agent_id, "value": round(float(weighed.values[group, place]), 4), **terms,
                "free": int(self._free[place]), "held": verdicts.held[group][place], "ring": number, "outside": outside or None,
                "ties": [tie for agent_id, tie in self._problem.groups[group].ties if agent_id == self._problem.agents[place].agent_id],
                "chance": None if chances is None else round(float(chances[place]), 4), "rejected": None,
            })  # fmt: skip
        rest = [(self._problem.agents[place].agent_id, "is worth less") for place in order[SHOWN:].tolist()]
        rest += [(one.agent_id, rule) for one, rule in zip(self._problem.agents, verdicts.rejected[group], strict=True) if rule]
        return shown + _rejected(rest)

    def _chance(self, group: int) -> Floats | None:
        """Return how likely draws would have chosen each agent for a task alone; null where no draws are made."""
        weighed = self._problem.weighed
        if not weighed.draws or len(self._chosen) > _TRIED:
            return None
        if group not in self._chances:
            stake = float(weighed.stake[group, 0])
            width = self._problem.policy.width
            dice = np.random.default_rng(0).standard_normal((_DRAWS, len(self._free)))
            success = np.clip(weighed.success[group] + width * weighed.deviation[group] * dice, 0.0, 1.0)
            able = self._verdicts.allowed[group] & (self._free > 0)
            worth = np.where(able, stake * (success - weighed.success[group]) + self._expected[group], -np.inf)
            self._chances[group] = np.bincount(worth.argmax(axis=1), minlength=len(self._free)) / _DRAWS
        return self._chances[group]

    def _flips(self, task: int, group: int, agent: int) -> list[dict[str, Any]]:
        """Return changes that would send the task elsewhere, the smallest first, at most one of each kind."""
        found = []
        lost = self._losses[group]
        if np.isfinite(lost).any():
            found.append(self._by_worth(group, int(lost.argmin()), float(lost.min())))
        if len(self._chosen) <= _TRIED:
            found += self._by_change(task, group, agent)
        return [{key: value for key, value in flip.items() if key != "size"} for flip in sorted(found, key=lambda flip: flip["size"])]

    def _by_worth(self, group: int, agent: int, lost: float) -> dict[str, Any]:
        weighed, what = self._problem.weighed, self._problem.groups[group]
        price, currency = self._problem.worth_of(what), what.wish.currency
        success, cost = float(weighed.success[group, agent]) + lost / price, float(weighed.cost[group, agent]) - lost
        single = not weighed.draws and what.again == 0  # else what it succeeds at and costs counts elsewhere too
        ways = [f"success {ceil(100 * success + _TINY)}%"] if single and success <= _SURE else []
        ways += [f"costs {amount(floor(cost - _TINY), currency)}"] if single and cost >= 1 else []
        name = self._problem.agents[agent].agent_id
        words = f"would go to {name} if it were worth {amount(floor(lost) + 1, currency)} {currency} more there"
        words += f" ({' or '.join(ways)})" if ways else ""
        return {"agent_id": name, "change": "worth", "by": lost, "words": words, "size": lost / price}

    def _by_change(self, task: int, group: int, agent: int) -> list[dict[str, Any]]:
        """Try the best agent that has no free place, and the best one that a rule rejects."""
        verdicts, values = self._verdicts, self._problem.weighed.values[group]
        better = [place for place in np.argsort(-values, kind="stable").tolist() if place != agent and values[place] > values[agent]]
        busy = next((p for p in better if verdicts.fits[group, p] and verdicts.held[group][p] == BUSY), None)
        barred = next((p for p in better if not verdicts.fits[group, p]), None)
        found = []
        for place in (busy, barred):
            change = None if place is None else _change(self._problem.groups[group], self._problem.agents[place], self._free[place])
            if place is not None and change is not None and self._goes(task, place, change[0]):
                name = self._problem.agents[place].agent_id
                found.append({"agent_id": name, **change[1], "words": f"would go to {name} if {change[2]}", "size": change[3]})
        return found

    def _goes(self, task: int, place: int, changed: Candidate) -> bool:
        agents = [*self._problem.agents[:place], changed, *self._problem.agents[place + 1 :]]
        return self._problem.solve(self._problem.judge(agents), free_places(agents)).get(task) == place


def _change(group: Group, agent: Candidate, free: int) -> tuple[Candidate, dict[str, Any], str, float] | None:
    """Return an agent with the one change that may let it have a task, the change, its words, and how great it is; null where there is none such."""
    wish = group.wish
    if agent.running >= agent.capacity and agent.most != 0 and agent.state == "online" and free == 0 and wish.category in agent.skills:
        few = f"fewer than {agent.capacity} tasks" if agent.capacity > 1 else "no task"
        changed = replace(agent, running=agent.capacity - 1)
        return changed, {"change": "running", "to": agent.capacity - 1}, f"it had {few} running", 1 / max(agent.capacity, 1)
    if wish.kind not in agent.takes or wish.wanted_agent not in {None, agent.agent_id}:
        return None
    if agent.state != "online":
        return replace(agent, state="online"), {"change": "state", "to": "online"}, "it were online", 1.0
    if wish.category not in agent.skills:
        return (
            replace(agent, skills=agent.skills | {wish.category}),
            {"change": "skills", "to": wish.category},
            f"it had the skill {wish.category}",
            2.0,
        )
    return None


def _rejected(found: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"agent_id": agent, "rejected": rule} for agent, rule in found]


def _nobody(wish: Wish, found: list[tuple[str, str]]) -> str:
    near = [(agent, rule) for agent, rule in found if not rule.startswith(("takes no inputs", "has no skill", "is not the agent"))]
    if near:
        return f"no agent fits: {'; '.join(f'{agent} {rule}' for agent, rule in near[:3])}: {_WHO}"
    if wish.wanted_agent is not None:
        rule = dict(found).get(wish.wanted_agent, "is not registered")
        return f"the agent that was asked for, {wish.wanted_agent}, {rule}: {_WHO}"
    return f"there is no agent that takes {wish.kind} and has the skill {wish.category}: {_WHO}"
