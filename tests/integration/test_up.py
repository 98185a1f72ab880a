"""`arbiter up` as a real process tree: what starts, what is restarted, and that nothing stays; and README.md, whose commands run beside it."""

import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest

from cli import running
from tests import readme
from tests.command import Command, until

pytestmark = pytest.mark.slow

TASK = {
    "title": "Count the customers", "category": "Data Processing", "kind": "query",
    "inputs": {"files": {"t": {"$file": "data/customers.json"}}, "sql": "SELECT count(*) AS n FROM t"},
}  # fmt: skip


class House:
    """One `arbiter up` on a home."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.output = command.home.with_suffix(".out")
        self.process = command.start("up", output=self.output)

    def entry(self, name):
        return running.read(self.command.home / "run").get("services", {}).get(name, {})

    def is_up(self, name):
        return self.entry(name).get("state") == "up" and running.lives(self.entry(name))

    def supervisor(self):
        return psutil.Process(running.read(self.command.home / "run")["supervisor"]["pid"])

    def says(self, text):
        return text in self.output.read_text()

    def nothing_is_left(self):
        until(lambda: not self.command.processes(), f"the end of {[process.cmdline() for process in self.command.processes()]}", patience_s=30)


@pytest.fixture(scope="module")
def command():
    folder = Path(tempfile.mkdtemp(prefix="arb-"))
    command = Command(home=folder / "home")
    readme.prepare(command.home)
    yield command
    for process in command.processes():
        process.kill()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def house(command):
    """Everything is up; the tests of this module run in their order on one home."""
    house = House(command)
    yield house
    house.process.kill()
    house.process.wait()


def test_api_and_pages_do_not_wait_for_prefect(house):
    until(lambda: house.is_up("api") and house.is_up("dashboard"), "API and dashboard")
    assert httpx.get(house.entry("api")["url"] + "/healthz").is_success
    assert not house.is_up("worker")


def test_the_first_administrator_is_shown_with_a_password(house):
    until(lambda: house.says("first administrator: admin, password "), "the administrator")


def test_a_second_start_says_that_one_runs(house):
    done = house.command.run("up")
    assert done.code == 3
    assert done.err.startswith(f"arbiter: Arbiter runs in {house.command.home} already")


def test_a_shift_comes_and_works(house):
    until(lambda: house.command.run("status").code == 0, "all services and a shift")
    status = json.loads(house.command.run("status", "--json").out)
    assert {name: service["state"] for name, service in status["services"].items()} == dict.fromkeys(
        ["prefect", "api", "dashboard", "ship", "reserve", "watch", "notify", "worker"], "up"
    )  # fmt: skip
    task_id = json.loads(house.command.run("submit", "-", "--json", text=json.dumps(TASK)).out)["tasks"][0]["id"]
    until(lambda: state_of(house, task_id) == "done", "the end of the task")


def test_every_flow_is_deployed_with_its_schedule(house):
    found = httpx.post(f"{house.entry('prefect')['url']}/api/deployments/filter", json={}).json()
    scheduled = {deployment["name"]: [item["schedule"]["cron"] for item in deployment["schedules"]] for deployment in found}
    assert scheduled == {"shift": ["*/5 * * * *"], "always": ["*/5 * * * *"], "inbox": ["7-59/15 * * * *"], "labels": ["23 4 * * *"], "nightly": []}
    until(lambda: any(run["auto_scheduled"] for run in runs(house, ["SCHEDULED"])), "runs that the scheduler planned")


def test_the_doctor_finds_everything_well(house):
    done = house.command.run("doctor")
    assert done.code == 0, done.out
    assert "✓ Work pool" in done.out


def test_every_command_of_the_readme_runs_while_everything_is_up(house):
    for line in readme.while_it_runs():
        readme.run(house.command, line)


def test_a_flow_runs_by_itself_against_the_running_prefect(house):
    done = house.command.run("run", "measure")
    assert done.code == 0, done.err
    assert any(run["name"] in done.err for run in runs(house, ["COMPLETED"]))
    assert json.loads(house.command.run("kpis", "--json").out)["status"] == "ok"


def test_a_service_that_dies_is_started_again_and_said_so(house):
    before = house.entry("api")
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: house.is_up("api") and house.entry("api")["pid"] != before["pid"], "another API")
    assert house.entry("api")["restarts"] == before["restarts"] + 1
    assert house.entry("api")["url"] == before["url"]
    assert house.says("API was killed by signal 9")


def test_a_shift_that_dies_is_replaced(house):
    for process in shifts(house):
        process.kill()
    until(lambda: json.loads(house.command.run("status", "--json").out)["shift"], "another shift")
    task_id = json.loads(house.command.run("submit", "-", "--json", text=json.dumps(TASK)).out)["tasks"][0]["id"]
    until(lambda: state_of(house, task_id) == "done", "the end of a task after the death of the shift")


def test_ctrl_c_ends_everything(house):
    house.process.send_signal(signal.SIGINT)
    assert house.process.wait(timeout=60) == 0
    house.nothing_is_left()
    assert running.read(house.command.home / "run") == {}
    assert house.says("everything has ended")


def test_what_the_readme_says_about_backup_and_restore_works(house):
    readme.restore(house.command, readme.after_it_ended())


@pytest.mark.parametrize("victim", ["the supervisor", "the outer process"])
def test_nothing_is_left_when_a_part_of_the_house_is_killed(house, victim):
    again = House(house.command)
    until(lambda: again.is_up("api") and again.entry("prefect").get("pid"), "the API")
    (again.supervisor() if victim == "the supervisor" else psutil.Process(again.process.pid)).kill()
    assert again.process.wait(timeout=60) != 0
    again.nothing_is_left()


def test_what_is_left_when_both_are_killed_is_ended_by_the_next_start(house):
    before = House(house.command)
    until(lambda: before.is_up("api"), "the API")
    left = before.entry("api")
    supervisor = before.supervisor()
    supervisor.suspend()  # so that it cannot notice
    before.process.kill()
    supervisor.kill()
    before.process.wait(timeout=60)
    assert running.lives(left)
    after = House(house.command)
    until(lambda: after.says("api was left by a former start: ended"), "the end of what was left")
    assert not running.lives(left)
    until(lambda: after.is_up("api"), "the API")
    after.process.send_signal(signal.SIGTERM)
    assert after.process.wait(timeout=60) == 0
    after.nothing_is_left()


def test_a_later_start_goes_on_with_the_same_data(house):
    items = json.loads(house.command.run("tasks", "--json").out)["items"]
    assert len([task for task in items if task["source"] != "schedule"]) == 4
    assert len([task for task in items if task["source"] == "schedule"]) >= 1
    assert not house.says("bug")


def state_of(house, task_id):
    return json.loads(house.command.run("task", task_id, "--json").out)["task"]["state"]


def runs(house, states):
    body = {"flow_runs": {"state": {"type": {"any_": states}}}}
    return httpx.post(f"{house.entry('prefect')['url']}/api/flow_runs/filter", json=body).json()


def shifts(house):
    from store.home import open_journal
    from store.query import Query
    from store.schema import beats
    from store.settings import Settings

    journal = open_journal(Settings(home=house.command.home))
    with journal.look() as view:
        rows = view.rows(Query(beats.select()))
    journal.close()
    return [psutil.Process(row["pid"]) for row in rows if row["name"].startswith("open:")]
