"""Tasks: submit, read, and what people do to them."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from api.answers import shown, shown_all, shown_detail
from api.auth import GuardedRoute
from api.parts import Parts, The, Who
from models.access import STAFF, Role, Viewer, assigned
from models.errors import NotFound
from models.task import Outcome, State
from tasks import act, approvals, read
from tasks.moves import public
from tasks.queue import explain
from tasks.review import review as decide
from tasks.submit import submit
from tasks.work import Work

router = APIRouter(route_class=GuardedRoute, tags=["tasks"])

SOURCE = "api"


def _one_or_many(data: Any) -> Any:
    return data if isinstance(data, dict) and "tasks" in data else {"tasks": [data]}


Submitted = Annotated[Work, BeforeValidator(_one_or_many)]  # a single task needs no list
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Text = Annotated[str | None, Query(max_length=300)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Because(_Strict):
    """Why somebody does it; kept with the task."""

    why: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class Choice(_Strict):
    """The category that a person chose."""

    category: Annotated[str, Field(max_length=100)]  # or "None of these"
    secondary: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=5)] = []  # further ones that fit too


class Importance(_Strict):
    """One point is worth one minute of waiting."""

    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)]


class Noted(_Strict):
    """What somebody says to a decision; kept with it."""

    note: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class Delegation(_Strict):
    """Who is asked instead."""

    to: Annotated[str, Field(max_length=100)]


class Wanted(_Strict):
    """The agent that is asked for."""

    agent: Annotated[str, Field(max_length=100)] | None


class Filters(BaseModel):
    """What a list of tasks is about; all that are given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: State | None = None
    outcome: Outcome | None = None
    category: Text = None
    client: Text = None
    agent: Text = None
    source: Text = None
    group: Text = None
    fire: Text = None
    text: Text = None
    cursor: Annotated[str | None, Query(max_length=300)] = None
    most: Annotated[int, Query(ge=1, le=500)] = 50


@router.post("/tasks", status_code=202)
def submit_work(the: The, viewer: Who, work: Submitted, key: Key = None) -> dict[str, Any]:
    """Submit one task, or several that belong together: all are accepted or none. The same key with the same body gives the same answer, once."""
    return submit(the.journal, work, settings=the.settings, actor=viewer.actor, source=SOURCE, client=viewer.client, key=key)


@router.get("/tasks")
def list_tasks(the: The, viewer: Who, filters: Annotated[Filters, Query()]) -> dict[str, Any]:
    """Return a page of tasks, newest first; `next` is the cursor of the page after it."""
    given = filters.model_dump()
    if viewer.client is not None:
        given["client"] = viewer.client
    if viewer.agent is not None:
        given["agent"] = viewer.agent
    page = read.list_tasks(the.journal, **given)
    return {"items": shown_all(page["items"], viewer), "next": page["next"]}


@router.get("/tasks/counts")
def counts(the: The, viewer: Who) -> dict[str, int]:
    """Return how many tasks are in each state."""
    known = read.counts(the.journal, client=viewer.client)
    return {state: known.get(state, 0) for state in State}


@router.get("/tasks/{task_id}")
def task(the: The, viewer: Who, task_id: str) -> dict[str, Any]:
    """Return a task with its attempts, decisions, artifacts, the tasks before and after it, and its events."""
    detail = seen_detail(the, viewer, task_id)
    if viewer.role in STAFF:  # which agents are busy is the house's own affair
        detail["task"]["why"] = explain(the.journal, the.settings, detail["task"])
    return shown_detail(detail, viewer)


@router.post("/tasks/{task_id}/cancel")
def cancel(the: The, viewer: Who, task_id: str, because: Because | None = None, key: Key = None) -> dict[str, Any]:
    """End a task, or ask its agent to stop."""
    why = because.why if because else ""
    return _acted(act.cancel(the.journal, task_id, actor=viewer.actor, why=why, client=viewer.client, key=key), viewer)


@router.post("/tasks/{task_id}/retry")
def retry(the: The, viewer: Who, task_id: str, key: Key = None) -> dict[str, Any]:
    """Try a task again that did not succeed, or end its pause before the next try."""
    return _acted(act.retry(the.journal, task_id, actor=viewer.actor, client=viewer.client, key=key), viewer)


@router.post("/tasks/{task_id}/approve")
def approve(the: The, viewer: Who, task_id: str, noted: Noted | None = None, key: Key = None) -> dict[str, Any]:
    """Let a task start that needs approval, or accept a result that waits for it."""
    note = noted.note if noted else ""
    row = approvals.approve(the.journal, task_id, actor=viewer.actor, note=note, anyone=_may_all(viewer), client=viewer.client, key=key)
    return _acted(row, viewer)


@router.post("/tasks/{task_id}/reject")
def reject(the: The, viewer: Who, task_id: str, noted: Noted, key: Key = None) -> dict[str, Any]:
    """Refuse a task its start, which ends it, or refuse a result, which has it done again."""
    row = approvals.reject(the.journal, task_id, actor=viewer.actor, note=noted.note, anyone=_may_all(viewer), client=viewer.client, key=key)
    return _acted(row, viewer)


@router.post("/tasks/{task_id}/delegate")
def delegate(the: The, viewer: Who, task_id: str, wanted: Delegation, key: Key = None) -> dict[str, Any]:
    """Ask somebody else for an approval."""
    return _acted(approvals.delegate(the.journal, task_id, wanted.to, actor=viewer.actor, anyone=_may_all(viewer), key=key), viewer)


@router.post("/tasks/{task_id}/review")
def review(the: The, viewer: Who, task_id: str, choice: Choice, key: Key = None) -> dict[str, Any]:
    """Choose the category of a task that nobody was sure about, or correct that of one that has not ended; either is a label to learn from."""
    row = decide(the.journal, task_id, choice.category, secondary=choice.secondary, actor=viewer.actor, client=viewer.client, key=key)
    return _acted(row, viewer)


@router.post("/tasks/{task_id}/pause")
def pause(the: The, viewer: Who, task_id: str, because: Because | None = None, key: Key = None) -> dict[str, Any]:
    """Keep a task that has not started from starting."""
    why = because.why if because else ""
    return _acted(act.pause(the.journal, task_id, actor=viewer.actor, why=why, client=viewer.client, key=key), viewer)


@router.post("/tasks/{task_id}/resume")
def resume(the: The, viewer: Who, task_id: str, key: Key = None) -> dict[str, Any]:
    """Let a paused task go on."""
    return _acted(act.resume(the.journal, task_id, actor=viewer.actor, client=viewer.client, key=key), viewer)


@router.post("/tasks/{task_id}/priority")
def reprioritise(the: The, viewer: Who, task_id: str, importance: Importance, key: Key = None) -> dict[str, Any]:
    """Change how early a task stands in the queue."""
    return _acted(act.reprioritise(the.journal, task_id, importance.priority, actor=viewer.actor, client=viewer.client, key=key), viewer)


@router.post("/tasks/{task_id}/agent")
def reassign(the: The, viewer: Who, task_id: str, wanted: Wanted, key: Key = None) -> dict[str, Any]:
    """Ask for another agent for a task that does not run; null: for whichever is best."""
    return _acted(act.reassign(the.journal, task_id, wanted.agent, actor=viewer.actor, client=viewer.client, key=key), viewer)


def seen_detail(the: Parts, viewer: Viewer, task_id: str) -> dict[str, Any]:
    """Return a task's detail if the viewer may see it; otherwise `NotFound`, so that ids tell nothing."""
    detail = read.task_detail(the.journal, task_id, client=viewer.client)
    if viewer.agent is not None and not assigned(detail, viewer.agent):
        message = f"there is no task {task_id!r}"
        raise NotFound(message)
    return detail


def _may_all(viewer: Viewer) -> bool:
    """Tell whether a viewer may give approvals that others are asked for."""
    return viewer.role is Role.ADMIN


def _acted(row: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
    return shown(public(row), viewer)
