"""Inbox, rules, channels and the calendar over real HTTP: each person has their own."""

import pytest
from icalendar import Calendar

from tasks.alerts import raise_alert
from tasks.notify import Notifier
from tests.api_server import ask, housed

pytestmark = pytest.mark.slow

LETTER = {"title": "a\nletter", "category": "Content Generation", "kind": "generate", "inputs": {"template": "x", "values": {}}}
RULE = {"name": "r", "to": ["user:cli"], "events": ["task.*"]}


@pytest.fixture(scope="module")
def server():
    with housed() as house:
        notifier = Notifier(house.journal, house.settings)
        with house.journal.write("test") as tx:
            raise_alert(tx, "a", severity="warning", title="it burns", advice="")
        notifier.look()
        notifier.close()
        yield house


def test_each_person_has_their_own_inbox(server):
    box = ask(server, "GET", "/inbox")
    assert (box["unread"], box["items"][0]["title"], box["items"][0]["at"][-1]) == (1, "it burns", "Z")
    notice_id = box["items"][0]["id"]
    ask(server, "POST", f"/inbox/{notice_id}/acknowledge", 404, who="lyn")
    assert ask(server, "POST", f"/inbox/{notice_id}/acknowledge")["state"] == "acknowledged"
    assert ask(server, "POST", "/inbox/read", json={"to": 1}) == {"read_to": 1, "last": 1}
    assert ask(server, "GET", "/inbox?state=nonsense", 422)["code"] == "invalid"
    assert ask(server, "GET", "/deliveries?state=nonsense", 422)["code"] == "invalid"


def test_who_is_no_operator_has_rules_for_itself_only(server):
    rule = ask(server, "POST", "/notify/rules", 201, who="cli", json=RULE)
    assert [row["id"] for row in ask(server, "GET", "/notify/rules", who="cli")["items"]] == [rule["id"]]
    ask(server, "POST", "/notify/rules", 403, who="cli", json=RULE | {"to": ["user:oli"]})
    ask(server, "DELETE", f"/notify/rules/{rule['id']}", 404, who="cleo")
    assert ask(server, "POST", f"/notify/rules/{rule['id']}/mute", who="cli", json={"until": "2100-01-01T00:00:00Z"})["muted_until_at"][-1] == "Z"
    channel = ask(server, "POST", "/channels", 201, json={"name": "hook", "url": "https://a.example/secret"})
    assert channel["address"] == "https://a.example"
    ask(server, "POST", "/notify/rules", 404, who="cli", json=RULE | {"channels": [channel["id"]]})
    assert "secret" not in str(ask(server, "GET", "/channels"))


def test_a_calendar_link_shows_a_client_its_own_deadlines_until_it_is_revoked(server):
    for client in ("acme", "other"):
        ask(server, "POST", "/tasks", 202, json=LETTER | {"client": client, "due_at": "2100-01-01T00:00:00Z"})
    link = ask(server, "POST", "/calendar/link", who="cli")["path"]
    events = Calendar.from_ical(server.ask("GET", link, None).content).walk("VEVENT")
    assert [str(event["summary"]) for event in events] == ["Promised: a letter"]
    ask(server, "DELETE", "/calendar/link", who="cli")
    assert server.ask("GET", link, None).status_code == 404
