"""Commands about the inbox of a user."""

from typing import Annotated

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Json


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(inbox)


def inbox(
    user: Annotated[str, typer.Option(help="whose inbox")] = "admin",
    ack: Annotated[list[str] | None, typer.Option(help="acknowledge this notice; may be given again", metavar="ID")] = None,
    state: Annotated[str | None, typer.Option(help="open, acknowledged, resolved or snoozed")] = None,
    unread: Annotated[bool, typer.Option("--unread", help="only what was not read")] = False,
    read: Annotated[bool, typer.Option("--read", help="note that all was read")] = False,
    most: Annotated[int, typer.Option(help="rows", min=1, max=200)] = 30,
    as_json: Json = False,
) -> None:
    """Show an inbox, newest first (● is unread); acknowledge notices."""
    from store.schema import users
    from tasks import notices

    with opened() as home:
        with home.journal.look() as view:
            view.get(users, user)
        for notice_id in ack or ():
            notices.acknowledge(home.journal, notice_id, user=user, actor=home.actor)
        found = notices.list_inbox(home.journal, user, state=state, unread=unread, most=most)
        if read:
            notices.read_to(home.journal, user, {"to": found["last"]}, actor=home.actor)
    if as_json:
        print_json(found)
        return
    screen = Screen()
    lines = [row | {"": "●" if row["unread"] else "", "when": when(row["at"])} for row in found["items"]]
    screen.table(lines, ("", "id", "when", "severity", "state", "count", "title", "text"))
    screen.mark("info", f"{found['unread']} unread")
