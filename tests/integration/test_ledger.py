"""The journal and the ledger: equal at every moment, whatever is done to tasks."""

import contextlib
import itertools
import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from models.clock import SECOND, to_datetime
from models.errors import ArbiterError, Invalid, LeaseLost, NotFound, StoreError
from models.task import State
from store import schema
from store.home import open_journal
from store.journal import Journal, fold
from store.query import Query
from tasks import act, approvals
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Ended, record_end
from tasks.reap import reap, take_back_unended
from tasks.review import review
from tasks.router import Router
from tasks.submit import submit
from tasks.work import read_work
from tests.factories import agent_row

TASK = {"title": "sum", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}
ALL = {table.name: Query(select(table)) for table in schema.LEDGER}


def ledger(journal: Journal) -> dict[tuple[str, str], dict]:
    with journal.look() as view:
        return {(name, row["id"]): row for name, query in ALL.items() for row in view.rows(query)}


def whole(journal: Journal) -> list:
    return journal.events(0, 10**7)


def hold_lane(journal: Journal, shift_id: str, until: int) -> None:
    with journal.write("test") as tx:
        give(tx, Beat(name=f"shift:{shift_id}", holder=shift_id, until=until))
        give(tx, Beat(name=f"lane:{shift_id}", holder=shift_id, until=until))


class Business:
    """A business whose clock and whose agents a test plays."""

    def __init__(self, journal: Journal, settings) -> None:
        self.journal = journal
        self.settings = settings
        self.now = 1_700_000_000 * SECOND
        journal.clock = lambda: self.now
        self.claims = []
        self.shift = "s1"
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
                hold_lane(self.journal, self.shift, self.now + 10 * SECOND)
                self.claims += claim(
                    self.journal, shift_id=self.shift, lane=f"lane:{self.shift}", free=rng.randrange(1, 5), router=Router(self.journal)
                )
            case "end" if self.claims:
                ended = rng.choice(
                    [Ended(state="succeeded"), Ended(state="failed", error="no", retryable=rng.random() < 0.7), Ended(state="cancelled")]
                )
                record_end(self.journal, self.claims.pop(rng.randrange(len(self.claims))), ended)
            case "reap":
                self.now += 60 * SECOND
                reap(self.journal, actor="test", lost_most=3)
            case _:
                self.act(kind, task_id, rng)

    def act(self, kind: str, task_id: str, rng: random.Random) -> None:
        match kind:
            case "review":
                review(self.journal, task_id, "Web Scraping", actor="test")
            case "reprioritise":
                act.reprioritise(self.journal, task_id, rng.randrange(-9, 9), actor="test")
            case "reassign":
                act.reassign(self.journal, task_id, rng.choice([None, "one"]), actor="test")
            case "approve" | "reject":
                getattr(approvals, kind)(self.journal, task_id, actor="test", note="so it is")
            case "cancel" | "retry" | "pause" | "resume":
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
                    "needs": needs if rng.random() < 0.6 else [], "join": rng.choice(["all", "any"]), "approval": rng.random() < 0.2,
                    "delivery": rng.random() < 0.2, "price_cents": rng.randrange(1000),
                },
            )  # fmt: skip
        submit(self.journal, read_work({"tasks": tasks}), settings=self.settings, actor="test", source="test")


STEPS = ["submit", "claim", "end", "end", "reap", "review", "reprioritise", "cancel", "retry", "approve", "reject", "reassign", "pause", "resume"]


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
    assert contradictions(journal) == []


def contradictions(journal: Journal) -> list[str]:
    """Return what cannot be in a ledger that makes sense."""
    rows, found, ends = ledger(journal), [], Counter()
    for event in whole(journal):
        ends[event.key] += {"task.finished": 1, "task.reopened": -1}.get(event.kind, 0)
        found += [f"{event.key} ended twice at {event.seq}"] if ends[event.key] not in {0, 1} else []
    tasks = {key: row for (table, key), row in rows.items() if table == "tasks"}
    attempts = {key: row for (table, key), row in rows.items() if table == "attempts"}
    needs = [row for (table, _), row in rows.items() if table == "dependencies"]
    found += [
        f"{key} runs for nobody" for key, row in attempts.items() if (row["state"] == "running") != (tasks[row["task_id"]]["attempt_id"] == key)
    ]
    found += [f"{key} runs without attempt" for key, row in tasks.items() if (row["state"] == "running") != (row["attempt_id"] is not None)]
    waiting = {key for key, row in tasks.items() if row["state"] == "waiting" and row["reason"] == "dependency"}
    open_needs = {row["task_id"] for row in needs if tasks[row["needs_id"]]["state"] != "done"}
    found += [f"{key} waits for what has ended" for key in waiting - open_needs]
    return found


def test_people_and_shifts_at_the_same_moment_leave_a_ledger_that_makes_sense(journal, place):
    """Four threads do anything to the same tasks."""
    business = Business(journal, place)
    names = itertools.cycle("abcd")

    def work(seed: int) -> None:
        mine = Business(journal, place)
        mine.shift = next(names)
        rng = random.Random(seed)
        for _ in range(60):
            with contextlib.suppress(ArbiterError):
                mine.do(rng.choice([step for step in STEPS if step != "reap"]), rng)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert fold(whole(journal)) == ledger(journal)
    assert contradictions(journal) == []
    assert business.tasks("done")


def test_a_chain_past_its_deadline_ends_each_task_once(journal, place):
    business = Business(journal, place)
    in_a_minute = to_datetime(business.now + 60 * SECOND).isoformat()
    chain = [TASK | {"ref": str(n), "deadline_at": in_a_minute, "needs": [{"task": str(n - 1)}] if n else []} for n in range(4)]
    submit(journal, read_work({"tasks": chain}), settings=place, actor="test", source="test")
    business.now += 120 * SECOND
    business.do("claim", random.Random(1))
    assert Counter(event.kind for event in whole(journal))["task.finished"] == 4
    assert contradictions(journal) == []


def test_retrying_where_two_ways_meet_takes_each_end_back_once(journal, place):
    """d needs c and f, f needs c, and c failed."""
    business = Business(journal, place)
    works = [TASK | {"ref": "c", "attempts_most": 1}, TASK | {"ref": "f", "needs": [{"task": "c"}]}, TASK | {"needs": [{"task": "c"}, {"task": "f"}]}]
    c = submit(journal, read_work({"tasks": works}), settings=place, actor="test", source="test")["tasks"][0]["id"]
    business.do("claim", random.Random(1))
    record_end(journal, business.claims.pop(), Ended(state="failed", error="no"))
    assert len(business.tasks("done")) == 3
    act.retry(journal, c, actor="test")
    assert contradictions(journal) == []
    assert len(business.tasks("waiting")) == 2


def test_a_step_that_could_not_be_run_is_tried_again_later_and_costs_no_try(journal, place):
    business = Business(journal, place)
    task_id = submit(journal, read_work(TASK | {"attempts_most": 1}), settings=place, actor="test", source="test")["tasks"][0]["id"]
    for number in range(20):
        business.do("claim", random.Random(1))
        assert take_back_unended(journal, business.claims.pop().attempt_id, actor="test"), number
        waits = ledger(journal)["tasks", task_id]
        assert (waits["state"], waits["reason"]) == ("waiting", "backoff")
        business.now += 20 * SECOND
    business.do("claim", random.Random(1))
    record_end(journal, business.claims.pop(), Ended(state="succeeded"))
    assert ledger(journal)["tasks", task_id]["outcome"] == "succeeded"


def test_a_task_that_only_a_busy_agent_may_do_hides_no_other(journal, place):
    business = Business(journal, place)
    picky = [TASK | {"agent": "one"} for _ in range(40)]
    submit(journal, read_work({"tasks": [*picky, TASK]}), settings=place, actor="test", source="test")
    hold_lane(journal, "s1", business.now + 10 * SECOND)
    claims = claim(journal, shift_id="s1", lane="lane:s1", free=8, router=Router(journal))
    assert sorted(one.agent_id for one in claims) == ["one", "one", "two"]


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
