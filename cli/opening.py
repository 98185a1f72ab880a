"""What follows once Prefect answers: old runs are closed, the worker starts, flows are deployed, and dispatch shifts are always at work."""

import hashlib
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli import processes
from cli.keeper import Keeper
from cli.prefect_calls import Prefect
from cli.services import POOL
from models.errors import ArbiterError, Unavailable
from store.journal import Journal
from store.settings import PROJECT
from tasks.beats import living_shifts

SHIFT = "dispatch/shift"  # the deployment
FULFIL_S = 40.0  # a shift that was asked for must give a sign within this time, or another is asked for
LOOK_S = 1.0

log = logging.getLogger("arbiter.opening")


@dataclass(slots=True, kw_only=True)
class Asked:
    """The shifts that were asked for and gave no sign of life yet."""

    known: set[str] = field(default_factory=set)  # names of all shifts ever seen
    pending: list[float] = field(default_factory=list)  # when each was asked for, seconds, monotonic

    def missing(self, alive: set[str], wanted: int, now: float) -> int:
        """Return how many more to ask for; a shift that gives no sign in time is given up."""
        came = len(alive - self.known)
        self.known |= alive
        self.pending = [at for at in self.pending[came:] if now - at < FULFIL_S]
        return max(0, wanted - len(alive) - len(self.pending))


class Opening:
    """Runs in a thread of its own from the moment that Prefect is well until the end."""

    def __init__(self, journal: Journal, prefect: Keeper, worker: Keeper, *, home: Path, wanted: int, note: Callable[[str, str], None]) -> None:
        self.done = threading.Event()  # flows are deployed and a shift is at work
        self.over = threading.Event()
        self._journal = journal
        self._prefect, self._worker = prefect, worker
        self._calls = Prefect(url=f"{prefect.service.url}/api")
        self._home = home
        self._wanted = wanted  # shifts, those that stand by among them
        self._note = note
        self._thread = threading.Thread(target=self._run, name="opening", daemon=True)

    def start(self) -> None:
        """Begin to wait for Prefect."""
        self._thread.start()

    def end(self) -> None:
        """Stop asking for shifts."""
        self.over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._prefect.up.wait(0.2):
            if self.over.is_set():
                return
        self._insist("old runs could not be closed", self._close_old_runs)
        if self.over.is_set():
            return
        self._worker.start()
        self._insist("the flows could not be deployed", self._deploy)
        self._keep_shifts()

    def _insist(self, complaint: str, step: Callable[[], None]) -> None:
        """Do a step; when Prefect is not ready for it, say so and try again."""
        pause_s = 2.0
        while not self.over.is_set():
            try:
                step()
            except ArbiterError as error:
                self._note("warn", f"{complaint}: {error}; tried again in {pause_s:.0f} s")
                self.over.wait(pause_s)
                pause_s = min(30.0, 2 * pause_s)
            else:
                return

    def _close_old_runs(self) -> None:
        """Close what a former start left open: it is over, and a worker would start everything that was due meanwhile at once."""
        for run in self._calls.runs(["SCHEDULED"], due_before=self._journal.clock()):
            self._calls.set_state(run["id"], "CANCELLED", "was due while Arbiter did not run")
        for run in self._calls.runs(["RUNNING", "PENDING", "CANCELLING"]):
            self._calls.set_state(run["id"], "CRASHED", "its process ended with a former start of Arbiter")

    def _deploy(self) -> None:
        mark = self._home / "prefect" / "deployed.json"
        print_now = fingerprint(PROJECT)
        if mark.exists() and json.loads(mark.read_text()) == print_now and self._calls.deployment(SHIFT):
            return
        while not self._calls.has_worker(POOL):  # the worker makes the work pool
            if self.over.wait(0.5):
                return
        if deploy(self._worker.service.env, self._worker.log.with_name("deploy.log"), self.over):
            mark.write_text(json.dumps(print_now))

    def _keep_shifts(self) -> None:
        """See to it that every lane has a shift, and that others stand by: the first one first, because work waits for it."""
        asked = Asked()
        while not self.over.wait(LOOK_S):
            alive = living_shifts(self._journal)
            if alive and not self.done.is_set():
                self._note("ok", "Dispatch     a shift is at work")
                self.done.set()
            for _ in range(asked.missing(alive, self._wanted if alive else 1, time.monotonic())):
                self._ask(asked)

    def _ask(self, asked: Asked) -> None:
        try:
            self._calls.start_run(SHIFT)
        except Unavailable as error:  # Prefect restarts or is busy: the next look asks again
            log.warning("no shift could be asked for: %s", error)
        else:
            asked.pending.append(time.monotonic())


def deploy(env: Mapping[str, str], output: Path, over: threading.Event) -> bool:
    """Register every flow of prefect.yaml; false when the end came first. Raises `Unavailable` with Prefect's last words when it failed."""
    output.unlink(missing_ok=True)
    process = processes.start((sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"), env, output)
    while process.poll() is None:
        if over.wait(0.2):
            processes.end(processes.family(process.pid), grace_s=1)
            process.wait()
            return False
    if process.returncode != 0:
        message = f"`prefect deploy --all` failed: {' '.join(processes.tail(output, 3))[:300]} (all of it in {output})"
        raise Unavailable(message)
    return True


def fingerprint(project: Path) -> dict[str, str]:
    """Return what a deployment depends on: where the project is, prefect.yaml, and the signatures in the flows' files."""
    files = [project / "prefect.yaml", *sorted((project / "flows").glob("*.py")), project / "examples" / "workflow.py"]
    return {"project": str(project)} | {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
