"""Nothing accepted is lost, whatever dies: a dozen times `kill -9` of shifts, worker, Prefect's server and the API, while 150 tasks run."""

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter

import pytest
from sqlalchemy import select

from store import schema
from store.home import open_journal
from store.journal import fold
from store.query import Query
from store.settings import Settings
from tasks.beats import living
from tasks.read import counts
from tasks.submit import submit
from tasks.work import read_work
from tests.command import Command, until

TASKS, KILLS = 150, int(os.environ.get("KILLS", "12"))  # thirty, and more, now and then
BEATS = Query(select(schema.beats))


@pytest.fixture
def business(folder, with_prefect):
    """A whole business, started as a user would, in a home of its own."""
    command = Command(home=folder / "home")
    with_prefect(command.home)
    process = command.start("up", output=folder / "up.log")
    settings = Settings(home=command.home)
    try:
        until((settings.run / "services.json").exists, "services")
        journal = open_journal(settings)
        until(lambda: len(_shifts(journal)) == 1 + settings.dispatch.standby, "all shifts")
        yield settings, journal
        journal.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert command.processes() == [], "a process outlived `arbiter up`"


@pytest.mark.slow
def test_every_accepted_task_ends_exactly_once(business):
    settings, journal = business
    rng = random.Random(20)
    for number in range(0, TASKS, 50):
        tasks = [_task(number + place, needs=place % 5 != 0) for place in range(50)]
        submit(journal, read_work({"tasks": tasks}), settings=settings, actor="test", source="test")
    pauses, victims = [], Counter()
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.5, 4))
        victim = _kill_one(settings, journal, rng)
        victims[victim] += 1
        left = len(_shifts(journal))
        pauses.append((_time_to_next_start(journal), victim, left))
    until(lambda: set(counts(journal)) == {"done"}, "the end of all tasks", patience_s=400)
    known = sorted(pause for pause in pauses if pause[0] is not None)
    figures = {"killed": dict(victims), "seconds_to_next_start, victim, shifts_left": {"median": known[len(known) // 2], "worst": known[-3:]}}
    sys.stdout.write(f"\n{json.dumps(figures)}\n")

    events = journal.events(0, 10**7)
    ended = Counter(event.key for event in events if event.kind == "task.finished")
    state = fold(events)
    tasks = {key: row for (table, key), row in state.items() if table == "tasks"}
    assert len(tasks) == TASKS
    assert set(ended) == set(tasks), "every task ended"
    assert set(ended.values()) == {1}, "and none ended twice"
    assert Counter(row["outcome"] for row in tasks.values()) == {"succeeded": TASKS}
    attempts = Counter((row["task_id"], row["state"]) for (table, _), row in state.items() if table == "attempts")
    assert all(attempts[task_id, "succeeded"] == 1 for task_id in tasks), "one attempt of each brought its result"
    assert {kind for _, kind in attempts} <= {"succeeded", "lost"}, "the others were lost with their process"
    artifacts = Counter(row["task_id"] for (table, _), row in state.items() if table == "artifacts")
    assert set(artifacts.values()) == {1}, "no result of a lost attempt was taken"
    with journal.look() as view:
        ledger = {(table.name, row["id"]): row for table in schema.LEDGER for row in view.rows(Query(select(table)))}
    assert ledger == state


def _task(number: int, *, needs: bool) -> dict:
    script = f"sleep 2; echo {number} > done.txt"
    task = {"ref": str(number), "title": f"number {number}", "category": "Custom Workflows", "kind": "shell", "price_cents": 100, "client": "acme"}
    task |= {"inputs": {"command": ["sh", "-c", script], "outputs": ["done.txt"]}, "timeout_s": 60}
    return task | ({"needs": [{"task": str(number - 1)}]} if needs else {})


def _shifts(journal) -> list[dict]:
    with contextlib.suppress(Exception), journal.look() as view:  # the home may not be set up yet
        alive = living(view, "shift:", journal.clock())
        return [row for row in view.rows(BEATS) if row["name"] in alive]
    return []


def _kill_one(settings, journal, rng: random.Random) -> str:
    """Kill a random victim that lives; return what it was."""
    while True:
        services = json.loads((settings.run / "services.json").read_text())["services"]
        pids = {"shift": [row["pid"] for row in _shifts(journal)]} | {name: [services[name]["pid"]] for name in ("worker", "prefect", "api")}
        name = rng.choice(sorted(pids))
        for pid in pids[name][:1]:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return name
        time.sleep(0.2)


def _time_to_next_start(journal) -> float | None:
    """Return the seconds until the next attempt starts; null when no task is left to start."""
    since, head = time.monotonic(), journal.head()
    while time.monotonic() - since < 90:
        events = journal.events(head)
        if any(event.kind == "attempt.started" for event in events):
            return time.monotonic() - since
        if not counts(journal).keys() & {"ready", "waiting"}:
            return None
        time.sleep(0.05)
    pytest.fail(f"no task started within 90 s of a kill: {counts(journal)}")
