"""`arbiter status`: what runs, where, and how it is."""

from typing import TYPE_CHECKING, Any

import typer

from cli import running
from cli.home import opened, settings
from cli.output import Screen, print_json
from cli.work import Json

if TYPE_CHECKING:
    from store.settings import Settings

NOT_RUNNING = 3


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(status)
    app.command()(version)


def status(as_json: Json = False) -> None:
    """Tell what runs in this home; exit code 0 when all is well, 1 when something is not, 3 when nothing runs."""
    found = settings()
    answer = survey(found)
    if as_json:
        print_json(answer)
    else:
        _show(Screen(), found, answer)
    well = all(service["state"] == "up" for service in answer["services"].values()) and answer["shift"]
    raise typer.Exit(NOT_RUNNING if not answer["running"] else 0 if well else 1)


def version(as_json: Json = False) -> None:
    """Tell the versions of Arbiter and of what it is built on."""
    import platform
    from importlib.metadata import version

    from store.engine import SQLITE_VERSION

    names = ("arbiter", "prefect", "duckdb", "sqlalchemy", "fastapi", "streamlit")
    answer = {name: version(name) for name in names} | {"sqlite": SQLITE_VERSION, "python": platform.python_version(), "system": platform.platform()}
    if as_json:
        print_json(answer)
    else:
        Screen().say("\n".join(f"{name:<12} {value}" for name, value in answer.items()))


def survey(found: "Settings") -> dict[str, Any]:
    """Return what runs: services with their state as asked just now, task counts, and whether a dispatch shift is at work."""
    known = running.read(found.run)
    services = {name: _now(entry) for name, entry in known.get("services", {}).items()}
    answer: dict[str, Any] = {"home": str(found.home), "running": running.lives(known.get("supervisor", {})), "services": services}
    if found.database.url is None and not (found.home / "ledger.db").exists():
        return answer | {"shift": False, "tasks": {}}
    from tasks.beats import living_shifts
    from tasks.read import counts

    with opened() as home:
        return answer | {"shift": bool(living_shifts(home.journal)), "tasks": counts(home.journal)}


def _now(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a service's entry with the state that it is in now: the file tells what its supervisor saw last."""
    return entry if running.lives(entry) else entry | {"state": "dead" if entry.get("pid") else entry["state"]}


def _show(screen: Screen, found: "Settings", answer: dict[str, Any]) -> None:
    if not answer["running"]:
        screen.mark("bad", f"nothing runs in {found.home}: `arbiter up` starts everything")
    for entry in answer["services"].values():
        again = f", started again {entry['restarts']} times" if entry["restarts"] else ""
        screen.mark("ok" if entry["state"] == "up" else "bad", f"{entry['title']:<12} {entry['state']:<9} {entry['url'] or ''}{again}")
    if answer["running"]:
        screen.mark("ok" if answer["shift"] else "warn", f"{'Dispatch':<12} {'a shift is at work' if answer['shift'] else 'no shift is alive'}")
    counted = ", ".join(f"{n} {state}" for state, n in sorted(answer["tasks"].items())) or "none"
    screen.mark("info", f"{'Tasks':<12} {counted}")
