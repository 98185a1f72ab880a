"""What commands print and decide, without starting anything."""

import io
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml
from prefect import Flow

from cli import doctor, ports, processes, running
from cli.figures import show_kpis
from cli.keeper import Keeper, pause_s
from cli.opening import FULFIL_S, Asked, fingerprint
from cli.output import Screen, cell, money, when
from cli.processes import Identity
from cli.services import Ports, Service, environment, prefect_key, services
from cli.watch import blocked
from store.settings import PROJECT, Fetch, Settings


def shown(draw) -> str:
    stream = io.StringIO()
    draw(Screen(stream))
    return stream.getvalue()


def test_a_table_has_numbers_to_the_right_and_nulls_as_dashes():
    text = shown(lambda screen: screen.table([{"name": "a", "n": 5}, {"name": "bcd", "n": 1000}, {"name": None, "n": None}], ("name", "n")))
    assert text.splitlines() == ["  name     n", "  a        5", "  bcd   1000", "  –        –"]


def test_a_wide_letter_takes_two_places():
    text = shown(lambda screen: screen.table([{"a": "日本", "b": 1}, {"a": "x", "b": 2}], ("a", "b")))
    assert text.splitlines() == ["  a     b", "  日本  1", "  x     2"]


def test_foreign_text_cannot_steer_the_terminal():
    assert cell("\x1b[2Jgone\r\nback\u202e") == "[2Jgone back"


def test_no_colours_where_nobody_sees_them():
    assert shown(lambda screen: screen.mark("bad", "x")) == "✗ x\n"


def test_progress_is_said_once_where_lines_cannot_be_rewritten():
    def draw(screen):
        screen.progress("waits · 0 s", first=True)
        screen.progress("waits · 1 s", first=False)

    assert shown(draw) == "… waits · 0 s\n"


def test_amounts_and_instants_are_written_for_people():
    assert money(1234567, "EUR") == "12,345.67 EUR"
    assert money(None, "EUR") == "–"
    assert when(0) == "1970-01-01 00:00:00Z"
    assert when(None) == "–"


def test_a_figure_that_was_not_measured_is_a_dash_with_its_reason():
    kpi = {"title": "Revenue", "unit": "cents", "currency": "EUR", "value": None, "previous": 100, "change": None, "why_null": "no task ended"}
    report = {"as_of": None, "seq": 0, "window": {"from": 0, "to": 1}, "kpis": [kpi]}
    text = shown(lambda screen: show_kpis(screen, report))
    assert "Revenue  –    1.00 EUR  –       no task ended" in text
    assert "nothing has been measured yet" in text


def test_the_pause_before_a_start_doubles_up_to_half_a_minute():
    assert [pause_s(n) for n in (1, 2, 3, 4, 5, 6, 100)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_service_that_yields_starts_when_the_other_is_well(tmp_path):
    changes, other = queue.SimpleQueue(), threading.Event()
    keeper = Keeper(Service(name="a", title="A", command=(sys.executable, "-c", "import time; time.sleep(60)")), tmp_path / "a.log", tell=changes.put)
    keeper.start(after=other)
    assert keeper.pid is None
    other.set()
    try:
        assert changes.get(timeout=60).state == "up"
        assert psutil.pid_exists(keeper.pid)
    finally:
        keeper.end(grace_s=5)
    assert not psutil.pid_exists(keeper.pid)


def test_a_service_that_still_yields_can_be_ended(tmp_path):
    keeper = Keeper(Service(name="a", title="A", command=(sys.executable, "--version")), tmp_path / "a.log", tell=lambda _change: None)
    keeper.start(after=threading.Event())
    keeper.end(grace_s=5)
    assert keeper.pid is None


def test_as_many_shifts_are_asked_for_as_neither_work_nor_are_on_their_way():
    asked = Asked()
    assert asked.missing(set(), wanted=2, now=100) == 2
    asked.pending = [100, 110]
    assert asked.missing(set(), wanted=2, now=120) == 0
    assert asked.missing({"open:a"}, wanted=2, now=121) == 0  # one came, the other is on its way
    assert asked.missing(set(), wanted=2, now=122) == 1  # it is gone again
    assert asked.missing({"open:a", "open:b", "open:c"}, wanted=2, now=123) == 0
    asked.pending = [130]
    assert asked.missing({"open:a"}, wanted=2, now=130 + FULFIL_S) == 1  # what was asked for never came


def test_what_waits_for_a_person_blocks_all_that_needs_it():
    def detail(state, reason, *needs):
        return {"task": {"state": state, "reason": reason}, "needs": [{"id": need} for need in needs]}

    details = {
        "a": detail("waiting", "approval"), "b": detail("waiting", "dependency", "a"), "c": detail("waiting", "dependency", "b", "d"),
        "d": detail("running", "agent"), "e": detail("waiting", "dependency", "d"), "f": detail("done", "result"), "g": detail("review", "unsure"),
        "h": detail("waiting", "backoff"),
    }  # fmt: skip
    assert blocked(details) == {"a", "b", "c", "g"}


def test_the_usual_port_is_taken_when_it_is_free_and_another_when_not():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert ports.is_listening(port)
        assert ports.free_port(port) != port
    assert ports.free_port(port) == port
    assert ports.free_port(port, taken=[port]) != port


def test_services_get_no_port_twice(tmp_path):
    same = Settings(home=tmp_path, api={"port": 1}, ports={"dashboard": 1, "prefect": 1, "examples": 1})
    chosen = Ports.choose(same)
    assert len({chosen.api, chosen.dashboard, chosen.prefect, chosen.examples}) == 4


def test_no_service_sends_anything_anywhere(tmp_path):
    env = environment(Settings(home=tmp_path), Ports(api=1, dashboard=2, prefect=3, examples=4))
    assert env["DO_NOT_TRACK"] == "1"
    assert env["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert env["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] == "false"
    assert env["ARBITER_HOME"] == str(tmp_path)


def test_only_a_demonstration_may_reach_the_examples(tmp_path):
    found = Settings(home=tmp_path, fetch=Fetch(private_hosts=("10.0.0.1:80",)))
    chosen = Ports(api=1, dashboard=2, prefect=3, examples=4)
    assert "ARBITER_FETCH__PRIVATE_HOSTS" not in environment(found, chosen)
    assert json.loads(environment(found, chosen, examples=True)["ARBITER_FETCH__PRIVATE_HOSTS"]) == ["10.0.0.1:80", "127.0.0.1:4"]
    assert "examples" not in [service.name for service in services(found, chosen)]
    assert "dashboard" not in [service.name for service in services(found, chosen, dashboard=False, examples=True)]


def test_the_worker_takes_so_many_runs_at_once_that_shifts_always_find_room(tmp_path):
    settings = Settings(home=tmp_path, dispatch={"lanes": 3, "standby": 2})
    worker = next(service for service in services(settings, Ports(api=1, dashboard=2, prefect=3, examples=4)) if service.name == "worker")
    assert int(worker.command[worker.command.index("--limit") + 1]) > 2 * (3 + 2)


def test_prefect_keeps_its_key_and_nobody_else_may_read_it(tmp_path):
    assert prefect_key(tmp_path) == prefect_key(tmp_path)
    assert (tmp_path / "prefect.key").stat().st_mode & 0o777 == 0o600


def test_a_process_is_known_by_its_number_and_its_start():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = Identity.of(child.pid)
    assert known.process() is not None
    assert Identity(pid=child.pid, born=known.born - 100).process() is None
    child.communicate()
    assert known.process() is None


def test_what_refuses_to_end_is_killed_with_what_it_started():
    stubborn = "import signal,subprocess,sys; signal.signal(15, signal.SIG_IGN)\nprint(subprocess.Popen(['sleep','600']).pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", stubborn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        known, grandchild = Identity.of(child.pid), Identity.of(int(child.stdout.readline()))
        processes.end(processes.family(child.pid)[:1], grace_s=0.2)
        assert known.process() is None
        assert grandchild.process() is None


def test_a_log_keeps_its_newer_half_and_goes_on_empty(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"old" * 10 + b"new" * 10)
    processes.shorten(log, most=60)
    assert (log.read_bytes(), (tmp_path / "a.log.1").read_bytes()) == (b"", b"new" * 10)


def test_one_home_has_one_supervisor(tmp_path):
    with running.only_one(tmp_path), pytest.raises(running.AlreadyRuns, match="already"), running.only_one(tmp_path):
        pass
    with running.only_one(tmp_path):
        pass


def test_leftovers_are_ended_and_strangers_with_their_number_are_not(tmp_path):
    with subprocess.Popen(["sleep", "600"]) as left, subprocess.Popen(["sleep", "600"]) as stranger:
        known = Identity.of(left.pid)
        entries = {
            "api": {"pid": left.pid, "born": known.born},
            "ship": {"pid": stranger.pid, "born": time.time() - 1000},
            "worker": {"pid": None, "born": None},
        }
        (tmp_path / "services.json").write_text(json.dumps({"services": entries}))
        assert running.clear_leftovers(tmp_path) == ["api"]
        assert known.process() is None
        assert stranger.poll() is None
        stranger.kill()
    assert running.read(tmp_path) == {}


def test_a_changed_flow_is_deployed_again(tmp_path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "examples").mkdir()
    for name in ("prefect.yaml", "flows/a.py", "examples/workflow.py"):
        (tmp_path / name).write_text("1")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / "flows" / "a.py").write_text("2")
    assert fingerprint(tmp_path) != before


def test_the_doctor_judges_what_it_is_told():
    assert doctor.python((3, 11)).verdict == "ok"
    assert doctor.python((3, 10)).verdict == "bad"
    assert doctor.disk(10**10).verdict == "ok"
    assert doctor.disk(10**8).verdict == "bad"
    assert doctor.socket_paths(Settings(home=Path("/tmp/a"))).verdict == "ok"
    assert doctor.socket_paths(Settings(home=Path("/tmp") / ("a" * 90))).verdict == "bad"


def deployments():
    return yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", deployments(), ids=lambda deployment: deployment["entrypoint"])
def test_a_deployment_names_a_flow_with_parameters_that_it_has(deployment):
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(deployment["entrypoint"])
    assert isinstance(flow, Flow)
    if "parameters" in deployment:
        assert flow.validate_parameters(deployment["parameters"]) == deployment["parameters"]
    assert deployment["description"]
    assert deployment["tags"]
    assert deployment["work_pool"]["name"] == "arbiter"


def test_every_flow_is_a_deployment():
    made_by_hand = {"learn"}  # run by a maintainer with labelled postings; has no place in a running house
    entries = {Path(deployment["entrypoint"].split(":")[0]) for deployment in deployments()}
    flows = {path.relative_to(PROJECT) for path in (PROJECT / "flows").glob("*.py") if path.stem not in made_by_hand | {"__init__"}}
    assert flows <= entries
