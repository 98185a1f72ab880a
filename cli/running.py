"""What runs in a home: one supervisor at a time, and its services as `run/services.json` tells."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli import processes
from cli.processes import Identity
from models.errors import Unavailable


class AlreadyRuns(Unavailable):
    """Arbiter runs in this home already."""


@contextlib.contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Hold the lock of a home; the system gives it back when the last process that holds it dies. Raises `AlreadyRuns`."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Arbiter runs in {run.parent} already: `arbiter status` tells where, Ctrl-C in its terminal ends it"
            raise AlreadyRuns(message) from error
        yield


def read(run: Path) -> dict[str, Any]:
    """Return `run/services.json`; empty when nothing was started or everything ended in order."""
    try:
        found: dict[str, Any] = json.loads((run / "services.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def identity(entry: dict[str, Any]) -> Identity | None:
    """Return the process of an entry; null for one that never started."""
    return Identity(pid=entry["pid"], born=entry["born"]) if entry.get("pid") and entry.get("born") else None


def lives(entry: dict[str, Any]) -> bool:
    """Tell whether the process of an entry lives."""
    known = identity(entry)
    return known is not None and known.process() is not None


def leftovers(run: Path) -> dict[str, Identity]:
    """Return processes of a former start that outlived it, by service."""
    entries = read(run).get("services", {})
    found = {name: identity(entry) for name, entry in entries.items()}
    return {name: known for name, known in found.items() if known is not None and known.process() is not None}


def clear_leftovers(run: Path) -> list[str]:
    """End what a former start left behind; return the names of the services. Only the holder of the lock calls this."""
    left = leftovers(run)
    groups = [process for known in left.values() for process in processes.family(known.pid)]
    processes.end(groups, grace_s=3)
    (run / "services.json").unlink(missing_ok=True)
    return list(left)
