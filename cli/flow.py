"""`arbiter run`: one flow, once, in the foreground; and what `arbiter up` runs beside the flows."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from cli import running
from cli.home import opened, settings, told_to_stop
from cli.services import answers
from models.errors import NotFound


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)
    app.command()(reserve)
    app.command()(watch)
    app.command()(notify)


def run(context: typer.Context, flow: Annotated[str, typer.Argument(help="its name: dispatch, measure, …", show_default=False)]) -> None:
    """Run a flow once. It reports to the Prefect server of `arbiter up` when that runs, else to one of its own for the time of the run."""
    from store.settings import PROJECT

    known = sorted(path.stem for path in (PROJECT / "flows").glob("*.py") if path.stem != "__init__")
    if flow not in known:
        message = f"there is no flow {flow!r}; there are {', '.join(known)}"
        raise NotFound(message)
    # -P: the folder that the user stands in must not shadow a package
    raise typer.Exit(subprocess.call((sys.executable, "-P", "-m", f"flows.{flow}", *context.args), env=_environment()))


def reserve() -> None:
    """Go on with the work whenever no shift lives, until told to stop. `arbiter up` runs this."""
    from tasks.reserve import stand_by

    with opened() as home:
        stand_by(home.journal, home.settings, told_to_stop())


def watch() -> None:
    """Write an alert whenever what should fire does not, until told to stop. `arbiter up` runs this."""
    from tasks.watch import watch_forever

    with opened() as home:
        watch_forever(home.journal, home.settings.promises, told_to_stop())


def notify() -> None:
    """Tell people what their rules ask for, until told to stop. `arbiter up` runs this."""
    from tasks.notify import notify_forever

    with opened() as home:
        notify_forever(home.journal, home.settings, told_to_stop(), dashboard=os.environ.get("ARBITER_DASHBOARD_URL"))


def _environment() -> dict[str, str]:
    """Return the environment of a flow: the running Prefect server, or none, which makes the flow start its own."""
    from cli.services import Ports, environment

    found = settings()
    prefect = running.read(found.run).get("services", {}).get("prefect", {})
    env = environment(found, Ports(api=found.api.port, dashboard=0, prefect=prefect.get("port") or 0, examples=0))
    if not prefect or not answers(f"{prefect['url']}/api/health"):
        del env["PREFECT_API_URL"]
    return env
