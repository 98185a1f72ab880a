"""How work that is done elsewhere ends: with a result, with an error, or declined. The same end said again is answered as before."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool, StrictInt
from sqlalchemy import bindparam, select

from agents import registry
from agents.brief import BriefInputs, check_answer
from agents.contract import AgentError, Tokens
from models.deciding import wish_of
from models.errors import Invalid
from models.money import MOST_CENTS
from models.routing import rejection
from models.task import Outcome, Reason
from models.untrusted import Untrusted, storable
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import agents, artifacts, attempts, tasks
from store.settings import Dispatch, Settings
from tasks.act import pause_task
from tasks.claim import Claim
from tasks.keep import artifact_row, keep_file
from tasks.moves import finish, move
from tasks.once import once
from tasks.outside import Held, held
from tasks.perform import ERROR_MOST, Ended, end, written
from tasks.roster import Roster
from tasks.uploads import check_name
from tasks.work import Json, Name, Text

_DECLINED = Query(select(attempts.c.agent_id).where(attempts.c.task_id == bindparam("task_id"), attempts.c.state == "declined"))
EXTRA_FREE: Final = 10_000  # minor units that work may cost beyond the price list where the task pays less

Count = Annotated[StrictInt, Field(ge=0, le=10**12)]


class Brought(Held):
    """What came of the work."""

    answer: Json
    files: Annotated[tuple[Name, ...], Field(max_length=100)] = ()  # ids of files that were handed in for this attempt
    tokens_in: Count | None = None  # that a language model read; null: none, or not known
    tokens_out: Count | None = None  # and wrote
    extra_cents: Annotated[StrictInt, Field(ge=0, le=MOST_CENTS)] = 0  # beyond the agent's price, in the task's currency

    @property
    def tokens(self) -> Tokens | None:
        """What a language model read and wrote; null when nothing is known of either."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        whole = self.tokens_in is not None and self.tokens_out is not None
        return Tokens(read=self.tokens_in or 0, wrote=self.tokens_out or 0, whole=whole)


class Failure(Held):
    """Why the work could not be done, and whether another try may help."""

    error: Annotated[Text, Field(min_length=1, max_length=ERROR_MOST)]
    retryable: StrictBool = False


class Refusal(Held):
    """Why the agent does not want to do it, and who should; null: whoever is best."""

    why: Annotated[Text, Field(min_length=1, max_length=1000)]
    to: Name | None = None


def bring(journal: Journal, user: str, attempt_id: str, brought: Brought) -> Row:
    """Accept a result. Raises `Invalid` for an answer that is not as it was asked for; then the attempt goes on."""

    def deed(tx: Tx) -> Row:
        claim, task = held(tx, user, attempt_id, brought.fence)
        most = max(task["price_cents"], EXTRA_FREE)
        if brought.extra_cents > most:
            message = f"extra_cents: {brought.extra_cents} is more than the task pays; the most is {most}"
            raise Invalid(message)
        if task["kind"] == "brief":
            asked = registry.check_inputs("brief", claim.inputs, references=True)
            if isinstance(asked, BriefInputs):
                check_answer(asked, brought.answer)
        for artifact_id in dict.fromkeys(brought.files):
            if tx.get(artifacts, artifact_id)["attempt_id"] != attempt_id:
                message = f"there is no file {artifact_id!r} of this attempt: hand it in first"
                raise Invalid(message)
            patch = {"task_id": claim.task_id, "client": claim.client}
            tx.change(artifacts, artifact_id, patch, "artifact.attached", **claim.about)
        ended = Ended(state="succeeded", value=_written(brought.answer), extra_cents=brought.extra_cents, tokens=brought.tokens)
        return _ended(tx, claim, ended)

    return _once(journal, user, attempt_id, "result", brought, deed)


def fail(journal: Journal, user: str, attempt_id: str, failure: Failure) -> Row:
    """Note that the work could not be done; that it stopped, where it was asked to."""

    def deed(tx: Tx) -> Row:
        claim, task = held(tx, user, attempt_id, failure.fence)
        state = "failed" if task["stop_at"] is None else "cancelled"
        return _ended(tx, claim, Ended(state=state, error=storable(failure.error), retryable=failure.retryable))

    return _once(journal, user, attempt_id, "fail", failure, deed)


def decline(journal: Journal, user: str, attempt_id: str, refusal: Refusal) -> Row:
    """Give work back. It counts as no try, and this agent is not asked again; `to` asks a colleague, who must take such work."""

    def deed(tx: Tx) -> Row:
        claim, task = held(tx, user, attempt_id, refusal.fence)
        if refusal.to is not None:
            _check_colleague(tx, claim, task, refusal.to)
        attempt = tx.get(attempts, attempt_id)
        facts = claim.about | {"kind": claim.kind, "state": "declined", "cost_cents": 0, "currency": task["currency"]}
        patch = {"state": "declined", "error": refusal.why, "finished_at": tx.now}
        tx.change(attempts, attempt_id, patch, "attempt.finished", **facts, started_at=attempt["started_at"], finished_at=tx.now)
        _give_back(tx, claim, task, refusal)
        return _state_of(tx, claim)

    return _once(journal, user, attempt_id, "decline", refusal, deed)


def hand_in(journal: Journal, settings: Settings, user: str, attempt_id: str, fence: int, path: Path, name: str) -> Row:
    """Keep a file for the result of an attempt; return its row. Nobody sees it before the result names it."""
    check_name(name)
    with journal.look() as view:
        held(view, user, attempt_id, fence)  # nothing is kept for somebody who has no business here
    sha256, size = keep_file(settings, path)
    with journal.write(f"user:{user}") as tx:
        claim, _ = held(tx, user, attempt_id, fence)
        row = artifact_row(name=name, sha256=sha256, size=size, at=tx.now, client=None, attempt_id=attempt_id)
        tx.create(artifacts, row, "artifact.added", agent_id=claim.agent_id)
        return row


def _written(answer: Mapping[str, Any]) -> str:
    try:
        return written(answer)
    except (AgentError, ValueError) as error:  # too large, or with NaN in it
        raise Invalid(str(error)) from error


def _ended(tx: Tx, claim: Claim, ended: Ended) -> Row:
    end(tx, claim, ended)
    return _state_of(tx, claim)


def _state_of(tx: Tx, claim: Claim) -> Row:
    task = tx.get(tasks, claim.task_id)
    return {"attempt_id": claim.attempt_id, "state": tx.get(attempts, claim.attempt_id)["state"], "task_state": task["state"]}


def _check_colleague(tx: Tx, claim: Claim, task: Row, to: str) -> None:
    """Refuse a colleague whom a rule keeps from the task, or who declined it: it would wait for nobody."""
    tx.get(agents, to)
    roster = Roster(tx, Dispatch(), tx.now)
    gone = frozenset((row["agent_id"], "declined it") for row in tx.rows(_DECLINED, task_id=task["id"]))
    wish = wish_of(task | {"wanted_agent": to}, excluded=roster.excluded(task["client"]) | gone | {(claim.agent_id, "is you")})
    rule = next(rejection(wish, one) for one in roster.candidates if one.agent_id == to)
    if rule is not None:
        message = f"{to!r} cannot take it over: {to} {rule}"
        raise Invalid(message)


def _give_back(tx: Tx, claim: Claim, task: Row, refusal: Refusal) -> None:
    lost = task["lost"] + 1
    if task["stop_at"] is not None:
        finish(tx, task, Outcome.CANCELLED, Reason.PERSON, task["why"], lost=lost)
        return
    handed_over = any(row["agent_id"] != claim.agent_id for row in tx.rows(_DECLINED, task_id=task["id"]))  # by whoever declined it before
    wanted = refusal.to or (None if handed_over else task["wanted_agent"])
    next_one = refusal.to or ("somebody to ask for another agent" if wanted else "another agent")
    why = f"{claim.agent_id} declined it ({Untrusted(refusal.why).line(200)}); waits for {next_one}"
    move(tx, task, "task.returned", reason=str(Reason.QUEUE), why=why, attempt_id=None, wake_at=None, lost=lost, wanted_agent=wanted)
    if task["hold_at"] is not None:
        pause_task(tx, tx.get(tasks, task["id"]), task["why"])


def _once(journal: Journal, user: str, attempt_id: str, deed_name: str, said: Held, deed: Callable[[Tx], Row]) -> Row:
    body = said.model_dump_json()
    key = f"{attempt_id}:{deed_name}:{hashlib.sha256(body.encode()).hexdigest()[:16]}"
    return once(journal, f"user:{user}", deed, key=key, asked=body)
