"""Commands about many tasks: groups, the queue, and one deed on all that fit."""

from typing import Annotated, Any

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Id, Json


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (groups, group, queue, bulk, undo):
        app.command()(command)


def groups(most: Annotated[int, typer.Option(help="rows", min=1, max=200)] = 30, as_json: Json = False) -> None:
    """List groups of tasks that were submitted together, newest first."""
    from tasks.groups import list_groups

    with opened() as home:
        rows = list_groups(home.journal, most=most)
    if as_json:
        print_json(rows)
        return
    lines = [row | {"id": row["group_id"], "done": f"{row['done']} of {row['tasks']}", "created": when(row["created_at"])} for row in rows]
    Screen().table(lines, ("id", "state", "outcome", "done", "created", "client", "title"))


def group(group_id: Id, as_json: Json = False) -> None:
    """Show one group: its tasks in order, the critical path (●) and what is expected."""
    from tasks.groups import group_detail

    with opened() as home:
        found = group_detail(home.journal, group_id)
    if as_json:
        print_json(found)
        return
    screen, head = Screen(), found["group"]
    screen.say(f"{head['state']}{' · ' + head['outcome'] if head['outcome'] else ''} · {head['done']} of {head['tasks']} done")
    if head["expected_end_at"] and head["state"] != "done":
        screen.say(f"expected to end {when(head['expected_end_at'])}")
    needs: dict[str, list[str]] = {}
    for edge in found["edges"]:
        needs.setdefault(edge["task_id"], []).append(edge["needs_id"])
    names = {task["id"]: task["ref"] or task["id"] for task in found["tasks"]}
    lines = [
        {"": "●" if task["id"] in head["critical"] else "", "needs": ", ".join(names[one] for one in needs.get(task["id"], []))}
        | {"id": task["id"], "ref": task["ref"], "state": task["state"], "outcome": task["outcome"], "title": task["title"]}
        | {"slack s": round(task["slack_us"] / 1e6, 1), "expected": when(task["expected_end_at"])}
        for task in found["tasks"]
    ]
    screen.table(lines, ("", "id", "ref", "state", "outcome", "needs", "slack s", "expected", "title"))


def queue(most: Annotated[int, typer.Option(help="rows", min=1, max=500)] = 30, as_json: Json = False) -> None:
    """Show the ready tasks in their order, and why each does not run yet."""
    from tasks.queue import queue as read_queue

    with opened() as home:
        rows = read_queue(home.journal, home.settings, most=most)
    if as_json:
        print_json(rows)
    else:
        lines = [row | {"ready": when(row["ready_at"])} for row in rows]
        Screen().table(lines, ("place", "id", "client", "priority", "ready", "category", "title", "why"))


def bulk(
    deed: Annotated[str, typer.Argument(help="cancel, retry, pause, resume, reprioritise or reassign", show_default=False)],
    state: Annotated[str | None, typer.Option()] = None,
    outcome: Annotated[str | None, typer.Option()] = None,
    category: Annotated[str | None, typer.Option()] = None,
    client: Annotated[str | None, typer.Option()] = None,
    agent: Annotated[str | None, typer.Option(help="that tried it")] = None,
    source: Annotated[str | None, typer.Option()] = None,
    group: Annotated[str | None, typer.Option()] = None,
    text: Annotated[str | None, typer.Option(help="in the title, the id or the client")] = None,
    to: Annotated[str | None, typer.Option(help="the priority, or the agent")] = None,
    why: Annotated[str, typer.Option()] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do it; without, only what it would touch is shown")] = False,
    as_json: Json = False,
) -> None:
    """Do one thing to all tasks that fit, after a look at which they are; `arbiter undo` takes it back for ten minutes."""
    from tasks import bulk as steps

    filters: dict[str, str | None] = {"state": state, "outcome": outcome, "category": category, "client": client, "agent": agent}
    filters |= {"source": source, "group": group, "text": text}
    wanted = steps.read_bulk(
        {"deed": deed, "filters": filters, "why": why, "priority": _number(to, deed), "agent": to if deed == "reassign" else None}
    )
    with opened() as home:
        row = steps.perform(home.journal, wanted, actor=home.actor) if yes else steps.preview(home.journal, wanted)
    if as_json:
        print_json({name: value for name, value in row.items() if name != "before"})
    elif yes:
        Screen().mark("ok", f"{deed}: {row['count']} tasks; `arbiter undo {row['id']}` takes it back for ten minutes")
    else:
        screen = Screen()
        screen.table(row["sample"], ("id", "state", "client", "category", "priority", "title"))
        screen.say(f"{row['count']} tasks would be touched, {row['left']} that fit cannot be; --yes does it")


def undo(bulk_id: Id, as_json: Json = False) -> None:
    """Take back what `arbiter bulk` did, as far as the tasks are still as it left them."""
    from tasks import bulk as steps

    with opened() as home:
        row = steps.undo(home.journal, bulk_id, actor=home.actor)
    if as_json:
        print_json({name: value for name, value in row.items() if name != "before"})
    else:
        Screen().mark("ok", f"taken back for {row['restored']} of {row['count']} tasks")


def _number(text: str | None, deed: str) -> Any:
    """Return a priority as a number; whatever else stays text, and is refused by name."""
    if deed != "reprioritise" or text is None:
        return None
    return int(text) if text.lstrip("-").isdecimal() else text
