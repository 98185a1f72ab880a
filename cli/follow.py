"""`arbiter follow`: what happens in a house, here or elsewhere, as it happens."""

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Screen
from models.protocol import Happened, Wish
from models.untrusted import Untrusted

if TYPE_CHECKING:
    from clients.feed import Feed


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(follow)


def follow(
    name: Annotated[str, typer.Option(help="Who you are there.")],
    url: Annotated[str, typer.Option(help="The API.")] = "http://127.0.0.1:8600",
    topics: Annotated[list[str] | None, typer.Option("--topic", help="Only these; may be given more than once.")] = None,
    client: Annotated[str | None, typer.Option(help="Only what concerns this client.")] = None,
    category: Annotated[str | None, typer.Option(help="Only tasks of this category.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only what this agent does.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    after: Annotated[int | None, typer.Option(help="Begin after this sequence number. Default: from now on.", min=0)] = None,
    count: Annotated[int | None, typer.Option(help="End after so many events.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the messages themselves, one a line.")] = False,
) -> None:
    """Follow the live feed of a house until Ctrl-C. The password is that of ARBITER_PASSWORD, or asked for."""
    from clients.feed import Feed

    password = os.environ.get("ARBITER_PASSWORD") or typer.prompt("Password", hide_input=True)
    wish = Wish(client=client, category=category, agent=agent, task=task)
    feed = Feed(url, name=name, password=password, topics=topics, filters=wish, after=after)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_print(feed, count, as_json=as_json))


async def _print(feed: "Feed", count: int | None, *, as_json: bool) -> None:
    screen = Screen()
    async with contextlib.aclosing(aiter(feed)) as messages:
        async for told in messages:
            if as_json:
                screen.say(told.model_dump_json())
            elif isinstance(told, Happened):
                screen.say(f"{told.at[11:19]} {told.seq:>8} {told.kind:<20} {Untrusted(_what(told)).line(100)}")
            if isinstance(told, Happened) and count is not None:
                count -= 1
                if count == 0:
                    return


def _what(event: Happened) -> str:
    """Return what an event is about, and the most telling of what it changed."""
    known = [event.patch.get(name) for name in ("title", "state", "why", "stage")]
    return " · ".join([event.key, *(str(value) for value in known if value)])
