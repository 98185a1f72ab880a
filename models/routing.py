"""Which agents may have a task: rules, each with the words that tell a person what keeps an agent from it.

Three kinds of rules. Some reject: who lacks the skill, the clearance or the language, is excluded or offline, never gets the task as things stand.
Some only hold up: who is busy, closed or out of budget may get it later. And some make rings: who has failed at the task or would be late is asked
when nobody in the rings before fits, or has been free for as long as the policy says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BUSY: Final = "is busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a task asks of its agent; tasks that ask the same are judged together."""

    category: str
    kind: str  # of inputs
    currency: str
    wanted_agent: str | None = None
    clearance: int = 0
    language: str | None = None
    client: str | None = None  # null where the client has no preferences
    excluded: frozenset[tuple[str, str]] = frozenset()  # agents, and why, in words that follow the name
    timeout_s: int = 0  # after which an attempt is ended; 0 where no agent has a budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An agent as the router sees it."""

    agent_id: str
    kind: str = ""  # of agent; what is known of its kind is expected of it
    takes: frozenset[str]  # kinds of inputs
    skills: frozenset[str]
    state: str  # online, away, draining, offline
    capacity: int
    running: int
    currency: str
    charges: bool = False  # whether it costs anything
    task_cost: float = 0.0  # by its price list: an attempt
    minute_cost: float = 0.0  # and a minute of it
    clearance: int = 0
    languages: frozenset[str] | None = None  # null: whichever
    most: int | None = None  # attempts that it may start now for another reason than its places; null: no limit
    rests: str | None = None  # why it takes nothing now, in words that follow its name
    refusals: Mapping[int, str] = field(default_factory=dict)  # time-outs for which its budget does not suffice → why
    circuits: Mapping[str, str] = field(default_factory=dict)  # category → why it takes nothing there now
    probes: frozenset[str] = frozenset()  # categories in which one attempt may try whether it works again

    @property
    def free(self) -> int:
        """How many attempts it may start now."""
        places = max(0, self.capacity - self.running)
        return 0 if self.rests else places if self.most is None else min(places, self.most)


def rejection(wish: Wish, candidate: Candidate) -> str | None:
    """Return the rule that keeps an agent from a task as things stand, in words that follow its name; null when it fits."""
    excluded = dict(wish.excluded)
    rules = (
        (wish.wanted_agent not in {None, candidate.agent_id}, "is not the agent that was asked for"),
        (wish.kind not in candidate.takes, f"takes no inputs of kind {wish.kind}"),
        (wish.category not in candidate.skills, f"has no skill in {wish.category}"),
        (candidate.agent_id in excluded, excluded.get(candidate.agent_id, "")),
        (candidate.clearance < wish.clearance, f"has clearance {candidate.clearance}, {wish.clearance} is needed"),
        (
            wish.language is not None and candidate.languages is not None and wish.language not in candidate.languages,
            f"does not know {wish.language}",
        ),
        (candidate.charges and candidate.currency != wish.currency, f"charges in {candidate.currency}, the task pays in {wish.currency}"),
        (candidate.state != "online", f"is {candidate.state}"),
    )
    return next((words for broken, words in rules if broken), None)


def hold_up(wish: Wish, candidate: Candidate) -> str | None:
    """Return why an agent that fits can take nothing now, in words that follow its name; null when it can."""
    if candidate.rests is not None:
        return candidate.rests
    if wish.timeout_s in candidate.refusals:
        return candidate.refusals[wish.timeout_s]
    if wish.category in candidate.circuits:
        return candidate.circuits[wish.category]
    return BUSY if candidate.free == 0 else None


def ring(*, failed: bool, minutes: float, slack: float | None) -> tuple[int, str]:
    """Return how far outside an agent stands for a task, 0 being inside, and why, in words that follow its name.

    `failed` tells that it failed at this task before, `minutes` how long it is expected to take, `slack` how many minutes are left.
    """
    slow = slack is not None and minutes > slack
    late = f"takes about {minutes:.0f} min, {max(slack or 0.0, 0.0):.0f} are left" if slow else ""
    if failed:
        return 2 + slow, "failed at it before" + (f" and {late}" if late else "")
    return int(slow), late
