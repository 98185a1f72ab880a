"""Commands about users: tokens, adding and listing."""

import secrets
import sys
from typing import Annotated

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Json
from models.clock import MINUTE, iso
from models.errors import Invalid, NotFound

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the input; otherwise one is made and shown once.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(token)
    user = typer.Typer(help="Add, change and list users.", no_args_is_help=True)
    user.command("add")(add)
    user.command("password")(password)
    user.command("disable")(disable)
    user.command("enable")(enable)
    user.command("list")(listing)
    app.add_typer(user, name="user")


def token(
    name: Name = "admin",
    minutes: Annotated[int, typer.Option(min=1, max=720, help="how long it lasts")] = 15,
    as_json: Json = False,
) -> None:
    """Print a token for the API in the name of a user."""
    from tasks.tokens import Tokens
    from tasks.users import find_user

    with opened() as home:
        with home.journal.look() as view:
            user = find_user(view, name)
        if user is None or user["state"] != "active":
            message = f"there is no active user {name!r}: `arbiter user list` shows who there is"
            raise NotFound(message)
        issued = Tokens(home.journal, home.settings).issue(user, lasts_us=minutes * MINUTE)
    if as_json:
        print_json({"access_token": issued.text, "expires_at": iso(issued.expires_at), "name": name, "role": user["role"], "client": user["client"]})
    else:
        Screen().say(issued.text)


def add(
    name: Name,
    role: Annotated[str, typer.Option(help="admin, operator, analyst, client or agent")] = "operator",
    client: Annotated[str | None, typer.Option(help="whose tasks a user of role client sees")] = None,
    password_stdin: FromInput = False,
    as_json: Json = False,
) -> None:
    """Add a user."""
    from tasks.users import add_user

    chosen = _password(from_input=password_stdin)
    with opened() as home:
        row = add_user(home.journal, name, role, chosen, client=client, actor=home.actor)
    _show(row | ({} if password_stdin else {"password": chosen}), as_json=as_json)


def password(name: Name, password_stdin: FromInput = False, as_json: Json = False) -> None:
    """Give a user a new password and end all sessions that the old one opened."""
    from tasks.users import set_password

    chosen = _password(from_input=password_stdin)
    with opened() as home:
        row = set_password(home.journal, name, chosen, actor=home.actor)
    _show(row | ({} if password_stdin else {"password": chosen}), as_json=as_json)


def disable(name: Name, as_json: Json = False) -> None:
    """Shut a user out at once."""
    from tasks.users import disable

    with opened() as home:
        _show(disable(home.journal, name, actor=home.actor), as_json=as_json)


def enable(name: Name, as_json: Json = False) -> None:
    """Let a user in again that was disabled."""
    from tasks.users import enable

    with opened() as home:
        _show(enable(home.journal, name, actor=home.actor), as_json=as_json)


def listing(as_json: Json = False) -> None:
    """List users."""
    from sqlalchemy import select

    from store.query import Query
    from store.schema import users

    with opened() as home, home.journal.look() as view:
        rows = view.rows(Query(select(users).order_by(users.c.id)))
    if as_json:
        print_json(rows)
    else:
        Screen().table([row | {"created": when(row["created_at"])} for row in rows], ("id", "role", "client", "state", "label", "created"))


def _password(*, from_input: bool) -> str:
    if not from_input:
        return secrets.token_urlsafe(15)
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        message = "no password came on the input"
        raise Invalid(message)
    return line


def _show(row: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    screen = Screen()
    screen.mark("ok", f"{row['id']} is {row['state']}, role {row['role']}")
    if "password" in row:
        screen.mark("info", f"password, shown this once: {row['password']}")
