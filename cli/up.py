"""`arbiter up` and `arbiter demo`: everything in one terminal."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from cli import leash, running
from cli.home import actor, settings
from cli.output import Screen, print_json
from cli.work import Json
from models.errors import Invalid

if TYPE_CHECKING:
    from cli.watch import Stage
    from store.journal import Journal
    from store.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(up)
    app.command()(demo)


def up() -> None:
    """Start everything and keep it running until Ctrl-C."""

    def stay(stage: "Stage") -> int:
        from cli import watch

        return watch.stay(stage)

    _run(Screen(), stay)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Work to the end without a dashboard, print what came of it, and stop.")] = False,
    minutes: Annotated[float, typer.Option(help="with --once: give up after so long")] = 15,
    as_json: Json = False,
) -> None:
    """Start everything with the work of `examples/` loaded."""

    def show(stage: "Stage") -> int:
        from cli import watch

        return watch.to_the_end(stage, minutes=minutes, tell=print_json if as_json else None) if once else watch.show_around(stage)

    _run(Screen(silent=as_json), show, dashboard=not once, examples=True)


def _run(screen: Screen, show: Callable[["Stage"], int], *, dashboard: bool = True, examples: bool = False) -> None:
    """Hold the home's lock, put everything on a leash, and leave with the exit code of what was shown."""
    found = settings()
    _refuse_deep(found)
    with running.only_one(found.run):
        for name in running.clear_leftovers(found.run):
            screen.mark("warn", f"{name} was left by a former start: ended")
        outer = os.getpid()
        code = leash.leashed(lambda: _supervise(found, screen, show, outer, dashboard=dashboard, examples=examples))
    raise typer.Exit(code)


def _refuse_deep(found: "Settings") -> None:
    """Raise `Invalid` for a home whose path leaves no room for the names of sockets below it."""
    from store.bell import excess

    too_many = excess(found.run / "bells")
    if too_many:
        message = f"the path {found.home} is {too_many} characters too long for sockets below it: choose another home with --home"
        raise Invalid(message)


def _supervise(found: "Settings", screen: Screen, show: Callable[["Stage"], int], outer: int, *, dashboard: bool, examples: bool) -> int:
    """Be the supervisor: prepare the home, start the services, show what happens, stop."""
    from cli.services import Ports, services
    from cli.supervisor import Supervisor
    from cli.watch import Stage

    screen.say(f"Arbiter, home {found.home}")
    journal = _prepare(found, screen)
    wanted = services(found, Ports.choose(found), dashboard=dashboard, examples=examples)
    supervisor = Supervisor(found, journal, wanted, screen, outer=outer)
    supervisor.start()
    try:
        return show(Stage(supervisor=supervisor, journal=journal, screen=screen, settings=found))
    finally:
        supervisor.stop()
        journal.close()


def _prepare(found: "Settings", screen: Screen) -> "Journal":
    """Bring the ledger to this version, with the agents of the house and a first administrator."""
    from store.home import open_journal, set_up
    from tasks.notify_rules import ensure_notifying
    from tasks.read import counts
    from tasks.staff import hire_built_in
    from tasks.users import ensure_first_admin

    set_up(found)
    journal = open_journal(found)
    agents = hire_built_in(journal, found, actor=actor())
    online = sum(agent["state"] == "online" for agent in agents)
    screen.mark("ok", f"{'Ledger':<12} {journal.backend}, {sum(counts(journal).values())} tasks, {online} of {len(agents)} agents can work")
    for agent in agents:
        if agent["state"] == "offline":
            screen.mark("warn", f"{agent['id']} is offline: {agent['reason']}")
    ensure_notifying(journal, actor=actor())
    password = ensure_first_admin(journal)
    if password is not None:
        screen.mark("info", f"first administrator: admin, password {password} (shown this once; `arbiter user password admin` makes another)")
    return journal
