"""The commands about the inbox, channels, rules and messages, as a user types them."""

import io
import json

import pytest

from cli.main import main
from store.home import open_journal
from tasks.alerts import raise_alert
from tasks.notify import Notifier
from tasks.users import add_user
from tests.api_server import PASSWORD, add_people
from tests.support_api import Twin, serve

RULE = {"name": "Nights", "to": ["role:operator"], "events": ["alert.*"], "severity": "warning"}
HOOK = "POST /hook"


@pytest.fixture
def command(home, capsys, monkeypatch):
    """Runs commands on a home with people and one alert that they were told of; returns exit code and what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(home.home))
    journal = open_journal(home)
    add_people(journal)
    add_user(journal, "admin", "admin", PASSWORD, actor="test")
    notifier = Notifier(journal, home)
    with journal.write("test") as tx:
        raise_alert(tx, "fire", severity="critical", title="it burns", advice="take water")
    notifier.look()
    notifier.close()
    journal.close()

    def run(*words, given=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def twin():
    with serve(Twin()) as twin:
        yield twin


def answer(command, *words, given="", code=0):
    """Run a command with `--json`; return what it answered."""
    ended, out, error = command(*words, "--json", given=given)
    assert ended == code, error
    return json.loads(out)


def test_an_inbox_is_shown_acknowledged_and_read(command):
    box = answer(command, "inbox")
    assert (box["unread"], [notice["title"] for notice in box["items"]]) == (1, ["it burns"])
    assert "●" in command("inbox")[1]
    box = answer(command, "inbox", "--ack", box["items"][0]["id"], "--read")
    assert (box["unread"], box["items"][0]["state"]) == (0, "acknowledged")
    assert answer(command, "inbox", "--state", "open")["items"] == []
    assert answer(command, "inbox", "--unread")["items"] == []
    assert "0 unread" in command("inbox")[1]
    assert answer(command, "inbox", "--user", "oli")["unread"] == 1, "everybody acknowledges for themselves"
    assert answer(command, "inbox", "--user", "lyn")["items"] == []


def test_a_channel_is_added_tested_paused_resumed_and_removed(command, twin):
    twin.says(HOOK, {})
    url = f"{twin.url}/hook?token=very-secret"
    code, out, _ = command("channel", "add", "hook", given=url)
    assert code == 0
    assert "whsec_" in out
    (row,) = answer(command, "channel", "list")
    assert (row["name"], row["kind"], row["state"]) == ("hook", "webhook", "active")
    assert "very-secret" not in json.dumps(row)
    assert answer(command, "channel", "test", row["id"])["state"] == "sent"
    assert twin.asked[0][2]["data"]["title"] == "A test of the channel hook"
    assert answer(command, "channel", "pause", row["id"])["state"] == "paused"
    assert answer(command, "channel", "resume", row["id"])["state"] == "active"
    assert answer(command, "channel", "remove", row["id"])["state"] == "deleted"
    assert answer(command, "channel", "list") == []


def test_a_test_that_does_not_arrive_ends_with_1_and_its_message_is_sent_again_once(command, twin):
    twin.says(HOOK, {}, 422)
    channel = answer(command, "channel", "add", "hook", given=f"{twin.url}/hook")
    dead = answer(command, "channel", "test", channel["id"], code=1)
    assert dead["error"] == "the receiver answered 422"
    (row,) = answer(command, "deliveries", "--state", "dead")
    assert (row["id"], row["channel"], row["tries"]) == (dead["id"], "hook", 1)
    assert answer(command, "replay", row["id"])["state"] == "waiting"
    assert [one["state"] for one in answer(command, "deliveries")] == ["waiting"]
    assert answer(command, "deliveries", "--state", "dead") == []
    code, _, error = command("replay", row["id"])
    assert (code, error) == (2, "arbiter: this message is waiting: only a dead one can be sent again\n")


def test_a_rule_is_added_listed_muted_and_removed(command, tmp_path):
    file = tmp_path / "nights.json"
    file.write_text(json.dumps(RULE))
    rule = answer(command, "rule", "add", str(file))
    assert (rule["name"], rule["to"], rule["severity"]) == ("Nights", ["role:operator"], "warning")
    assert answer(command, "rule", "add", "-", given=json.dumps(RULE | {"name": "Days"}))["name"] == "Days"
    assert {"Alerts", "Nights", "Days"} <= {row["name"] for row in answer(command, "rule", "list")}
    assert "Nights" in command("rule", "list")[1]
    assert answer(command, "rule", "mute", rule["id"], "--until", "2100-01-01T00:00Z")["muted_until_at"]
    assert answer(command, "rule", "mute", rule["id"])["muted_until_at"] is None
    assert answer(command, "rule", "remove", rule["id"])["state"] == "deleted"
    assert "Nights" not in {row["name"] for row in answer(command, "rule", "list")}


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("inbox", "--state", "nonsense"), "", "the state of a notice is one of"),
        (("inbox", "--user", "nobody"), "", "nobody"),
        (("inbox", "--ack", "no_none"), "", "no_none"),
        (("channel", "add", "x"), "gopher-pigeon", "address"),
        (("channel", "add", "x"), "", "url"),
        (("channel", "test", "ch_none"), "", "ch_none"),
        (("channel", "pause", "ch_none"), "", "ch_none"),
        (("rule", "add", "-"), '{"name": "x", "to": ["everybody"], "events": ["alert.*"]}', "to"),
        (("rule", "add", "-"), "no JSON", "JSON"),
        (("rule", "mute", "nr_alerts", "--until", "tomorrow"), "", "until"),
        (("rule", "remove", "nr_none"), "", "nr_none"),
        (("deliveries", "--state", "nonsense"), "", "waiting, sent, dead"),
        (("deliveries", "--most", "0"), "", "--most"),
        (("replay", "dl_none"), "", "dl_none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(command, words, given, said):
    code, out, error = command(*words, given=given)
    assert (code, out) == (2, "")
    assert said in error
    assert "Traceback" not in error
