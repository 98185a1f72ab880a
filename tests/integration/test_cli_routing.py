"""The commands about who gets what, as a user types them: those of docs/routing.md."""

import json
import re
import shlex

import pytest

from cli.main import main
from models.clock import DAY
from store.home import open_journal
from store.settings import PROJECT
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.router import Router
from tasks.staff import hire_built_in
from tests.scheduling import LANE

TEXT = (PROJECT / "docs" / "routing.md").read_text()
ELSEWHERE = ("./arbiter evaluate router", ".venv/bin/python -m tests.bench")  # tests/unit/test_evaluate_router.py; by hand
WORK = {"title": "Count", "client": "acme", "category": "Data Processing", "inputs": {"function": "examples.functions:nothing"}}


@pytest.fixture
def command(home, capsys, monkeypatch, tmp_path):
    """Runs commands on a home whose agents have one task; returns what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(home.home))
    monkeypatch.chdir(tmp_path)
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    with journal.write("test") as tx:
        give(tx, Beat(name=LANE.name, holder=LANE.holder, until=tx.now + DAY))
    (tmp_path / "work.json").write_text(json.dumps(WORK))
    (tmp_path / "policy.json").write_text(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])

    def run(*words, code=0):
        assert main(words) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.err if code else said.out

    run.task = json.loads(run("submit", "work.json", "--json"))["tasks"][0]["id"]
    claim(journal, shift_id=LANE.holder, lane=LANE.name, free=1, router=Router(journal))
    journal.close()
    return run


def test_every_command_of_the_page_works(command):
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    more = {"simulate": ["--jobs", "1"]}  # processes begin with the main module, which other tests replace
    words = {line: shlex.split(line.replace("t_01…", command.task))[1:] for line in lines if not line.startswith(ELSEWHERE)}
    said = {line: command(*some, *more.get(some[0], [])) for line, some in words.items()}
    assert "worth" in said["./arbiter task t_01…"]
    assert "Data Processing" in said["./arbiter skills"]
    assert "there is no decision to replay" in said["./arbiter policy replay policy.json"]
    assert "late results cost us clients" in said["./arbiter policy list"]
    assert "acme" in said["./arbiter preferences"]


def test_what_cannot_be_is_refused(command, tmp_path):
    assert "contradict" in command("prefer", "acme", "query-1", "--exclude", "--forget", code=2)
    assert "there is no agent 'none'" in command("prefer", "acme", "none", code=2)
    (tmp_path / "wrong.json").write_text('{"late": "much", "colour": 1}')
    refused = command("policy", "set", "wrong.json", "--why", "x", code=2)
    assert "late" in refused
    assert "colour" in refused
    assert "no version 7" in command("policy", "restore", "7", code=2)
    (tmp_path / "list.json").write_text("[1]")
    assert "JSON object" in command("policy", "replay", "list.json", code=2)


def test_answers_as_json_are_whole(command):
    assert json.loads(command("policy", "show", "--json"))["late"] == 0.5
    (level,) = [one for one in json.loads(command("skills", "--json")) if one["agent_id"] == "query-1"]
    assert level["skills"]["Data Processing"]["attempts"] == 0
    assert json.loads(command("policy", "replay", "policy.json", "--json"))["decisions"] == 0
