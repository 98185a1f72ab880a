"""Who gets a task, and the reasons that are given."""

import random

from hypothesis import given
from hypothesis import strategies as st

from models.routing import Candidate, Wish, choose

WISH = Wish(category="Data Processing", kind="query", currency="EUR")


def agent(name: str, **changes) -> Candidate:
    known = {
        "kind": "query",
        "skills": frozenset({"Data Processing"}),
        "state": "online",
        "capacity": 2,
        "running": 0,
        "currency": "EUR",
        "charges": True,
    }
    return Candidate(agent_id=name, **(known | changes))


def rejected(candidate: Candidate, wish: Wish = WISH) -> str | None:
    return choose(wish, [candidate]).candidates[0].rejected


def test_the_best_record_wins():
    decision = choose(WISH, [agent("a", succeeded=5, failed=5), agent("b", succeeded=9, failed=1)])
    assert decision.agent_id == "b"
    assert decision.why == "expected success 83%, 0% busy; 1 other free"


def test_of_equal_records_the_less_busy_wins():
    assert choose(WISH, [agent("a", running=1), agent("b")]).agent_id == "b"


def test_an_agent_that_failed_at_this_task_comes_last():
    wish = Wish(category="Data Processing", kind="query", currency="EUR", failed_on=frozenset({"a"}))
    assert choose(wish, [agent("a", succeeded=99), agent("b", failed=3)]).agent_id == "b"
    assert choose(wish, [agent("a", succeeded=99)]).agent_id == "a"


def test_every_rule_rejects_with_its_own_words():
    assert rejected(agent("a", kind="shell")) == "is of kind shell, the inputs are for query"
    assert rejected(agent("a", skills=frozenset())) == "has no skill in Data Processing"
    assert rejected(agent("a", state="draining")) == "is draining"
    assert rejected(agent("a", currency="USD")) == "charges in USD, the task pays in EUR"
    assert rejected(agent("a", currency="USD", charges=False)) is None
    assert rejected(agent("a"), Wish(category="Data Processing", kind="query", currency="EUR", wanted_agent="b")) == "another agent was asked for"


def test_busy_agents_make_a_task_wait_and_missing_ones_say_who_can_help():
    busy = choose(WISH, [agent("a", running=2)])
    assert (busy.agent_id, busy.somebody_fits) == (None, True)
    missing = choose(WISH, [agent("a", state="offline")])
    assert (missing.agent_id, missing.somebody_fits) == (None, False)
    assert missing.why == "no agent fits: a is offline: an operator can bring one back, add one, or change the task"


candidates = st.builds(
    agent,
    st.uuids().map(str),
    state=st.sampled_from(["online", "offline"]),
    capacity=st.integers(0, 3),
    running=st.integers(0, 3),
    succeeded=st.integers(0, 50),
    failed=st.integers(0, 50),
)


@given(agents=st.lists(candidates, max_size=8), seed=st.integers())
def test_the_order_of_the_agents_changes_nothing_and_no_rule_is_broken(agents, seed):
    shuffled = random.Random(seed).sample(agents, len(agents))
    decision = choose(WISH, agents)
    assert choose(WISH, shuffled) == decision
    chosen = next((one for one in agents if one.agent_id == decision.agent_id), None)
    fitting = [one for one in agents if one.state == "online" and one.running < one.capacity]
    assert (chosen in fitting) if fitting else (chosen is None)
