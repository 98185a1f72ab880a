"""Promises: what is due, what is done as it comes near, and what will be missed."""

import pytest

from store.settings import Promises, Step
from tasks.alerts import list_alerts
from tasks.claim import claim
from tasks.groups import ENOUGH
from tasks.perform import Ended, record_end
from tasks.promises import escalate, foresee
from tasks.router import Router
from tasks.submit import submit
from tasks.work import read_work
from tests.scheduling import LANE, WORK, Clockwork, us

STEPS = Promises().steps


@pytest.fixture
def clockwork(journal, place):
    return Clockwork(journal, place, now="2026-05-04T10:00:00")


def send(clockwork, *tasks):
    work = read_work({"tasks": list(tasks)})
    return submit(clockwork.journal, work, settings=clockwork.settings, actor="user:ann", source="test")


def promise(clockwork, **changes):
    promises = Promises(**changes)
    clockwork.settings = clockwork.settings.model_copy(update={"promises": promises})
    return promises


def look(clockwork, moment, promises=None):
    clockwork.now = us(moment)
    escalate(clockwork.journal, promises or Promises())
    return [(alert["severity"], alert["state"]) for alert in list_alerts(clockwork.journal)]


DUE = {"due_at": "2026-05-04T11:00:00Z"}


def test_what_is_promised_is_warned_of_raised_and_told_when_it_is_missed(clockwork):
    send(clockwork, WORK | DUE)
    assert look(clockwork, "2026-05-04T10:47:59") == []
    assert look(clockwork, "2026-05-04T10:48:00") == [("warning", "open")]
    assert clockwork.tasks()[0]["priority"] == 60
    head = clockwork.journal.head()
    look(clockwork, "2026-05-04T10:59:59")
    assert clockwork.journal.head() == head, "each step once"
    assert look(clockwork, "2026-05-04T11:00:00") == [("critical", "open")]
    assert "was due at 2026-05-04T11:00:00Z and is ready" in list_alerts(clockwork.journal)[0]["title"]
    clockwork.work_off()
    assert clockwork.tasks()[0]["outcome"] == "succeeded", "a promise that is missed ends nothing"
    assert look(clockwork, "2026-05-04T11:05:00") == [("critical", "resolved")]


def test_what_is_done_in_time_is_never_spoken_of(clockwork):
    send(clockwork, WORK | DUE)
    clockwork.work_off()
    assert look(clockwork, "2026-05-04T12:00:00") == []


def test_a_house_that_was_off_takes_all_steps_that_came_meanwhile(clockwork):
    send(clockwork, WORK | DUE)
    assert look(clockwork, "2026-05-05T10:00:00") == [("critical", "open")]
    task = clockwork.tasks()[0]
    assert (task["priority"], task["due_steps"], task["due_wake_at"]) == (60, len(STEPS), None)


def test_a_category_and_a_client_can_be_promised(clockwork):
    promise(clockwork, categories={"Custom Workflows": 4}, clients={"acme": 1.5})
    send(clockwork, WORK, WORK | {"client": "acme"}, WORK | {"client": "acme"} | DUE)
    hours = [(task["due_at"] - clockwork.now) / 3.6e9 for task in clockwork.tasks()]
    assert hours == [4, 1.5, 1]


def test_a_step_can_give_it_to_whichever_agent_is_best(clockwork):
    promises = promise(clockwork, steps=(Step(at=0.5, do="reassign"),))
    send(clockwork, WORK | DUE | {"agent": "python-1"})
    assert clockwork.tasks()[0]["wanted_agent"] == "python-1"
    assert look(clockwork, "2026-05-04T10:30:00", promises) == []
    assert clockwork.tasks()[0]["wanted_agent"] is None


def test_what_will_be_missed_is_told_before_it_is(clockwork):
    for _ in range(ENOUGH):
        send(clockwork, WORK)
    work_slowly(clockwork, minutes=30)
    chain = [WORK | {"ref": "a"}, WORK | {"ref": "b", "needs": [{"task": "a"}], "due_at": at(clockwork, minutes=20), "title": "the letter"}]
    send(clockwork, *chain)
    foresee(clockwork.journal)
    (alert,) = list_alerts(clockwork.journal)
    assert (alert["severity"], alert["title"]) == ("warning", "the letter will miss its promise by 40 min")
    foresee(clockwork.journal)
    assert len(list_alerts(clockwork.journal)) == 1


def test_nothing_is_foreseen_from_too_few(clockwork):
    send(clockwork, WORK)
    work_slowly(clockwork, minutes=30)
    send(clockwork, WORK | {"due_at": at(clockwork, minutes=1)})
    foresee(clockwork.journal)
    assert list_alerts(clockwork.journal) == []


def at(clockwork, *, minutes):
    from models.clock import iso

    return iso(clockwork.now + minutes * 60_000_000)


def work_slowly(clockwork, *, minutes):
    while claims := claim(clockwork.journal, shift_id=LANE.holder, lane=LANE.name, free=100, router=Router(clockwork.journal)):
        clockwork.now += minutes * 60_000_000
        for one in claims:
            record_end(clockwork.journal, one, Ended(state="succeeded"))
