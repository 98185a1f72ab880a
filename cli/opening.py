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
from typing import Any

from cli import processes
from cli.keeper import Keeper
from cli.prefect_calls import Prefect
from cli.services import POOL
from models.errors import ArbiterError, Unavailable
from store.engine import DATABASE_ERRORS
from store.journal import Journal
from store.settings import PROJECT
from tasks.beats import living_shifts

SHIFT = "dispatch/shift"  # the deployment
MEASURE = "measure/always"  # the deployment that keeps the KPIs up to date
FULFIL_S = 40.0  # a shift that was asked for must give a sign within this time, or another is asked for
LOOK_S = 1.0
PAUSE_S = 5.0  # before the ledger is asked again
FIRST_PAUSE_S = 2.0  # before a step that failed is tried again; doubled each time

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
        insist("old runs could not be closed", self._close_old_runs, self.over, self._note)
        insist("the worker could not be started", self._start_worker, self.over, self._note)
        insist("the automations could not be created", self._automate, self.over, self._note)
        insist("the flows could not be deployed", self._deploy, self.over, self._note)
        insist("shifts can no longer be asked for", self._keep_shifts, self.over, self._note)

    def _close_old_runs(self) -> None:
        close_old_runs(self._calls, now=self._journal.clock(), over=self.over)

    def _start_worker(self) -> None:
        self._worker.start()

    def _automate(self) -> None:
        automate(self._calls, PROJECT / "automations.yaml")

    def _deploy(self) -> None:
        mark = self._home / "prefect" / "deployed.json"
        print_now = fingerprint(PROJECT)
        if read_mark(mark) == print_now and self._calls.deployment(SHIFT):
            return
        while not self._calls.has_worker(POOL):  # the worker makes the work pool
            if self.over.wait(0.5):
                return
        if deploy(self._worker.service.env, self._worker.log.with_name("deploy.log"), self.over):
            write_mark(mark, print_now)

    def _keep_shifts(self) -> None:
        """See to it that every lane has a shift, and that others stand by: the first one first, because work waits for it."""
        asked = Asked()
        while not self.over.wait(LOOK_S):
            try:
                alive = living_shifts(self._journal)
            except DATABASE_ERRORS as error:
                self._note("warn", f"the ledger does not tell which shifts are alive: {error}; asked again in {PAUSE_S:.0f} s")
                self.over.wait(PAUSE_S)
                continue
            if alive and not self.done.is_set():
                self._calls.start_run(MEASURE)  # the clock would start it minutes later
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


def insist(complaint: str, step: Callable[[], None], over: threading.Event, note: Callable[[str, str], None]) -> None:
    """Do a step; when it cannot be done, try again, less and less often, until it is done or the end came.

    That Prefect, just started, is not ready for it yet goes into the log; when it stays so, that is said too.
    """
    pause_s = FIRST_PAUSE_S
    while not over.is_set():
        try:
            step()
        except ArbiterError as error:  # Prefect is not ready for it
            log.warning("%s: %s", complaint, error)
            if pause_s > 2 * FIRST_PAUSE_S:
                note("warn", f"{complaint}: {error}; tried again in {pause_s:.0f} s")
        except Exception as error:
            log.exception("a step of the opening failed")
            note("bad", f"{complaint}: {type(error).__name__}: {error}; tried again in {pause_s:.0f} s")
        else:
            return
        over.wait(pause_s)
        pause_s = min(30.0, 2 * pause_s)


def close_old_runs(calls: Prefect, *, now: int, over: threading.Event) -> None:
    """Close what a former start left open: it is over, and a worker would start everything that was due meanwhile at once."""
    kinds: tuple[tuple[list[str], int | None, str, str], ...] = (
        (["SCHEDULED"], now, "CANCELLED", "was due while Arbiter did not run"),
        (["RUNNING", "PENDING", "CANCELLING"], None, "CRASHED", "its process ended with a former start of Arbiter"),
    )
    for states, due_before, end, why in kinds:
        while runs := calls.runs(states, due_before=due_before):  # a page; a night leaves several
            for run in runs:
                if over.is_set():
                    return
                calls.set_state(run["id"], end, why)


def automate(calls: Prefect, path: Path) -> None:
    """Create the automations of a file that Prefect does not have by name."""
    import yaml

    known = calls.automations()
    for automation in yaml.safe_load(path.read_text(encoding="utf-8"))["automations"]:
        if automation["name"] not in known:
            calls.automate(automation)


def read_mark(path: Path) -> Any:
    """Return what was deployed last; null when nothing was, or when the file cannot be read: deploying again harms nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_mark(path: Path, deployed: Mapping[str, str]) -> None:
    """Remember what was deployed; a reader sees the old file or the new one, never half of it."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(deployed), encoding="utf-8")
    draft.replace(path)


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
