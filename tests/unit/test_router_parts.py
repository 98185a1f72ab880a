"""What is known of agents, what their minutes are worth, and who gets what: the pure parts of the router."""

import doctest
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.assigning
import models.pricing
import models.valuing
from models.assigning import Worth, assign, distribute
from models.dispatching import Ask, Dispatcher, Manner
from models.errors import Invalid
from models.pricing import capacity_prices
from models.valuing import Habits, Valuation, cell


@pytest.mark.parametrize("module", [models.assigning, models.pricing, models.valuing])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


# --- assigning --------------------------------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw, most_groups=4, most_agents=5, most_tasks=300, most_places=80):
    groups, agents = draw(st.integers(1, most_groups)), draw(st.integers(1, most_agents))
    shape = (groups, agents)
    values = np.array(draw(st.lists(st.integers(-20, 20), min_size=groups * agents, max_size=groups * agents)), dtype=float).reshape(shape)
    allowed = np.array(draw(st.lists(st.booleans(), min_size=groups * agents, max_size=groups * agents))).reshape(shape)
    worth = Worth(groups=tuple(f"g{n}" for n in range(groups)), agents=tuple(f"a{n}" for n in range(agents)), values=values, allowed=allowed)
    sizes = draw(st.lists(st.integers(0, most_tasks), min_size=groups, max_size=groups))
    ready = {f"t{group}.{n}": f"g{group}" for group, size in enumerate(sizes) for n in range(size)}
    free = {agent: draw(st.integers(-2, most_places)) for agent in worth.agents}
    return worth, ready, free


@given(problems())
@settings(max_examples=60)
def test_no_agent_gets_more_than_its_places_or_what_it_may_not_have(problem):
    worth, ready, free = problem
    chosen = assign(ready, free, worth)
    for agent, places in free.items():
        assert list(chosen.values()).count(agent) <= max(0, places)
    for task, agent in chosen.items():
        assert worth.allowed[worth.groups.index(ready[task]), worth.agents.index(agent)]


@given(problems(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_tasks_and_agents_changes_nothing(problem, dice):
    worth, ready, free = problem
    tasks, places = list(ready.items()), list(free.items())
    dice.shuffle(tasks)
    dice.shuffle(places)
    rows, columns = dice.sample(range(len(worth.groups)), len(worth.groups)), dice.sample(range(len(worth.agents)), len(worth.agents))
    turned = Worth(
        groups=tuple(worth.groups[row] for row in rows), agents=tuple(worth.agents[column] for column in columns),
        values=worth.values[np.ix_(rows, columns)], allowed=worth.allowed[np.ix_(rows, columns)],
    )  # fmt: skip
    assert assign(dict(tasks), dict(places), turned) == assign(ready, free, worth)


@given(problems(most_groups=2, most_agents=3, most_tasks=2, most_places=2))
@settings(max_examples=60)
def test_as_many_tasks_as_can_be_start_and_for_the_greatest_sum(problem):
    """Against all ways there are."""
    worth, ready, free = problem
    tasks = sorted(ready)

    def sum_of(way):
        pairs = [(worth.groups.index(ready[task]), worth.agents.index(agent)) for task, agent in zip(tasks, way, strict=True) if agent]
        if any(way.count(agent) > max(0, free[agent]) for agent in worth.agents) or not all(worth.allowed[pair] for pair in pairs):
            return None
        return len(pairs), sum(worth.values[pair] for pair in pairs)

    best = max(found for way in itertools.product([None, *worth.agents], repeat=len(tasks)) if (found := sum_of(way)) is not None)
    chosen = assign(ready, free, worth)
    assert sum_of([chosen.get(task) for task in tasks]) == pytest.approx(best)


@given(problems(most_tasks=60, most_places=40))
@settings(max_examples=40)
def test_matching_one_by_one_and_the_linear_program_find_the_same_sum(problem):
    worth, ready, free = problem
    counts = np.array([list(ready.values()).count(group) for group in worth.groups])
    places = np.array([max(0, free[agent]) for agent in worth.agents])
    if not counts.sum() or not places.sum():
        return
    one, other = (way(worth.values, worth.allowed, counts, places) for way in (models.assigning.matched, models.assigning.transported))
    assert one.sum() == other.sum() == distribute(worth.values, worth.allowed, counts, places).sum()
    assert (one * worth.values).sum() == pytest.approx((other * worth.values).sum())


def test_a_task_waits_for_a_busy_agent_only_when_that_is_worth_more_and_its_queue_is_not_full():
    def chosen(later, free=0, tasks=1):
        worth = Worth(groups=("g",), agents=("best", "other"), values=np.array([[5.0, 2.0]]), later=np.array([[later, 0.0]]), soon=np.array([1, 1]))
        return assign(dict.fromkeys(range(tasks), "g"), {"best": free, "other": 9}, worth)

    assert chosen(later=1.9) == {0: "other"}
    assert chosen(later=2.1) == {}
    assert chosen(later=2.1, free=1) == {0: "best"}
    assert len(chosen(later=2.1, tasks=3)) == 2  # one may wait


def test_tables_of_other_shapes_and_unknown_names_are_refused():
    with pytest.raises(Invalid, match="1 groups x 2 agents"):
        Worth(groups=("g",), agents=("a", "b"), values=np.zeros((2, 2)))
    with pytest.raises(Invalid, match="finite"):
        Worth(groups=("g",), agents=("a",), values=np.array([[np.nan]]))
    with pytest.raises(Invalid, match="the group 'h'"):
        assign({"t": "h"}, {"a": 1}, Worth(groups=("g",), agents=("a",), values=np.zeros((1, 1))))


# --- pricing ----------------------------------------------------------------------------------------------------------------------------------


def test_minutes_have_a_price_only_where_there_are_too_few_of_them():
    values, minutes, rates = np.array([[3.0, 1.0]]), np.array([[10.0, 10.0]]), np.array([1.0])
    assert capacity_prices(values, minutes, rates, np.array([20.0, 20.0])).tolist() == [0.0, 0.0]
    assert capacity_prices(values, minutes, rates, np.array([5.0, 20.0])).tolist() == pytest.approx([(3 - 1) / 10, 0.0])


# --- valuing ----------------------------------------------------------------------------------------------------------------------------------


def taught(valuation, agent, outcomes, category="c"):
    for success in outcomes:
        valuation.learn(agent, category, success=success, cost=1.0, minutes=5.0)
    return valuation


def test_an_agent_that_fails_from_some_day_on_is_found_out_and_forgiven_when_it_recovers():
    valuation = taught(taught(Valuation(), "good", [1, 1, 1, 0] * 100), "fair", [1, 0] * 100)

    def better():
        success = valuation.view(["good", "fair"], ["c"]).success[0]
        return success[0] > success[1]

    assert better()
    taught(valuation, "good", [0] * 15)
    assert not better()
    taught(valuation, "good", [1, 1, 1, 0] * 20)
    assert better()


def test_without_the_alarm_forgetting_alone_follows_a_drift():
    def left(memory):
        return taught(Valuation(Habits(memory=memory, alarm=1e9)), "a", [1] * 300 + [0] * 150).view(["a"], ["c"]).success[0, 0]

    assert left(0.98) < 0.1
    assert left(1.0) > 0.6


def test_an_agent_that_was_given_the_hard_tasks_is_not_taken_for_a_bad_one():
    valuation = Valuation()
    for _ in range(50):
        taught(valuation, "hard worker", [0, 0, 0, 1], "hard")
        taught(valuation, "easy rider", [0, 0, 1, 1, 1, 1, 1, 1], "easy")
        taught(valuation, "easy rider", [0, 0, 0, 0, 0, 1], "hard")
    hard_worker, easy_rider = valuation.view(["hard worker", "easy rider"], ["new"]).success[0]
    assert hard_worker > easy_rider


outcomes = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.booleans(), st.floats(0, 9), st.floats(0, 90)), max_size=40)


@given(outcomes, outcomes)
@settings(max_examples=40)
def test_what_is_kept_as_json_goes_on_as_if_nothing_had_happened(before, after):
    def learn(valuation, rows):
        for agent, category, success, cost, minutes in rows:
            valuation.learn(agent, category, success=success, cost=cost, minutes=minutes)
        return valuation

    straight = learn(learn(Valuation(), before), after)
    resumed = learn(Valuation.load(json.loads(json.dumps(learn(Valuation(), before).dump()))), after)
    assert resumed.dump() == straight.dump()
    view = straight.view(["a", "b", "new"], ["x", "new"])
    assert (view.success > 0).all()
    assert (view.success < 1).all()
    assert (view.cost >= 0).all()


@pytest.mark.parametrize("wrong", [{"success": 2.0}, {"cost": -1.0}, {"minutes": float("nan")}])
def test_what_is_no_outcome_is_refused(wrong):
    with pytest.raises(Invalid):
        Valuation().learn("a", "c", **({"success": 1.0, "cost": 1.0, "minutes": 1.0} | wrong))


def test_a_new_agent_is_expected_to_be_as_its_kind_is():
    known = Valuation()
    for _ in range(40):
        for agent, kind, success in (("p1", "person", 1.0), ("p2", "person", 1.0), ("m1", "llm", 0.0), ("m2", "llm", 1.0)):
            known.learn(agent, "c", success=success, cost=1.0, minutes=30.0 if kind == "person" else 1.0, kind=kind)
    kinds = {"new person": "person", "new model": "llm", "new thing": "worker"}
    view = known.view(list(kinds), ["c"], kinds)
    person, model, thing = view.success[0]
    assert person > thing > model
    assert view.minutes[0, 0] > 3 * view.minutes[0, 1]
    assert Valuation.load(json.loads(json.dumps(known.dump()))).view(list(kinds), ["c"], kinds).success.tolist() == view.success.tolist()


def test_what_others_failed_at_is_harder_and_is_learned_apart():
    known = Valuation()
    for _ in range(60):
        known.learn("a", "c", success=1.0, cost=1.0, minutes=1.0)
    assert known.view(["a", "b"], [cell("c", hard=True)]).success.tolist() == known.view(["a", "b"], ["c"]).success.tolist(), "nothing else is known"
    for _ in range(30):
        known.learn("a", cell("c", hard=True), success=0.0, cost=1.0, minutes=1.0)
    easy, hard = known.view(["a", "b"], ["c", cell("c", hard=True)]).success
    assert easy[0] > 0.85
    assert hard[0] < 0.2
    assert hard[1] < easy[1], "also for an agent that has not tried yet"
    assert known.seen(["a", "b"], ["c"]).tolist() == [[90.0, 0.0]]


@pytest.mark.parametrize("wrong", [{}, {"format": 9}, {**Valuation().dump(), "weight": [[1.0]]}, {**Valuation().dump(), "agents": 3}])
def test_what_is_no_valuation_is_refused(wrong):
    with pytest.raises(Invalid):
        Valuation.load(wrong)


# --- dispatching ------------------------------------------------------------------------------------------------------------------------------


ASKS = {category: Ask(category=category, price=10.0) for category in "xyz"}


def served(seed, *, order=1):
    """What a dispatcher that explores and prices decides over 120 rounds."""
    places = dict([("ann", 2), ("bob", 1), ("cid", 3)][::order])
    dispatcher = Dispatcher(places=places, minute_price=0.1, seed=seed, manner=Manner(width=1.0, warm=20, renewed=10))
    decisions = []
    for round_ in range(120):
        ready = dict([(3 * round_ + n, "xyz"[(round_ * n) % 3]) for n in range(3)][::order])
        for category in sorted(ready.values()):
            dispatcher.arrived(category, price=10.0, now=float(round_))
        free = {agent: (round_ + n) % 3 for n, agent in enumerate(places if order == 1 else reversed(places))}
        chosen = dispatcher.choose(ready, ASKS, free)
        for task, agent in sorted(chosen.items()):
            dispatcher.valuation.learn(agent, ready[task], success=float((task + len(agent)) % 2), cost=1.0, minutes=3.0)
        decisions.append(sorted(chosen.items()))
    return decisions


def test_the_same_seed_decides_the_same_and_another_does_not():
    assert served(1) == served(1) == served(1, order=-1)
    assert served(1) != served(2)


def test_nothing_waits_while_no_agent_is_busy_and_rules_hold_for_the_dispatcher():
    dispatcher = Dispatcher(places={"ann": 1, "bob": 1}, minute_price=0.0, seed=1, manner=Manner(warm=20))
    for n in range(30):
        dispatcher.arrived("x", price=2.0, now=10.0 * n)
    taught(taught(dispatcher.valuation, "ann", [1] * 30, "x"), "bob", [0] * 30, "x")
    asks = {"any": Ask(category="x", price=2.0), "only bob": Ask(category="x", price=2.0, allowed=frozenset({"bob"}))}
    assert dispatcher.choose({1: "any", 2: "any"}, asks, {"ann": 1, "bob": 1}).keys() == {1, 2}
    assert dispatcher.choose({1: "any"}, asks, {"ann": 0, "bob": 1}) == {}  # better to wait for ann
    assert dispatcher.choose({1: "only bob"}, asks, {"ann": 0, "bob": 1}) == {1: "bob"}
    assert dispatcher.choose({1: "only bob"}, asks, {"ann": 1}) == {}


def test_exploring_ends_when_it_has_cost_its_budget():
    def decided(**manner):
        places = {"ann": 9, "bob": 9}
        dispatcher = Dispatcher(places=places, minute_price=0.0, seed=1, manner=Manner(warm=10**6, width=3.0, renewed=1, **manner))
        taught(taught(dispatcher.valuation, "ann", [1, 0] * 10, "x"), "bob", [1, 0, 0] * 10, "x")
        chosen = []
        for n in range(60):
            dispatcher.arrived("x", price=10.0, now=float(n))
            chosen += dispatcher.choose({0: "x", 1: "x"}, ASKS, places).values()
        return chosen

    assert "bob" in decided()
    assert "bob" not in decided(regret=0.0)


def test_who_comes_later_is_dispatched_to_as_well():
    dispatcher = Dispatcher(places={"ann": 1}, minute_price=0.0, seed=1)
    dispatcher.staff({"ann": 1, "new": 1})
    assert set(dispatcher.choose({1: "x", 2: "x"}, ASKS, {"ann": 1, "new": 1}).values()) == {"ann", "new"}


def test_prices_of_any_size_are_found():
    """What a solver cannot do with numbers of a million million it can in other units."""
    dice = np.random.default_rng(3)
    values, minutes, rates, places = dice.random((4, 6)), 1 + 20 * dice.random((4, 6)), 0.2 * dice.random(4), np.full(6, 2.0)
    usual = capacity_prices(values, minutes, rates, places)
    for scale in (1e-6, 1e6, 1e12):
        assert capacity_prices(scale * values, minutes, rates, places) == pytest.approx(scale * usual, rel=1e-6, abs=1e-9 * scale)
