"""Work that is done elsewhere: how workers and people fetch what they were given, tell how it goes, and bring what came of it.

An attempt is *given* when the dispatch shift started it, and *accepted* when its agent fetched it; from then on a worker gives a sign of life
for each attempt, or loses it. All that is said of an attempt carries its number, the fence; it is refused with `LeaseLost` when the task is no longer
the attempt's own. How attempts end is in `tasks.outside_ends`.
"""

import itertools
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StrictInt
from sqlalchemy import bindparam, select

from agents.contract import AgentError
from models.clock import SECOND, iso
from models.errors import Invalid, LeaseLost, NotFound
from models.task import State
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import agents, attempts, tasks
from store.settings import Settings
from tasks.beats import Beat, give
from tasks.claim import Claim
from tasks.moves import about, needs_of
from tasks.references import find, rewrite
from tasks.staff import BY, set_state
from tasks.work import Strict, Text

ACCEPTED = "accepted"  # the stage of an attempt until its agent says another
Fence = Annotated[StrictInt, Field(ge=1)]
Tokens = Annotated[StrictInt, Field(ge=0, le=10**12)]

_HANDS = Query(select(agents).where(agents.c.user_id == bindparam("user_id")))
_GIVEN = Query(select(attempts).where(attempts.c.agent_id == bindparam("agent_id"), attempts.c.state == "running").order_by(attempts.c.id))


class Held(Strict):
    """Says that the attempt still holds its task: its number, as it came with the work."""

    fence: Fence


class Progress(Held):
    """How far the work is: 0 to 1, null when that cannot be known; and what is being done."""

    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    stage: Annotated[Text, Field(min_length=1, max_length=200)] = ACCEPTED


def agent_of(view: View, user: str) -> Row:
    """Return the agent whose hands a user is. Raises `NotFound` for a user who is none's."""
    row = view.one(_HANDS, user_id=user)
    if row is None:
        message = f"{user!r} does not work for the house: `arbiter agent add --help` says how to hire"
        raise NotFound(message)
    return row


def agent_named(journal: Journal, user: str) -> Row:
    """Return the agent whose hands a user is."""
    with journal.look() as view:
        return agent_of(view, user)


def given(journal: Journal, settings: Settings, user: str) -> Row:
    """Return what a user works on: `agent` (null for one who does not work) and `items`, the attempts that it was given, accepted or not."""
    with journal.look() as view:
        agent = view.one(_HANDS, user_id=user)
        items = [_job(view, settings, row) for row in view.rows(_GIVEN, agent_id=agent["id"])] if agent else []
    return {"agent": agent and {name: agent[name] for name in ("id", "kind", "title", "state", "reason")}, "items": items}


def accept(journal: Journal, settings: Settings, user: str, *, most: int) -> list[Row]:
    """Note that an agent is there with some free places; return what it was given and has not accepted yet, which it has accepted then."""
    with journal.write(f"user:{user}") as tx:
        agent = agent_of(tx, user)
        _note_life(tx, settings, agent)
        found = [row for row in tx.rows(_GIVEN, agent_id=agent["id"]) if row["stage"] is None][:most]
        for row in found:
            facts = about(tx.get(tasks, row["task_id"])) | {"task_id": row["task_id"], "agent_id": agent["id"]}
            tx.change(attempts, row["id"], {"stage": ACCEPTED}, "attempt.accepted", **facts)
            _note_life(tx, settings, agent, row["id"])
        return [_job(tx, settings, row) for row in found]


def beat(journal: Journal, settings: Settings, user: str, attempt_id: str, said: Held) -> Row:
    """Give a sign of life for an attempt; return `do`: `go_on`, `pause` or `stop`, and why."""
    with journal.write(f"user:{user}") as tx:
        claim, task = held(tx, user, attempt_id, said.fence)
        _note_life(tx, settings, tx.get(agents, claim.agent_id), attempt_id)
    return _told(task)


def progress(journal: Journal, settings: Settings, user: str, attempt_id: str, said: Progress) -> Row:
    """Note how far the work is; a sign of life, too, and answered like one."""
    with journal.write(f"user:{user}") as tx:
        claim, task = held(tx, user, attempt_id, said.fence)
        _note_life(tx, settings, tx.get(agents, claim.agent_id), attempt_id)
        patch: Row = {"progress": None if said.fraction is None else round(said.fraction, 4), "stage": said.stage}
        known = tx.get(attempts, attempt_id)
        if any(known[name] != value for name, value in patch.items()):
            tx.change(attempts, attempt_id, patch, "attempt.progressed", **claim.about)
    return _told(task)


def input_file(journal: Journal, settings: Settings, user: str, attempt_id: str, number: int) -> tuple[Path, str]:
    """Return where the bytes are of a file that an attempt was given, 1 for the first, and its name."""
    with journal.look() as view:
        attempt = _mine(view, user, attempt_id)
        found: list[tuple[str, Any]] = []
        rewrite(json.loads(view.get(tasks, attempt["task_id"])["inputs"]), lambda name, what: found.append((name, what)))
        if attempt["state"] != "running" or not 1 <= number <= len(found):
            message = f"there is no file {number} for the attempt {attempt_id!r}"
            raise NotFound(message)
        try:
            return find(view, settings, *found[number - 1])
        except AgentError as error:
            raise NotFound(str(error)) from error


def held(view: View, user: str, attempt_id: str, fence: int) -> tuple[Claim, Row]:
    """Return an attempt of this user's with its task. Raises `NotFound`, and `LeaseLost` when it does not hold the task any more."""
    attempt = _mine(view, user, attempt_id)
    task = view.get(tasks, attempt["task_id"])
    if task["attempt_id"] != attempt_id or task["state"] != State.RUNNING or attempt["number"] != fence:
        message = f"attempt {fence} of task {task['id']} no longer holds it: nothing more is accepted from it"
        raise LeaseLost(message)
    return claim_of(view, attempt, task), task


def claim_of(view: View, attempt: Row, task: Row) -> Claim:
    """Return an attempt that is made elsewhere as the value by which ends are recorded."""
    agent = view.get(agents, attempt["agent_id"])
    return Claim(
        task_id=task["id"], attempt_id=attempt["id"], number=attempt["number"], agent_id=agent["id"], kind=agent["kind"], category=task["category"],
        title=task["title"], client=task["client"], currency=task["currency"], timeout_s=task["timeout_s"], inputs=json.loads(task["inputs"]),
        config=json.loads(agent["config"]), needs=tuple(need.task_id for need in needs_of(view, task["id"])), plain=True,
    )  # fmt: skip


def _mine(view: View, user: str, attempt_id: str) -> Row:
    agent, attempt = agent_of(view, user), view.get(attempts, attempt_id)
    if attempt["agent_id"] != agent["id"]:
        message = f"there is no attempt {attempt_id!r}"
        raise NotFound(message)
    return attempt


def _note_life(tx: Tx, settings: Settings, agent: Row, attempt_id: str | None = None) -> None:
    """Give the signs of life of a worker; one that had given none is online again, unless a person took it off. People give none."""
    if agent["kind"] != "worker":
        return
    until = tx.now + int(settings.dispatch.worker_lease_s * SECOND)
    names = [f"shift:worker:{agent['id']}", *([f"work:{attempt_id}"] if attempt_id else [])]
    for name in names:
        give(tx, Beat(name=name, holder=agent["id"], until=until, here=False))
    if agent["state"] == "offline" and not agent["reason"].startswith(BY):
        set_state(tx, agent, "online")


def _told(task: Row) -> Row:
    do = "stop" if task["stop_at"] is not None else "pause" if task["hold_at"] is not None else "go_on"
    return {"do": do, "why": "" if do == "go_on" else task["why"]}


def _job(view: View, settings: Settings, attempt: Row) -> Row:
    """Return an attempt as its agent sees it; each file of the inputs is a link that only this agent may follow, while it works."""
    task = view.get(tasks, attempt["task_id"])
    numbers = itertools.count(1)

    def link(name: str, what: Any) -> Row:
        number = next(numbers)
        try:
            known = find(view, settings, name, what)[1]
        except (AgentError, Invalid):
            known = ""  # following the link says what is wrong
        return {"$href": f"/work/{attempt['id']}/inputs/{number}", "name": known}

    ends_at = None if task["hold_at"] else attempt["started_at"] + (task["held_us"] or 0) + task["timeout_s"] * SECOND
    return {
        "task_id": task["id"], "attempt_id": attempt["id"], "fence": attempt["number"], "title": task["title"], "description": task["description"],
        "category": task["category"], "kind": task["kind"], "inputs": rewrite(json.loads(task["inputs"]), link), "timeout_s": task["timeout_s"],
        "given_at": iso(attempt["started_at"]), "ends_at": iso(ends_at), "due_at": iso(task["due_at"]),
        "accepted": attempt["stage"] is not None, **_told(task),
    }  # fmt: skip
