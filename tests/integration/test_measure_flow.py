"""The flow `measure` as a real process, without a Prefect server: it starts its own for as long as it runs."""

import os
import subprocess
import sys
import time

import pytest

from models.clock import now_us
from store.home import open_journal
from store.journal import Journal
from store.schema import tasks
from store.settings import PROJECT, Settings
from tasks.measure import kpis
from tests.ends import end_facts
from tests.factories import task_row

PATIENCE_S = 180  # a Prefect server that starts for the first time builds its database


def finish(journal: Journal) -> None:
    with journal.write("test") as tx:
        row = task_row()
        tx.create(tasks, row, "task.submitted", client="acme")
        tx.change(tasks, row["id"], {}, "task.finished", **end_facts(finished_at=tx.now, created_at=tx.now, price_cents=250))


def revenue(home: Settings) -> float | None:
    return kpis(home.lake, window="1h", now=now_us())["kpis"][0]["value"]


def started(home: Settings, code: list[str]) -> subprocess.Popen:
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    own = {"ARBITER_HOME": str(home.home), "PREFECT_HOME": str(home.home / "prefect"), **quiet}
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | own
    return subprocess.Popen([sys.executable, *code], cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_flow_goes_on_with_what_comes_for_as_long_as_it_lasts(home, with_prefect):
    with_prefect(home.home)
    journal = open_journal(home)
    finish(journal)
    shift = started(home, ["-c", "from flows.measure import measure; measure(keep_s=9, every_s=0.5)"])
    until = time.monotonic() + PATIENCE_S
    while revenue(home) != 250 and time.monotonic() < until:
        time.sleep(0.2)
    finish(journal)
    said = shift.communicate(timeout=PATIENCE_S)[0]
    assert shift.returncode == 0, said
    assert revenue(home) == 500, said
    assert [step in said for step in ("ship", "aggregate", "publish")] == [True] * 3
    journal.close()
