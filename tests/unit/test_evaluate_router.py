"""The simulation's accounting, the policies in it, and the command that reports on them."""

import json

import numpy as np
import pandas as pd
import pytest

from cli.evaluate_router import router
from models.errors import Invalid
from models.policies import POLICIES, LeastLoaded
from models.simulation import Arrival, Recorded, Setting, failing_agents, replay, simulate, stream

KEYS = {"utility", "interval", "regret", "regret_interval", "success", "cost", "wait_p95"}


def records(agents=3, tasks=12, *, seed=1):
    """Invented records: agent n succeeds the more often the greater n is."""
    dice = np.random.default_rng(seed)
    return Recorded(
        agents=tuple(f"agent {n}" for n in range(agents)), categories=("x", "y"), category=np.arange(tasks) % 2,
        success=(dice.random((tasks, agents)) < np.linspace(0.2, 0.9, agents)).astype(float),
        cost=dice.random((tasks, agents)) / 10, minutes=1 + 5 * dice.random((tasks, agents)),
    )  # fmt: skip


def one_agent(minutes):
    ones = np.ones((1, 1))
    return Recorded(agents=("ann",), categories=("x",), category=np.array([0]), success=ones, cost=0.5 * ones, minutes=minutes * ones)


def came(*moments):
    return [Arrival(number=number, task=0, category=0, at=at) for number, at in enumerate(moments)]


def test_waiting_is_counted_from_arrival_to_start():
    """One place, 10 minutes a task: those that come at 0, 4 and 30 start at 0, 10 and 30, so one waits 6 minutes."""
    result = replay(one_agent(10.0), LeastLoaded(), Setting(load=1.0, places=1, arrivals=3), came(0.0, 4.0, 30.0))
    assert result.utility == pytest.approx(2 - 0.5 - 0.01 * 6 / 3)
    assert (result.success, result.cost) == (1.0, 0.5)
    assert result.wait_p95 == pytest.approx(np.quantile([0, 6, 0], 0.95))


def test_the_best_agents_fail_from_half_way_and_still_cost():
    setting = Setting(load=1.0, places=9, arrivals=4, failing=1)
    result = replay(one_agent(1.0), LeastLoaded(), setting, came(0.0, 1.0, 2.0, 3.0))
    assert (result.success, result.cost) == (0.5, 0.5)
    assert failing_agents(records(), Setting(load=1.0, failing=1)).tolist() == [2]


def test_the_load_of_a_stream_is_the_share_of_the_places_that_it_takes():
    recorded, setting = records(), Setting(load=0.6, arrivals=4000)
    minutes = stream(recorded, setting, seed=1)[-1].at
    assert setting.arrivals * recorded.minutes.mean() / (minutes * 3 * setting.places) == pytest.approx(0.6, rel=0.05)


class Watched:
    """A policy that notes what it is asked and answers."""

    def __init__(self, policy):
        self.policy, self.may_queue, self.started = policy, policy.may_queue, []

    def assign(self, waiting, free, now):
        before = free.copy()
        chosen = self.policy.assign(waiting, free, now)
        assert self.may_queue or (np.bincount([agent for _, agent in chosen], minlength=len(before)) <= np.maximum(before, 0)).all()
        assert len({place for place, _ in chosen}) == len(chosen)
        self.started += [(waiting[place].number, agent) for place, agent in chosen]
        return chosen

    def learn(self, outcome):
        self.policy.learn(outcome)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_serves_every_task_once_within_the_places_and_alike_for_a_seed(name):
    recorded, setting = records(), Setting(load=0.9, arrivals=700, places=2)
    runs = []
    for _ in range(2):
        watched = Watched(POLICIES[name](recorded, setting, 3))
        simulate(recorded, watched, setting, seed=3)
        assert sorted(number for number, _ in watched.started) == list(range(700))
        runs.append(watched.started)
    assert runs[0] == runs[1]


def test_the_router_earns_more_than_the_least_loaded_agent_and_less_than_who_knows_all():
    recorded, setting = records(agents=6, tasks=40), Setting(load=0.65, arrivals=600)
    earned = {name: simulate(recorded, POLICIES[name](recorded, setting, 1), setting, seed=1).utility for name in POLICIES}
    assert earned["least loaded"] < earned["ours"] < earned["clairvoyant"]


# --- the command ------------------------------------------------------------------------------------------------------------------------------


def agents_file(path, **columns):
    rows = [
        {"agent": agent, "task": f"t{n}", "repo": f"r{n % 2}", "resolved": (n + len(agent)) % 3 > 0, "cost_usd": 0.1, "api_calls": 5 + n}
        for agent in ("ann", "robert", "jo", "katharina")
        for n in range(6)
    ]
    pd.DataFrame(rows).assign(**columns).to_parquet(path)
    return path


def test_agents_are_compared_under_three_loads(tmp_path, capsys):
    router(data=agents_file(tmp_path / "a.parquet"), seeds=2, arrivals=60, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert report["loads"].keys() == {"0.65", "0.9", "outage"}
    for policies in report["loads"].values():
        assert policies.keys() == POLICIES.keys()
        for one in policies.values():
            assert one.keys() == KEYS
            assert one["interval"][0] <= one["utility"] <= one["interval"][1]
    assert report["assignments_per_second"] > 0


def test_models_are_compared_in_one_pass(tmp_path, capsys):
    frame = pd.DataFrame({"task": list("abcd"), "task_name": list("xxyy"), "question": "?", "small": [0, 0.5, 1, 1], "large": [1, 1, 1, 0.5]})
    frame.to_parquet(tmp_path / "llm.parquet")
    with pytest.raises(Invalid, match=r"llm_prices\.json"):
        router(data=tmp_path / "llm.parquet", seeds=1, arrivals=50, as_json=True)
    prices = {name: {"input_usd_per_mtok": price, "output_usd_per_mtok": price} for name, price in (("small", 0.1), ("large", 1.0))}
    (tmp_path / "llm_prices.json").write_text(json.dumps(prices))
    router(data=tmp_path / "llm.parquet", seeds=1, arrivals=50, as_json=True)
    policies = json.loads(capsys.readouterr().out)["loads"]["pass"]
    assert {"ours", "random", "best agent", "known means", "clairvoyant"} <= policies.keys()
    assert policies["known means"]["regret"] == 0.0


def test_a_table_for_people_names_every_policy(tmp_path, capsys):
    router(data=agents_file(tmp_path / "a.parquet"), seeds=1, arrivals=40)
    shown = capsys.readouterr().out
    assert all(name in shown for name in POLICIES)
    assert "assignments a second" in shown


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"resolved": 2}, "within 0 and 1"),
        ({"cost_usd": -1.0}, "none below zero"),
        ({"cost_usd": "much"}, "have to be numbers"),
        ({"api_calls": 0}, "no time passes"),
        ({"repo": None}, "without gaps"),
        ({"task": "the same"}, "only one"),
    ],
)
def test_records_that_cannot_be_replayed_are_refused(tmp_path, columns, complaint):
    with pytest.raises(Invalid, match=complaint):
        router(data=agents_file(tmp_path / "a.parquet", **columns))


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(Invalid, match="not a Parquet file"):
        router(data=tmp_path / "missing.parquet")
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(Invalid, match="not a Parquet file"):
        router(data=tmp_path / "text.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(Invalid, match="neither the columns"):
        router(data=tmp_path / "other.parquet")
