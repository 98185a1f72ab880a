"""The notifier: who is told what, when, and through which channel."""

import json

import pytest
from sqlalchemy import select

from models.errors import Invalid
from store import schema
from store.journal import fold
from store.query import Query
from tasks.act import cancel
from tasks.approvals import approve
from tasks.claim import claim
from tasks.notices import acknowledge, assign, read_to, snooze
from tasks.notify import Notifier
from tasks.notify_rules import DEFAULTS, mute_rule, remove_rule
from tasks.perform import Ended, record_end
from tasks.router import Router
from tasks.submit import submit
from tasks.work import read_work
from tests.notifying import House, Receiver
from tests.scheduling import LANE, WORK

HOUR = 3600
URL = "https://hooks.example.com/x"


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def house(journal, place, receiver):
    house = House(journal, place, by=receiver)
    yield house
    house.notifier.close()


def send(house, **more):
    answer = submit(house.journal, read_work(WORK | more), settings=house.settings, actor="user:ann", source="test")
    return answer["tasks"][0]["id"]


def end(house, state="succeeded"):
    for one in claim(house.journal, shift_id=LANE.holder, lane=LANE.name, free=10, router=Router(house.journal)):
        record_end(house.journal, one, Ended(state=state, error=None if state == "succeeded" else "it broke"))


def test_without_any_configuration_operators_hear_of_alerts_and_nothing_leaves_the_house(house):
    house.alert()
    house.later()
    assert [row["title"] for row in house.inbox("oli")] == [row["title"] for row in house.inbox("ann")] == ["it burns"]
    assert house.inbox("lyn") == house.inbox("cli") == []
    house.well()
    house.later()
    (row,) = house.inbox("oli")
    assert (row["title"], row["state"], row["count"], row["unread"]) == ("Resolved: it burns", "resolved", 2, True)
    assert house.deliveries() == []


def test_an_approval_comes_to_whom_it_waits_for_and_is_over_for_all_when_one_gave_it(house):
    first, second = send(house, approval=True), send(house, approval=True, approver="oli")
    house.later()
    assert {row["entity_id"] for row in house.inbox("ann")} == {first}
    assert {row["entity_id"] for row in house.inbox("oli")} == {first, second}
    approve(house.journal, first, actor="user:ann")
    cancel(house.journal, second, actor="user:ann")
    house.later()
    assert {row["state"] for row in house.inbox("ann") + house.inbox("oli")} == {"resolved"}


def test_a_client_hears_how_its_own_work_ended_and_of_nothing_else(house):
    send(house, client="acme", title="Count <b>it</b>\nnow")
    send(house, client="other")
    house.rule(to=["user:cli"], events=["alert.*", "task.*", "approval.needed", "agent.offline"])
    end(house)
    house.alert()
    house.later()
    (row,) = house.inbox("cli")
    assert (row["kind"], row["title"]) == ("task.succeeded", "Succeeded: Count <b>it</b> now")
    assert [row["kind"] for row in house.inbox("cleo")] == ["task.succeeded"]


def test_what_is_about_the_same_thing_is_one_line_and_one_number_tells_what_was_read(house):
    house.alert(severity="warning")
    house.alert("b")
    house.later()
    read_to(house.journal, "oli", {"to": 2}, actor="user:oli")
    assert house.inbox(unread=True) == []
    house.alert(severity="critical")
    house.later()
    (row,) = house.inbox(unread=True)
    assert (row["severity"], row["count"], row["number"]) == ("critical", 2, 3)
    read_to(house.journal, "oli", {"to": 1}, actor="user:oli")
    assert len(house.inbox(unread=True)) == 1, "the cursor never goes back"
    with pytest.raises(Invalid, match="newest notice"):
        read_to(house.journal, "oli", {"to": 9}, actor="user:oli")


def test_a_notice_is_put_away_and_comes_back_unread(house):
    house.alert()
    (row,) = house.later().inbox()
    read_to(house.journal, "oli", {"to": 1}, actor="user:oli")
    snooze(house.journal, row["id"], {"until": "2026-05-04T12:00:00+02:00"}, user="oli", actor="user:oli")
    assert (house.inbox(), len(house.inbox(state="snoozed"))) == ([], 1)
    house.later(59)
    assert house.inbox() == []
    (row,) = house.later(1).inbox()
    assert row["unread"]


def test_a_notice_is_given_to_somebody_of_the_house(house):
    house.rule(to=["user:ann"], events=["freeze.set"])
    from tasks.freezes import freeze

    freeze(house.journal, {"why": "a fair"}, actor="user:oli")
    (row,) = house.later().inbox("ann")
    assign(house.journal, row["id"], {"to": "lyn"}, user="ann", actor="user:ann")
    assert house.inbox("ann")[0]["assigned_to"] == "lyn"
    assert house.inbox("lyn")[0]["title"].startswith("ann gives you: ")
    for nobody in ("cli", "scrape-1"):
        with pytest.raises(Invalid, match="cannot take care"):
            assign(house.journal, row["id"], {"to": nobody}, user="ann", actor="user:ann")


def test_a_rule_with_roles_sends_one_message_however_many_people_it_tells(house, receiver):
    house.rule(house.channel(URL), to=["role:operator", "role:admin"])
    house.alert()
    house.later()
    assert (receiver.titles, len(house.inbox("ann")), len(house.inbox("oli"))) == (["it burns"], 1, 1)


def test_quiet_hours_hold_what_comes_and_let_pass_what_is_over(house, receiver):
    house.rule(house.channel(URL), quiet_from="22:00", quiet_until="07:00", zone="Europe/Berlin")
    house.alert("early")
    house.later()
    house.later(10.1 * HOUR)  # 22:05 in Berlin
    house.well("early")
    house.alert("night")
    house.later()
    assert receiver.titles == ["it burns", "Resolved: it burns"]
    assert len(house.inbox()) == 2, "the inbox has no quiet hours"
    assert [row["why"] for row in house.deliveries("waiting")] == ["quiet hours"]
    house.well("night")
    house.later(8.5 * HOUR)
    assert len(receiver.letters) == 2, "what ends something that was not told waits with it"
    house.later(0.5 * HOUR)
    assert receiver.titles[2:] == ["Resolved: it burns (and 1 more)"]


def test_a_digest_gathers_until_its_time(house, receiver):
    house.rule(house.channel(URL), digest_s=HOUR)
    for name in "abc":
        house.alert(name, title=f"{name} burns")
        house.later()
    assert receiver.letters == []
    house.later(61)
    (letter,) = receiver.letters
    assert (letter.count, [item["title"] for item in letter.items]) == (3, ["a burns", "b burns", "c burns"])


def test_what_changes_all_the_time_is_told_when_it_rests_and_its_last_word_is_never_lost(house, receiver):
    house.rule(house.channel(URL), flap_most=4, flap_s=600)
    for _ in range(10):
        house.alert()
        house.later(10)
        house.well()
        house.later(10)
    assert len(receiver.letters) == 4
    house.later(600)
    assert len(receiver.letters) == 5
    assert receiver.letters[-1].items[-1]["title"] == "Resolved: it burns"
    assert sum(letter.count for letter in receiver.letters) == 20


def test_a_muted_rule_sends_nothing_but_what_is_over(house, receiver):
    rule = house.rule(house.channel(URL))
    house.alert("before")
    house.later()
    mute_rule(house.journal, rule["id"], {"until": "2026-05-04T12:00:00Z"}, viewer=None, actor="user:ann")
    house.alert("during")
    house.well("before")
    house.later()
    assert receiver.titles == ["it burns", "Resolved: it burns"]
    assert len(house.inbox()) == 2
    house.later(3 * HOUR)
    house.alert("after")
    house.later()
    assert len(receiver.letters) == 3


def test_what_nobody_acknowledges_is_told_to_others_once(house, receiver):
    remove_rule(house.journal, "nr_alerts", viewer=None, actor="user:ann")
    house.rule(escalate_s=900, escalate_to=["role:admin"], escalate_channels=[house.channel(URL)["id"]])
    house.alert("a")
    house.alert("b", title="b leaks")
    house.later(899)
    seen = next(row for row in house.inbox() if row["title"] == "b leaks")
    acknowledge(house.journal, seen["id"], user="oli", actor="user:oli")
    assert house.inbox("ann") == receiver.letters == []
    house.later(1)
    house.later(9000)
    (row,) = house.inbox("ann")
    assert (row["title"], row["severity"], receiver.titles) == ("Nobody acknowledged: it burns", "critical", ["Nobody acknowledged: it burns"])


def test_conditions_choose(house):
    remove_rule(house.journal, "nr_client", viewer=None, actor="user:ann")
    house.rule(events=["task.*"], clients=["acme"], price_least_cents=500)
    for client, price in (("acme", 400), ("acme", 500), ("other", 600)):
        send(house, client=client, price_cents=price, title=f"{client} {price}")
    end(house)
    house.later()
    assert [row["title"] for row in house.inbox()] == ["Succeeded: acme 500"]


def test_what_happened_before_a_rule_is_none_of_its_business(house):
    house.alert()
    house.now += 1
    house.rule(to=["user:lyn"])
    assert house.later().inbox("lyn") == []


def test_another_notifier_stands_by_and_goes_on_where_this_one_was(house):
    other = Notifier(house.journal, house.settings, by=Receiver())
    assert house.notifier.look()
    assert not other.look()
    house.alert("a")
    house.later()
    house.notifier.close()
    assert other.look()
    house.alert("b")
    assert other.look()
    assert len(house.inbox()) == 2
    other.close()


def test_what_the_notifier_writes_is_never_told_and_the_ledger_is_its_journal(house, receiver):
    house.rule(house.channel(URL), events=["notice.*", "delivery.*", "channel.*", "reader.*", "alert.*"])
    house.alert()
    house.later(HOUR)
    head = house.journal.head()
    house.later(1)
    assert house.journal.head() == head
    assert receiver.titles == ["it burns"]
    with house.journal.look() as view:
        ledger = {(table.name, row["id"]): row for table in schema.LEDGER for row in view.rows(Query(select(table)))}
    assert fold(house.journal.events(0, 10**6)) == ledger


def test_events_of_a_notice_say_whose_it_is(house):
    house.alert()
    house.later()
    events = [event for event in house.journal.events(0, 10**6) if event.entity in {"notices", "inboxes"}]
    assert {event.facts["user"] for event in events} == {"ann", "oli"}
    assert {name for _, name, _ in DEFAULTS} <= {json.loads(json.dumps(event.patch)).get("name") for event in house.journal.events(0, 10**6)}
