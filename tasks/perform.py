"""Performing one attempt: prepare its folder, let the agent work, keep what it made, and record how it ended.

What happened is in the ledger before anybody else hears of it, so a lost answer elsewhere loses nothing.
"""

import json
import logging
import random
import shutil
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select

from agents import registry
from agents.contract import AgentError, Control, Job, Result, Stopped, Tokens
from models.clock import SECOND
from models.errors import Conflict, Invalid, LeaseLost, NotFound
from models.retry import again
from models.task import Outcome, Reason, State
from models.untrusted import Untrusted, storable
from store import schema
from store.journal import Journal, Tx
from store.query import Query, Row, any_of
from store.settings import Settings
from tasks import circuits
from tasks.approvals import present
from tasks.budgets import price, tell_exceeded, token_columns
from tasks.claim import Claim
from tasks.keep import artifact_row, keep_file
from tasks.keys import load_key
from tasks.moves import finish, move, settle
from tasks.policies import active
from tasks.references import resolve

logger = logging.getLogger("arbiter.perform")

_FAILED = Query(
    select(schema.attempts.c.id)
    .where(schema.attempts.c.task_id == bindparam("task_id"), any_of(schema.attempts.c.state, "failed", "timeout"))
    .limit(1)
)

VALUE_MOST = 65_536  # bytes of a result
ERROR_MOST = 4_000  # characters of an error
MILLION = 1_000_000  # tokens have their price by the million
LOST = "lost"  # why an attempt stops that no longer holds its task


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an attempt ended."""

    state: str  # of the attempt: succeeded, failed, timeout, cancelled
    error: str | None = None
    retryable: bool = False
    value: str = "{}"  # JSON
    artifacts: tuple[tuple[str, str, int], ...] = ()  # name, SHA-256, size
    extra_cents: int = 0  # beyond the agent's own prices
    tokens: Tokens | None = None  # that language models used; null: none was asked


class Running:
    """The attempts that this process works on, and the lines to their agents."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}
        self._lock = threading.Lock()

    def add(self, attempt_id: str, control: Control) -> None:
        """Note an attempt that starts."""
        with self._lock:
            self._controls[attempt_id] = control

    def remove(self, attempt_id: str) -> None:
        """Forget an attempt that ended."""
        with self._lock:
            self._controls.pop(attempt_id, None)

    def ids(self) -> set[str]:
        """Return the attempts that are being worked on."""
        with self._lock:
            return set(self._controls)

    def stop(self, attempt_id: str, why: str) -> None:
        """Ask the agent of an attempt to stop, where it is one of ours."""
        with self._lock:
            control = self._controls.get(attempt_id)
        if control:
            control.stop(why)

    def hold(self, attempt_id: str, *, paused: bool) -> None:
        """Pause the agent of an attempt or let it go on, where it is one of ours."""
        with self._lock:
            control = self._controls.get(attempt_id)
        if control and paused != control.paused:
            (control.pause if paused else control.go_on)()

    def stop_all(self, why: str) -> None:
        """Ask all agents to stop."""
        with self._lock:
            controls = list(self._controls.values())
        for control in controls:
            control.stop(why)


def perform(journal: Journal, settings: Settings, claim: Claim, running: Running, *, run_id: str | None = None) -> Ended:
    """Work on a claimed task until it ended, and record the end. Raises `LeaseLost` when the task was given to somebody else meanwhile."""
    report = _Progress(journal, claim)
    control = Control(timeout_s=claim.timeout_s, report=report)
    if claim.tokens_most is not None:
        control.count_tokens()  # none so far: also known when it fails before it asks
    running.add(claim.attempt_id, control)
    folder = settings.work / claim.attempt_id
    try:
        ended = _work(journal, settings, claim, control, folder)
        if ended is not None:
            return _record(journal, claim, replace(ended, tokens=control.tokens), run_id)
        message = f"attempt {claim.number} of task {claim.task_id} lost its lease"
        raise LeaseLost(message)
    finally:
        running.remove(claim.attempt_id)
        shutil.rmtree(folder, ignore_errors=True)


def _record(journal: Journal, claim: Claim, ended: Ended, run_id: str | None) -> Ended:
    try:
        record_end(journal, claim, ended, run_id=run_id)
    except (Invalid, NotFound, Conflict) as error:
        ended = Ended(state="failed", error=f"what it brought cannot be recorded: {error}", tokens=ended.tokens)
        record_end(journal, claim, ended, run_id=run_id)
    return ended


def record_end(journal: Journal, claim: Claim, ended: Ended, *, run_id: str | None = None, jitter: float | None = None) -> None:
    """Record how an attempt ended and what becomes of its task. Refused with `LeaseLost` unless the attempt still holds the task.

    `jitter`, from 0 to 1, spreads the pause before the next attempt (`models.retry`); null: it is drawn.
    """
    with journal.write(f"agent:{claim.agent_id}") as tx:
        end(tx, claim, ended, run_id=run_id, jitter=jitter)


def end(tx: Tx, claim: Claim, ended: Ended, *, run_id: str | None = None, jitter: float | None = None) -> None:
    """Record how an attempt ended, within a transaction."""
    task = tx.get(schema.tasks, claim.task_id)
    if task["attempt_id"] != claim.attempt_id or task["state"] != State.RUNNING:
        message = f"attempt {claim.number} of task {claim.task_id} no longer holds it: its result is refused"
        raise LeaseLost(message)
    attempt = tx.get(schema.attempts, claim.attempt_id)
    agent = tx.get(schema.agents, claim.agent_id)
    took = tx.now - attempt["started_at"]
    cost = ended.extra_cents + price(agent, took, ended.tokens)
    _close_attempt(tx, claim, attempt, ended, cost=cost, extra=cost - price(agent, took, None), run_id=run_id)
    tell_exceeded(tx, agent)
    for name, sha256, size in ended.artifacts:
        row = artifact_row(name=name, sha256=sha256, size=size, at=tx.now, client=claim.client, task_id=claim.task_id, attempt_id=claim.attempt_id)
        tx.create(schema.artifacts, row, "artifact.added", **claim.about)
    if ended.state == "succeeded":
        circuits.succeeded(tx, claim.agent_id, claim.category)
    elif ended.state == "timeout" or (ended.state == "failed" and ended.retryable):  # what no other try can mend is not its agent's fault
        circuits.failed(tx, claim.agent_id, claim.category, active(tx).policy)
    jitter = random.random() if jitter is None else jitter  # noqa: S311 - no secret
    _close_task(tx, claim, task, ended, task["cost_cents"] + cost, jitter)


def _work(journal: Journal, settings: Settings, claim: Claim, control: Control, folder: Path) -> Ended | None:
    """Let the agent work; null when it stopped because the lease was lost."""
    try:
        folder.mkdir(parents=True)
        inputs = resolve(journal, settings, claim.inputs, folder)
        agent = registry.make(claim.kind, settings.fetch)
        job = Job(
            task_id=claim.task_id, attempt_id=claim.attempt_id, fence=claim.number, inputs=registry.check_inputs(registry.takes(claim.kind), inputs),
            folder=folder, config=claim.config, secret=load_key(settings, claim.config), tokens_most=claim.tokens_most,
        )  # fmt: skip
        return _succeeded(settings, agent.perform(job, control), folder)
    except Stopped as stop:
        return _stopped(stop.why, claim)
    except (AgentError, Invalid) as error:
        return _failed(str(error), retryable=getattr(error, "retryable", False))
    except Exception as error:  # a bug of an agent is its attempt's failure: recorded with its traceback, never the shift's end
        logger.exception("agent %s failed unexpectedly", claim.agent_id)
        return _failed(f"{type(error).__name__}: {error}\n{traceback.format_exc()}", retryable=True)


def _failed(error: str, *, retryable: bool) -> Ended:
    return Ended(state="failed", error=storable(error)[-ERROR_MOST:], retryable=retryable)


def _stopped(why: str, claim: Claim) -> Ended | None:
    match why:
        case "lost":
            return None
        case "cancelled":
            return Ended(state="cancelled", error="stopped on request")
        case _:
            return Ended(state="timeout", error=f"took longer than {claim.timeout_s} s", retryable=True)


def _succeeded(settings: Settings, result: Result, folder: Path) -> Ended:
    value = written(result.value)
    kept = []
    for path in result.artifacts:
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            message = f"the artifact {path.name} is not a file of the attempt's folder"
            raise AgentError(message)
        kept.append((storable(path.resolve().relative_to(folder.resolve()).as_posix()), *keep_file(settings, path)))
    return Ended(state="succeeded", value=value, artifacts=tuple(kept), extra_cents=result.cost_cents)


def written(value: Mapping[str, Any]) -> str:
    """Return a result as the text that is kept. Raises `AgentError` for one that is too large."""
    text = storable(json.dumps(value, ensure_ascii=False, allow_nan=False))
    if len(text.encode()) > VALUE_MOST:
        message = f"the result has {len(text.encode())} bytes, {VALUE_MOST} are the most: large results belong into artifacts"
        raise AgentError(message)
    return text


def _close_attempt(tx: Tx, claim: Claim, attempt: Row, ended: Ended, *, cost: int, extra: int, run_id: str | None) -> None:
    tokens = token_columns(ended.tokens)
    patch = {"state": ended.state, "error": ended.error, "cost_cents": cost, **tokens, "finished_at": tx.now, "run_id": run_id}
    facts = {
        **claim.about, "kind": claim.kind, "state": ended.state, "cost_cents": cost, "extra_cents": extra, **tokens,
        "hard": attempt["number"] > 1 and tx.one(_FAILED, task_id=claim.task_id) is not None,
        "currency": claim.currency, "started_at": attempt["started_at"], "finished_at": tx.now,
    }  # fmt: skip
    tx.change(schema.attempts, claim.attempt_id, patch, "attempt.finished", **facts)


def _close_task(tx: Tx, claim: Claim, task: Row, ended: Ended, cost: int, jitter: float) -> None:
    match ended.state:
        case "succeeded":
            why = f"{claim.agent_id} brought the result at attempt {claim.number}"
            if task["delivery"] == "needed":
                present(tx, task, value=ended.value, cost=cost)
                return
            finish(tx, task, Outcome.SUCCEEDED, Reason.RESULT, why, result=ended.value, cost_cents=cost)
        case "cancelled":
            finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], cost_cents=cost)
        case _ if task["stop_at"] is not None:
            finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], cost_cents=cost)
        case _:
            _try_again(tx, claim, task, ended, cost, jitter)


def _try_again(tx: Tx, claim: Claim, task: Row, ended: Ended, cost: int, jitter: float) -> None:
    tries = task["attempts"] - task["lost"]  # an attempt that died with its process is not the task's fault
    pause = again(attempts=tries, most=task["attempts_most"], backoff_s=task["backoff_s"], retryable=ended.retryable, jitter=jitter)
    first_line = Untrusted((ended.error or "").partition("\n")[0]).line(200)
    if pause is None:
        reason = Reason.TIMEOUT if ended.state == "timeout" else Reason.ERROR
        finish(tx, task, Outcome.FAILED, reason, f"attempt {claim.number} by {claim.agent_id} failed for good: {first_line}", cost_cents=cost)
        return
    wake_at = tx.now + pause.pause_us
    why = f"attempt {claim.number} by {claim.agent_id} failed ({first_line}); tries again in {pause.pause_us / SECOND:.1f} s"
    move(tx, task, "task.retried", reason=str(Reason.BACKOFF), why=why, wake_at=wake_at, attempt_id=None, cost_cents=cost)
    settle(tx, task["id"])


class _Progress:
    """Writes an agent's progress into the journal, at most once a second."""

    def __init__(self, journal: Journal, claim: Claim) -> None:
        self._journal = journal
        self._claim = claim
        self._written_at = 0
        self._said: tuple[float | None, str] | None = None

    def __call__(self, fraction: float | None, stage: str) -> None:
        now = self._journal.clock()
        if now - self._written_at < SECOND or self._said == (fraction, stage):
            return
        self._written_at, self._said = now, (fraction, stage)
        patch: dict[str, Any] = {"progress": None if fraction is None else round(min(1.0, max(0.0, fraction)), 4), "stage": stage[:200]}
        with self._journal.write(f"agent:{self._claim.agent_id}") as tx:
            held = tx.get(schema.tasks, self._claim.task_id)["attempt_id"] == self._claim.attempt_id
            if held:
                tx.change(schema.attempts, self._claim.attempt_id, patch, "attempt.progressed", **self._claim.about)
        if not held:
            raise Stopped(LOST)
