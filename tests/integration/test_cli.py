"""The `arbiter` command on a real home, as a user types it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.main import main
from store.home import open_journal, set_up
from store.settings import Settings
from tasks.staff import hire_built_in
from tasks.users import ensure_first_admin
from tests.command import Answer, Command

TASK = {
    "title": "Count the rows", "category": "Data Processing", "kind": "query", "client": "acme", "price_cents": 1250,
    "inputs": {"files": {"t": {"$file": "data/customers.json"}}, "sql": "SELECT count(*) AS n FROM t"},
}  # fmt: skip


@dataclass(frozen=True)
class Here:
    """Runs commands in this process, which is quicker than a process for each; what a process of its own adds is tested below."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Answer:
        code = main(("--home", str(self.home), *arguments))
        said = self.capsys.readouterr()
        return Answer(code=code, out=said.out, err=said.err)


@pytest.fixture(scope="module")
def home_in_use() -> Iterator[Path]:
    """A home as `arbiter up` leaves it."""
    home = Path(tempfile.mkdtemp(prefix="arb-"))
    settings = Settings(home=home)
    set_up(settings)
    journal = open_journal(settings)
    hire_built_in(journal, settings, actor="test")
    ensure_first_admin(journal)
    journal.close()
    yield home
    shutil.rmtree(home)
    del os.environ["ARBITER_HOME"]  # set by --home


@pytest.fixture
def command(home_in_use, capsys) -> Here:
    return Here(home_in_use, capsys)


@pytest.fixture
def elsewhere(folder, capsys) -> Iterator[Here]:
    """Commands on a home that does not exist yet."""
    yield Here(folder / "home", capsys)
    os.environ.pop("ARBITER_HOME", None)


def answer(done):
    assert done.err == ""
    assert done.code == 0, done.out
    return json.loads(done.out)


def submitted(command, **changes):
    return answer(command.run("submit", str(written(command, json.dumps(TASK | changes))), "--json"))["tasks"][0]["id"]


def written(command, text):
    file = Path(f"{command.home}.json")
    file.write_text(text)
    return file


def test_help_lists_the_commands_in_the_order_in_which_a_user_meets_them(command):
    done = command.run("--help")
    assert done.code == 0
    listed = done.out.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]
    assert names[:5] == ["up", "demo", "status", "version", "doctor"]
    assert {"submit", "tasks", "task", "cancel", "retry", "approve", "agents", "run", "kpis", "token", "reset"} <= set(names)


@pytest.mark.parametrize("words", [("tasks",), ("kpis",), ("token",), ("user", "list"), ("ship",)])
def test_a_home_that_was_never_set_up_is_said_in_one_line(elsewhere, words):
    done = elsewhere.run(*words)
    assert (done.code, done.out) == (3, "")
    told = f"there is no Arbiter in {elsewhere.home}: run `arbiter up` or `arbiter demo` first, or name another home with --home"
    assert done.err == f"arbiter: {told}\n"
    assert not elsewhere.home.exists()


def test_a_home_too_deep_for_sockets_is_refused_before_anything_starts(elsewhere):
    deep = Here(elsewhere.home / ("a" * 90), elsewhere.capsys)
    done = deep.run("up")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"arbiter: the path {deep.home} is ")
    assert done.err.endswith("choose another home with --home\n")
    assert not elsewhere.home.exists()


def test_settings_that_make_no_sense_are_named(elsewhere):
    elsewhere.home.mkdir()
    elsewhere.home.joinpath("arbiter.toml").write_text('[dispatch]\nslots = "many"\n')
    done = elsewhere.run("tasks")
    assert done.code == 2
    assert done.err.startswith("arbiter: the settings cannot be used: dispatch.slots: Input should be a valid integer")
    assert len(done.err.splitlines()) == 1


def test_work_is_submitted_from_the_input_and_found_again(command):
    piped = Command(home=command.home).run("submit", "-", "--json", text=json.dumps(TASK | {"title": "From the input"}))
    task_id = answer(piped)["tasks"][0]["id"]
    row = answer(command.run("task", task_id, "--json"))["task"]
    assert (row["title"], row["state"], row["source"], row["price_cents"]) == ("From the input", "ready", "cli", 1250)
    assert row["created_at"].endswith("Z")
    listed = command.run("tasks", "--text", "from the INPUT")
    assert task_id in listed.out
    assert "12.50 EUR" in listed.out


def test_work_is_submitted_from_a_file_once_by_its_key(command, tmp_path):
    file = tmp_path / "work.json"
    file.write_text(json.dumps({"tasks": [TASK | {"ref": "a"}, TASK | {"ref": "b", "needs": [{"task": "a"}]}]}))
    first, again = (answer(command.run("submit", str(file), "--key", "monday", "--json")) for _ in range(2))
    assert first == again
    assert [task["state"] for task in first["tasks"]] == ["ready", "waiting"]
    file.write_text(json.dumps(TASK))
    other = command.run("submit", str(file), "--key", "monday")
    assert other.code == 2
    assert "used before for something else" in other.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not JSON"),
        ('{"tasks": []}', "at least 1 item"),
        (json.dumps(TASK | {"price_cents": 1.5}), "price_cents"),
        (json.dumps(TASK | {"price_cents": -1}), "price_cents"),
        (json.dumps(TASK | {"category": "Poetry"}), "unknown category 'Poetry'"),
        (json.dumps(TASK | {"agent": "nobody-1"}), "there is no agent 'nobody-1'"),
        (json.dumps(TASK | {"start_at": "2026-01-01T00:00:00"}), "start_at"),
        (json.dumps(TASK | {"needs": [{"task": "t_none"}]}), "t_none"),
    ],
)
def test_wrong_work_is_refused_with_its_reason_and_nothing_is_written(command, text, complaint):
    before = answer(command.run("tasks", "--most", "500", "--json"))
    done = command.run("submit", str(written(command, text)))
    assert (done.code, done.out) == (2, "")
    assert complaint in done.err
    assert "Traceback" not in done.err
    assert answer(command.run("tasks", "--most", "500", "--json")) == before


def test_a_file_that_is_not_there_is_named(command):
    done = command.run("submit", "/nowhere/work.json")
    assert (done.code, done.err) == (2, "arbiter: /nowhere/work.json cannot be read: No such file or directory\n")


def test_a_task_is_cancelled_and_tried_again(command):
    task_id = submitted(command)
    assert "is done, cancelled: cancelled by cli:" in command.run("cancel", task_id, "--why", "a mistake").out
    twice = command.run("cancel", task_id)
    assert (twice.code, twice.err) == (2, "arbiter: the task has ended: cancelled\n")
    assert answer(command.run("retry", task_id, "--json"))["state"] == "ready"


def test_a_task_that_needs_approval_waits_for_it(command):
    task_id = submitted(command, approval=True)
    assert answer(command.run("task", task_id, "--json"))["task"]["reason"] == "approval"
    assert answer(command.run("approve", task_id, "--json"))["state"] == "ready"


def test_a_task_is_paused_moved_up_and_resumed(command):
    task_id = submitted(command)
    assert answer(command.run("pause", task_id, "--json"))["state"] == "paused"
    assert answer(command.run("priority", task_id, "5", "--json"))["priority"] == 5
    assert answer(command.run("resume", task_id, "--json"))["state"] == "ready"


def test_a_task_that_is_not_there_is_said_so(command):
    done = command.run("task", "t_none")
    assert (done.code, done.err) == (2, "arbiter: there is no task 't_none'\n")


def test_a_title_from_outside_cannot_steer_the_terminal(command):
    task_id = submitted(command, title="\x1b[31mred\u202eevil")
    for words in (("tasks", "--text", "evil"), ("task", task_id)):
        out = command.run(*words).out
        assert "[31mred evil" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_an_agent_is_priced_and_drained(command):
    row = answer(command.run("agent", "query-1", "--price", "0.4", "--minute", "1.25", "--currency", "USD", "--capacity", "2", "--json"))
    assert (row["price_cents"], row["minute_cents"], row["currency"], row["capacity"]) == (40, 125, "USD", 2)
    assert "draining by cli:" in command.run("agent", "query-1", "--state", "draining", "--why", "a new version").out
    shown = next(row for row in answer(command.run("agents", "--json")) if row["id"] == "query-1")
    assert shown["state"] == "draining"
    assert shown["reason"].endswith(": a new version")
    assert shown["price_cents"] == 40, "what is not named stays as it is"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("agent", "nobody-1", "--price", "1"), 2, "nobody-1"),
        (("agent", "query-1"), 2, "nothing to change"),
        (("agent", "query-1", "--price", "-1"), 2, "is no amount of "),
        (("agent", "query-1", "--price", "0.005"), 2, "is no amount of "),
        (("agent", "query-1", "--price", "nan"), 2, "is no amount of "),
        (("agent", "query-1", "--state", "asleep"), 2, "state"),
        (("agent", "query-1", "--currency", "euro"), 2, "currency"),
        (("agent", "query-1", "--capacity", "0"), 2, "capacity"),
    ],
)
def test_a_change_of_an_agent_that_makes_no_sense_is_refused(command, words, code, said):
    done = command.run(*words)
    assert (done.code, said in done.err) == (code, True), done.err


def test_agents_and_figures_are_shown_before_anything_ran(command):
    assert "query-1" in command.run("agents").out
    assert len(answer(command.run("agents", "--json"))) == 8
    report = command.run("kpis")
    assert report.code == 0
    assert "nothing has been measured yet" in report.out
    assert "no event" not in command.run("postings").out


def test_figures_are_measured_when_asked(command):
    submitted(command)
    report = answer(command.run("kpis", "--fresh", "--json"))
    assert report["status"] == "ok"
    assert {kpi["id"] for kpi in report["kpis"]} >= {"revenue", "cost", "success_rate", "task_volume", "active_clients"}


def test_a_window_that_there_is_none_of_is_refused(command):
    done = command.run("kpis", "--window", "yesterday")
    assert done.code == 2
    assert "yesterday" in done.err


def test_a_user_is_added_listed_and_shut_out(command):
    made = answer(command.run("user", "add", "ann", "--role", "client", "--client", "acme", "--json"))
    assert (made["role"], made["client"], len(made["password"])) == ("client", "acme", 20)
    given = Command(home=command.home).run("user", "add", "bob", "--password-stdin", text="correct horse battery\n")
    assert "horse" not in given.out
    names = {row["id"]: row["state"] for row in answer(command.run("user", "list", "--json"))}
    assert names == {"admin": "active", "ann": "active", "bob": "active"}
    assert command.run("user", "disable", "ann").code == 0
    refused = command.run("token", "ann")
    assert (refused.code, refused.out) == (2, "")
    assert "no active user 'ann'" in refused.err


def test_a_token_names_its_user_and_ends(command):
    issued = answer(command.run("token", "--minutes", "5", "--json"))
    assert (issued["name"], issued["role"]) == ("admin", "admin")
    assert issued["access_token"].count(".") == 2
    assert command.run("token").out.count(".") == 2


def test_status_says_that_nothing_runs(command):
    done = command.run("status")
    assert done.code == 3
    assert "nothing runs" in done.out
    assert json.loads(command.run("status", "--json").out)["running"] is False


def test_the_doctor_finds_a_healthy_home_healthy(command):
    done = command.run("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.out)}
    assert done.code == 0, done.out
    assert findings["Ledger"]["verdict"] == "ok"
    assert findings["SQLite"]["verdict"] == "ok"
    assert findings["Services"]["text"] == "nothing runs"


def test_the_doctor_finds_a_database_that_is_no_database(elsewhere):
    elsewhere.home.mkdir()
    (elsewhere.home / "ledger.db").write_text("this is a letter, not a database" * 40)
    done = elsewhere.run("doctor")
    assert done.code == 1
    assert "✗ Ledger" in done.out
    assert "Traceback" not in done.err


def test_an_unknown_flow_is_refused_with_those_that_there_are(command):
    done = command.run("run", "nonsense")
    assert done.code == 2
    assert "there are dispatch, ingest, learn, measure" in done.err


def test_a_reset_only_tells_until_it_is_meant(elsewhere):
    set_up(Settings(home=elsewhere.home))
    told = elsewhere.run("reset")
    assert "nothing was deleted" in told.out
    assert (elsewhere.home / "ledger.db").exists()
    assert answer(elsewhere.run("reset", "--yes", "--json"))["deleted"] is True
    assert not elsewhere.home.exists()
    assert elsewhere.run("reset", "--yes").code == 2


def test_a_reset_deletes_nothing_beside_a_strangers_file(elsewhere):
    set_up(Settings(home=elsewhere.home))
    (elsewhere.home / "thesis.doc").write_text("years of work")
    done = elsewhere.run("reset", "--yes")
    assert done.code == 2
    assert "thesis.doc" in done.err
    assert (elsewhere.home / "ledger.db").exists()


def test_the_version_tells_what_it_is_built_on(command):
    assert answer(command.run("version", "--json"))["arbiter"] == "0.1.0"
