"""Which agent gets a task: rules first, then expected success, then load; explained either way."""

from collections.abc import Iterable
from dataclasses import dataclass

POLICY = "success-then-load/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a task asks of its agent."""

    category: str
    kind: str
    currency: str
    wanted_agent: str | None = None
    failed_on: frozenset[str] = frozenset()  # agents whose attempts at it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent as the router sees it."""

    agent_id: str
    kind: str
    skills: frozenset[str]
    state: str  # online, draining, offline
    capacity: int
    running: int
    currency: str
    charges: bool  # whether it costs anything
    succeeded: int = 0  # attempts in the wish's category
    failed: int = 0
    limited: bool = False  # it has started as many as it may this minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate with its verdict. `rejected` names the rule; `busy` alone means that it fits and can take nothing now."""

    agent_id: str
    rejected: str | None
    busy: bool
    success: float  # expected, 0 to 1
    load: float  # share of its places that are taken
    failed_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice with everything that led to it."""

    agent_id: str | None
    why: str
    candidates: tuple[Scored, ...]
    policy: str = POLICY

    @property
    def somebody_fits(self) -> bool:
        """Whether waiting helps: some agent fits and is only busy."""
        return any(scored.rejected is None for scored in self.candidates)


def choose(wish: Wish, candidates: Iterable[Candidate]) -> Decision:
    """Choose the agent for a task.

    Rules reject (skill, kind, wanted agent, state, currency). Of the rest with a free place: one that has not failed at this task before, then the
    highest expected success, then the lowest load, then the name, so that the same input always gives the same answer.
    """
    scored = tuple(sorted((_score(wish, candidate) for candidate in candidates), key=_order))
    free = [one for one in scored if one.rejected is None and not one.busy]
    if free:
        best = free[0]
        others = f"{len(free) - 1} other{'s' if len(free) != 2 else ''} free" if len(free) > 1 else "no other free"
        why = f"expected success {best.success:.0%}, {best.load:.0%} busy; {others}"
        return Decision(agent_id=best.agent_id, why=why, candidates=scored)
    if any(one.rejected is None for one in scored):
        return Decision(agent_id=None, why="every agent that fits is busy", candidates=scored)
    return Decision(agent_id=None, why=_nobody(wish, scored), candidates=scored)


def expected_success(succeeded: int, failed: int) -> float:
    """Return the expected success of the next attempt by Laplace's rule of succession: (s + 1) / (n + 2).

    >>> expected_success(0, 0), expected_success(8, 0)
    (0.5, 0.9)
    """
    return (succeeded + 1) / (succeeded + failed + 2)


def rejection(wish: Wish, candidate: Candidate) -> str | None:
    """Return the rule that keeps an agent from a task, in words that follow its name; null when it fits."""
    if wish.wanted_agent is not None and wish.wanted_agent != candidate.agent_id:
        return "another agent was asked for"
    if candidate.kind != wish.kind:
        return f"is of kind {candidate.kind}, the inputs are for {wish.kind}"
    if wish.category not in candidate.skills:
        return f"has no skill in {wish.category}"
    if candidate.state != "online":
        return f"is {candidate.state}"
    if candidate.charges and candidate.currency != wish.currency:
        return f"charges in {candidate.currency}, the task pays in {wish.currency}"
    return None


def _score(wish: Wish, candidate: Candidate) -> Scored:
    return Scored(
        agent_id=candidate.agent_id,
        rejected=rejection(wish, candidate),
        busy=candidate.limited or candidate.running >= candidate.capacity,
        success=expected_success(candidate.succeeded, candidate.failed),
        load=candidate.running / candidate.capacity if candidate.capacity else 1.0,
        failed_before=candidate.agent_id in wish.failed_on,
    )


def _order(one: Scored) -> tuple[bool, bool, bool, float, float, str]:
    return (one.rejected is not None, one.busy, one.failed_before, -round(one.success, 2), one.load, one.agent_id)


def _nobody(wish: Wish, scored: tuple[Scored, ...]) -> str:
    who = "an operator can bring one back, add one, or change the task"
    near = [one for one in scored if one.rejected and not one.rejected.startswith(("is of kind", "has no skill", "another agent"))]
    if near:
        return f"no agent fits: {'; '.join(f'{one.agent_id} {one.rejected}' for one in near[:3])}: {who}"
    if wish.wanted_agent is not None:
        rejected = next((one.rejected for one in scored if one.agent_id == wish.wanted_agent), "is not registered")
        return f"the agent that was asked for, {wish.wanted_agent}, {rejected}: {who}"
    return f"there is no agent of kind {wish.kind} with the skill {wish.category}: {who}"
