"""Functions that the kind `python` calls in tests, in a process of their own."""

import json
import os
import subprocess
import sys
import time
from json import dumps as borrowed  # noqa: F401 - a function of another module, which must not be callable through this one
from pathlib import Path


def copy(path: str) -> dict[str, object]:
    Path("copy.txt").write_bytes(Path(path).read_bytes())
    print("printed text is no answer")  # noqa: T201 - functions of clients do that
    return {"lines": len(Path(path).read_text(encoding="utf-8").splitlines()), "files": ["copy.txt"]}


def linger() -> None:
    subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)  # its own session: not reached through the process group
    time.sleep(600)


def leave_behind() -> dict[str, object]:
    subprocess.Popen(["/bin/sleep", "601"], start_new_session=True)
    return {}


def give(value: object) -> object:
    return value


def fail() -> None:
    message = "the ledger does not add up"
    raise LookupError(message)


def lead_out() -> dict[str, object]:
    os.symlink("/etc/passwd", "link.txt")  # noqa: PTH211
    return {"files": ["link.txt"]}


def hoard() -> dict[str, object]:
    return {"bytes": len(bytearray(3 << 30))}


def write_much() -> dict[str, object]:
    Path("much.bin").write_bytes(b"x" * (2 << 20))
    return {"files": ["much.bin"]}


def die() -> None:
    os.kill(os.getpid(), 9)


def environment() -> dict[str, object]:
    return {"names": sorted(os.environ)}


def work(kind: str, inputs: str, folder: str) -> None:
    """Perform a job in this process, for a test that kills it."""
    from agents import registry
    from agents.contract import Control, Job
    from store.settings import Fetch

    job = Job(task_id="t", attempt_id="x", fence=1, inputs=registry.check_inputs(kind, json.loads(inputs)), folder=Path(folder))
    registry.make(kind, Fetch()).perform(job, Control(timeout_s=600))


if __name__ == "__main__":
    work(*sys.argv[1:])
