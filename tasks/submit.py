"""Submitting work: checked whole, then written whole or not at all."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from graphlib import CycleError, TopologicalSorter

from sqlalchemy import bindparam, select

from agents import registry
from models.clock import SECOND, new_id, to_us
from models.errors import CycleFound, Invalid
from models.task import Condition, Join, Reason, State
from store import schema
from store.journal import Journal, Tx
from store.query import Query, Row
from store.settings import Settings
from tasks.approvals import check_approver
from tasks.categories import check_category
from tasks.moves import about, settle
from tasks.once import once
from tasks.promises import promised
from tasks.references import check
from tasks.work import NewTask, Work

NOBODY = "nobody"  # client of work that the house does for itself

_TASK = Query(select(schema.tasks.c.id, schema.tasks.c.client).where(schema.tasks.c.id == bindparam("task_id")))
_FIRED = (
    select(schema.fires.c.id)
    .join(schema.schedules, schema.schedules.c.id == schema.fires.c.schedule_id)
    .where(schema.schedules.c.name == bindparam("schedule"), schema.schedules.c.state != "deleted", schema.fires.c.verdict == "made")
    .order_by(schema.fires.c.due_at.desc(), schema.fires.c.id.desc())
    .limit(1)
)
_LATEST_FIRE = Query(select(schema.tasks.c.id).where(schema.tasks.c.fire_id == _FIRED.scalar_subquery()).order_by(schema.tasks.c.id))
_AGENT = Query(select(schema.agents.c.kind, schema.agents.c.config).where(schema.agents.c.id == bindparam("agent_id")))


def submit(journal: Journal, work: Work, *, settings: Settings, actor: str, source: str, client: str | None = None, key: str | None = None) -> Row:
    """Accept work: check all of it, then write tasks and dependencies in one transaction.

    Args:
        journal: where it is written.
        work: the tasks.
        settings: for the folders that inputs may name files from.
        actor: who submits.
        source: where the work came from: `cli`, `api`, `demo`, a marketplace.
        client: whose work it is, whatever the tasks say; for a client who submits for itself.
        key: the sender's name for this request: sent again with the same body it gives the same answer and writes nothing.

    Returns:
        `{"group_id": id or null for a single task, "tasks": [{"ref", "id", "state", "why"}, …]}` in the order of the work.

    Raises:
        Invalid: a field, reference, category, kind, agent or needed task is wrong; names it.
        CycleFound: tasks wait for each other; names the path.
        Conflict: the key was used for another body.

    """
    order, kinds = _order(work), _kinds(work)  # before anybody waits for the lock

    def accept(tx: Tx) -> Row:
        return write(tx, _checked(tx, work, order, kinds, settings=settings, origin=Origin(source=source), client=client))

    return once(journal, actor, accept, key=key, asked=work.model_dump_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where work came from."""

    source: str  # cli, api, demo, a marketplace, schedule
    schedule_id: str | None = None
    fire_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Work that was checked, as the rows that it becomes."""

    tasks: list[Row]  # in the order of the work
    links: list[Row]
    order: list[str]  # ids, each after those that it needs


def check_work(tx: Tx, work: Work, *, settings: Settings, origin: Origin) -> Accepted:
    """Check work within a transaction, and write nothing. Raises what `submit` raises."""
    return _checked(tx, work, _order(work), _kinds(work), settings=settings, origin=origin, client=None)


def write(tx: Tx, accepted: Accepted) -> Row:
    """Write work that was checked in the same transaction; return what `submit` returns."""
    owners = {row["id"]: about(row) for row in accepted.tasks}
    tx.create_many(schema.tasks, accepted.tasks, "task.submitted", _submitted_facts)
    tx.create_many(schema.dependencies, accepted.links, "dependency.added", lambda row: owners[row["task_id"]] | {"task_id": row["task_id"]})
    for task_id in accepted.order:
        settle(tx, task_id)
    settled = [tx.get(schema.tasks, row["id"]) for row in accepted.tasks]
    answers = [{"ref": row["ref"], "id": row["id"], "state": str(row["state"]), "why": row["why"]} for row in settled]
    return {"group_id": settled[0]["group_id"], "tasks": answers}


def _order(work: Work) -> list[int]:
    """Return the positions of the tasks so that each comes after those of the same work that it needs."""
    places: dict[str, int] = {}
    for place, task in enumerate(work.tasks):
        if task.ref is not None and places.setdefault(task.ref, place) != place:
            message = f"two tasks have the ref {task.ref!r}"
            raise Invalid(message)
    graph = {place: {places[need.task] for need in task.needs if need.task and need.task in places} for place, task in enumerate(work.tasks)}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        path = " → ".join(str(work.tasks[place].ref) for place in reversed(error.args[1]))
        message = f"tasks wait for each other in a circle: {path}"
        raise CycleFound(message) from error


def _kinds(work: Work) -> list[str | None]:
    """Return the kinds of agents that the tasks are for, checked before anybody waits for the lock; null where only the agent's row tells."""
    kinds: list[str | None] = []
    for place, task in enumerate(work.tasks):
        with _naming(place, task):
            kinds.append(_kind_of(task) if task.kind or not task.agent else None)
    return kinds


def _checked(
    tx: Tx, work: Work, order: Sequence[int], kinds: Sequence[str | None], *, settings: Settings, origin: Origin, client: str | None
) -> Accepted:
    group_id = new_id("g", tx.now) if len(work.tasks) > 1 else None
    task_ids = sorted(new_id("t", tx.now) for _ in work.tasks)  # so that they list in the order of the work
    ids = {task.ref: task_id for task, task_id in zip(work.tasks, task_ids, strict=True) if task.ref is not None}
    rows: list[Row] = []
    links: list[Row] = []
    for place, task in enumerate(work.tasks):
        owner = client or task.client or NOBODY
        with _naming(place, task):
            needed = _needed(tx, task, ids, client)
            sure = set() if task.join is Join.ANY and len(needed) > 1 else set(needed)  # only these will have ended when it starts
            inputs = check(tx, settings, task.inputs, ids=ids, needs=sure, owners={owner} if client else {owner, None})
            known = {"id": task_ids[place], "client": owner, "group_id": group_id, "inputs": json.dumps(inputs, ensure_ascii=False), **asdict(origin)}
            row = _row(tx, task, known | {"kind": _kind(tx, task, kinds[place])})
            rows.append(row | promised(settings.promises, row, to_us(task.due_at) if task.due_at else None, tx.now))
        links += [_link(task_ids[place], needs_id, condition) for needs_id, condition in needed.items()]
    return Accepted(tasks=rows, links=links, order=[task_ids[place] for place in order])


def _needed(tx: Tx, task: NewTask, ids: Mapping[str, str], client: str | None) -> dict[str, Condition]:
    needed: dict[str, Condition] = {}
    for need in task.needs:
        found = _of_latest_fire(tx, need.schedule, client) if need.schedule else [_known_task(tx, str(need.task), ids, client)]
        for needs_id in found:
            if needed.setdefault(needs_id, need.condition) != need.condition:
                message = f"it needs {need.task or need.schedule!r} under two conditions"
                raise Invalid(message)
    return needed


def _known_task(tx: Tx, name: str, ids: Mapping[str, str], client: str | None) -> str:
    if name in ids:
        return ids[name]
    found = tx.one(_TASK, task_id=name)
    if found is None or (client is not None and found["client"] != client):
        message = f"it needs {name!r}, which is neither a ref of this work nor a known task"
        raise Invalid(message)
    return name


def _of_latest_fire(tx: Tx, schedule: str, client: str | None) -> list[str]:
    found = tx.rows(_LATEST_FIRE, schedule=schedule)
    if client is not None or not found:
        message = f"it needs the latest fire of {schedule!r}: there is no such schedule, or it has not fired yet"
        raise Invalid(message)
    return [row["id"] for row in found]


def _row(tx: Tx, task: NewTask, known: Row) -> Row:
    if task.category is not None:
        check_category(tx, task.category)
    deadline = to_us(task.deadline_at) if task.deadline_at else None
    if deadline is not None and deadline <= tx.now:
        message = "the deadline has passed already"
        raise Invalid(message)
    if task.approver is not None:
        check_approver(tx, task.approver)
    return known | {
        "title": task.title, "description": task.description, "ref": task.ref,
        "category": task.category, "category_by": "given" if task.category else None, "confidence": None, "secondary": None,
        "language": task.language, "clearance": task.clearance, "wanted_agent": task.agent,
        "price_cents": task.price_cents, "currency": task.currency, "cost_cents": 0, "priority": task.priority, "timeout_s": task.timeout_s,
        "attempts_most": task.attempts_most, "backoff_s": task.backoff_s, "start_at": to_us(task.start_at) if task.start_at else None,
        "deadline_at": deadline, "needs_join": str(task.join),
        "delivery": "needed" if task.delivery else "none", "approver": task.approver, "approval_s": task.approval_s,
        "approval_until_at": tx.now + task.approval_s * SECOND if task.approval and task.approval_s else None,
        "approval": "needed" if task.approval else "none", "state": State.WAITING, "outcome": None,
        "reason": Reason.QUEUE, "why": "was just submitted", "wake_at": None, "queue_key": None, "attempts": 0, "lost": 0, "attempt_id": None,
        "stop_at": None, "hold_at": None, "held_us": 0,
        "result": None, "created_at": tx.now, "ready_at": None, "started_at": None, "finished_at": None,
    }  # fmt: skip


def _kind(tx: Tx, task: NewTask, known: str | None) -> str:
    """Return the kind of agent that a task is for; one for a certain agent is for that agent's kind."""
    if task.agent is None:
        return known or _kind_of(task)
    wanted = tx.one(_AGENT, agent_id=task.agent)
    if wanted is None:
        message = f"there is no agent {task.agent!r}"
        raise Invalid(message)
    takes = registry.takes(wanted["kind"])
    also = registry.also_takes(wanted["kind"], wanted["config"])
    chosen = known or (_kind_of(task) if also else takes)
    if chosen not in {takes, *also}:
        message = f"agent {task.agent!r} is of kind {wanted['kind']} and takes no inputs of kind {chosen}"
        raise Invalid(message)
    registry.check_inputs(chosen, task.inputs, references=True)
    return chosen


def _kind_of(task: NewTask) -> str:
    """Return the kind that the inputs are for, checked."""
    if task.kind is not None:
        registry.check_inputs(task.kind, task.inputs, references=True)
        return task.kind
    fitting = registry.kinds_for(task.inputs)
    if len(fitting) == 1:
        return fitting[0]
    which = f"fit several kinds of agent ({', '.join(fitting)})" if fitting else f"fit no kind of agent ({', '.join(registry.kinds())})"
    message = f"the inputs {which}: name the `kind` that they are for"
    raise Invalid(message)


@contextlib.contextmanager
def _naming(place: int, task: NewTask) -> Iterator[None]:
    """Say in an error which task of the work it is about."""
    try:
        yield
    except Invalid as error:
        message = f"tasks.{place} ({task.ref or task.title[:60]}): {error}"
        raise type(error)(message) from error


def _link(task_id: str, needs_id: str, condition: Condition) -> Row:
    return {"id": f"{task_id}>{needs_id}", "task_id": task_id, "needs_id": needs_id, "condition": str(condition)}


def _submitted_facts(row: Row) -> Row:
    return {name: row[name] for name in ("client", "category", "kind", "source", "price_cents", "currency", "group_id")}
