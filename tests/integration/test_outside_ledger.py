"""Work elsewhere in the ledger, on both databases, under a clock that the test turns."""

import pytest

from models.clock import SECOND
from models.errors import LeaseLost
from store.journal import fold
from store.schema import agents, attempts, tasks
from tasks import outside, outside_ends
from tasks.act import pause
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.look_outside import look_outside
from tasks.reap import anything_lost, reap
from tasks.router import Router
from tasks.staff import change_agent
from tasks.submit import submit
from tasks.terms import AgentChange
from tasks.work import read_work
from tests.working import ANSWER, BRIEF, hired


class Elsewhere:
    """A house with the workers `w-1` and `w-2`, a clock, and what a shift does."""

    def __init__(self, journal, place) -> None:
        self.journal, self.place, self.now = journal, place, 1_800_000_000 * SECOND
        journal.clock = lambda: self.now
        for agent_id in ("w-1", "w-2"):
            hired(journal, agent_id)

    def shift(self) -> None:
        dispatch = self.place.dispatch
        with self.journal.write("test") as tx:
            give(tx, Beat(name="lane:0", holder="s", until=tx.now + SECOND))
        if anything_lost(self.journal):
            reap(self.journal, actor="shift:s", lost_most=dispatch.lost_most)
        look_outside(self.journal, dispatch, actor="shift:s")
        claim(self.journal, shift_id="s", lane="lane:0", free=1, router=Router(self.journal))

    def later(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.shift()

    def submit(self, **more) -> str:
        answer = submit(self.journal, read_work(BRIEF | more), settings=self.place, actor="test", source="test")
        self.shift()
        return answer["tasks"][0]["id"]

    def fetch(self, who="w-1", most=1):
        return outside.accept(self.journal, self.place, who, most=most)

    def row(self, table, key):
        with self.journal.look() as view:
            return view.get(table, key)


@pytest.fixture
def house(journal, place):
    house = Elsewhere(journal, place)
    house.fetch()
    return house


def held(job, **said):
    return outside.Held(fence=job["fence"], **said)


def test_all_that_happens_elsewhere_is_in_the_journal(house):
    house.submit()
    (job,) = house.fetch()
    outside.progress(house.journal, house.place, "w-1", job["attempt_id"], outside.Progress(fence=1, fraction=0.25, stage="reads"))
    path = house.place.home / "sum.txt"
    path.write_text("sum")
    kept = outside_ends.hand_in(house.journal, house.place, "w-1", job["attempt_id"], 1, path, "sum.txt")
    outside_ends.bring(house.journal, "w-1", job["attempt_id"], outside_ends.Brought(fence=1, answer=ANSWER, files=(kept["id"],)))
    kinds = [event.kind for event in house.journal.events(0)]
    assert kinds[kinds.index("attempt.started") :] == [
        "attempt.started", "task.started", "attempt.accepted", "attempt.progressed", "artifact.added", "artifact.attached", "attempt.finished",
        "task.finished", "request.answered",
    ]  # fmt: skip
    ledger = fold(house.journal.events(0))
    for table, key in ((tasks, job["task_id"]), (attempts, job["attempt_id"]), (agents, "w-1")):
        assert ledger[table.name, key] == house.row(table, key)


def test_a_worker_that_beats_keeps_its_attempt_and_one_that_is_silent_loses_it(house):
    task_id = house.submit()
    (job,) = house.fetch()
    for _ in range(4):
        house.later(20)
        outside.beat(house.journal, house.place, "w-1", job["attempt_id"], held(job))
    assert house.row(agents, "w-1")["state"] == "online"
    house.later(31)
    worker, task = house.row(agents, "w-1"), house.row(tasks, task_id)
    assert (worker["state"], worker["reason"]) == ("offline", "gave no sign of life since 2027-01-15T08:01:20Z")
    assert (task["state"], task["lost"]) == ("waiting", 1)
    with pytest.raises(LeaseLost):
        outside.beat(house.journal, house.place, "w-1", job["attempt_id"], held(job))
    house.fetch("w-2")
    house.shift()
    assert house.fetch("w-2")[0]["task_id"] == task_id


def test_an_attempt_whose_process_died_is_lost_though_another_of_the_same_worker_lives(house):
    house.submit()
    (job,) = house.fetch()
    house.later(20)
    house.fetch()
    house.later(20)
    assert house.row(attempts, job["attempt_id"])["state"] == "lost"
    assert house.row(agents, "w-1")["state"] == "online"


def test_what_nobody_fetches_goes_back_and_is_no_try(house):
    task_id = house.submit()
    for _ in range(2):
        house.later(16)
        with house.journal.write("test") as tx:  # it lives, and has no place for it
            give(tx, Beat(name="shift:worker:w-1", holder="w-1", until=tx.now + 30 * SECOND, here=False))
    house.later(1)
    task = house.row(tasks, task_id)
    assert (task["attempts"], task["lost"], task["state"]) == (2, 1, "running")


def test_what_one_worker_does_not_fetch_goes_to_another(house):
    house.fetch("w-2")
    task_id = house.submit()
    first = house.row(tasks, task_id)["attempt_id"]
    slow = house.row(attempts, first)["agent_id"]
    for _ in range(7):
        house.later(5)
        for who in ("w-1", "w-2"):
            house.fetch(who, most=0)
    second = house.row(attempts, house.row(tasks, task_id)["attempt_id"])
    assert (house.row(attempts, first)["state"], second["agent_id"]) == ("lost", ({"w-1", "w-2"} - {slow}).pop())


def test_a_worker_that_a_person_took_off_stays_off(house):
    change_agent(house.journal, house.place, "w-1", AgentChange(state="draining"), actor="user:ann")
    house.later(100)
    house.fetch()
    assert house.row(agents, "w-1")["state"] == "draining"


def test_a_paused_attempt_keeps_its_time(house):
    task_id = house.submit(timeout_s=40)
    (job,) = house.fetch()
    pause(house.journal, task_id, actor="user:ann")
    for _ in range(5):
        house.later(20)
        assert outside.beat(house.journal, house.place, "w-1", job["attempt_id"], held(job))["do"] == "pause"


def test_tokens_cost_what_the_terms_say(house):
    change_agent(house.journal, house.place, "w-1", AgentChange(input_cents=300, output_cents=1500), actor="user:ann")
    task_id = house.submit()
    (job,) = house.fetch()
    brought = outside_ends.Brought(fence=1, answer=ANSWER, tokens_in=10_000, tokens_out=1_000)
    outside_ends.bring(house.journal, "w-1", job["attempt_id"], brought)
    assert house.row(tasks, task_id)["cost_cents"] == -(-(300 * 10_000 + 1500 * 1_000) // 1_000_000)
