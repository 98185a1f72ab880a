"""The journal and the ledger: equal at every moment, whatever is done to tasks."""

import contextlib
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from models.clock import SECOND
from models.errors import ArbiterError, Invalid, LeaseLost, NotFound, StoreError
from models.task import State
from store import schema
from store.home import open_journal
from store.journal import Journal, fold
from store.query import Query
from tasks import act
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Ended, record_end
from tasks.reap import reap
from tasks.submit import read_work, submit
from tests.factories import agent_row

ALL = {table.name: Query(select(table)) for table in schema.LEDGER}


def ledger(journal: Journal) -> dict[tuple[str, str], dict]:
    with journal.look() as view:
        return {(name, row["id"]): row for name, query in ALL.items() for row in view.rows(query)}


def whole(journal: Journal) -> list:
    return journal.events(0, 10**7)


def hold_lane(journal: Journal, shift_id: str, until: int) -> None:
    with journal.write("test") as tx:
        give(tx, Beat(name=f"shift:{shift_id}", holder=shift_id, until=until))
        give(tx, Beat(name="lane:0", holder=shift_id, until=until))


class Business:
    """A business whose clock and whose agents a test plays."""

    def __init__(self, journal: Journal, settings) -> None:
        self.journal = journal
        self.settings = settings
        self.now = 1_700_000_000 * SECOND
        journal.clock = lambda: self.now
        self.claims = []
        with journal.write("test") as tx:
            for name in {"one", "two"} - {key for table, key in ledger(journal) if table == "agents"}:
                tx.create(schema.agents, agent_row(id=name, kind="python", skills='["Custom Workflows", "Web Scraping"]', capacity=2), "agent.added")

    def tasks(self, *states: str) -> list[str]:
        return sorted(key for (name, key), row in ledger(self.journal).items() if name == "tasks" and (not states or row["state"] in states))

    def do(self, kind: str, rng: random.Random) -> None:
        self.now += rng.randrange(20) * SECOND
        known = self.tasks()
        task_id = rng.choice(known) if known else "t_none"
        match kind:
            case "submit":
                self.submit(rng, known)
            case "claim":
                hold_lane(self.journal, "s1", self.now + 10 * SECOND)
                self.claims += claim(self.journal, shift_id="s1", lane="lane:0", free=rng.randrange(1, 5), record={})
            case "end" if self.claims:
                ended = rng.choice(
                    [Ended(state="succeeded"), Ended(state="failed", error="no", retryable=rng.random() < 0.7), Ended(state="cancelled")]
                )
                record_end(self.journal, self.claims.pop(rng.randrange(len(self.claims))), ended)
            case "reap":
                self.now += 60 * SECOND
                reap(self.journal, actor="test", lost_most=3)
            case "review":
                act.review(self.journal, task_id, "Web Scraping", actor="test")
            case "reprioritise":
                act.reprioritise(self.journal, task_id, rng.randrange(-9, 9), actor="test")
            case "cancel" | "retry" | "approve" | "pause" | "resume":
                getattr(act, kind)(self.journal, task_id, actor="test")

    def submit(self, rng: random.Random, known: list[str]) -> None:
        tasks = []
        for number in range(rng.randrange(1, 5)):
            needs = (
                [{"task": rng.choice([t["ref"] for t in tasks] + known), "condition": rng.choice(["success", "end", "failure"])}]
                if tasks or known
                else []
            )
            tasks.append(
                {
                    "ref": str(number), "title": "sum", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"},
                    "needs": needs if rng.random() < 0.6 else [], "approval": rng.random() < 0.2, "price_cents": rng.randrange(1000),
                },
            )  # fmt: skip
        submit(self.journal, read_work({"tasks": tasks}), settings=self.settings, actor="test", source="test")


STEPS = ["submit", "claim", "end", "end", "reap", "review", "reprioritise", "cancel", "retry", "approve", "pause", "resume"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=40), seed=st.integers(0, 2**32))
def test_the_ledger_is_the_fold_of_the_journal_after_any_operations(journal, place, steps, seed):
    business = Business(journal, place)
    rng = random.Random(seed)
    for step in steps:
        with contextlib.suppress(ArbiterError):  # an operation that is refused must leave no trace either
            business.do(step, rng)
        assert journal.head() == (whole(journal)[-1].seq)
    assert fold(whole(journal)) == ledger(journal)


def test_replaying_the_journal_twice_changes_nothing(journal, place):
    business = Business(journal, place)
    rng = random.Random(7)
    for step in STEPS * 4:
        with contextlib.suppress(ArbiterError):
            business.do(step, rng)
    once = fold(whole(journal))
    twice = fold(whole(journal), fold(whole(journal)))
    assert once == twice == ledger(journal)


def test_a_transaction_that_fails_leaves_neither_row_nor_event(journal):
    with pytest.raises(NotFound), journal.write("test") as tx:  # noqa: PT012 - the first of the two must be undone
        tx.create(schema.agents, agent_row(id="a"), "agent.added")
        tx.change(schema.agents, "b", {"capacity": 2}, "agent.changed")
    assert journal.head() == 0
    assert ledger(journal) == {}


def test_a_ledger_row_changes_only_through_the_door(journal):
    with pytest.raises(StoreError, match="only through"), journal.write("test") as tx:
        tx.run(Query(schema.agents.delete()))


def test_a_row_must_be_whole(journal):
    with pytest.raises(StoreError, match="currency"), journal.write("test") as tx:
        tx.create(schema.agents, {name: value for name, value in agent_row().items() if name != "currency"}, "agent.added")


def test_changing_what_is_not_there_is_refused(journal):
    with pytest.raises(NotFound), journal.write("test") as tx:
        tx.change(schema.agents, "nobody", {"state": "offline"}, "agent.changed")


@pytest.mark.parametrize("value", [float("nan"), "\ud800", "a\0b"])
def test_values_that_json_or_postgresql_cannot_hold_are_refused(journal, value):
    with pytest.raises(Invalid), journal.write("test") as tx:
        tx.create(schema.agents, agent_row(title=value), "agent.added")
    assert journal.head() == 0


def test_time_never_goes_backwards_over_the_journal(journal):
    """A clock that jumps back is held at the latest instant so far."""
    for number, now in enumerate((100, 50, 200)):
        journal.clock = lambda now=now: now
        with journal.write("test") as tx:
            tx.create(schema.agents, agent_row(id=str(number)), "agent.added")
    assert [event.at for event in whole(journal)] == [100, 100, 200]


def test_after_a_start_of_the_machine_numbers_leap_and_are_never_issued_twice(home):
    journal = open_journal(home)
    with journal.write("test") as tx:
        tx.create(schema.agents, agent_row(id="a"), "agent.added")
    with journal.write("test") as tx:  # as if the machine had been started since
        tx.run(Query(schema.meta.update().where(schema.meta.c.name == "boot").values(value="another start")))
    journal.begin()
    with journal.write("test") as tx:
        tx.create(schema.agents, agent_row(id="b"), "agent.added")
    assert journal.head() > 1_000_000
    assert [event.key for event in whole(journal)] == ["a", "b"]
    journal.close()


def test_the_result_of_an_attempt_that_lost_its_lease_is_refused(journal, place):
    business = Business(journal, place)
    rng = random.Random(1)
    while not business.claims:
        business.do("submit", rng)
        business.do("claim", rng)
    lost = business.claims[0]
    business.do("reap", rng)
    before = journal.head()
    with pytest.raises(LeaseLost):
        record_end(journal, lost, Ended(state="succeeded", value=json.dumps({"stolen": True})))
    assert journal.head() == before
    assert ledger(journal)["tasks", lost.task_id]["result"] is None


def test_a_task_claimed_again_has_one_outcome(journal, place):
    """The first attempt's shift dies, the second succeeds, then the first comes back."""
    business = Business(journal, place)
    submit(
        journal,
        read_work({"title": "sum", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}),
        settings=place,
        actor="test",
        source="test",
    )
    business.do("claim", random.Random(1))
    business.do("reap", random.Random(1))
    business.do("claim", random.Random(1))
    first, second = business.claims
    record_end(journal, second, Ended(state="succeeded", value='{"by": 2}'))
    with pytest.raises(LeaseLost):
        record_end(journal, first, Ended(state="succeeded", value='{"by": 1}'))
    task = ledger(journal)["tasks", first.task_id]
    assert (task["state"], task["result"]) == (State.DONE, '{"by": 2}')
    assert [event.kind for event in whole(journal)].count("task.finished") == 1
