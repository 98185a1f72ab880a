"""What flows leave in Prefect's own pages, read from its database after they ran as processes of their own."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from store.home import open_journal
from store.settings import PROJECT
from tasks.read import list_tasks, task_detail
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.scheduling import WORK

SUM_UP = {"function": "examples.functions:summary", "arguments": {"owed": {}, "paid": {}, "items": []}}

pytestmark = pytest.mark.slow


def run(home, code, **more):
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    own = {"ARBITER_HOME": str(home.home), "PREFECT_HOME": str(home.home / "prefect"), **quiet, **more}
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | own
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done


def artifacts(home):
    """Return what Prefect keeps, the newest of each key: its kind, its data and what it says of itself."""
    with closing(sqlite3.connect(home.home / "prefect" / "prefect.db")) as database:
        rows = database.execute("SELECT key, type, CAST(data AS TEXT), description FROM artifact ORDER BY created").fetchall()
    return {key: (kind, json.loads(data), about) for key, kind, data, about in rows}


def test_a_shift_shows_how_far_it_is_and_what_it_did(home, with_prefect):
    with_prefect(home.home)
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    work = read_work(
        {"tasks": [WORK | {"title": "count [all] | *stars*", "inputs": SUM_UP}, WORK | {"title": "fails", "inputs": {"function": "no_such:thing"}}]}
    )
    submit(journal, work, settings=home, actor="user:ann", source="test")
    run(home, "from flows.dispatch import dispatch; dispatch(minutes=0.1)", ARBITER_DASHBOARD_URL="http://127.0.0.1:9")
    found = artifacts(home)
    (shift,) = [key for key, (kind, _, _) in found.items() if kind == "table"]
    rows = {row["task"].partition("](")[0]: row for row in json.loads(found[shift][1])}
    done = {task["title"]: task for task in list_tasks(journal)["items"]}
    journal.close()
    title = "count [all] | *stars*"
    assert rows.keys() == {r"[count \[all\] \| \*stars\*", "[fails"}
    assert rows[r"[count \[all\] \| \*stars\*"]["task"].endswith(f"](http://127.0.0.1:9/tasks?task={done[title]['id']})")
    assert {row["state"] for row in rows.values()} == {"succeeded", "failed"}
    assert found[f"{shift}-progress"][:2] == ("progress", 100)
    assert found[f"{shift}-page"][:2] == ("markdown", "[Work in the dashboard](http://127.0.0.1:9/work)")
    assert found[shift][2].endswith("did: 2 attempts")


LOST_STEP = """
from flows.dispatch import dispatch, perform_step
perform, performed = perform_step.fn, []
def lost_once(attempt):
    performed.append(perform(attempt))
    if len(performed) == 1:
        raise SystemExit("what Prefect would have recorded is lost")
    return performed[-1]
perform_step.fn = lost_once
dispatch(minutes=0.1)
"""


def test_a_step_that_prefect_lost_after_its_work_was_done_holds_up_nobody_who_waits_for_it(home, with_prefect):
    with_prefect(home.home)
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    first = WORK | {"ref": "first", "inputs": SUM_UP}
    second = first | {"ref": "second", "needs": [{"task": "first"}]}
    submit(journal, read_work({"tasks": [first, second]}), settings=home, actor="user:ann", source="test")
    run(home, LOST_STEP)
    done = {task["ref"]: (task["outcome"], task["attempts"]) for task in list_tasks(journal)["items"]}
    journal.close()
    assert {ref: outcome for ref, (outcome, _) in done.items()} == {"first": "succeeded", "second": "succeeded"}
    assert done["second"][1] <= 2  # it may be begun before the first one's step is lost


UNRUN = """
from concurrent.futures import Future
from uuid import uuid4
from prefect.futures import PrefectConcurrentFuture
from flows.dispatch import dispatch, perform_step
def refuse(*given, **more):
    future = PrefectConcurrentFuture(uuid4(), Future())
    future.wrapped_future.set_exception(ConnectionError("nobody is there"))
    return future
perform_step.submit = refuse
dispatch(minutes=0.3)
"""


def test_what_prefect_cannot_run_again_and_again_is_done_without_it(home, with_prefect):
    with_prefect(home.home)
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    submit(journal, read_work({"tasks": [WORK | {"inputs": SUM_UP}]}), settings=home, actor="user:ann", source="test")
    run(home, UNRUN)
    (task,) = list_tasks(journal)["items"]
    attempts = [(row["state"], row["error"]) for row in task_detail(journal, task["id"])["attempts"]]
    journal.close()
    assert task["outcome"] == "succeeded"
    assert sorted(attempts, key=str) == [("lost", "its step could not be run")] * 3 + [("succeeded", None)]


def test_what_became_of_files_is_told(home, with_prefect):
    with_prefect(home.home)
    drop = home.home / "inbox" / "remotive"
    drop.mkdir(parents=True)
    (drop / "broken.json").write_text("{")
    run(home, "from flows.ingest import ingest; ingest()")
    kind, text, _ = artifacts(home)["inbox"]
    assert kind == "markdown"
    assert text.startswith("- **remotive/broken.json** went into quarantine: ")
