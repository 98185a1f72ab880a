"""The commands of docs/agents.md, run in their order at a real server, and what else the commands about agents say."""

import json
import os
import re
import shlex
import subprocess

import pytest
from sqlalchemy import select

from cli.main import main
from store.query import Query
from store.schema import agents, tasks
from store.settings import PROJECT
from tests.api_server import housed
from tests.command import until
from tests.working import shift

pytestmark = pytest.mark.slow

ONE = Query(select(tasks))
DOCS = (PROJECT / "docs" / "agents.md").read_text()


def lines():
    blocks = re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def house():
    with housed() as house:
        yield house


@pytest.fixture
def command(house, capsys, monkeypatch):
    """Runs a command on the home of the house; returns exit code and what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(house.settings.home))

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def row_of(house, table, key):
    with house.journal.look() as view:
        return view.get(table, key)


def test_every_command_does_what_is_said(house, command):
    (work,) = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    file = house.settings.home / "review.json"
    file.write_text(work)
    given, started = {}, []
    for line in lines():
        if line.startswith("./arbiter"):
            words = [str(file) if word == file.name else word for word in shlex.split(line)[1:]]
            code, out, err = command(*words)
            assert (code, err) == (0, ""), line
            if password := re.search(r"shown this once: (\S+)", out):
                given[words[2]] = password[1]
        else:
            name = "writer-1"
            token = json.loads(command("token", name, "--json")[1])["access_token"]
            env = os.environ | {"TOKEN": token}
            shown = line.replace("http://127.0.0.1:8600", house.url).replace("…", given[name])
            if shown.startswith("curl"):
                answer = subprocess.run(["sh", "-c", shown], env=env, capture_output=True, check=True, text=True)
                assert set(json.loads(answer.stdout)) == {"items", "lease_s"}
            else:
                started.append(subprocess.Popen(["sh", "-c", f"{shown.replace(' perl', ' exec perl')}"], cwd=PROJECT, env=env))
    with house.journal.write("test") as tx:  # so that the worker gets it, and nobody who would wait for a person
        task_id = tx.one(ONE)["id"]
        tx.change(tasks, task_id, {"wanted_agent": "writer-1"}, "task.changed")
    until(lambda: shift(house) or row_of(house, tasks, task_id)["state"] == "done", "the worker's result", 60)
    for worker in started:
        worker.kill()
        worker.wait()
    task = row_of(house, tasks, task_id)
    assert (task["outcome"], json.loads(task["result"])["words"], task["cost_cents"]) == ("succeeded", 6, 10)
    assert given.keys() == {"writer-1", "paula"}
    assert row_of(house, agents, "writer-1")["budget"] is None


def test_terms_are_read_as_people_write_them(command):
    hours = "mon-tue 09:00-12:00 13:00-17:00; sat 10:00-12:00"
    words = ("--kind", "person", "--skill", "Data Processing", "--price", "2.50", "--hours", hours, "--calendar", "DE-BY", "--takes", "query")
    row = json.loads(command("agent", "add", "paul", *words, "--json")[1])
    assert (row["state"], row["price_cents"], row["config"]) == ("online", 250, {"takes": ["query"]})
    whole, spans = row["calendar"]
    assert (whole, spans["hours"]["tue"], len(row["password"])) == ("DE-BY", ["09:00-12:00", "13:00-17:00"], 20)
    row = json.loads(command("agent", "paul", "--skill", "Web Scraping", "--clearance", "2", "--remove", "calendar", "--json")[1])
    assert (row["skills"], row["clearance"], row["calendar"], row["state"]) == (["Web Scraping"], 2, None, "online")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("agent", "add", "x", "--kind", "robot", "--skill", "Web Scraping"), "kind"),
        (("agent", "add", "x", "--kind", "person", "--skill", "Web Scraping", "--hours", "always"), "are no hours"),
        (("agent", "scrape-1", "--budget", "{"), "--budget is not JSON"),
        (("agent", "scrape-1", "--remove", "title"), "title"),
    ],
)
def test_terms_that_make_no_sense_are_refused(command, words, complaint):
    code, _, err = command(*words)
    assert (code, complaint in err) == (2, True), err
