"""The commands about schedules, as a user types them."""

import json

import pytest

from cli.main import main
from store.home import open_journal
from tasks.staff import hire_built_in

WORK = {"title": "Count", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}


@pytest.fixture
def command(home, capsys, monkeypatch):
    """Runs commands on a home that was set up; returns exit code and what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(home.home))
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    journal.close()

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def written(tmp_path):
    def write(**changes):
        path = tmp_path / "schedule.json"
        path.write_text(json.dumps({"name": "daily", "timing": {"cron": "0 9 * * *", "zone": "Europe/Berlin"}, "work": WORK} | changes))
        return str(path)

    return write


def preview(capsys, *words):
    code = main(("schedule", "preview", *words, "--json"))
    said = capsys.readouterr()
    return code, json.loads(said.out)["fires"] if code == 0 else said.err


def test_a_preview_needs_no_home_and_tells_what_is_odd(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARBITER_HOME", raising=False)
    code, fires = preview(capsys, "--cron", "30 2 * * *", "--tz", "America/New_York", "--from", "2026-03-07", "--count", "3")
    assert code == 0
    assert [(one["at"], one["local"]) for one in fires] == [
        ("2026-03-07T07:30:00Z", "2026-03-07T02:30:00-05:00"),
        ("2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"),
        ("2026-03-09T06:30:00Z", "2026-03-09T02:30:00-04:00"),
    ]
    assert [bool(one["reason"]) for one in fires] == [False, True, False]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("--every", "90m", "--from", "2026-03-07T00:00:00Z"), "2026-03-07T01:30:00Z"),
        (("--rrule", "FREQ=WEEKLY;BYDAY=FR;BYHOUR=9;BYMINUTE=0;BYSECOND=0", "--from", "2026-03-07"), "2026-03-13T09:00:00Z"),
        (
            ("--cron", "0 9 * * *", "--tz", "Europe/Berlin", "--calendar", "DE-BY", "--roll", "forward", "--from", "2026-12-25"),
            "2026-12-28T08:00:00Z",
        ),
        (("--cron", "0 9 * * *", "--calendar", '{"closed": ["2026-03-09"]}', "--from", "2026-03-09"), "2026-03-10T09:00:00Z"),
        (("--cron", "@daily", "--from", "2026-03-07T00:00:00+01:00"), "2026-03-07T00:00:00Z"),
    ],
)
def test_every_kind_of_timing_is_previewed(capsys, words, first):
    code, fires = preview(capsys, *words)
    assert code == 0, fires
    assert (fires[0]["at"], len(fires)) == (first, 5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cron", "61 * * * *"), "minute"),
        (("--cron", "0 0 31 2 *"), "never"),
        (("--cron", "0 9 * * *", "--tz", "Mars/Olympus"), "Mars/Olympus"),
        (("--cron", "0 9 * * *", "--calendar", "XX"), "XX"),
        (("--cron", "0 9 * * *", "--calendar", "{"), "no JSON"),
        (("--cron", "0 9 * * *", "--roll", "sideways"), "roll"),
        (("--cron", "0 9 * * *", "--from", "yesterday"), "yesterday"),
        (("--every", "soon"), "soon"),
        (("--rrule", "FREQ=NEVER"), "FREQ"),
        ((), "one of cron, every and rrule"),
        (("--cron", "0 9 * * *", "--every", "1h"), "one of cron, every and rrule"),
    ],
)
def test_a_bad_expression_ends_with_two_and_a_reason(capsys, words, said):
    code, error = preview(capsys, *words)
    assert code == 2
    assert said in error


def test_a_schedule_lives_its_life(command, written):
    code, out, _ = command("schedule", "create", written(), "--json")
    assert (code, json.loads(out)["state"]) == (0, "active")
    assert "daily" in command("schedules")[1]
    assert "paused by cli" in command("schedule", "pause", "daily", "--why", "stocktaking")[1]
    assert "active" in command("schedule", "resume", "daily")[1]
    assert json.loads(command("schedule", "run", "daily", "--json")[1])["verdict"] == "made"
    out = command("schedule", "show", "daily")[1]
    assert "Next" in out
    assert "made" in out
    assert "person" in out
    out = command("schedule", "change", "daily", written(timing={"cron": "0 10 * * *", "zone": "Europe/Berlin"}), "--dry-run")[1]
    assert "T09:00:00" in out
    assert "T10:00:00" in out
    assert json.loads(command("schedules", "--json")[1])[0]["timing"]["cron"] == "0 9 * * *", "a dry run changes nothing"
    assert command("schedule", "change", "daily", written(timing={"cron": "0 10 * * *", "zone": "Europe/Berlin"}))[0] == 0
    assert json.loads(command("schedules", "--json")[1])[0]["timing"]["cron"] == "0 10 * * *"
    assert command("schedule", "delete", "daily")[0] == 0
    assert json.loads(command("schedules", "--json")[1]) == []


def test_a_backfill_is_estimated_begun_and_cancelled(command, written):
    command("schedule", "create", written())
    window = ("--from", "2026-05-01", "--until", "2026-05-08")
    assert json.loads(command("schedule", "backfill", "daily", *window, "--dry-run", "--json")[1])["fires"] == 7
    row = json.loads(command("schedule", "backfill", "daily", *window, "--json")[1])
    assert row["state"] == "running"
    assert "cancelled" in command("schedule", "backfill", row["id"], "--cancel")[1]


def test_everything_is_frozen_and_thawed(command):
    row = json.loads(command("freeze", "set", "moving house", "--json")[1])
    assert "moving house" in command("freezes")[1]
    assert command("freeze", "end", row["id"])[0] == 0
    code, _, error = command("freeze", "end", row["id"])
    assert code == 2
    assert "ended already" in error
    assert command("alerts")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("schedule", "show", "weekly"), 2, "there is no schedule 'weekly'"),
        (("schedule", "pause", "weekly"), 2, "there is no schedule 'weekly'"),
        (("schedule", "create", "nowhere.json"), 2, "nowhere.json"),
        (("schedule", "backfill", "weekly"), 2, "--from and --until"),
        (("freeze", "set", "x", "--until", "2020-01-01"), 2, "over before it begins"),
        (("freeze", "end", "fz_none"), 2, "fz_none"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(command, words, code, said):
    found, _, error = command(*words)
    assert found == code
    assert said in error
    assert error.count("\n") == 1
