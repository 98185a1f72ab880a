"""`arbiter reset`: forgets a home; says first what that means."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import running
from cli.home import opened, settings
from cli.output import Screen, print_json
from cli.work import Json
from models.errors import Conflict, NotFound

if TYPE_CHECKING:
    from store.settings import Settings

OURS = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "lake", "files", "work", "inbox", "run", "keys", "prefect", "arbiter.toml"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(reset)


def reset(yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is deleted.")] = False, as_json: Json = False) -> None:
    """Delete everything that this home remembers. Without --yes it only tells what would be deleted."""
    found = settings()
    home = found.home
    _check(found, home)
    what = _content(found, home)
    if yes:
        with running.only_one(found.run):
            running.clear_leftovers(found.run)
            shutil.rmtree(home)
    if as_json:
        print_json(what | {"home": str(home), "deleted": yes})
        return
    screen = Screen()
    screen.say(f"{home}: {what['tasks']} tasks, {what['bytes'] / 1e6:,.1f} MB in {what['files']} files")
    if yes:
        screen.mark("ok", "deleted")
    else:
        screen.mark("info", "nothing was deleted: `arbiter reset --yes` does it, for good")


def _check(found: "Settings", home: Path) -> None:
    if not home.exists():
        message = f"there is nothing to delete: {home} does not exist"
        raise NotFound(message)
    strangers = sorted(path.name for path in home.iterdir() if path.name not in OURS)
    if strangers:
        message = f"{home} holds what Arbiter did not put there ({', '.join(strangers[:5])}): move it away first"
        raise Conflict(message)
    if found.database.url is not None:
        message = "the ledger is in PostgreSQL: drop that database yourself, then this command deletes the folder when `database.url` is unset"
        raise Conflict(message)
    if running.lives(running.read(found.run).get("supervisor", {})):
        message = "Arbiter runs in this home: end it first (Ctrl-C in its terminal)"
        raise Conflict(message)


def _content(found: "Settings", home: Path) -> dict[str, int]:
    sizes = [path.stat().st_size for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    return {"tasks": _tasks(found), "files": len(sizes), "bytes": sum(sizes)}


def _tasks(found: "Settings") -> int:
    if not (found.home / "ledger.db").exists():
        return 0
    from tasks.read import counts

    with opened() as home:
        return sum(counts(home.journal).values())
