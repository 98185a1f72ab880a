"""`arbiter doctor`: what is wrong, and what to do about it."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import typer

from cli import running
from cli.home import settings
from cli.output import Screen, print_json, when
from cli.ports import is_listening
from cli.services import answers
from cli.work import Json
from models.clock import SECOND, now_us
from models.errors import ArbiterError
from models.untrusted import Untrusted
from store.bell import excess

if TYPE_CHECKING:
    from store.settings import Settings

FREE_LEAST = 1_000_000_000  # bytes
AHEAD_MOST = 5 * SECOND  # the journal's last event may be so far ahead of the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Literal["ok", "warn", "bad", "info"]  # bad: something is broken
    text: str
    advice: str = ""  # what to do about it


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)


def doctor(as_json: Json = False) -> None:
    """Look at everything that can be wrong, and say what to do; exit code 1 when something is broken."""
    findings = list(examine(settings()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        screen = Screen()
        for finding in findings:
            screen.mark(finding.verdict, f"{finding.name:<12} {finding.text}" + (f"\n  {'':<12} → {finding.advice}" if finding.advice else ""))
    raise typer.Exit(1 if any(finding.verdict == "bad" for finding in findings) else 0)


def examine(found: "Settings") -> Iterator[Finding]:
    """Yield a finding for each thing that can be wrong in a home and on its machine."""
    yield python(sys.version_info[:2])
    yield sqlite()
    yield disk(shutil.disk_usage(found.home if found.home.exists() else ".").free)
    yield sandbox()
    yield socket_paths(found)
    yield from ledger(found)
    yield from processes_of(found)


def python(version: tuple[int, ...]) -> Finding:
    """Judge the interpreter."""
    text = f"{version[0]}.{version[1]} at {sys.executable}"
    if version >= (3, 11):
        return Finding(name="Python", verdict="ok", text=text)
    return Finding(name="Python", verdict="bad", text=f"{text} is too old", advice="install 3.11 or later, delete .venv and run ./arbiter again")


def sqlite() -> Finding:
    """Judge the SQLite library that the ledger is written with."""
    from store.engine import SQLITE_VERSION, sqlite_problem

    problem = sqlite_problem()
    if problem:
        return Finding(name="SQLite", verdict="bad", text=problem, advice="delete .venv and run ./arbiter again")
    return Finding(name="SQLite", verdict="ok", text=SQLITE_VERSION)


def disk(free: int) -> Finding:
    """Judge the space that is left, in bytes."""
    text = f"{free / 1e9:,.1f} GB free"
    if free >= FREE_LEAST:
        return Finding(name="Disk", verdict="ok", text=text)
    return Finding(name="Disk", verdict="bad", text=text, advice="make room: the ledger stops when the disk is full")


def sandbox() -> Finding:
    """Tell whether agents of kind shell can work."""
    from agents.registry import make
    from store.settings import Fetch

    lacking = make("shell", Fetch()).unavailable()
    if lacking is None:
        return Finding(name="Sandbox", verdict="ok", text="bubblewrap works")
    return Finding(name="Sandbox", verdict="warn", text=lacking, advice="agents of kind shell stay offline until then; all others work")


def socket_paths(found: "Settings") -> Finding:
    """Judge the length of the home's path: sockets below it have a limit."""
    too_many = excess(found.run / "bells")
    if not too_many:
        return Finding(name="Home", verdict="ok", text=str(found.home))
    advice = "choose a shorter one with --home or ARBITER_HOME"
    return Finding(name="Home", verdict="bad", text=f"the path {found.home} is {too_many} characters too long", advice=advice)


def ledger(found: "Settings") -> Iterator[Finding]:
    """Look at the database: reachable, at this version's schema, and not ahead of the clock."""
    if found.database.url is None and not (found.home / "ledger.db").exists():
        yield Finding(name="Ledger", verdict="info", text="there is none yet", advice="`arbiter up` makes it")
        return
    for look in (_schema, _clock):
        yield from _guarded("Ledger", look, found)


def processes_of(found: "Settings") -> Iterator[Finding]:
    """Look at what runs, or at what should not."""
    known = running.read(found.run)
    if not running.lives(known.get("supervisor", {})):
        yield from _left_behind(found)
        yield from _ports(found)
        yield Finding(name="Services", verdict="info", text="nothing runs", advice="`arbiter up` starts everything")
        return
    for entry in known["services"].values():
        yield _service(entry)
    prefect = known["services"].get("prefect", {})
    if prefect.get("state") == "up":
        yield _worker(f"{prefect['url']}/api")
    yield from _guarded("Dispatch", _shift, found)


def _guarded(name: str, look: Callable[["Settings"], Finding], found: "Settings") -> Iterator[Finding]:
    """Yield a finding; an error while looking is one."""
    from sqlalchemy.exc import SQLAlchemyError

    from store.engine import DATABASE_ERRORS

    try:
        yield look(found)
    except (ArbiterError, SQLAlchemyError, *DATABASE_ERRORS) as error:
        text = f"cannot be looked at: {Untrusted(str(error)).line()}"
        yield Finding(name=name, verdict="bad", text=text, advice="is the database up, and does `database.url` name it?")


def _schema(found: "Settings") -> Finding:
    from store.engine import connect
    from store.migrate import differences

    engine = connect(found.database_url, durability=found.database.durability)
    try:
        missing = differences(engine)
    finally:
        engine.dispose()
    if missing:
        return Finding(name="Ledger", verdict="bad", text=f"{len(missing)} differences from this version's schema", advice="`arbiter up` migrates")
    return Finding(name="Ledger", verdict="ok", text=f"{engine.dialect.name}, at this version's schema")


def _clock(found: "Settings") -> Finding:
    from store.home import open_journal

    journal = open_journal(found)
    try:
        head = journal.head()
        last = journal.events(head - 1, 1) if head else []
    finally:
        journal.close()
    if not last:
        return Finding(name="Clock", verdict="ok", text="the journal is empty")
    ahead = last[0].at - now_us()
    if ahead > AHEAD_MOST:
        text = f"the journal's last event is {ahead / SECOND:,.0f} s in the future: the clock was set back"
        return Finding(name="Clock", verdict="bad", text=text, advice="set the clock right (NTP); times in the journal stand still until then")
    return Finding(name="Clock", verdict="ok", text=f"last event {when(last[0].at)}")


def _shift(found: "Settings") -> Finding:
    from store.home import open_journal
    from tasks.beats import living_shifts

    journal = open_journal(found)
    try:
        alive = living_shifts(journal)
    finally:
        journal.close()
    if alive:
        return Finding(name="Dispatch", verdict="ok", text="a shift is at work")
    advice = f"it comes within half a minute; if not, see {found.run / 'logs' / 'worker.log'}"
    return Finding(name="Dispatch", verdict="bad", text="no shift is alive: tasks wait", advice=advice)


def _service(entry: dict[str, Any]) -> Finding:
    if running.lives(entry) and entry["state"] == "up":
        return Finding(name=entry["title"], verdict="ok", text=entry["url"] or f"process {entry['pid']}")
    state = entry["state"] if running.lives(entry) else "dead"
    waits = state == "starting"
    advice = "wait a moment" if waits else f"it is started again by itself; why it fails stands in {entry['log']}"
    return Finding(name=entry["title"], verdict="warn" if waits else "bad", text=state, advice=advice)


def _worker(url: str) -> Finding:
    from cli.prefect_calls import Prefect
    from cli.services import POOL

    if not answers(f"{url}/health"):
        return Finding(name="Prefect", verdict="bad", text=f"does not answer at {url}", advice="it is started again by itself; see its log")
    if Prefect(url=url).has_worker(POOL):
        return Finding(name="Work pool", verdict="ok", text=f"a worker of {POOL!r} is online")
    return Finding(name="Work pool", verdict="warn", text=f"no worker of {POOL!r} is online yet", advice="wait a moment")


def _left_behind(found: "Settings") -> Iterator[Finding]:
    for name, known in running.leftovers(found.run).items():
        text = f"process {known.pid} of a former start still runs"
        yield Finding(name=name, verdict="bad", text=text, advice=f"`arbiter up` ends it first; or `kill {known.pid}` on {socket.gethostname()}")


def _ports(found: "Settings") -> Iterator[Finding]:
    usual = {"API": found.api.port, "dashboard": found.ports.dashboard, "Prefect": found.ports.prefect, "examples": found.ports.examples}
    for title, port in usual.items():
        if is_listening(port):
            text = f"{port}, usual for the {title}, is taken"
            yield Finding(name="Ports", verdict="warn", text=text, advice="nothing to do: `arbiter up` takes a free one")
