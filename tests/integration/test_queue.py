"""The queue: its order is fair and readable, and limits are kept."""

import pytest

from tasks.act import reprioritise
from tasks.claim import claim
from tasks.queue import queue
from tasks.router import Router
from tasks.staff import AgentChange, change_agent
from tasks.submit import submit
from tasks.work import read_work
from tests.scheduling import LANE, WORK, Clockwork


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place)


def send(clockwork, client, count, **more):
    tasks = [WORK | {"client": client, "title": f"{client} {number}"} | more for number in range(count)]
    return submit(clockwork.journal, read_work({"tasks": tasks}), settings=clockwork.settings, actor="user:ann", source="test")


def order(clockwork):
    return [row["title"] for row in queue(clockwork.journal, clockwork.settings)]


def whys(clockwork):
    return {row["why"] for row in queue(clockwork.journal, clockwork.settings)}


def start(clockwork, free=100):
    known = {"shift_id": LANE.holder, "lane": LANE.name, "router": Router(clockwork.journal), "dispatch": clockwork.settings.dispatch}
    return claim(clockwork.journal, free=free, **known)


def limited(clockwork, **changes):
    return change_agent(clockwork.journal, clockwork.settings, "python-1", AgentChange(**changes), actor="user:ann")


def test_clients_take_turns(clockwork):
    send(clockwork, "big", 5)
    clockwork.now += 1_000_000
    send(clockwork, "small", 2)
    assert order(clockwork) == ["big 0", "small 0", "big 1", "small 1", "big 2", "big 3", "big 4"]
    limited(clockwork, capacity=3)
    assert [one.title for one in start(clockwork)] == ["big 0", "small 0", "big 1"]


def test_who_waited_longer_than_its_turns_is_not_overtaken(clockwork):
    send(clockwork, "big", 5)
    clockwork.now += 60_000_000
    send(clockwork, "small", 1)
    assert order(clockwork)[-1] == "small 0"


def test_a_person_can_change_the_order(clockwork):
    answer = send(clockwork, "acme", 3)
    reprioritise(clockwork.journal, answer["tasks"][2]["id"], 1, actor="user:ann")
    assert order(clockwork) == ["acme 2", "acme 0", "acme 1"]
    reprioritise(clockwork.journal, answer["tasks"][2]["id"], 0, actor="user:ann")
    assert order(clockwork) == ["acme 0", "acme 1", "acme 2"]


def test_each_task_says_why_it_does_not_run(clockwork):
    limited(clockwork, capacity=1)
    send(clockwork, "acme", 2)
    assert whys(clockwork) == {"starts in a moment, unless all slots of the shift are taken (dispatch.slots)"}
    start(clockwork)
    assert whys(clockwork) == {"every agent that fits is busy (python-1): an operator can raise its priority or an agent's capacity"}
    limited(clockwork, state="draining")
    assert whys(clockwork) == {"no agent that fits is online: an operator can bring one back, or give it to another"}


def test_an_agent_starts_no_more_than_it_may_in_any_minute(clockwork):
    limited(clockwork, rate_most=2, capacity=10)
    send(clockwork, "acme", 5)
    assert len(start(clockwork)) == 2
    assert whys(clockwork) == {"python-1 may start no more this minute: an operator can change that with `arbiter agent`"}
    clockwork.now += 30_000_000
    assert start(clockwork) == []
    clockwork.now += 30_000_001
    assert len(start(clockwork)) == 2
    limited(clockwork, rate_most=0)
    assert len(start(clockwork)) == 1, "no limit any more"


def test_a_category_starts_no_more_than_it_may_in_any_minute(clockwork):
    rates = {"category_rates": {"Custom Workflows": 3}}
    clockwork.settings = clockwork.settings.model_copy(update={"dispatch": clockwork.settings.dispatch.model_copy(update=rates)})
    limited(clockwork, capacity=10)
    send(clockwork, "acme", 5)
    assert len(start(clockwork)) == 3
    assert whys(clockwork) == {"Custom Workflows may start no more tasks this minute (dispatch.category_rates)"}
    send(clockwork, "acme", 1, category="Data Processing", kind="python")
    assert [one.category for one in start(clockwork)] == ["Data Processing"]
    clockwork.now += 60_000_001
    assert len(start(clockwork)) == 2
