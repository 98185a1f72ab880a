"""Routing in the house: what is learned, what is decided and kept, and what keeps an agent from a task."""

import json

import pytest
from sqlalchemy import update

from models.clock import MINUTE, SECOND
from models.errors import Invalid, NotFound
from store import schema
from store.journal import fold
from store.schema import agents, circuits, decisions, meta, tasks
from tasks import policies
from tasks.alerts import list_alerts
from tasks.claim import claim
from tasks.levels import levels, list_decisions
from tasks.perform import Ended, record_end
from tasks.preferences import list_preferences, prefer
from tasks.queue import queue
from tasks.replay import replay_policy
from tasks.router import Router
from tasks.shift import Shift
from tasks.staff import AgentChange, change_agent
from tasks.submit import submit
from tasks.work import read_work
from tests.factories import agent_row
from tests.scheduling import LANE, WORK, Clockwork

CATEGORY = "Custom Workflows"


@pytest.fixture
def clockwork(journal, place):
    made = Clockwork(journal, place)
    change_agent(journal, place, "python-1", AgentChange(state="offline"), actor="user:ann")
    with journal.write("test") as tx:
        for name in ("ann", "bob"):
            tx.create(agents, agent_row(id=name, kind="python", skills=json.dumps([CATEGORY]), capacity=3), "agent.added")
    return made


def send(clockwork, count=1, **more):
    work = [WORK | {"client": "acme", "title": f"task {number}", "price_cents": 4000} | more for number in range(count)]
    return [
        one["id"]
        for one in submit(clockwork.journal, read_work({"tasks": work}), settings=clockwork.settings, actor="user:ann", source="test")["tasks"]
    ]


def start(clockwork, router=None, free=100):
    return claim(clockwork.journal, shift_id=LANE.holder, lane=LANE.name, free=free, router=router or Router(clockwork.journal))


def end(clockwork, claims, *, fails=(), takes_s=60, retryable=True):
    """End attempts after some time; those of the agents named fail."""
    clockwork.now += takes_s * SECOND
    for one in claims:
        ended = Ended(state="failed", error="broken", retryable=retryable) if one.agent_id in fails else Ended(state="succeeded")
        record_end(clockwork.journal, one, ended)


def work(clockwork, rounds, **how):
    """Let tasks come and be done one after the other; return who got them."""
    got = []
    for _ in range(rounds):
        send(clockwork, attempts_most=1)
        claims = start(clockwork)
        got += [one.agent_id for one in claims]
        end(clockwork, claims, **how)
    return got


def row(clockwork, table, key):
    with clockwork.journal.look() as view:
        return view.get(table, key)


def test_what_is_learned_is_the_fold_of_the_journal_with_or_without_a_checkpoint(clockwork):
    router = Router(clockwork.journal)
    for _ in range(8):
        send(clockwork, 2)
        end(clockwork, start(clockwork, router), fails={"bob"})
    router.keep()
    kept, anew = Router(clockwork.journal), Router(clockwork.journal, name="another")
    with clockwork.journal.look() as view:
        for one in (router, kept, anew):
            one.look(view, clockwork.now)
    assert router.valuation.dump() == kept.valuation.dump() == anew.valuation.dump()
    assert router.valuation.dump()["agents"]


def test_a_checkpoint_of_another_stream_or_a_broken_one_is_not_believed(clockwork):
    work(clockwork, 3)
    router = Router(clockwork.journal)
    router.keep()
    for value in ('{"format": 1}', "nonsense", json.dumps({"format": 1, "epoch": "e_other", "seq": 0, "regret": 0, "valuation": {}})):
        with clockwork.journal.engine.begin() as connection:
            connection.execute(update(meta).where(meta.c.name == "router").values(value=value))
        again = Router(clockwork.journal)
        assert again.valuation.dump() == router.valuation.dump(), "everything is learned anew"


def test_the_agent_that_brings_results_gets_the_work(clockwork):
    for name in ("bob", "ann") * 3:
        send(clockwork, agent=name, attempts_most=1)
        end(clockwork, start(clockwork), fails={"bob"}, retryable=False)
    got = work(clockwork, 20, fails={"bob"}, retryable=False)
    assert got.count("ann") >= 18
    level = {one["agent_id"]: one["skills"][CATEGORY] for one in levels(clockwork.journal) if one["agent_id"] in {"ann", "bob"}}
    assert level["ann"]["success"] > 0.75
    assert level["bob"]["success"] < 0.55
    assert level["ann"]["attempts"] == 3 + got.count("ann")
    assert level["ann"]["deviation"] < level["bob"]["deviation"]


def test_the_last_days_are_told_by_category_and_currency_of_the_tasks(clockwork):
    for currency in ("EUR", "EUR", "JPY"):
        send(clockwork, agent="ann", currency=currency, attempts_most=1)
        end(clockwork, start(clockwork), fails={"ann"} if currency == "JPY" else ())
    clockwork.now += 13 * 24 * 60 * MINUTE
    (level,) = [one for one in levels(clockwork.journal) if one["agent_id"] == "ann"]
    common = {"day": 0, "category": CATEGORY, "cost_cents": 0}
    assert level["days"] == [
        common | {"currency": "EUR", "attempts": 2, "succeeded": 2, "busy_us": 2 * MINUTE},
        common | {"currency": "JPY", "attempts": 1, "succeeded": 0, "busy_us": MINUTE},
    ]
    clockwork.now += 24 * 60 * MINUTE
    assert [one["days"] for one in levels(clockwork.journal)] == [[]] * len(levels(clockwork.journal)), "they are longer ago"


def test_a_decision_keeps_what_was_weighed_and_the_ledger_is_still_the_fold(clockwork):
    (task_id,) = send(clockwork)
    (started,) = start(clockwork)
    (found,) = [one for one in list_decisions(clockwork.journal) if one["task_id"] == task_id]
    assert found["policy"] == "expected value/0"
    assert found["agent_id"] == started.agent_id
    terms = {one["agent_id"]: one for one in found["candidates"]}
    assert {"ann", "bob"} <= {name for name, one in terms.items() if not one["rejected"]}
    assert terms["shell-1"]["rejected"] == "takes no inputs of kind python"
    assert found["flips"][0]["agent_id"] == ({"ann", "bob"} - {started.agent_id}).pop()
    state = fold(clockwork.journal.events(0, 10_000))
    assert state["decisions", found["id"]] == row(clockwork, decisions, found["id"])


def test_an_agent_that_fails_again_and_again_rests_and_is_tried_out_with_one_task(clockwork):
    change_agent(clockwork.journal, clockwork.settings, "ann", AgentChange(state="offline"), actor="user:ann")
    got = work(clockwork, 5, fails={"bob"}, takes_s=1)
    assert got == ["bob"] * 5
    ids = send(clockwork, 3, attempts_most=1)
    assert start(clockwork) == []
    (why, *_) = {one["why"] for one in queue(clockwork.journal, clockwork.settings)}
    assert why.startswith(f"bob failed 5 times in a row in {CATEGORY} and rests until ")
    assert [alert["state"] for alert in list_alerts(clockwork.journal) if alert["name"].startswith("circuit:")] == ["open"]
    clockwork.now += MINUTE
    (probe,) = start(clockwork)
    assert start(clockwork) == [], "only one tries"
    end(clockwork, [probe], fails={"bob"}, takes_s=1)
    clockwork.now += MINUTE
    assert start(clockwork) == [], "now it rests twice as long"
    clockwork.now += MINUTE
    (probe,) = start(clockwork)
    end(clockwork, [probe])
    assert row(clockwork, circuits, f"bob>{CATEGORY}")["state"] == "closed"
    assert [one.task_id for one in start(clockwork)] == ids[2:]
    assert [alert["state"] for alert in list_alerts(clockwork.journal) if alert["name"].startswith("circuit:")] == ["resolved"]


def test_what_waits_goes_to_others_when_an_agent_is_out(clockwork):
    for name in ("ann", "bob"):
        change_agent(clockwork.journal, clockwork.settings, name, AgentChange(capacity=1), actor="user:ann")
    send(clockwork, 4, attempts_most=3, backoff_s=0)
    first = start(clockwork)
    assert {one.agent_id for one in first} == {"ann", "bob"}
    change_agent(clockwork.journal, clockwork.settings, "ann", AgentChange(state="offline"), actor="user:ann")
    end(clockwork, first, fails={"ann"})
    got = []
    for _ in range(6):
        claims = start(clockwork)
        got += [one.agent_id for one in claims]
        end(clockwork, claims)
    assert got == ["bob"] * 3, "the two that waited and the one that failed"


def test_preferences_of_a_client_count(clockwork):
    prefer(clockwork.journal, "acme", "ann", "excluded", actor="user:ann", why="a quarrel")
    assert work(clockwork, 4) == ["bob"] * 4
    assert {"agent_id": "ann", "rejected": "is excluded by acme: a quarrel"} in list_decisions(clockwork.journal)[0]["candidates"]
    prefer(clockwork.journal, "acme", "bob", "excluded", actor="user:ann")
    (task_id,) = send(clockwork)
    start(clockwork)
    assert "ann is excluded by acme" in row(clockwork, tasks, task_id)["why"]
    send(clockwork, client="other")
    assert len(start(clockwork)) == 1, "other clients are served"
    prefer(clockwork.journal, "acme", "bob", "none", actor="user:ann")
    assert [one.task_id for one in start(clockwork)] == [task_id]
    assert [(one["client"], one["agent_id"], one["stance"]) for one in list_preferences(clockwork.journal)] == [("acme", "ann", "excluded")]
    with pytest.raises(NotFound):
        prefer(clockwork.journal, "acme", "nobody", "preferred", actor="user:ann")


def test_hours_clearance_and_language_are_kept(clockwork):
    with clockwork.journal.write("test") as tx:
        hours = {"hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}}
        tx.change(agents, "ann", {"calendar": json.dumps(hours), "zone": "Europe/Berlin", "clearance": 2, "languages": '["de"]'}, "agent.changed")
        tx.change(agents, "bob", {"languages": '["en"]'}, "agent.changed")
    clockwork.now = 1_799_913_600 * SECOND  # a Thursday of January 2027, 08:00 UTC: 09:00 in Berlin
    send(clockwork, clearance=1)
    assert [one.agent_id for one in start(clockwork)] == ["ann"]
    send(clockwork, language="de")
    assert [one.agent_id for one in start(clockwork)] == ["ann"]
    clockwork.now += 9 * 60 * MINUTE
    send(clockwork, language="de")
    assert start(clockwork) == []
    assert {one["why"] for one in queue(clockwork.journal, clockwork.settings)} == {
        "ann works again at 2027-01-15T08:00:00Z: an operator can change that with `arbiter agent`"
    }
    (task_id,) = send(clockwork, clearance=3)
    start(clockwork)
    assert "ann has clearance 2, 3 is needed" in row(clockwork, tasks, task_id)["why"]


def test_a_policy_has_versions_and_is_tried_before_it_is_saved(clockwork):
    with clockwork.journal.write("test") as tx:
        tx.change(agents, "ann", {"price_cents": 300}, "agent.changed")
    work(clockwork, 40, fails={"bob"}, retryable=False)
    found = replay_policy(clockwork.journal, {"least": 5_000_000}, days=30)
    assert found["decisions"] == 40
    assert found["verdict"]
    same = replay_policy(clockwork.journal, {}, days=30)
    assert (same["moved_count"], same["verdict"]) == (0, "nothing would have moved")
    with pytest.raises(Invalid, match="late"):
        policies.save(clockwork.journal, {"late": -1}, actor="user:ann", why="x")
    with pytest.raises(Invalid, match="lateness"):
        replay_policy(clockwork.journal, {"lateness": 1}, days=30)
    saved = policies.save(clockwork.journal, {"late": 0.9}, actor="user:ann", why="clients complain")
    again = policies.save(clockwork.journal, {"width": 0}, actor="user:ann", why="no more trying out")
    assert (saved["number"], again["number"]) == (1, 2)
    assert again["definition"]["late"] == 0.9
    send(clockwork)
    start(clockwork)
    assert list_decisions(clockwork.journal)[0]["policy"] == "expected value/2"
    back = policies.go_back(clockwork.journal, 0, actor="user:ann")
    assert back["number"] == 3
    assert [one["state"] for one in policies.list_policies(clockwork.journal)] == ["active", "retired", "retired"]
    with pytest.raises(Invalid, match="no version 9"):
        policies.go_back(clockwork.journal, 9, actor="user:ann")


def test_a_task_that_nobody_fits_is_looked_at_once_also_past_its_deadline(clockwork):
    change_agent(clockwork.journal, clockwork.settings, "bob", AgentChange(state="offline"), actor="user:ann")
    (task_id,) = send(clockwork, backoff_s=0, deadline_at="2026-05-04T10:10:00Z")
    end(clockwork, start(clockwork), fails={"ann"}, takes_s=60)
    change_agent(clockwork.journal, clockwork.settings, "ann", AgentChange(state="offline"), actor="user:ann")
    clockwork.now += 60 * MINUTE
    start(clockwork)
    head = clockwork.journal.head()
    for _ in range(5):
        start(clockwork)
    assert clockwork.journal.head() == head, "it waits for a person, and nothing is written meanwhile"
    assert row(clockwork, tasks, task_id)["reason"] == "no_agent"


def test_what_one_task_waits_for_hides_none_behind_it(clockwork):
    for name in ("ann", "bob"):
        change_agent(clockwork.journal, clockwork.settings, name, AgentChange(capacity=1), actor="user:ann")
    send(clockwork, agent="bob")
    start(clockwork)
    first = send(clockwork, backoff_s=0)
    claims = start(clockwork)
    end(clockwork, claims, fails={"ann"}, takes_s=1)
    clockwork.now += 1
    others = send(clockwork, 3)
    assert [one.task_id for one in start(clockwork)] == others[:1], "the first waits for busy bob before it asks ann again"
    assert row(clockwork, tasks, first[0])["state"] in {"ready", "waiting"}


def test_a_shift_that_cannot_decide_lives_on_and_says_so(clockwork, monkeypatch):
    def broken(*_args, **_more):
        message = "the numbers make no sense"
        raise Invalid(message)

    monkeypatch.setattr("tasks.shift.claim", broken)
    send(clockwork)
    with Shift(clockwork.journal, clockwork.settings, minutes=1) as shift:
        shift._lane = LANE.name  # noqa: SLF001 - the test holds it already
        assert shift.claims(0) == []
    (alert,) = [one for one in list_alerts(clockwork.journal) if one["name"] == "routing"]
    assert (alert["severity"], alert["advice"]) == ("critical", "what runs goes on: the numbers make no sense")


def test_a_version_of_another_product_is_read_as_far_as_it_is_known(clockwork):
    policies.save(clockwork.journal, {"late": 0.9}, actor="user:ann", why="x")
    (saved,) = policies.list_policies(clockwork.journal)
    with clockwork.journal.write("test") as tx:
        tx.change(schema.policies, saved["id"], {"definition": json.dumps(saved["definition"] | {"colour": "red"})}, "policy.saved")
    with clockwork.journal.look() as view:
        assert policies.active(view).policy.late == 0.9
