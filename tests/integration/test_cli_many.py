"""The commands about many tasks, and decisions, as a user types them."""

import json

import pytest

from cli.main import main
from store.home import open_journal
from tasks.staff import hire_built_in

WORK = {"title": "Count", "client": "acme", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}


@pytest.fixture
def command(home, capsys, monkeypatch, tmp_path):
    """Runs commands on a home with a group of two tasks; returns exit code and what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(home.home))
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    journal.close()

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    file = tmp_path / "work.json"
    file.write_text(json.dumps({"tasks": [WORK | {"ref": "a"}, WORK | {"ref": "b", "needs": [{"task": "a"}], "approval": True}]}))
    run.answer = json.loads(run("submit", str(file), "--json")[1])
    return run


def test_a_group_is_listed_and_shown_with_its_path(command):
    assert "0 of 2" in command("groups")[1]
    out = command("group", command.answer["group_id"])[1]
    assert "waiting · 0 of 2 done" in out
    assert out.count("●") == 2
    assert json.loads(command("group", command.answer["group_id"], "--json")[1])["group"]["done"] == 0
    code, _, error = command("group", "g_none")
    assert (code, error) == (2, "arbiter: there is no group 'g_none'\n")


def test_the_queue_tells_why(command):
    code, out, _ = command("queue")
    assert code == 0
    assert "starts in a moment" in out
    assert "starts in a moment" in command("task", command.answer["tasks"][0]["id"])[1]


def test_a_deed_is_shown_done_and_taken_back(command):
    out = command("bulk", "pause", "--client", "acme")[1]
    assert "2 tasks would be touched, 0 that fit cannot be; --yes does it" in out
    row = json.loads(command("bulk", "pause", "--client", "acme", "--yes", "--json")[1])
    assert row["count"] == 2
    assert "taken back for 2 of 2" in command("undo", row["id"])[1]
    assert "reprioritise: 2 tasks" in command("bulk", "reprioritise", "--client", "acme", "--to", "30", "--yes")[1]
    assert {task["priority"] for task in json.loads(command("tasks", "--json")[1])["items"]} == {30}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bulk", "pause"), "at least one filter"),
        (("bulk", "explode", "--client", "acme"), "deed"),
        (("bulk", "reprioritise", "--client", "acme", "--to", "high"), "priority"),
        (("bulk", "reassign", "--client", "acme", "--to", "nobody-1"), "nobody-1"),
        (("undo", "bk_none"), "bk_none"),
        (("reject", "t_none", "--note", "x"), "t_none"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(command, words, said):
    code, _, error = command(*words)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


def test_an_approval_is_given_with_a_note_or_refused(command):
    second = command.answer["tasks"][1]["id"]
    assert command("approve", second, "--note", "fine")[0] == 0
    code, _, error = command("reject", second, "--note", "too late")
    assert code == 2
    assert "waits for no approval" in error
