"""What people do through the API, on both databases: submit, read, change, files, and seeing only one's own."""

import json
import subprocess
import sys
import time

import pytest

from store.home import open_journal
from store.schema import attempts, tasks
from store.settings import Database, Settings
from tasks.users import disable
from tests.api_server import Server, add_people
from tests.factories import attempt_row

pytestmark = pytest.mark.slow

LETTER = {"title": "a letter", "category": "Content Generation", "kind": "generate", "inputs": {"template": "Dear {{ x }}", "values": {"x": 1}}}


@pytest.fixture
def server(place):
    journal = open_journal(place)
    add_people(journal)
    with Server(place) as server:
        server.journal = journal
        yield server
    journal.close()


def submit(server, who="oli", key=None, **change):
    answer = server.ask("POST", "/tasks", who, json=LETTER | change, headers={"Idempotency-Key": key} if key else {})
    assert answer.status_code == 202, answer.text
    return answer.json()["tasks"][0]["id"]


def test_the_same_key_and_body_give_the_same_answer_and_write_once(server):
    first = submit(server, key="k-1")
    head = server.journal.head()
    assert submit(server, key="k-1") == first
    assert server.journal.head() == head
    other = server.ask("POST", "/tasks", "oli", json=LETTER | {"title": "another"}, headers={"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert submit(server, who="ann", key="k-1") != first  # a key is one person's


def test_tasks_of_one_work_are_linked_and_shown_with_instants_as_text(server):
    work = [LETTER | {"ref": "a"}, LETTER | {"ref": "b", "needs": [{"task": "a"}], "deadline_at": "2100-01-01T02:00:00+02:00"}]
    answer = server.ask("POST", "/tasks", "oli", json={"tasks": work}).json()
    first, second = (task["id"] for task in answer["tasks"])
    detail = server.ask("GET", f"/tasks/{second}", "lyn").json()
    assert [need["id"] for need in detail["needs"]] == [first]
    assert detail["task"]["deadline_at"] == "2100-01-01T00:00:00Z"
    assert detail["task"]["inputs"] == LETTER["inputs"]
    assert detail["task"]["group_id"] == answer["group_id"]
    assert detail["task"]["source"] == "api"
    assert {event["actor"] for event in detail["events"]} == {"user:oli"}
    assert all(event["at"].endswith("Z") for event in detail["events"])


def test_pages_are_newest_first_without_gap_or_double_while_tasks_arrive(server):
    known = [submit(server, title=f"n{number}") for number in range(7)]
    seen, cursor = [], None
    while True:
        page = server.ask("GET", "/tasks", params={"most": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [task["id"] for task in page["items"]]
        submit(server, title="new")
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == known[::-1]


def test_filters_must_all_hold(server):
    mine, _other = submit(server, title="needle 100%"), submit(server, title="hay")
    found = server.ask("GET", "/tasks", params={"text": "100%", "category": "Content Generation", "source": "api"}).json()["items"]
    assert [task["id"] for task in found] == [mine]
    assert server.ask("GET", "/tasks", params={"text": "100%", "state": "done"}).json()["items"] == []
    counts = server.ask("GET", "/tasks/counts").json()
    assert (sum(counts.values()), len(counts)) == (2, 6)


def test_operators_act_on_tasks_and_the_journal_names_them(server):
    task = submit(server, approval=True)
    bodies = {"approve": {}, "priority": {"priority": 7}, "pause": {"why": "tea"}, "resume": {}, "cancel": {"why": "late"}, "retry": None}
    for path, body in bodies.items():
        answer = server.ask("POST", f"/tasks/{task}/{path}", "oli", json=body)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json()["id"] == task
    events = [event for event in server.journal.events(0) if event.key == task and event.actor == "user:oli"]
    assert {"task.submitted", "task.approved", "task.paused", "task.resumed", "task.finished", "task.reopened"} <= {event.kind for event in events}


def test_a_deed_that_is_sent_again_is_done_once_and_answered_alike(server):
    task, key = submit(server), {"Idempotency-Key": "deed-1"}
    first = server.ask("POST", f"/tasks/{task}/pause", "oli", json={"why": "tea"}, headers=key)
    server.ask("POST", f"/tasks/{task}/resume", "oli")
    head = server.journal.head()
    again = server.ask("POST", f"/tasks/{task}/pause", "oli", json={"why": "tea"}, headers=key)
    assert (first.status_code, again.json()) == (200, first.json())
    assert (server.journal.head(), server.ask("GET", f"/tasks/{task}").json()["task"]["state"]) == (head, "ready")
    other = server.ask("POST", f"/tasks/{task}/cancel", "oli", headers=key)
    assert (other.status_code, server.journal.head()) == (409, head)


def test_a_move_that_the_state_does_not_allow_is_a_conflict(server):
    task = submit(server)
    assert server.ask("POST", f"/tasks/{task}/resume", "oli").json()["code"] == "illegal-move"
    assert server.ask("POST", f"/tasks/{task}/review", "oli", json={"category": "Gardening"}).status_code == 422


def test_a_client_sees_and_cancels_its_own_tasks_and_nobody_elses(server):
    mine, theirs = submit(server, who="cli", client="other"), submit(server, who="cleo")
    assert server.ask("GET", f"/tasks/{mine}", "cli").json()["task"]["client"] == "acme"  # whatever it said
    assert [task["id"] for task in server.ask("GET", "/tasks", "cli", params={"client": "other"}).json()["items"]] == [mine]
    assert sum(server.ask("GET", "/tasks/counts", "cli").json().values()) == 1
    for method, path in (("GET", ""), ("POST", "/cancel")):
        assert server.ask(method, f"/tasks/{theirs}{path}", "cli").status_code == 404
    assert server.ask("POST", f"/tasks/{mine}/cancel", "cli", json={"why": "changed my mind"}).json()["outcome"] == "cancelled"


def test_a_client_is_not_told_what_its_tasks_cost_the_house_nor_how_agents_were_chosen(server):
    mine = submit(server, who="cli")
    with server.journal.write("test") as tx:
        tx.change(tasks, mine, {"cost_cents": 7}, "task.changed", client="acme", cost_cents=7)
        tx.create(attempts, attempt_row(mine, "scrape-1", cost_cents=7), "attempt.started", client="acme", task_id=mine)
    detail = server.ask("GET", f"/tasks/{mine}", "cli").json()
    listed = server.ask("GET", "/tasks", "cli").json()
    cancelled = server.ask("POST", f"/tasks/{mine}/cancel", "cli").json()
    assert "cost_cents" not in json.dumps([detail, listed, cancelled])
    assert "decisions" not in detail
    assert detail["attempts"]
    report = server.ask("GET", "/kpis", "cli").json()
    assert {"cost", "margin"}.isdisjoint(kpi["id"] for kpi in report["kpis"])
    assert report["kpis"]
    assert {kpi: server.ask("GET", f"/kpis/{kpi}/rows", "cli").status_code for kpi in ("cost", "margin", "revenue")} == {
        "cost": 403, "margin": 403, "revenue": 200,
    }  # fmt: skip
    seen = server.ask("GET", f"/tasks/{mine}", "lyn").json()
    assert (seen["task"]["cost_cents"], seen["attempts"][0]["cost_cents"], seen["decisions"]) == (7, 7, [])
    assert server.ask("GET", "/kpis/cost/rows", "lyn").status_code == 200


def test_an_agent_sees_what_is_assigned_to_it(server):
    given, foreign = submit(server), submit(server)
    with server.journal.write("test") as tx:
        tx.create(attempts, attempt_row(given, "scrape-1"), "attempt.started", client="acme", task_id=given)
    assert [task["id"] for task in server.ask("GET", "/tasks", "scrape-1").json()["items"]] == [given]
    assert server.ask("GET", f"/tasks/{given}", "scrape-1").status_code == 200
    assert server.ask("GET", f"/tasks/{foreign}", "scrape-1").status_code == 404
    assert [agent["id"] for agent in server.ask("GET", "/agents", "scrape-1").json()["items"]] == ["scrape-1"]


def test_an_operator_prices_and_drains_an_agent_and_nobody_else_does(server):
    change = {"state": "draining", "why": "a new version", "minute_cents": 30}
    assert server.ask("PATCH", "/agents/scrape-1", "lyn", json=change).status_code == 403
    row = server.ask("PATCH", "/agents/scrape-1", "oli", json=change).json()
    assert (row["state"], row["reason"], row["minute_cents"]) == ("draining", "by user:oli: a new version", 30)
    wrong = server.ask("PATCH", "/agents/scrape-1", "oli", json={"minute_cents": 0.5})
    assert wrong.status_code == 422
    assert "minute_cents" in wrong.text
    assert server.ask("PATCH", "/agents/scrape-1", "oli", json={}).status_code == 422
    assert server.ask("PATCH", "/agents/nobody-1", "oli", json=change).status_code == 404


def test_a_file_comes_back_as_it_went(server):
    content = bytes(range(256)) * 20_000
    row = server.ask("POST", "/files", "oli", params={"name": 'report "1"; ü.html'}, content=content).json()
    assert (row["size"], row["media_type"], row["task_id"]) == (len(content), "text/html", None)
    answer = server.ask("GET", f"/artifacts/{row['id']}", "lyn")
    assert answer.content == content
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    part = server.ask("GET", f"/artifacts/{row['id']}", "lyn", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, content[5:10])


def test_an_upload_of_a_client_is_its_own(server):
    row = server.ask("POST", "/files", "cli", params={"name": "mine.csv"}, content=b"a,b\n1,2\n").json()
    assert server.ask("GET", f"/artifacts/{row['id']}", "cli").text == "a,b\n1,2\n"
    assert server.ask("GET", f"/artifacts/{row['id']}", "cleo").status_code == 404
    assert server.ask("GET", f"/artifacts/{row['id']}", "scrape-1").status_code == 404


def test_kpis_and_their_rows_are_empty_and_say_so_before_anything_was_measured(server):
    report = server.ask("GET", "/kpis", "lyn", params={"window": "24h"}).json()
    assert (report["status"], report["seq"]) == ("empty", 0)
    assert all(kpi["value"] is None and kpi["why_null"] for kpi in report["kpis"])
    assert server.ask("GET", "/kpis/revenue/rows", "lyn").json()["items"] == []
    assert server.ask("GET", "/kpis/luck/rows", "lyn").status_code in {404, 422}


def test_who_was_disabled_is_out_within_a_second(server):
    assert server.ask("GET", "/me", "lyn").json()["role"] == "analyst"
    disable(server.journal, "lyn", actor="test")
    deadline = time.monotonic() + 30
    while server.ask("GET", "/me", "lyn").status_code != 401:
        assert time.monotonic() < deadline


def test_a_token_can_be_renewed(server):
    answer = server.ask("POST", "/token/renew", "cli").json()
    assert (answer["name"], answer["role"], answer["client"]) == ("cli", "client", "acme")
    me = server.ask("GET", "/me", None, headers={"Authorization": f"Bearer {answer['access_token']}"}).json()
    assert me["name"] == "cli"


def test_readiness_gives_a_reason_for_each_part(server):
    answer = server.ask("GET", "/readyz", None)
    checks = {check["name"]: check for check in answer.json()["checks"]}
    assert answer.status_code == 503
    assert {name for name, check in checks.items() if not check["ok"]} == {"shift"}
    assert "worker" in checks["shift"]["detail"]
    assert checks.keys() == {"database", "migrations", "shift", "disk", "feed"}


def test_figures_count_requests_tasks_and_the_journal(server):
    submit(server)
    server.ask("GET", "/tasks")
    assert server.figure("arbiter_journal_head") == server.journal.head()
    assert server.figure("arbiter_tasks") == 1
    assert server.figure("arbiter_http_requests_total") >= 2


def test_it_ends_in_order_and_starts_again_on_the_same_port(server):
    task = submit(server)
    assert server.stop() == -15
    server.start()
    assert server.ask("GET", f"/tasks/{task}").status_code == 200


def test_a_port_that_is_taken_is_said_in_one_sentence(server, place):
    second = Server(place)
    command = [sys.executable, "-m", "api", "--port", server.url.rpartition(":")[2]]
    ended = subprocess.run(command, env=second.env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_home_that_was_not_set_up_or_does_not_answer_is_said_in_one_sentence(folder, url):
    settings = Settings(home=folder / "nothing", database=Database(url=url or None))
    command = [sys.executable, "-m", "api", "--port", "0"]
    ended = subprocess.run(command, env=Server(settings).env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert ended.stderr.startswith("the API cannot start: the ")
    assert "Traceback" not in ended.stderr
