"""What is shown while everything runs: nothing more, a tour of the demonstration, or its work to the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cli.agents import show_agents
from cli.figures import refresh, show_kpis
from cli.output import Screen, cell, when
from cli.supervisor import Supervisor
from cli.work import task_line
from models.clock import now_us
from store.journal import Journal
from store.query import Row
from store.settings import Settings
from tasks import demo
from tasks.measure import kpis
from tasks.read import list_agents, task_detail

FOR_PEOPLE = {"approval", "no_agent"}  # reasons to wait that no shift ends
COMMANDS = {"tasks": "what there is to do", "agents": "who works", "kpis": "what came of it", "status": "what runs", "doctor": "what is wrong"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What runs, what it works on, and where to tell about it."""

    supervisor: Supervisor
    journal: Journal
    screen: Screen
    settings: Settings


def stay(stage: Stage) -> int:
    """Wait for Ctrl-C."""
    said = False
    while stage.supervisor.tick():
        if stage.supervisor.opening.done.is_set() and not said:
            said = True
            stage.screen.say(f"\nEverything is up. Open {stage.supervisor.url('dashboard')} · Ctrl-C ends everything.")
    return 0


def show_around(stage: Stage) -> int:
    """Load the work of the examples and tell what to look at."""
    screen, supervisor = stage.screen, stage.supervisor
    loaded = _load(stage)
    if loaded is None:
        return 1
    schedules = demo.load_schedules(stage.journal, stage.settings, actor="demo")
    if schedules:
        screen.mark("ok", f"{'Schedules':<12} {', '.join(schedules)}: each fired once, and goes on by its own timing")
    screen.say("\nWhat to look at:")
    for user in loaded.users:
        sees = f"sees the tasks of {user.client}" if user.client else f"role {user.role}"
        screen.mark("info", f"log in as {user.name}, password {user.password} ({sees}; shown this once)")
    screen.mark("info", f"{supervisor.url('dashboard')}  Today, Live, Work, Tasks, Schedules and Inbox, while {len(loaded.tasks)} tasks run")
    screen.mark("info", f"{supervisor.url('prefect')}  the graph and the log of each step, as soon as Prefect is up")
    screen.mark("info", f"{supervisor.url('examples')}  what the scraper reads")
    for name, shows in COMMANDS.items():
        screen.mark("info", f"./arbiter {name:<8} {shows}")
    return stay(stage)


def to_the_end(stage: Stage, *, minutes: float, tell: Callable[[Any], None] | None) -> int:
    """Load the work of the examples, wait for its end, show all that came of it; 0 only when all is as it should be."""
    ends = time.monotonic() + 60 * minutes
    loaded = _load(stage)
    if loaded is None or not _wait_for_tasks(stage, list(loaded.tasks.values()), ends):
        return 1
    refresh(stage.journal, stage.settings.lake)
    came = Came(
        loaded=loaded,
        details={ref: task_detail(stage.journal, task_id) for ref, task_id in loaded.tasks.items()},
        agents=list_agents(stage.journal),
        report=kpis(stage.settings.lake, window="24h", now=now_us()),
        checks=demo.check(stage.journal, stage.settings),
    )
    if tell is not None:
        tell(came.as_json())
    else:
        _show(stage.screen, came)
    return 0 if came.ok else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of the demonstration."""

    loaded: demo.Loaded
    details: dict[str, Row]  # by ref
    agents: list[Row]
    report: Row  # KPIs
    checks: list[demo.Checked]

    @property
    def ok(self) -> bool:
        """Whether all is as it should be; nothing checked is not."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def as_json(self) -> Row:
        """Return it for programs."""
        return {
            "ok": self.ok,
            "tasks": {ref: detail["task"] for ref, detail in self.details.items()},
            "left_out": dict(self.loaded.left_out),
            "artifacts": {ref: detail["artifacts"] for ref, detail in self.details.items()},
            "agents": self.agents,
            "kpis": self.report,
            "checks": [{"ref": c.ref, "name": c.name, "expected": c.expected, "found": c.found, "ok": c.ok} for c in self.checks],
        }


def _load(stage: Stage) -> demo.Loaded | None:
    """Load the examples when what serves them is up; null when told to stop before."""
    while not (stage.supervisor.is_up("examples") and stage.supervisor.is_up("api")):
        if not stage.supervisor.tick():
            return None
    loaded = demo.load(stage.journal, stage.settings, examples_url=stage.supervisor.url("examples"), actor="demo")
    what = "submitted" if loaded.fresh else "were in this home already"
    stage.screen.mark("ok", f"{'Examples':<12} {len(loaded.tasks)} tasks {what}; everything of them is labelled “demo”")
    for ref, why in loaded.left_out.items():
        stage.screen.mark("warn", f"{ref} was left out: {why}")
    return loaded


def _wait_for_tasks(stage: Stage, task_ids: list[str], ends: float) -> bool:
    """Say how far the tasks are until none of them moves any more; false when told to stop or out of time."""
    shown: set[str] = set()
    while stage.supervisor.tick():
        details = {task_id: task_detail(stage.journal, task_id) for task_id in task_ids}
        stopped = blocked(details)
        for task_id, detail in details.items():
            if task_id not in shown and (detail["task"]["state"] == "done" or task_id in stopped):
                shown.add(task_id)
                _tell_end(stage.screen, detail["task"])
        still = [detail["task"] for task_id, detail in details.items() if detail["task"]["state"] != "done" and task_id not in stopped]
        if not still:
            return True
        if time.monotonic() > ends:
            told = ", ".join(f"{row['ref']} ({row['state']}: {cell(row['why'])})" for row in still)
            stage.screen.mark("bad", f"out of time; still open: {told}")
            return False
    return False


def blocked(details: dict[str, Row]) -> set[str]:
    """Return the tasks that only a person can move, and those that wait for them."""
    rows = {task_id: detail["task"] for task_id, detail in details.items()}
    found = {key for key, row in rows.items() if row["state"] in {"review", "paused"} or (row["state"] == "waiting" and row["reason"] in FOR_PEOPLE)}
    while True:
        waiting = {key for key, row in rows.items() if row["state"] == "waiting" and row["reason"] == "dependency" and key not in found}
        more = {key for key in waiting if any(need["id"] in found for need in details[key]["needs"])}
        if not more:
            return found
        found |= more


def _tell_end(screen: Screen, row: Row) -> None:
    state = row["outcome"] or row["state"]
    tries = f" at attempt {row['attempts']}" if row["attempts"] > 1 else ""
    kind = {"succeeded": "ok", "failed": "bad"}.get(state, "info")
    screen.mark(kind, f"{row['ref']:<12} {state}{tries}: {cell(row['why'], 90)}")


def _show(screen: Screen, came: Came) -> None:
    screen.heading("Tasks")
    rows = [task_line(detail["task"]) | {"finished": when(detail["task"]["finished_at"])} for detail in came.details.values()]
    screen.table(rows, ("ref", "outcome", "category", "client", "attempts", "price", "finished", "title"), widest=44)
    screen.heading("Agents")
    show_agents(screen, came.agents)
    screen.heading("Artifacts")
    files = [artifact | {"task": ref} for ref, detail in came.details.items() for artifact in detail["artifacts"]]
    screen.table(files, ("task", "name", "media_type", "size", "id"))
    screen.heading("KPIs of the last 24 hours")
    show_kpis(screen, came.report)
    screen.heading("Results against what is right")
    lines = [{"": "✓" if c.ok else "✗", "task": c.ref, "what": c.name, "expected": c.expected, "found": c.found} for c in came.checks]
    screen.table(lines, ("", "task", "what", "expected", "found"))
    wrong = sum(not check.ok for check in came.checks)
    without = f"; this machine could not do {', '.join(came.loaded.left_out)}" if came.loaded.left_out else ""
    screen.say()
    screen.mark("bad" if wrong else "ok", f"{len(came.checks) - wrong} of {len(came.checks)} results are right{without}")
