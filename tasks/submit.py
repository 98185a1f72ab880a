"""Submitting work: checked whole, then written whole or not at all."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints, ValidationError
from sqlalchemy import bindparam, select

from agents import registry
from models.category import CATEGORIES
from models.clock import new_id, to_us
from models.errors import Conflict, CycleFound, Invalid
from models.money import MOST_CENTS
from models.task import Condition, Reason, State
from store import schema
from store.journal import Journal, Tx
from store.query import Query, Row
from store.settings import Settings
from tasks.moves import settle
from tasks.references import check

NOBODY = "nobody"  # client of work that the house does for itself

_REQUEST = Query(select(schema.requests).where(schema.requests.c.id == bindparam("request_id")))
_TASK = Query(select(schema.tasks.c.id, schema.tasks.c.client).where(schema.tasks.c.id == bindparam("task_id")))
_AGENT = Query(select(schema.agents.c.kind).where(schema.agents.c.id == bindparam("agent_id")))


def _storable(text: Any) -> Any:
    if isinstance(text, str) and ("\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)):
        message = "holds a character that cannot be stored (NUL or half of a surrogate pair)"
        raise ValueError(message)
    return text


Text = Annotated[str, BeforeValidator(_storable)]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]


def _plain(inputs: Any) -> Any:
    """Refuse what cannot be kept as JSON text: NaN, NUL, half a surrogate pair, nesting without end."""
    try:
        text = json.dumps(inputs, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        message = f"cannot be kept as JSON: {error}"
        raise ValueError(message) from error
    if "\\u0000" in text.replace("\\\\", ""):
        message = "hold a NUL character"
        raise ValueError(message)
    return inputs


def _near(moment: datetime) -> datetime:
    if not datetime(1970, 1, 2, tzinfo=UTC) <= moment <= datetime(9000, 1, 1, tzinfo=UTC):
        message = "is not a year between 1970 and 9000"
        raise ValueError(message)
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_near)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Need(_Strict):
    """A task that must end first."""

    task: Name  # its `ref` in the same work, or the id of an earlier task
    condition: Condition = Condition.SUCCESS


class NewTask(_Strict):
    """One task as it is submitted."""

    ref: Name | None = None  # its name within this work, for `needs` and references
    title: Annotated[Text, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
    description: Annotated[Text, StringConstraints(max_length=100_000)] = ""
    client: Name | None = None
    category: str | None = None  # null: to be categorized from title and description
    kind: str | None = None  # kind of agent; null: the one that the inputs are for
    inputs: Annotated[dict[str, Any], BeforeValidator(_plain)]
    price_cents: Annotated[StrictInt, Field(ge=0, le=MOST_CENTS)] = 0
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)] = 0
    timeout_s: Annotated[StrictInt, Field(ge=1, le=86_400)] = 600
    attempts_most: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    backoff_s: Annotated[StrictInt, Field(ge=0, le=3600)] = 5
    start_at: Moment | None = None
    deadline_at: Moment | None = None
    needs: tuple[Need, ...] = ()
    agent: Name | None = None  # only this one
    approval: bool = False  # an operator must approve before it starts


class Work(_Strict):
    """Tasks that are submitted together: all are accepted, or none."""

    tasks: Annotated[tuple[NewTask, ...], Field(min_length=1, max_length=1000)]


def read_work(data: Any) -> Work:
    """Return submitted JSON as work; a single task needs no list. Raises `Invalid` with every field that is wrong."""
    try:
        return Work.model_validate(data if isinstance(data, dict) and "tasks" in data else {"tasks": [data]})
    except ValidationError as error:
        raise Invalid(wrong_fields(error)) from error


def wrong_fields(error: ValidationError, whole: str = "work") -> str:
    """Return every field that is wrong and why, in one line; `whole` names what the fields belong to."""
    return "; ".join(f"{'.'.join(str(part) for part in item['loc']) or whole}: {item['msg']}" for item in error.errors())


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
    order = _order(work)
    kinds = _kinds(work)
    body = hashlib.sha256(work.model_dump_json().encode()).hexdigest()
    with journal.write(actor) as tx:
        request_id = f"{actor}:{key}"
        if key is not None and (known := tx.one(_REQUEST, request_id=request_id)):
            return _same_answer(known, body)
        answer = _write(tx, work, order, kinds, settings=settings, source=source, client=client)
        if key is not None:
            row = {"id": request_id, "body_sha256": body, "answer": json.dumps(answer), "at": tx.now}
            tx.create(schema.requests, row, "request.answered")
        return answer


def _order(work: Work) -> list[int]:
    """Return the positions of the tasks so that each comes after those of the same work that it needs."""
    places: dict[str, int] = {}
    for place, task in enumerate(work.tasks):
        if task.ref is not None and places.setdefault(task.ref, place) != place:
            message = f"two tasks have the ref {task.ref!r}"
            raise Invalid(message)
    graph = {place: {places[need.task] for need in task.needs if need.task in places} for place, task in enumerate(work.tasks)}
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


def _same_answer(known: Row, body: str) -> Row:
    if known["body_sha256"] != body:
        message = "this Idempotency-Key was used before with a different body: use a new key for new work"
        raise Conflict(message)
    answer: Row = json.loads(known["answer"])
    return answer


def _write(tx: Tx, work: Work, order: Sequence[int], kinds: Sequence[str | None], *, settings: Settings, source: str, client: str | None) -> Row:
    group_id = new_id("g", tx.now) if len(work.tasks) > 1 else None
    task_ids = sorted(new_id("t", tx.now) for _ in work.tasks)  # so that they list in the order of the work
    ids = {task.ref: task_id for task, task_id in zip(work.tasks, task_ids, strict=True) if task.ref is not None}
    rows = []
    links: list[Row] = []
    for place, task in enumerate(work.tasks):
        owner = client or task.client or NOBODY
        with _naming(place, task):
            needed = _needed(tx, task, ids, client)
            inputs = check(tx, settings, task.inputs, ids=ids, needs=set(needed), owners={owner} if client else {owner, None})
            known = {"id": task_ids[place], "source": source, "client": owner, "group_id": group_id, "inputs": json.dumps(inputs, ensure_ascii=False)}
            rows.append(_row(tx, task, known | {"kind": _kind(tx, task, kinds[place])}))
        links += [_link(task_ids[place], needs_id, condition) for needs_id, condition in needed.items()]
    owners = {row["id"]: row["client"] for row in rows}
    tx.create_many(schema.tasks, rows, "task.submitted", _submitted_facts)
    tx.create_many(schema.dependencies, links, "dependency.added", lambda row: {"task_id": row["task_id"], "client": owners[row["task_id"]]})
    for place in order:
        settle(tx, task_ids[place])
    settled = [tx.get(schema.tasks, task_id) for task_id in task_ids]
    answers = [
        {"ref": task.ref, "id": row["id"], "state": str(row["state"]), "why": row["why"]} for task, row in zip(work.tasks, settled, strict=True)
    ]
    return {"group_id": group_id, "tasks": answers}


def _needed(tx: Tx, task: NewTask, ids: Mapping[str, str], client: str | None) -> dict[str, Condition]:
    needed: dict[str, Condition] = {}
    for need in task.needs:
        needs_id = ids.get(need.task)
        if needs_id is None:
            found = tx.one(_TASK, task_id=need.task)
            if found is None or (client is not None and found["client"] != client):
                message = f"it needs {need.task!r}, which is neither a ref of this work nor a known task"
                raise Invalid(message)
            needs_id = need.task
        if needed.setdefault(needs_id, need.condition) != need.condition:
            message = f"it needs {need.task!r} under two conditions"
            raise Invalid(message)
    return needed


def _row(tx: Tx, task: NewTask, known: Row) -> Row:
    if task.category is not None and task.category not in CATEGORIES:
        message = f"unknown category {task.category!r}; there are {', '.join(CATEGORIES)}"
        raise Invalid(message)
    deadline = to_us(task.deadline_at) if task.deadline_at else None
    if deadline is not None and deadline <= tx.now:
        message = "the deadline has passed already"
        raise Invalid(message)
    return known | {
        "title": task.title, "description": task.description, "ref": task.ref,
        "category": task.category, "category_by": "given" if task.category else None, "confidence": None, "wanted_agent": task.agent,
        "price_cents": task.price_cents, "currency": task.currency, "cost_cents": 0, "priority": task.priority, "timeout_s": task.timeout_s,
        "attempts_most": task.attempts_most, "backoff_s": task.backoff_s, "start_at": to_us(task.start_at) if task.start_at else None,
        "deadline_at": deadline, "approval": "needed" if task.approval else "none", "state": State.WAITING, "outcome": None,
        "reason": Reason.QUEUE, "why": "was just submitted", "wake_at": None, "queue_key": None, "attempts": 0, "lost": 0, "attempt_id": None,
        "stop_at": None, "result": None, "created_at": tx.now, "ready_at": None, "started_at": None, "finished_at": None,
    }  # fmt: skip


def _kind(tx: Tx, task: NewTask, known: str | None) -> str:
    """Return the kind of agent that a task is for; one for a certain agent is for that agent's kind."""
    if task.agent is None:
        return known or _kind_of(task)
    wanted = tx.one(_AGENT, agent_id=task.agent)
    if wanted is None:
        message = f"there is no agent {task.agent!r}"
        raise Invalid(message)
    if known not in {None, wanted["kind"]}:
        message = f"agent {task.agent!r} is of kind {wanted['kind']}, not {known}"
        raise Invalid(message)
    registry.check_inputs(wanted["kind"], task.inputs, references=True)
    return str(wanted["kind"])


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
