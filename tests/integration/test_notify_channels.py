"""Channels against real servers: HTTP with signatures, SMTP, outages, and a notifier that is killed."""

import email
import json
import os
import subprocess
import sys
from collections import Counter
from email import policy

import pytest
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from models.clock import now_us
from models.errors import Conflict, IllegalMove, Invalid, NotFound
from tasks.alerts import list_alerts, open_alerts
from tasks.channels import change_channel, list_channels, remove_channel, send_test
from tasks.notices import list_inbox
from tasks.notify_rules import add_rule
from tasks.post import replay
from tests.command import until, unused_port
from tests.notifying import House, Receiver
from tests.support_api import Twin, serve

HOOK = "POST /hook"


@pytest.fixture
def house(journal, place):
    house = House(journal, place)
    yield house
    house.notifier.close()


@pytest.fixture
def twin():
    with serve(Twin()) as twin:
        twin.says(HOOK, {})
        yield twin


class Mailbox:
    """The mails that a server took."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - the name of aiosmtpd
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def test_a_webhook_is_signed_so_that_another_implementation_believes_it(house, twin):
    house.now = now_us()
    channel = house.channel(twin.url + "/hook")
    house.rule(channel)
    house.alert(title="it <b>burns</b>")
    house.later()
    ((_, _, body, headers),) = twin.asked
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    assert Webhook(channel["secret"]).verify(raw, headers) == body
    assert (body["type"], body["data"]["title"], body["data"]["count"]) == ("alert.opened", "it <b>burns</b>", 1)


@pytest.mark.parametrize("status", [503, 302])
def test_a_channel_that_is_down_for_an_hour_delivers_all_once_after_it_returns_and_delays_no_other(house, twin, status):
    twin.says("POST /other", {})
    twin.says(HOOK, {}, status)
    house.rule(house.channel(twin.url + "/hook"))
    house.rule(house.channel(twin.url + "/other", "other"))
    for number in range(12):
        house.alert(f"n{number}", title=f"number {number}")
        house.later(300)
    others = [asked for asked in twin.asked if asked[1] == "/other" and "number" in asked[2]["data"]["title"]]
    assert len(others) == 12, "the other channel had all at once"
    assert any(row["name"].startswith("channel:") for row in list_alerts(house.journal))
    twin.asked.clear()
    twin.says(HOOK, {})
    for _ in range(6):
        house.later(300)
    got = Counter(item["title"] for asked in twin.asked if asked[1] == "/hook" for item in asked[2]["data"]["items"])
    assert got == {f"number {number}": 1 for number in range(12)}
    assert {row["state"] for row in house.deliveries()} == {"sent"}
    with house.journal.look() as view:
        assert not [row for row in open_alerts(view) if row["name"].startswith("channel:")]


def test_every_try_has_the_same_id_and_body(house, twin):
    twin.says(HOOK, {}, 500)
    house.rule(house.channel(twin.url + "/hook"))
    house.alert()
    house.later()
    house.alert(severity="critical")  # joins no message that was tried
    for _ in range(3):
        house.later(300)
    first = [(headers["webhook-id"], json.dumps(body)) for _, _, body, headers in twin.asked]
    assert len(first) >= 3
    assert len(set(first)) == len({message_id for message_id, _ in first})


def test_a_message_that_is_refused_is_dead_and_can_be_sent_again_and_one_that_is_gone_pauses_the_channel(house, twin):
    twin.says(HOOK, {}, 422)
    channel = house.channel(twin.url + "/hook")
    house.rule(channel)
    house.alert("a")
    house.later()
    (row,) = house.deliveries("dead")
    assert row["error"] == "the receiver answered 422"
    twin.says(HOOK, {})
    replay(house.journal, row["id"], actor="user:ann")
    house.later()
    assert house.deliveries("dead") == []
    with pytest.raises(IllegalMove, match="is sent"):
        replay(house.journal, row["id"], actor="user:ann")
    twin.says(HOOK, {}, 410)
    house.alert("b")
    house.later(10)
    assert list_channels(house.journal)[0]["state"] == "paused"
    twin.says(HOOK, {})
    change_channel(house.journal, house.settings, channel["id"], {"state": "active"}, actor="user:ann")
    house.later()
    assert len(house.deliveries("sent")) == 2


def test_a_message_that_fails_for_days_is_dead(journal, place):
    receiver = Receiver()
    receiver.down = {"https://a.example/"}
    house = House(journal, place, by=receiver)
    house.rule(house.channel("https://a.example/"))
    house.alert()
    house.later()
    house.later(3 * 86_400)
    assert [row["state"] for row in house.deliveries()] == ["dead"]
    house.notifier.close()


def test_mail_is_plain_text_on_one_line_and_a_dead_server_is_told(house):
    mailbox = Mailbox()
    port = unused_port()
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    house.rule(house.channel(f"mailto://127.0.0.1:{port}?from=arbiter@example.com&to=ann@example.com&mode=insecure", "mail"))
    house.alert(title="it burns\r\nBcc: eve@example.com <script>alert(1)</script>")
    house.later()
    (mail,) = mailbox.mails
    assert (mail["to"], mail["bcc"], mail.get_content_type()) == ("ann@example.com", None, "text/plain")
    assert "it burns Bcc:" in mail["subject"]
    assert "<script>" not in mail.as_string()
    assert "take water" in mail.get_content()
    server.stop()
    house.alert("b")
    house.later()
    assert [row["tries"] for row in house.deliveries("waiting")] == [1]


def test_secrets_are_in_a_file_that_only_the_house_reads_and_nowhere_else(house, twin):
    twin.says("POST /very-secret-path", {}, 500)
    channel = house.channel(twin.url + "/very-secret-path")
    assert send_test(house.journal, house.settings, channel["id"], actor="user:ann")["state"] == "dead"
    path = house.settings.home / "keys" / "channels" / channel["id"]
    assert path.stat().st_mode & 0o777 == 0o600
    said = str(house.journal.events(0, 10**6)) + str(list_channels(house.journal))
    assert "very-secret-path" not in said
    assert channel["secret"] not in said
    remove_channel(house.journal, house.settings, channel["id"], actor="user:ann")
    assert not path.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": "x"}, "url"), ({"name": "", "url": "https://a.example"}, "name"), ({"name": "x", "url": "nonsense://abc"}, "does not know"),
        ({"name": "x", "url": "ftp://a.example", "kind": "webhook"}, "begins with https"),
        ({"name": "x", "url": "https://", "kind": "webhook"}, "host"),
        ({"name": "x", "url": "https://a.example", "secret": "short"}, "whsec_"), ({"name": "x", "url": "https://a.example", "more": 1}, "more"),
        ({"name": "x", "url": "plain"}, "does not know"), (["x"], "channel"), ({"name": "x", "url": 7}, "url"),
    ],
)  # fmt: skip
def test_a_channel_that_makes_no_sense_is_refused_and_nothing_is_written(home, data, said):
    from store.home import open_journal
    from tasks.channels import add_channel

    journal = open_journal(home)
    head = journal.head()
    with pytest.raises(Invalid, match=said):
        add_channel(journal, home, data, actor="test")
    assert journal.head() == head
    assert not (home.home / "keys" / "channels").exists() or not list((home.home / "keys" / "channels").iterdir())
    journal.close()


NONSENSE = [
    ({"to": []}, Invalid, "to"), ({"to": ["everybody"]}, Invalid, "to"), ({"to": ["user:nobody"]}, NotFound, "nobody"),
    ({"to": ["user:scrape-1"]}, Invalid, "program"), ({"events": ["*"]}, Invalid, "events"), ({"channels": ["ch_none"]}, NotFound, "ch_none"),
    ({"quiet_from": "22:00"}, Invalid, "quiet_until"), ({"quiet_from": "25:00", "quiet_until": "07:00"}, Invalid, "time of day"),
    ({"zone": "Mars/Base"}, Invalid, "time zone"), ({"escalate_s": 60}, Invalid, "escalation"), ({"flap_most": True}, Invalid, "flap_most"),
    ({"digest_s": 3600, "digest_at": "08:00"}, Invalid, "digest"), ({"severity": "loud"}, Invalid, "severity"),
]  # fmt: skip


def test_a_rule_that_makes_no_sense_is_refused_and_nothing_is_written(house):
    head = house.journal.head()
    for more, error, said in NONSENSE:
        with pytest.raises(error, match=said):
            add_rule(house.journal, {"name": "r", "to": ["user:oli"], "events": ["alert.*"]} | more, viewer=None, actor="test")
    assert house.journal.head() == head


def test_names_of_channels_are_unique(house):
    house.channel("https://a.example")
    with pytest.raises(Conflict, match="already"):
        house.channel("https://b.example")


@pytest.mark.slow
def test_each_notice_comes_once_however_often_the_notifier_is_killed(house, twin):
    """`kill -9` between events, on the real process: the inbox counts each event once, and each message arrives."""
    house.rule(house.channel(twin.url + "/hook"), to=["user:oli"])
    house.notifier.close()
    house.journal.clock = now_us
    env = os.environ | {"ARBITER_HOME": str(house.settings.home)}
    if house.settings.database.url:
        env["ARBITER_DATABASE__URL"] = house.settings.database.url.get_secret_value()
    number = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-m", "cli", "notify"], env=env)
        before = len(twin.asked)
        for _ in range(20):
            house.alert(f"n{number}", title=f"number {number}")
            number += 1
        until(lambda before=before: len(twin.asked) > before, "a first message")
        process.kill()
        process.wait()
    process = subprocess.Popen([sys.executable, "-m", "cli", "notify"], env=env)
    until(lambda: not house.deliveries("waiting") and len(house.deliveries("sent")) == number, "all messages")
    process.terminate()
    process.wait()
    rows = list_inbox(house.journal, "oli", most=200)["items"]
    assert Counter(row["title"] for row in rows) == {f"number {one}": 1 for one in range(number)}
    assert {row["count"] for row in rows} == {1}
    ids = Counter(headers["webhook-id"] for _, _, _, headers in twin.asked)
    assert len(ids) == number, "a receiver that drops doubles has each once"
    assert sum(ids.values()) - number <= 4, "one on its way at each kill"
