"""The opening: what it closes, what it remembers, and that nothing ends it silently."""

import threading
from itertools import islice

import yaml
from prefect.server.events.schemas.automations import AutomationCreate

from cli.opening import automate, close_old_runs, insist, read_mark, write_mark
from cli.prefect_calls import MOST, Prefect
from models.clock import iso
from store.settings import PROJECT


class Twin(Prefect):
    """Prefect in memory: flow runs by id, each a state and when it is due, and automations by name."""

    def __init__(self, runs=()):
        super().__init__(url="")
        object.__setattr__(self, "known", dict(enumerate(runs)))
        object.__setattr__(self, "created", {})

    def _call(self, method, path, body=None, **_):
        match [method, *path.strip("/").split("/")]:
            case ["POST", "flow_runs", "filter"]:
                which = body["flow_runs"]
                states, due = which["state"]["type"]["any_"], which.get("next_scheduled_start_time", {}).get("before_", "~")
                found = ({"id": run_id} for run_id, (state, at) in self.known.items() if state in states and at <= due)
                return list(islice(found, body["limit"]))
            case ["POST", "flow_runs", run_id, "set_state"]:
                self.known[int(run_id)] = (body["state"]["type"], "")
                return {"status": "ACCEPT"}
            case ["POST", "automations", "filter"]:
                return [{"name": name} for name in self.created]
            case ["POST", "automations"]:
                self.created[body["name"]] = self.created.get(body["name"], 0) + 1
        return None


def test_runs_of_a_whole_night_are_closed_and_those_of_the_future_are_not():
    due, later = iso(1), iso(10**15)
    runs = [*[("SCHEDULED", due)] * (2 * MOST + 1), ("SCHEDULED", later), *[("RUNNING", due)] * (MOST + 1), ("COMPLETED", due)]
    calls = Twin(runs)
    close_old_runs(calls, now=1000, over=threading.Event())
    states = [state for state, _due in calls.known.values()]
    assert {state: states.count(state) for state in states} == {"CANCELLED": 2 * MOST + 1, "SCHEDULED": 1, "CRASHED": MOST + 1, "COMPLETED": 1}


def test_nothing_more_is_closed_when_the_end_came():
    calls, over = Twin([("RUNNING", "")] * 5), threading.Event()
    over.set()
    close_old_runs(calls, now=1, over=over)
    assert {state for state, _due in calls.known.values()} == {"RUNNING"}


def test_an_automation_is_created_once():
    calls = Twin()
    for _start in range(2):
        automate(calls, PROJECT / "automations.yaml")
    assert calls.created == {"End zombies": 1}


def test_the_shipped_automations_are_what_prefect_understands():
    for automation in yaml.safe_load((PROJECT / "automations.yaml").read_text())["automations"]:
        made = AutomationCreate.model_validate(automation)
        assert made.trigger.within.total_seconds() == 90
        assert [action.type for action in made.actions] == ["change-flow-run-state"]


def test_what_was_deployed_is_remembered_whole_and_a_broken_file_counts_as_none(tmp_path):
    mark = tmp_path / "deployed.json"
    assert read_mark(mark) is None
    write_mark(mark, {"project": "/a"})
    assert read_mark(mark) == {"project": "/a"}
    for broken in (b"", b'{"project', b"\xff"):
        mark.write_bytes(broken)
        assert read_mark(mark) is None
    assert [path.name for path in tmp_path.iterdir()] == ["deployed.json"]


def test_a_step_that_fails_in_an_unforeseen_way_is_said_and_tried_again():
    answers, notes = [{}, {"status": "ok"}], []
    insist("the flows could not be deployed", lambda: answers.pop(0)["status"], threading.Event(), lambda *note: notes.append(note))
    assert answers == []
    assert notes == [("bad", "the flows could not be deployed: KeyError: 'status'; tried again in 2 s")]
