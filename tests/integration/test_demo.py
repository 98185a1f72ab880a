"""The demonstration, whole: every example to its end, in real processes, with the right results, and nothing left behind."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.command import Command

pytestmark = pytest.mark.slow


@pytest.fixture
def command():
    folder = Path(tempfile.mkdtemp(prefix="arb-"))
    yield Command(home=folder / "home")
    shutil.rmtree(folder)


def test_the_demonstration_works_to_its_end_and_comes_to_the_right_results(command):
    done = command.run("demo", "--once", "--json", patience_s=900)
    assert done.code == 0, done.out + done.err
    told = json.loads(done.out)
    assert told["ok"] is True
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert told["tasks"]["announce"]["attempts"] == 2, "one example fails on purpose at its first attempt"
    assert {task["source"] for task in told["tasks"].values()} == {"demo"}
    assert told["kpis"]["status"] == "ok"
    assert {task["currency"] for task in told["tasks"].values()} == {"EUR", "USD"}
    assert all(task["cost_cents"] > 0 for task in told["tasks"].values() if task["attempts"]), "every attempt has its price"
    assert command.processes() == []
    again = command.run("demo", "--once", patience_s=900)
    assert again.code == 0, again.out + again.err
    assert "tasks were in this home already" in again.out
    assert f"{len(told['checks'])} of {len(told['checks'])} results are right" in again.out
    assert command.processes() == []
