"""A keeper: keeps one service running, and says what becomes of it."""

import math
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cli import processes
from cli.processes import Identity
from cli.services import Service

State = Literal["starting", "up", "unwell", "restarting", "stopped"]

LOOK_S = 0.2  # between looks at the process
ASK_S = 5.0  # between questions about its health, once it is up
MISSED_MOST = 3  # unanswered questions until it counts as unwell
UNWELL_MOST = 12  # unanswered questions until it is started anew
YIELD_S = 5.0  # at most, for which a service lets another start before itself
STEADY_S = 5.0  # a service that was well for so long starts anew at once when it dies: backoff is for those that cannot live


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A service is in another state now."""

    service: Service
    state: State
    why: str = ""


def pause_s(failures: int) -> float:
    """Return how long to wait before the next start after so many failures in a row: 1, 2, 4 … at most 30 seconds."""
    return float(min(30, 2 ** max(0, min(failures, 10) - 1)))


class Keeper:
    """One service, kept running by a thread until it is told to stop."""

    def __init__(self, service: Service, log: Path, *, tell: Callable[[Change], None]) -> None:
        self.service = service
        self.log = log
        self.state: State = "starting"
        self.starts = 0
        self.identity: Identity | None = None
        self.up = threading.Event()  # it was well once since it was asked to start
        self._tell = tell
        self._after: threading.Event | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._well_at = math.inf  # when this process was first seen to be well
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keep {service.name}", daemon=True)

    def start(self, *, after: threading.Event | None = None) -> None:
        """Start the service and its keeping; with `after` when that is set, or a little later if it never is."""
        self._after = after
        self._thread.start()

    def stop_keeping(self) -> None:
        """Let the process end without starting another."""
        self._over.set()

    def end(self, *, grace_s: float) -> None:
        """End the service and all that it started."""
        self.stop_keeping()
        if self._thread.is_alive():
            self._thread.join()
        if self._process is not None:
            processes.end(processes.family(self._process.pid), grace_s=grace_s)
            self._process.wait()
        self.state = "stopped"

    @property
    def pid(self) -> int | None:
        """The number of its process; null before the first start."""
        return None if self._process is None else self._process.pid

    def entry(self) -> dict[str, Any]:
        """Return what `run/services.json` tells about it."""
        born = None if self.identity is None else self.identity.born
        entry = {"title": self.service.title, "pid": self.pid, "born": born, "port": self.service.port, "url": self.service.url}
        return entry | {"state": self.state, "restarts": max(0, self.starts - 1), "log": str(self.log)}

    def _keep(self) -> None:
        self._yield()
        failures = 0
        while not self._over.is_set():
            self._well_at = math.inf
            why = self._live()
            if self._over.is_set():
                return
            failures = 1 if time.monotonic() - self._well_at > STEADY_S else failures + 1
            self._become("restarting", f"{why}; started again in {pause_s(failures):.0f} s")
            self._over.wait(pause_s(failures))

    def _yield(self) -> None:
        ends = time.monotonic() + YIELD_S
        while self._after is not None and not self._after.is_set() and time.monotonic() < ends:
            if self._over.wait(LOOK_S):
                return

    def _live(self) -> str:
        """Start the process and watch it until it ended or must end; return why."""
        self._process = process = processes.start(self.service.command, self.service.env, self.log)
        self.identity = Identity.of(process.pid)
        self.starts += 1
        missed, asked_at = 0, 0.0
        while not self._over.wait(LOOK_S):
            code = process.poll()
            if code is not None:
                return _how_it_ended(code, self.log)
            if time.monotonic() - asked_at < (ASK_S if self.state == "up" else 2 * LOOK_S):
                continue
            missed = 0 if self.service.is_well() else missed + 1
            asked_at = time.monotonic()
            self._judge(missed)
            if self.state == "unwell" and missed >= UNWELL_MOST:
                processes.end(processes.family(process.pid), grace_s=3)
                return f"gave no sign of health {missed} times"
        return "told to stop"

    def _judge(self, missed: int) -> None:
        if missed == 0 and self.state != "up":
            self._become("up")
            self._well_at = min(self._well_at, time.monotonic())
            self.up.set()
        elif missed >= MISSED_MOST and self.state == "up":
            self._become("unwell", "gives no sign of health")

    def _become(self, state: State, why: str = "") -> None:
        self.state = state
        self._tell(Change(service=self.service, state=state, why=why))


def _how_it_ended(code: int, log: Path) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    last = processes.tail(log, 1)
    return f"{how} ({last[0][:120]})" if last and code > 0 else how
