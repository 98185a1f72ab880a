"""Commands about channels, rules and deliveries."""

import sys
from typing import Annotated

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Id, Json, read_json

File = Annotated[str, typer.Argument(help="JSON file with a rule; - reads it from the input.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    channel = typer.Typer(help="Where messages go beside the inbox: add, test, pause and remove channels.", no_args_is_help=True)
    channel.command("add")(add)
    channel.command("test")(try_channel)
    channel.command("pause")(pause)
    channel.command("resume")(resume)
    channel.command("remove")(remove)
    channel.command("list")(listing)
    rule = typer.Typer(help="Who is told what, where and when: add, list, mute and remove rules.", no_args_is_help=True)
    rule.command("add")(add_rule)
    rule.command("list")(list_rules)
    rule.command("mute")(mute)
    rule.command("remove")(remove_rule)
    app.add_typer(channel, name="channel")
    app.add_typer(rule, name="rule")
    app.command()(deliveries)
    app.command()(replay)


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    kind: Annotated[str | None, typer.Option(help="apprise or webhook; without: a webhook where the address begins with http")] = None,
    user: Annotated[str | None, typer.Option(help="whose it is; without: the house's")] = None,
    as_json: Json = False,
) -> None:
    """Add a channel. Its address is read from the input, so that no list of processes shows it."""
    from tasks.channels import add_channel

    url = sys.stdin.readline().strip()
    with opened() as home:
        row = add_channel(home.journal, home.settings, {"name": name, "url": url, "kind": kind, "user": user}, actor=home.actor)
    if as_json:
        print_json(row)
        return
    screen = Screen()
    screen.mark("ok", f"{row['id']} {row['name']} leads to {row['address']}")
    if "secret" in row:
        screen.mark("info", f"secret that signs it, shown this once: {row['secret']}")


def try_channel(channel_id: Id, as_json: Json = False) -> None:
    """Send a test message now."""
    from tasks.channels import send_test

    with opened() as home:
        row = send_test(home.journal, home.settings, channel_id, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().mark("bad" if row["error"] else "ok", row["error"] or "sent")
    if row["error"]:
        raise typer.Exit(1)


def pause(channel_id: Id, as_json: Json = False) -> None:
    """Let messages wait."""
    _change(channel_id, "paused", as_json=as_json)


def resume(channel_id: Id, as_json: Json = False) -> None:
    """Bring what waits, at once."""
    _change(channel_id, "active", as_json=as_json)


def remove(channel_id: Id, as_json: Json = False) -> None:
    """Delete a channel and its address."""
    from tasks.channels import remove_channel

    with opened() as home:
        _say(remove_channel(home.journal, home.settings, channel_id, actor=home.actor), as_json=as_json)


def listing(as_json: Json = False) -> None:
    """List channels, each with why nothing arrives."""
    from tasks.channels import list_channels

    with opened() as home:
        rows = list_channels(home.journal)
    if as_json:
        print_json(rows)
    else:
        lines = [row | {"reached": when(row["reached_at"])} for row in rows]
        Screen().table(lines, ("id", "name", "address", "user_id", "state", "reached", "reason"))


def add_rule(file: File, as_json: Json = False) -> None:
    """Add a rule of the house."""
    from tasks import notify_rules

    wanted = read_json(file)
    with opened() as home:
        _say(notify_rules.add_rule(home.journal, wanted, viewer=None, actor=home.actor), as_json=as_json)


def list_rules(as_json: Json = False) -> None:
    """List rules."""
    from tasks import notify_rules

    with opened() as home:
        rows = notify_rules.list_rules(home.journal, viewer=None)
    if as_json:
        print_json(rows)
    else:
        lines = [row | {"muted until": when(row["muted_until_at"])} for row in rows]
        Screen().table(lines, ("id", "name", "to", "events", "channels", "muted until"))


def mute(
    rule_id: Id,
    until: Annotated[str | None, typer.Option(help="an instant with its zone, such as 2027-01-31T08:00Z; without: not any more")] = None,
    as_json: Json = False,
) -> None:
    """Send nothing through a rule's channels for a while; the inbox goes on."""
    from tasks import notify_rules

    with opened() as home:
        _say(notify_rules.mute_rule(home.journal, rule_id, {"until": until}, viewer=None, actor=home.actor), as_json=as_json)


def remove_rule(rule_id: Id, as_json: Json = False) -> None:
    """Delete a rule; what it made stays."""
    from tasks import notify_rules

    with opened() as home:
        _say(notify_rules.remove_rule(home.journal, rule_id, viewer=None, actor=home.actor), as_json=as_json)


def deliveries(
    state: Annotated[str | None, typer.Option(help="waiting, sent or dead")] = None,
    most: Annotated[int, typer.Option(help="rows", min=1, max=500)] = 30,
    as_json: Json = False,
) -> None:
    """List messages to channels, newest first."""
    from tasks.post import list_deliveries

    with opened() as home:
        rows = list_deliveries(home.journal, state=state, most=most)
    if as_json:
        print_json(rows)
    else:
        lines = [row | {"made": when(row["created_at"])} for row in rows]
        Screen().table(lines, ("id", "channel", "state", "tries", "made", "count", "title", "why", "error"))


def replay(delivery_id: Id, as_json: Json = False) -> None:
    """Let a dead message be tried again."""
    from tasks import post

    with opened() as home:
        _say(post.replay(home.journal, delivery_id, actor=home.actor), as_json=as_json)


def _change(channel_id: str, state: str, *, as_json: bool) -> None:
    from tasks.channels import change_channel

    with opened() as home:
        _say(change_channel(home.journal, home.settings, channel_id, {"state": state}, actor=home.actor), as_json=as_json)


def _say(row: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"{row['id']} is {row['state']}")
