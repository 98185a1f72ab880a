"""A task: its states, the moves between them, and the reasons that tell an operator why it stands where it stands.

`MOVES` is the one table of the state machine: the code moves tasks by it, a test walks all of it, and the picture in `docs/` is drawn from it.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.errors import IllegalMove


class State(StrEnum):
    """Where a task is. Coarse: it drives the machine."""

    WAITING = "waiting"  # for time, for other tasks, for approval or for a category
    READY = "ready"  # an agent may take it
    RUNNING = "running"  # an attempt holds it
    REVIEW = "review"  # a person must decide
    PAUSED = "paused"  # an operator stopped it for now
    DONE = "done"  # ended; the outcome tells how


class Outcome(StrEnum):
    """How a task ended."""

    SUCCEEDED = "succeeded"  # the result was accepted
    FAILED = "failed"  # no attempt brought a result
    CANCELLED = "cancelled"  # a person, or a task that it needed, ended it
    EXPIRED = "expired"  # its deadline passed before an agent could start


class Reason(StrEnum):
    """Why a task stands where it stands. Fine: it informs a person, beside a sentence that names who can change it."""

    TIME = "time"  # waits for its start time
    DEPENDENCY = "dependency"  # waits for other tasks
    APPROVAL = "approval"  # waits for somebody's approval
    CATEGORY = "category"  # waits to be categorized
    BACKOFF = "backoff"  # waits before the next attempt
    QUEUE = "queue"  # waits for a free agent
    NO_AGENT = "no_agent"  # no agent that fits is online
    UNSURE = "unsure"  # the categorizer is not sure enough
    AGENT = "agent"  # an agent works on it
    STOPPING = "stopping"  # its agent was asked to stop
    PERSON = "person"  # a person decided
    RESULT = "result"  # the agent brought a result
    ERROR = "error"  # the agent failed for good
    TIMEOUT = "timeout"  # every attempt took too long
    LOST = "lost"  # the process that worked on it died too often
    UNMET = "unmet"  # a task that it needs ended otherwise
    DEADLINE = "deadline"  # its deadline passed


class Condition(StrEnum):
    """What the end of another task must be for a task that waits for it."""

    SUCCESS = "success"  # it succeeded
    END = "end"  # it ended, however
    FAILURE = "failure"  # it failed or expired


class Join(StrEnum):
    """How many of the tasks that a task needs must end as their conditions say."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One kind of event that changes the state of a task."""

    kind: str
    sources: frozenset[State]  # empty: the task did not exist
    target: State
    meaning: str


def _move(kind: str, sources: str, target: State, meaning: str) -> Move:
    return Move(kind=kind, sources=frozenset(State(s) for s in sources.split()), target=target, meaning=meaning)


MOVES: dict[str, Move] = {
    move.kind: move
    for move in (
        _move("task.submitted", "", State.WAITING, "accepted"),
        _move("task.released", "waiting", State.READY, "nothing is missing any more"),
        _move("task.questioned", "waiting", State.REVIEW, "the category is not sure enough"),
        _move("task.reviewed", "review", State.WAITING, "a person chose the category"),
        _move("task.unrouted", "ready", State.WAITING, "no agent that fits is online"),
        _move("task.started", "ready", State.RUNNING, "an agent claimed it"),
        _move("task.retried", "running", State.WAITING, "the attempt failed, another follows"),
        _move("task.presented", "running", State.REVIEW, "its result waits to be accepted"),
        _move("task.rejected", "review", State.WAITING, "a person wants it done again"),
        _move("task.returned", "running", State.READY, "the attempt lost its lease"),
        _move("task.paused", "waiting ready review", State.PAUSED, "an operator stopped it"),
        _move("task.resumed", "paused", State.WAITING, "an operator let it go on"),
        _move("task.finished", "waiting ready running review paused", State.DONE, "ended with an outcome"),
        _move("task.reopened", "done", State.WAITING, "an operator wants it tried again"),
    )
}


def target_of(kind: str, state: State | str | None) -> State:
    """Return the state that the event `kind` leads to from `state` (null for a task that does not exist yet), or raise `IllegalMove`."""
    move = MOVES[kind]
    allowed = state is None if not move.sources else state in move.sources
    if not allowed:
        verb = kind.removeprefix("task.")
        message = f"a task that is {state or 'absent'} cannot be {verb}; it can when it is {', '.join(sorted(move.sources)) or 'new'}"
        raise IllegalMove(message)
    return move.target


def met(condition: Condition | str, outcome: Outcome | str | None) -> bool | None:
    """Tell whether a condition on another task is met: true, false for ever, or null while that task has not ended."""
    if outcome is None:
        return None
    match Condition(condition):
        case Condition.SUCCESS:
            return outcome == Outcome.SUCCEEDED
        case Condition.END:
            return True
        case Condition.FAILURE:
            return outcome in {Outcome.FAILED, Outcome.EXPIRED}


def diagram() -> str:
    """Draw the state machine as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for move in MOVES.values():
        name = move.kind.removeprefix("task.")
        lines += [f"    {source} --> {move.target}: {name}" for source in sorted(move.sources, key=str) or ("[*]",)]
    return "\n".join([*lines, "    done --> [*]", ""])
