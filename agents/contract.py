"""What every kind of agent promises.

An agent gets a job and brings an outcome. Its obligations:

- **Inputs** are checked against `Inputs` before a task is accepted, so `perform` starts from a valid value; paths in them point to files below
  `job.folder`.
- It writes only below `job.folder`; the artifacts that it names are files there.
- It is called in a worker thread. It calls `control.check()` often enough to stop within two seconds of a cancellation, a time-out or a lost
  lease; whatever it started (processes, connections) ends with it.
- It may be called again for the same task after a crash (at least once); `job.fence` grows with each attempt, for partners that can refuse an
  old one.
- It raises `AgentError` for what went wrong at its work, with `retryable` set when another try may help. Any other exception is a bug in the agent:
  it is recorded with its traceback as a failed attempt.
- What a language model reads and writes for it, it counts with `control.count_tokens` as soon as it knows, so that it is paid for however the
  attempt ends; it uses no more than `job.tokens_most`.
- It reads no clock for decisions, no global settings and no environment: what it needs is in the job.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from models.errors import ArbiterError

I = TypeVar("I", bound=BaseModel)


PAUSE_LOOK_S = 0.2  # between looks at whether a paused attempt must stop


class AgentError(ArbiterError):
    """The agent could not do the work."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class Stopped(ArbiterError):
    """The attempt was asked to stop."""

    def __init__(self, why: str) -> None:
        super().__init__(f"stopped: {why}")
        self.why = why


class Inputs(BaseModel):
    """Base of what a kind of agent needs to know: strict, nothing unknown accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What language models read and wrote."""

    read: int = 0
    wrote: int = 0
    whole: bool = True  # whether this is all; a request whose answer broke off may have used more


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[I]):
    """One attempt as its agent sees it."""

    task_id: str
    attempt_id: str
    fence: int  # grows with each attempt of the task
    inputs: I
    folder: Path  # exists, empty but for the input files in `folder / "inputs"`, this attempt's alone
    config: Mapping[str, Any] = field(default_factory=dict)  # what the registry says about this agent
    secret: SecretStr | None = None  # what the agent shows to its partner; null: nothing
    tokens_most: int | None = None  # that this attempt may use, read and written; null: as many as its configuration allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an agent brings."""

    value: Mapping[str, Any]  # JSON, small (64 KiB at most): the figures and words that matter
    artifacts: tuple[Path, ...] = ()  # files below the job's folder, in the order to show them
    cost_cents: int = 0  # what this attempt cost beyond the agent's price, in the task's currency


class Control:
    """The line between an attempt and who watches it: progress goes out, a wish to stop or to pause comes in."""

    def __init__(self, *, timeout_s: float, report: Callable[[float | None, str], None] | None = None) -> None:
        self._ends = time.monotonic() + timeout_s
        self._report = report
        self._why: str | None = None
        self.stopped = threading.Event()  # set when the agent must stop
        self.tokens: Tokens | None = None  # used so far; null: the agent asks no language model
        self._goes_on = threading.Event()  # not set while the attempt is paused
        self._goes_on.set()
        self._paused_at: float | None = None

    def report(self, fraction: float | None, stage: str) -> None:
        """Tell how far the work is (0 to 1, null when it cannot be known) and what is being done; also a check."""
        self.check()
        if self._report:
            self._report(fraction, stage)

    def count_tokens(self, *, read: int = 0, wrote: int = 0, whole: bool = True) -> None:
        """Add what a request to a language model used, as soon as it is known; not `whole` when more of it is not known."""
        known = self.tokens or Tokens()
        self.tokens = Tokens(read=known.read + read, wrote=known.wrote + wrote, whole=known.whole and whole)

    def stop(self, why: str) -> None:
        """Ask the agent to stop: `cancelled`, `timeout` or `lost`. The first wish counts."""
        self._why = self._why or why
        self.stopped.set()

    def pause(self) -> None:
        """Let the agent wait at its next check; its time stands still."""
        if self._paused_at is None:
            self._paused_at = time.monotonic()
            self._goes_on.clear()

    def go_on(self) -> None:
        """End a pause."""
        if self._paused_at is not None:
            self._ends += time.monotonic() - self._paused_at
            self._paused_at = None
            self._goes_on.set()

    @property
    def paused(self) -> bool:
        """Whether the next check waits."""
        return self._paused_at is not None

    @property
    def remaining_s(self) -> float:
        """Seconds left before the time-out; never negative, and the same as long as the attempt is paused."""
        return max(0.0, self._ends - (self._paused_at or time.monotonic()))

    def check(self) -> None:
        """Wait while the attempt is paused; raise `Stopped` when it was asked to stop or its time is over."""
        while self._why is None and not self._goes_on.wait(PAUSE_LOOK_S):
            pass
        if self._why is None and self.remaining_s == 0:
            self.stop("timeout")
        if self._why is not None:
            raise Stopped(self._why)


class Agent(ABC, Generic[I]):
    """One kind of agent."""

    kind: ClassVar[str]
    pausable: ClassVar[bool] = True  # whether a pause at a check holds up the work itself
    Inputs: ClassVar[type[BaseModel]]

    def unavailable(self) -> str | None:
        """Return why this kind cannot work on this machine and what to do about it, or null when it can."""
        return None

    @abstractmethod
    def perform(self, job: Job[I], control: Control) -> Result:
        """Do the work; see the obligations above."""
