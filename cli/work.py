"""Commands about tasks and postings: each parses, calls one function and prints."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.home import opened
from cli.output import Screen, money, print_json, when
from models.errors import Invalid

if TYPE_CHECKING:
    from store.query import Row

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Note = Annotated[str, typer.Option(help="kept with the decision")]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (submit, tasks, task, cancel, retry, approve, reject, delegate, pause, resume, priority, postings):
        app.command()(command)


def submit(
    file: Annotated[str, typer.Argument(help="JSON file with one task or {“tasks”: […]}; - reads it from the input.")],
    key: Annotated[str | None, typer.Option(help="Name of this request: sent again it gives the same answer and adds nothing.")] = None,
    as_json: Json = False,
) -> None:
    """Submit work from a file."""
    from tasks.submit import submit
    from tasks.work import read_work

    work = read_work(read_json(file))
    with opened() as home:
        accepted = submit(home.journal, work, settings=home.settings, actor=home.actor, source="cli", key=key)
    if as_json:
        print_json(accepted)
    else:
        Screen().table(accepted["tasks"], ("id", "ref", "state", "why"))


def tasks(
    state: Annotated[str | None, typer.Option(help="waiting, ready, running, review, paused or done")] = None,
    outcome: Annotated[str | None, typer.Option(help="succeeded, failed, cancelled or expired")] = None,
    category: Annotated[str | None, typer.Option()] = None,
    client: Annotated[str | None, typer.Option()] = None,
    agent: Annotated[str | None, typer.Option(help="that tried it")] = None,
    source: Annotated[str | None, typer.Option()] = None,
    group: Annotated[str | None, typer.Option(help="submitted together")] = None,
    text: Annotated[str | None, typer.Option(help="in the title, the id or the client")] = None,
    cursor: Annotated[str | None, typer.Option(help="of the next page, as the page before said")] = None,
    most: Annotated[int, typer.Option(help="rows")] = 30,
    as_json: Json = False,
) -> None:
    """List tasks, newest first."""
    from tasks.read import list_tasks

    filters: dict[str, str | None] = {"state": state, "outcome": outcome, "category": category, "client": client, "agent": agent}
    with opened() as home:
        page = list_tasks(home.journal, **filters, source=source, group=group, text=text, cursor=cursor, most=most)
    if as_json:
        print_json(page)
        return
    screen = Screen()
    screen.table([task_line(row) for row in page["items"]], ("id", "state", "outcome", "category", "client", "price", "created", "title"))
    if page["next"]:
        screen.mark("info", f"there are more: --cursor {page['next']}")


def task(task_id: Id, as_json: Json = False) -> None:
    """Show one task with its attempts, decisions, artifacts and events."""
    from tasks.queue import explain
    from tasks.read import task_detail

    with opened() as home:
        detail = task_detail(home.journal, task_id)
        detail["task"]["why"] = explain(home.journal, home.settings, detail["task"])
    if as_json:
        print_json(detail)
    else:
        _show_task(Screen(), detail)


def cancel(task_id: Id, why: Annotated[str, typer.Option(help="said to whoever asks why")] = "", as_json: Json = False) -> None:
    """End a task, or ask the agent that works on it to stop."""
    from tasks import act

    with opened() as home:
        answer(act.cancel(home.journal, task_id, actor=home.actor, why=why), as_json=as_json)


def retry(task_id: Id, as_json: Json = False) -> None:
    """Try a task again that failed, expired or was cancelled."""
    from tasks import act

    with opened() as home:
        answer(act.retry(home.journal, task_id, actor=home.actor), as_json=as_json)


def approve(task_id: Id, note: Note = "", as_json: Json = False) -> None:
    """Let a task start that needs approval, or accept its result."""
    from tasks import approvals

    with opened() as home:
        answer(approvals.approve(home.journal, task_id, actor=home.actor, note=note), as_json=as_json)


def reject(task_id: Id, note: Note, as_json: Json = False) -> None:
    """Refuse a task its start, which ends it, or its result, which has it done again."""
    from tasks import approvals

    with opened() as home:
        answer(approvals.reject(home.journal, task_id, actor=home.actor, note=note), as_json=as_json)


def delegate(task_id: Id, to: Annotated[str, typer.Option(help="user who is asked instead")], as_json: Json = False) -> None:
    """Ask somebody else for an approval."""
    from tasks import approvals

    with opened() as home:
        answer(approvals.delegate(home.journal, task_id, to, actor=home.actor), as_json=as_json)


def pause(task_id: Id, why: Annotated[str, typer.Option()] = "", as_json: Json = False) -> None:
    """Keep a task that has not started from starting."""
    from tasks import act

    with opened() as home:
        answer(act.pause(home.journal, task_id, actor=home.actor, why=why), as_json=as_json)


def resume(task_id: Id, as_json: Json = False) -> None:
    """Let a paused task go on."""
    from tasks import act

    with opened() as home:
        answer(act.resume(home.journal, task_id, actor=home.actor), as_json=as_json)


def priority(
    task_id: Id,
    points: Annotated[int, typer.Argument(min=-1000, max=1000, show_default=False, help="one is worth one minute of waiting")],
    as_json: Json = False,
) -> None:
    """Change how early in the queue a task stands."""
    from tasks import act

    with opened() as home:
        answer(act.reprioritise(home.journal, task_id, points, actor=home.actor), as_json=as_json)


def postings(
    state: Annotated[str | None, typer.Option(help="open, filled, frozen or closed")] = None,
    most: Annotated[int, typer.Option(help="rows")] = 30,
    as_json: Json = False,
) -> None:
    """List postings, newest first."""
    from tasks.read import list_postings

    with opened() as home:
        found = list_postings(home.journal, state=state, most=most)
    if as_json:
        print_json(found)
        return
    rows = [row | {"seen": when(row["seen_at"]), "budget": money(row["budget_max_cents"], row["currency"])} for row in found]
    Screen().table(rows, ("id", "state", "category", "budget", "seen", "title"))


def task_line(row: "Row") -> "Row":
    """Return a task's row with the columns that a table shows."""
    return row | {"price": money(row["price_cents"], row["currency"]), "created": when(row["created_at"])}


def said(row: "Row") -> str | None:
    """Return what the categorizer said of a task, in one line; null: nothing."""
    one = row["prediction"]
    if one is None:
        return None
    sure = f"{one['guess']} {one['confidence']:.2f}"
    rival = f", then {one['runner_up']} {one['runner_up_confidence']:.2f}" if "runner_up" in one else ""
    spoke = f": {', '.join(one['words'])}" if one.get("words") else ""
    return f"{sure}{rival}{spoke}"


def read_json(file: str) -> Any:
    """Return what a JSON file holds; `-` is the input. Raises `Invalid` for one that cannot be read."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise Invalid(message) from error
    except ValueError as error:  # not UTF-8, or not JSON
        message = f"{file} is not JSON: {error}"
        raise Invalid(message) from error


def answer(row: "Row", *, as_json: bool) -> None:
    """Print how a task stands after a deed."""
    if as_json:
        print_json(row)
        return
    ended = f", {row['outcome']}" if row["outcome"] else ""
    Screen().mark("ok", f"{row['id']} is {row['state']}{ended}: {row['why']}")


def _show_task(screen: Screen, detail: "Row") -> None:
    row = task_line(detail["task"])
    shown = ("id", "title", "client", "category", "kind", "state", "outcome", "why", "price", "created")
    facts = [{"what": name, "is": row[name]} for name in shown] + [{"what": "categorizer", "is": said(row)}]
    screen.table(facts, ("what", "is"), widest=110)
    screen.heading("Attempts")
    attempts = [x | {"started": when(x["started_at"]), "finished": when(x["finished_at"])} for x in detail["attempts"]]
    screen.table(attempts, ("number", "agent_id", "state", "stage", "started", "finished", "error"))
    screen.heading("Decisions")
    screen.table([d | {"made": when(d["at"])} for d in detail["decisions"]], ("made", "agent_id", "policy", "why"), widest=90)
    screen.heading("Artifacts")
    screen.table(detail["artifacts"], ("id", "name", "media_type", "size"))
    screen.heading("Before and after it")
    linked = [n | {"": "needs"} for n in detail["needs"]] + [n | {"": "needed by"} for n in detail["needed_by"]]
    screen.table(linked, ("", "id", "condition", "state", "outcome", "title"))
    screen.heading("Events")
    screen.table([e | {"when": when(e["at"])} for e in detail["events"]], ("seq", "when", "kind", "actor"))
