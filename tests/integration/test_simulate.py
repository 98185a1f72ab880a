"""A business in virtual time: the same seed, the same decisions; rules kept; what drifts, fails or is new is found out."""

import copy
import doctest
import json
from collections import Counter

import pytest

import models.intervals
import models.world
from cli.main import main
from models.errors import Invalid
from models.scenario import DEFAULT, Scenario, per_minute
from models.world import World
from store.home import open_journal
from store.schema import agents, attempts, tasks
from tasks.audit import broken
from tasks.baselines import BASELINES
from tasks.simulate import Contest, read_scenario, simulate
from tasks.simulated import OURS, run
from tasks.staff import Terms, hire
from tests.factories import attempt_row, task_row

PAIR = {
    "load": 0.5,
    "demand": {"Data Processing": {"price_cents": [3000, 3000], "minutes": 10}},
    "agents": {
        "ann": {"skills": {"Data Processing": 0.95}, "capacity": 2},
        "bob": {"skills": {"Data Processing": 0.7}, "capacity": 2},
        "cid": {"skills": {"Data Processing": 0.7}, "capacity": 2},
    },
}


def served(count=150, seed=1, decider=OURS, **changes):
    """Let a business of three agents work, and return the run; no rule may be broken."""
    world = World(Scenario.model_validate(PAIR | changes), tasks=count, seed=seed)
    found = run(world, decider=decider, seed=seed)
    assert found.broken == ()
    assert len(found.served) == count
    return world, found


def share(found, agent, first, last):
    """Return which share of the attempts of the tasks with these numbers an agent was given."""
    given = [one.agent for one in found.given if first <= one.task < last]
    return given.count(agent) / len(given)


def test_the_same_seed_gives_exactly_the_same_decisions():
    world = World(Scenario.model_validate(DEFAULT), tasks=60, seed=7)
    first, again = run(world, seed=7), run(world, seed=7)
    assert first == again
    assert first.given != run(world, decider="random", seed=7).given


@pytest.mark.parametrize("decider", BASELINES)
def test_baselines_keep_the_same_rules_and_leave_no_task(decider):
    scenario = json.loads(json.dumps(DEFAULT)) | {"load": 1.2, "outages": [{"agent": "cheap", "since": 0.3, "until": 0.7, "how": "failing"}]}
    found = run(World(Scenario.model_validate(scenario), tasks=50, seed=2), decider=decider, seed=2)
    assert found.broken == ()
    assert len(found.served) == 50
    assert all(task.attempts for task in found.served)


def test_who_became_bad_gets_less():
    drift = {"agent": "ann", "at": 0.4, "skills": {"Data Processing": 0.1}}
    _, found = served(180, drifts=[drift])
    assert share(found, "ann", 30, 72) > 0.4
    assert share(found, "ann", 120, 180) < 0.2


def test_who_fails_at_everything_rests_and_comes_back_after_it_recovered():
    _, found = served(200, load=0.7, outages=[{"agent": "ann", "since": 0.3, "until": 0.5, "how": "failing"}])
    during = [one.state for one in found.given if one.agent == "ann" and 64 <= one.task < 96]
    assert set(during) == {"failed"}
    assert len(during) < 15, "its circuit opened, and others got the tasks"
    assert Counter(one.state for one in found.given if one.agent == "ann" and one.task >= 115)["succeeded"] > 10, "an attempt found it well again"
    assert sum(task.succeeded for task in found.served) > 185


def test_who_is_offline_gets_nothing_and_what_it_had_begun_goes_to_others():
    world, found = served(150, load=0.9, outages=[{"agent": "ann", "since": 0.3, "until": 0.6}])
    away, back = world.moment(0.3), world.moment(0.6)
    assert not [one for one in found.given if one.agent == "ann" and away < one.at < back]
    assert [one for one in found.given if one.agent == "ann" and one.at > back]
    left = {one.task for one in found.given if one.agent == "ann" and one.at < away and one.state == "failed"}
    assert left & {one.task for one in found.given if one.agent != "ann" and one.number > 1}


def test_nobody_is_starved_while_all_are_away():
    everybody = [{"agent": name, "since": 0.4, "until": 0.6} for name in PAIR["agents"]]
    _, found = served(60, outages=everybody)
    assert sum(task.succeeded for task in found.served) > 50


def test_a_new_agent_gets_work():
    newcomer = {"skills": {"Data Processing": 0.95}, "capacity": 2, "since": 0.3}
    _, found = served(200, agents=PAIR["agents"] | {"new": newcomer})
    assert share(found, "new", 0, 55) == 0
    assert share(found, "new", 100, 200) > 0.1


def test_an_audit_finds_what_was_broken(home):
    journal = open_journal(home)
    with journal.write("test") as tx:
        hire(tx, "ann", kind="python", title="Ann", terms=Terms(capacity=1))
        tx.change(agents, "ann", {"skills": '["Web Scraping"]', "state": "offline"}, "agent.changed")
        for task in (task_row(), task_row()):
            tx.create(tasks, task, "task.submitted")
            tx.create(attempts, attempt_row(task["id"], "ann"), "attempt.started")
    found = " ".join(broken(journal))
    journal.close()
    for words in ("has no free place", "has no skill in Data Processing", "is offline", "never ended"):
        assert words in found


def test_what_is_earned_is_compared_world_by_world():
    contest = Contest(scenario=Scenario.model_validate(DEFAULT), policy={}, against=("least loaded",), tasks=80, seeds=3)
    report = simulate(contest)
    assert report["simulated"]
    assert report["broken"] == []
    least = report["policies"]["least loaded"]["utility"]
    assert report["policies"][OURS]["utility"]["mean"] >= least["mean"]
    assert report["policies"][OURS]["utility"]["difference_interval"] == (0.0, 0.0)
    assert least["difference"] == pytest.approx(least["mean"] - report["policies"][OURS]["utility"]["mean"])


@pytest.mark.parametrize("module", [models.intervals, models.world])
def test_examples_in_the_text_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_load_counts_attempts_after_failures():
    """Of 10 minutes each: 6 places / (10 * (1 + 0.2167 + 0.2167 ** 2)) at a load of one."""
    fails = 1 - (0.95 + 0.7 + 0.7) / 3
    assert per_minute(Scenario.model_validate(PAIR | {"load": 1.0})) == pytest.approx(6 / (10 * (1 + fails + fails**2)))


def wrong(path, value):
    data = copy.deepcopy(PAIR)
    at = data
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "scenario: "),
        (wrong(["loda"], 1), "loda: Extra inputs"),
        (wrong(["load"], 0), "load: Input should be greater than 0"),
        (wrong(["demand", "Cooking"], {"price_cents": [1, 2], "minutes": 1}), "demand.Cooking"),
        (wrong(["demand", "Data Processing", "price_cents"], [2, 1]), "the least, 2, is more than the most, 1"),
        (wrong(["demand", "Web Scraping"], {"price_cents": [1, 2], "minutes": 1}), "no agent has the skill Web Scraping"),
        (wrong(["agents", "ann", "skills"], {"Data Processing": 1.5}), "agents.ann.skills.Data Processing"),
        (wrong(["agents", "A b"], PAIR["agents"]["ann"]), "agents.A b"),
        (wrong(["outages"], [{"agent": "zoe", "since": 0, "until": 1}]), "there is no agent 'zoe'"),
        (wrong(["outages"], [{"agent": "ann", "since": 0.5, "until": 0.4}]), "has to end after it begins"),
        (wrong(["outages"], [{"agent": "ann", "since": 0.1, "until": 0.4}, {"agent": "ann", "since": 0.3, "until": 0.5}]), "well before 0.3"),
        (wrong(["drifts"], [{"agent": "ann", "at": 0.5, "skills": {"Web Scraping": 0.5}}]), "with the skill Web Scraping"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_field(data, words, folder):
    path = folder / "scenario.json"
    path.write_text(json.dumps(data))
    with pytest.raises(Invalid) as refused:
        read_scenario(path)
    assert words in str(refused.value)


def test_the_command_says_that_it_is_simulated_and_touches_no_home(folder, capsys, monkeypatch):
    monkeypatch.setenv("ARBITER_DATABASE__URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.chdir(folder)
    options = ["--tasks", "10", "--seeds", "1", "--jobs", "1", "--against", "random"]
    assert main(["simulate", *options]) == 0
    assert "simulated: an invented business" in capsys.readouterr().out
    assert list(folder.iterdir()) == []
    assert main(["simulate", "--show"]) == 0
    (folder / "own.json").write_text(capsys.readouterr().out)
    (folder / "policy.json").write_text('{"width": 0}')
    assert main(["simulate", "own.json", "--policy", "policy.json", "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["policies"][OURS]["success"]["mean"] > 0.5
    (folder / "policy.json").write_text('{"width": -1}')
    assert main(["simulate", "--policy", "policy.json", *options]) == 2
    assert main(["simulate", "--against", "luck"]) == 2
    assert "there is no baseline 'luck'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["outage", "drift", "hire"])
def test_the_scenarios_that_are_shipped_can_be_read(name):
    from store.settings import PROJECT

    assert read_scenario(PROJECT / "examples" / "scenarios" / f"{name}.json").agents
