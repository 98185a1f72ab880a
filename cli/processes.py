"""Processes: started in a session of their own, told apart from strangers with the same number, and ended with all that they started."""

import contextlib
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from store.settings import PROJECT

LOG_MOST = 20_000_000  # bytes of one log


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process for good: a number alone may be given to another process later."""

    pid: int
    born: float  # seconds since 1970, as the system tells

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Return the identity of a process that lives. Raises `psutil.NoSuchProcess`."""
        return cls(pid=pid, born=psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """Return the process while it lives; null when it ended, also when another process has its number now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.born) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def start(command: Sequence[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program of this project in the background; what it prints goes to the end of `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends everything in order
        )


def descendants(pid: int) -> list[psutil.Process]:
    """Return all that a process started, directly or not, as far as it still belongs to it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        return found
    return []


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants; empty when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid), *descendants(pid)]
    return []


def end(processes: Iterable[psutil.Process], *, grace_s: float) -> None:
    """Ask processes to end, give them some seconds, then kill them and what they started meanwhile."""
    asked = list(processes)
    for process in asked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(asked, timeout=grace_s)
    doomed = {process.pid: process for old in left for process in [old, *descendants(old.pid)]}
    for process in doomed.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(doomed.values(), timeout=2)


def reap_orphans(known: Collection[int]) -> None:
    """Bury dead children that were handed to this process when their parent died; `known` are buried by who started them."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            if child.pid not in known and child.status() == psutil.STATUS_ZOMBIE:
                child.wait(timeout=0)


def shorten(log: Path, most: int = LOG_MOST) -> None:
    """Keep a log from growing without end: its newer half moves to `<name>.1`, over the one before; its writer goes on in the empty file."""
    if not log.exists() or log.stat().st_size < most:
        return
    with log.open("rb") as stream:
        stream.seek(-most // 2, 2)
        log.with_name(f"{log.name}.1").write_bytes(stream.read())
    with log.open("r+b") as stream:
        stream.truncate()


def tail(log: Path, count: int = 5) -> list[str]:
    """Return the last lines of a log."""
    if not log.exists():
        return []
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 20_000))
        return stream.read().decode(errors="replace").splitlines()[-count:]
