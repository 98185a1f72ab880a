"""Reading the ledger: what the API, the command line and the pages show."""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from models.clock import DAY, first_id
from models.errors import Invalid, NotFound
from store import schema
from store.journal import Journal, View, to_event
from store.query import Query, Row, any_of
from store.schema import agents, artifacts, attempts, decisions, dependencies, journal, postings, schedules, tasks
from store.settings import Settings
from tasks.keep import path_of
from tasks.moves import public

MOST = 500  # rows of one page
EVENTS = 500  # newest of one task

_ATTEMPTS = Query(select(attempts).where(attempts.c.task_id == bindparam("task_id")).order_by(attempts.c.number))
_DECISIONS = Query(select(decisions).where(decisions.c.task_id == bindparam("task_id")).order_by(decisions.c.at, decisions.c.id))
_ARTIFACTS = Query(select(artifacts).where(artifacts.c.task_id == bindparam("task_id")).order_by(artifacts.c.created_at, artifacts.c.id))
_LINKED = (tasks.c.id, tasks.c.client, tasks.c.ref, tasks.c.title, tasks.c.state, tasks.c.outcome, dependencies.c.condition)
_NEEDS = Query(
    select(*_LINKED)
    .join(dependencies, dependencies.c.needs_id == tasks.c.id)
    .where(dependencies.c.task_id == bindparam("task_id"))
    .order_by(tasks.c.id),
)
_NEEDED_BY = Query(
    select(*_LINKED)
    .join(dependencies, dependencies.c.task_id == tasks.c.id)
    .where(dependencies.c.needs_id == bindparam("task_id"))
    .order_by(tasks.c.id),
)
_EVENTS = Query(
    select(journal).where(journal.c.entity == "tasks", journal.c.key == bindparam("task_id")).order_by(journal.c.seq.desc()).limit(EVENTS),
)
_SAID = Query(
    select(journal.c.facts)
    .where(
        journal.c.entity == "tasks",
        journal.c.key == bindparam("task_id"),
        any_of(journal.c.kind, "task.categorized", "task.questioned"),
    )
    .order_by(journal.c.seq.desc())
    .limit(1),
)
_COUNTS = Query(
    select(tasks.c.state, func.count().label("n"))
    .where(or_(bindparam("client", type_=tasks.c.client.type).is_(None), tasks.c.client == bindparam("client", type_=tasks.c.client.type)))
    .group_by(tasks.c.state),
)
_OF_SHIFT = Query(
    select(*attempts.c, tasks.c.title, schedules.c.name.label("schedule"))
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .outerjoin(schedules, schedules.c.id == tasks.c.schedule_id)
    .where(attempts.c.shift_id == bindparam("shift_id"))
    .order_by(attempts.c.id.desc())
    .limit(bindparam("most")),
)
_FLEET = Query(
    select(
        attempts.c.id, attempts.c.task_id, attempts.c.agent_id, attempts.c.state, attempts.c.started_at, attempts.c.finished_at, tasks.c.title,
        tasks.c.category,
    )
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(attempts.c.id >= bindparam("first"), or_(attempts.c.finished_at > bindparam("since", type_=BigInteger), attempts.c.state == "running"))
    .order_by(attempts.c.id.desc())
    .limit(bindparam("most")),
)  # fmt: skip
_AGENTS = Query(
    select(
        *agents.c,
        func.coalesce(func.sum(case((attempts.c.state == "running", 1), else_=0)), 0).cast(Integer).label("running"),
        func.coalesce(func.sum(case((attempts.c.state == "succeeded", 1), else_=0)), 0).cast(Integer).label("succeeded"),
        func.coalesce(func.sum(case((any_of(attempts.c.state, "failed", "timeout"), 1), else_=0)), 0).cast(Integer).label("failed"),
    )
    .outerjoin(attempts, attempts.c.agent_id == agents.c.id)
    .group_by(*agents.c)
    .order_by(agents.c.id),
)


def get_task(view: View, task_id: str, client: str | None = None) -> Row:
    """Return a task's row; `NotFound` also when it is another client's, so that ids tell nothing."""
    task = view.get(tasks, task_id)
    if client is not None and task["client"] != client:
        message = f"there is no task {task_id!r}"
        raise NotFound(message)
    return task


def list_tasks(
    source_journal: Journal,
    *,
    state: str | None = None,
    outcome: str | None = None,
    category: str | None = None,
    client: str | None = None,
    agent: str | None = None,
    source: str | None = None,
    group: str | None = None,
    fire: str | None = None,
    text: str | None = None,
    cursor: str | None = None,
    most: int = 50,
) -> Row:
    """Return a page of tasks, newest first: `{"items": [task, …], "next": cursor of the next page or null}`. All filters must hold."""
    if not 1 <= most <= MOST:
        message = f"a page has 1 to {MOST} rows"
        raise Invalid(message)
    wanted = {"state": state, "outcome": outcome, "category": category, "client": client, "source": source, "group": group}
    filters, given = _filters(wanted | {"fire": fire, "agent": agent, "text": text})
    if cursor is not None:
        given["at"], given["id"] = _decode(cursor)
        filters.append(or_(tasks.c.created_at < bindparam("at"), and_(tasks.c.created_at == bindparam("at"), tasks.c.id < bindparam("id"))))
    query = Query(_page(filters))
    with source_journal.look() as view:
        rows = view.rows(query, **given, most=most + 1)
    page = rows[:most]
    return {"items": [public(row) for row in page], "next": _encode(page[-1]) if len(rows) > most else None}


def matching(view: View, wanted: Mapping[str, str | None], *, most: int) -> list[Row]:
    """Return the rows of tasks that fit all filters that are given, oldest first."""
    filters, given = _filters(wanted)
    return view.rows(Query(select(schema.tasks).where(*filters).order_by(tasks.c.id).limit(bindparam("most"))), **given, most=most)


def task_detail(source_journal: Journal, task_id: str, *, client: str | None = None) -> Row:
    """Return a task, with what the categorizer said as its `prediction`, attempts, decisions, artifacts, tasks before and after it, and events."""
    with source_journal.look() as view:
        task = get_task(view, task_id, client) | {"prediction": said_of(view, task_id)}
        parts = {"attempts": _ATTEMPTS, "decisions": _DECISIONS, "artifacts": _ARTIFACTS, "needs": _NEEDS, "needed_by": _NEEDED_BY}
        found: Row = {name: [public(row) for row in view.rows(query, task_id=task_id)] for name, query in parts.items()}
        events = [to_event(row) for row in reversed(view.rows(_EVENTS, task_id=task_id))]
    if client is not None:  # what others have done for others stays with them
        found |= {side: [row for row in found[side] if row["client"] == client] for side in ("needs", "needed_by")}
    shown = [{"seq": e.seq, "at": e.at, "kind": e.kind, "actor": e.actor, "patch": dict(e.patch), "facts": dict(e.facts)} for e in events]
    return {"task": public(task)} | found | {"events": shown}


def said_of(view: View, task_id: str) -> Row | None:
    """Return what the categorizer said of a task the last time that it was asked (see `tasks.champion.facts_of`); null: it was not, or could not."""
    found = view.one(_SAID, task_id=task_id)
    facts: Row = json.loads(found["facts"]) if found else {}
    return {name: value for name, value in facts.items() if name not in {"client", "category"}} if facts.get("guess") else None


def list_agents(source_journal: Journal) -> list[Row]:
    """Return all agents with how many attempts they have running, succeeded and failed."""
    with source_journal.look() as view:
        return [public(row) for row in view.rows(_AGENTS)]


def fleet(source_journal: Journal, *, since: int, most: int = 2000) -> list[Row]:
    """Return the attempts that went on after an instant, oldest first, each with its task's title and category."""
    with source_journal.look() as view:
        first = first_id("x", since - 2 * DAY)  # no attempt takes longer than a day
        return list(reversed(view.rows(_FLEET, first=first, since=since, most=most)))


def attempts_of(source_journal: Journal, shift_id: str, *, most: int) -> list[Row]:
    """Return the attempts of a shift, newest first, each with its task's title and the schedule that it came of, if any."""
    with source_journal.look() as view:
        return view.rows(_OF_SHIFT, shift_id=shift_id, most=most)


def counts(source_journal: Journal, *, client: str | None = None) -> dict[str, int]:
    """Return how many tasks are in each state; states with none are absent."""
    with source_journal.look() as view:
        return {row["state"]: row["n"] for row in view.rows(_COUNTS, client=client)}


def artifact(source_journal: Journal, settings: Settings, artifact_id: str, *, client: str | None = None) -> tuple[Row, Path]:
    """Return an artifact's row and where its bytes are; `NotFound` also when it is another client's."""
    with source_journal.look() as view:
        row = view.get(artifacts, artifact_id)
    if client is not None and row["client"] != client:
        message = f"there is no artifact {artifact_id!r}"
        raise NotFound(message)
    return row, path_of(settings, row["sha256"])


def list_postings(source_journal: Journal, *, state: str | None = None, most: int = 100) -> list[Row]:
    """Return postings, newest first."""
    statement = select(postings).order_by(postings.c.seen_at.desc(), postings.c.id).limit(bindparam("most"))
    given: dict[str, Any] = {"most": most}
    if state is not None:
        statement, given["state"] = statement.where(postings.c.state == bindparam("state")), state
    with source_journal.look() as view:
        return [public(row) for row in view.rows(Query(statement), **given)]


def _filters(wanted: Mapping[str, str | None]) -> tuple[list[ColumnElement[bool]], Row]:
    """Return conditions and their parameters for the filters that are given."""
    given: Row = {name: value for name, value in wanted.items() if value is not None}
    if any("\0" in str(value) for value in given.values()):
        message = "a filter cannot hold a NUL character"
        raise Invalid(message)
    columns = {"group": "group_id", "fire": "fire_id"}
    filters = [tasks.c[columns.get(name, name)] == bindparam(name) for name in given if name not in {"agent", "text"}]
    if "agent" in given:
        filters.append(select(attempts.c.id).where(attempts.c.task_id == tasks.c.id, attempts.c.agent_id == bindparam("agent")).exists())
    if "text" in given:
        given["text"] = "%" + given["text"].lower().replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        filters.append(or_(*(func.lower(column).like(bindparam("text"), escape="!") for column in (tasks.c.title, tasks.c.id, tasks.c.client))))
    return filters, given


def _page(filters: list[ColumnElement[bool]]) -> Select[Any]:
    return select(schema.tasks).where(*filters).order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(bindparam("most"))


def _encode(row: Row) -> str:
    return base64.urlsafe_b64encode(f"{row['created_at']}|{row['id']}".encode()).decode().rstrip("=")


def _instant(at: int) -> int:
    if not 0 <= at < 1 << 62:
        message = "out of range"
        raise ValueError(message)
    return at


def _decode(cursor: str) -> tuple[int, str]:
    try:
        at, task_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        return _instant(int(at)), task_id
    except (ValueError, binascii.Error) as error:
        message = "this is no cursor of a page of tasks: take it from `next` of the page before"
        raise Invalid(message) from error
