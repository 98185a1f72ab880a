"""The `arbiter` command: which commands there are, and how errors end.

Exit codes: 0 done · 1 not everything that should is well · 2 the request is wrong · 3 a part that is needed is missing · 70 a bug.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    agents,
    bids,
    categories,
    doctor,
    evaluate,
    figures,
    flow,
    follow,
    inbox,
    llm,
    many,
    notify,
    people,
    reset,
    routing,
    schedule,
    simulate,
    status,
    up,
    work,
)
from models.errors import ArbiterError
from models.untrusted import Untrusted

MESSAGE_MOST = 2000  # characters
BUG = 70  # EX_SOFTWARE of sysexits.h


app = typer.Typer(
    name="arbiter",
    help="Runs a business that takes paid work and lets a pool of agents do it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def common(
    home: Annotated[Path | None, typer.Option(help="Folder of this business. Default: ARBITER_HOME, else .arbiter here.", show_default=False)] = None,
) -> None:
    """Note the home before the command reads its settings."""
    if home is not None:
        os.environ["ARBITER_HOME"] = str(home)


for module in (
    up,
    status,
    doctor,
    work,
    agents,
    categories,
    bids,
    routing,
    many,
    llm,
    schedule,
    inbox,
    notify,
    figures,
    evaluate,
    simulate,
    flow,
    follow,
    people,
    reset,
):
    module.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, null: the one that this process was started with; return its exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="arbiter")
    except ArbiterError as error:
        sys.stderr.write(f"arbiter: {Untrusted(str(error)).line(MESSAGE_MOST)}\n")  # it may quote a title from outside
        return error.exit_code
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except Exception:  # noqa: BLE001 - the outermost frame: a bug is shown whole, with what to do about it
        traceback.print_exc()
        sys.stderr.write("\nThis is a bug in Arbiter: report it with the lines above and what `arbiter version` says.\n")
        return BUG
    return 0
