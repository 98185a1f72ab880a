"""A changed policy, tried on decisions that were made: what it would have moved, and what can be known of how that would have gone.

Each decision kept what was weighed. Under another policy the same candidates are weighed anew, each task for itself, once as it was and once as it
would be. What a choice would have brought is estimated doubly robust: what was expected of it, and where the same agent did do the task, corrected by
what really came, the more the smaller the chance was that it would get it:

    q(chosen) + [chosen is who did it] / chance * (what came - q(who did it))

Where trying out gave an agent no chance there is nothing to correct with: then the estimate rests on expectation alone, and says so.

Reference: M. Dudík, J. Langford, L. Li, Doubly robust policy evaluation and learning, 2011.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.policy import Policy

Floats = NDArray[np.float64]

MEASURES: Final = ("success", "cost", "late", "worth")
_SEEN: Final = 0.02  # least chance with which an agent counts as tried out
_ENOUGH: Final = 30  # moved tasks below which nothing is said about them
_SHARE: Final = 0.5  # of the moved tasks whose new agent has to have been tried out
_DRAWS: Final = 1_000  # of the bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A decision, and what came of it. Amounts are minor units."""

    task_id: str
    currency: str
    price: float
    candidates: Sequence[Mapping[str, Any]]  # those that could have started it, as the decision kept them
    agent_id: str  # who got it
    policy: Policy  # by which it was decided
    success: float  # 0 or 1
    cost: float
    late: float  # 0 or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A task that would have gone elsewhere."""

    task_id: str
    before: str  # agents
    after: str
    chance: float | None  # that the new one had; null: no draws were made
    gain: float  # of expected worth, by the new policy


def replay(logged: Sequence[Logged], policy: Policy) -> dict[str, Any]:
    """Return what a policy would have changed.

    Keys: `decisions`; `moved`, a list of `Moved`, greatest gain first; `before` and `after` with an estimate of each of `MEASURES` a decision (shares
    of success and lateness, cost and worth in minor units by the new policy); `change`, each with the interval that holds 95 %; `tried_out`, the
    share of the moved tasks whose new agent had a chance at the time; `verdict`, whether it is better or worse, or why that cannot be known.
    """
    if not logged:
        return {"decisions": 0, "moved": [], "tried_out": None, "verdict": "there is no decision to replay"}
    moved: list[Moved] = []
    rows: dict[str, list[list[float]]] = {"before": [], "after": []}
    for one in logged:
        old, new = _choice(one, one.policy), _choice(one, policy)
        if old["agent_id"] != new["agent_id"]:
            gain = _worth(one, new, policy) - _worth(one, old, policy)
            moved.append(
                Moved(task_id=one.task_id, before=old["agent_id"], after=new["agent_id"], chance=new["chance"], gain=round(gain, 2))
            )  # fmt: skip
        for name, choice in (("before", old), ("after", new)):
            rows[name].append(_estimate(one, choice, policy))
    before, after = np.array(rows["before"]), np.array(rows["after"])
    change = _change(after - before)
    tried = [one for one in moved if (one.chance or 0.0) >= _SEEN]
    share = len(tried) / len(moved) if moved else None
    return {
        "decisions": len(logged), "moved": sorted(moved, key=lambda one: (-one.gain, one.task_id)),
        "before": dict(zip(MEASURES, before.mean(axis=0).round(6).tolist(), strict=True)),
        "after": dict(zip(MEASURES, after.mean(axis=0).round(6).tolist(), strict=True)),
        "change": change, "tried_out": share, "verdict": _verdict(len(moved), share, change["worth"]),
    }  # fmt: skip


def _choice(one: Logged, policy: Policy) -> Mapping[str, Any]:
    """Return the candidate that a policy would have chosen for the task alone."""
    return max(one.candidates, key=lambda candidate: (_worth(one, candidate, policy), candidate["agent_id"]))


def _worth(one: Logged, candidate: Mapping[str, Any], policy: Policy) -> float:
    counted = max(one.price, policy.least)
    shares = {"preferred": policy.preferred, "known": policy.known}
    bonus = sum(shares[tie] for tie in candidate["ties"]) * counted
    income = float(candidate["income"]) + float(candidate["success"]) * (counted - max(one.price, one.policy.least))
    return float(income - candidate["cost"] - policy.late * _lateness(one, candidate) * counted - candidate["taken"] + bonus)


def _lateness(one: Logged, candidate: Mapping[str, Any]) -> float:
    """Return how likely the candidate was expected to be late; zero where the policy of then did not count it."""
    counted = max(one.price, one.policy.least) * one.policy.late
    return float(candidate["late"]) / counted if counted else 0.0


def _estimate(one: Logged, choice: Mapping[str, Any], policy: Policy) -> list[float]:
    expected = _expected(one, choice, policy)
    if choice["agent_id"] != one.agent_id:
        return expected
    counted = max(one.price, policy.least)
    came = [one.success, one.cost, one.late, counted * one.success - one.cost - policy.late * counted * one.late]
    chance = max(choice["chance"] if choice["chance"] is not None else 1.0, _SEEN)
    return [q + (real - q) / chance for q, real in zip(expected, came, strict=True)]


def _expected(one: Logged, choice: Mapping[str, Any], policy: Policy) -> list[float]:
    counted, late = max(one.price, policy.least), _lateness(one, choice)
    success, cost = float(choice["success"]), float(choice["cost"])
    return [success, cost, late, counted * success - cost - policy.late * counted * late]


def _change(differences: Floats) -> dict[str, dict[str, float]]:
    dice = np.random.default_rng(0)
    means = np.array([differences[dice.integers(0, len(differences), len(differences))].mean(axis=0) for _ in range(_DRAWS)])
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return {
        name: {"mean": round(float(differences[:, place].mean()), 6), "low": round(float(low[place]), 6), "high": round(float(high[place]), 6)}
        for place, name in enumerate(MEASURES)
    }


def _verdict(moved: int, share: float | None, worth: Mapping[str, float]) -> str:
    if share is None:
        return "nothing would have moved"
    if moved < _ENOUGH:
        return f"cannot be known: only {moved} tasks would have moved, {_ENOUGH} are needed"
    if share < _SHARE:
        return f"cannot be known: the new agents of {1 - share:.0%} of the moved tasks were never tried out, so this is what was expected, not seen"
    if worth["low"] > 0:
        return "better: it would have earned more"
    return "worse: it would have earned less" if worth["high"] < 0 else "no difference that can be told from chance"
