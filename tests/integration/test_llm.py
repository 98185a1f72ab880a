"""Language models at work in the house: what they cost, their budgets and keys, and how any agent is stopped."""

import io
import json
import threading
import time

import pytest
from sqlalchemy import select

from agents import waiting
from cli.main import main
from models.clock import SECOND
from models.errors import Conflict, Invalid, LeaseLost
from store import schema
from store.home import open_journal
from store.query import Query
from tasks import models
from tasks.alerts import open_alerts
from tasks.beats import Beat, give
from tasks.budgets import left, refusal
from tasks.claim import claim
from tasks.perform import Ended, Running, perform, record_end
from tasks.queue import queue
from tasks.router import Router
from tasks.stops import Stop, stop_agent
from tasks.submit import submit
from tasks.work import read_work
from tests.api_server import Server, add_people
from tests.llm_server import model, says, slow, writes

ATTEMPTS = Query(select(schema.attempts).order_by(schema.attempts.c.id))
EVENTS = Query(select(schema.journal).where(schema.journal.c.kind == "attempt.finished").order_by(schema.journal.c.seq))
KEY = "sk-secret-7"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(waiting, "PAUSE_S", 0.01)
    with model() as served:
        yield served


@pytest.fixture
def hire(journal, place, server):
    """Hire the model `small` with these terms."""

    def hired(**more):
        wanted = {"id": "small", "url": server.url, "model": "small-1", "skills": ["Content Generation"], "max_tokens": 500, "context_tokens": 8000}
        return models.hire_llm(journal, place, wanted | more, actor="test")

    return hired


@pytest.fixture
def start(journal, place):
    """Submit work in words and claim what can start; return the claims."""

    def started(count=1, **more):
        task = {"title": "x", "category": "Content Generation", "inputs": {"instructions": "Answer."}, "attempts_most": 1} | more
        submit(journal, read_work({"tasks": [task] * count}), settings=place, actor="test", source="test")
        with journal.write("test") as tx:
            for name in ("shift:s", "lane:0"):
                give(tx, Beat(name=name, holder="s", until=tx.now + 60 * SECOND))
        return claim(journal, shift_id="s", lane="lane:0", free=count, router=Router(journal))

    return started


@pytest.fixture
def work(journal, place, start):
    """Let the model do one task; return the task and its attempt."""

    def done(**more):
        (one,) = start(**more)
        perform(journal, place, one, Running())
        return look(journal, one)

    return done


def look(journal, claimed):
    with journal.look() as view:
        return view.get(schema.tasks, claimed.task_id), view.get(schema.attempts, claimed.attempt_id)


def facts(journal):
    with journal.look() as view:
        return json.loads(view.rows(EVENTS)[-1]["facts"])


# --- what it costs ----------------------------------------------------------------------------------------------------------------------------


def test_tokens_and_their_price_are_in_the_ledger_and_in_the_journal(hire, work, journal):
    """120 tokens at 5.00 and 8 at 20.00 a million are 0.0760 cents, rounded up to 1; with 3 cents an attempt, 4."""
    hire(input_cents=500, output_cents=2000, price_cents=3)
    task, attempt = work()
    assert (task["outcome"], json.loads(task["result"]), task["cost_cents"]) == ("succeeded", {"answer": "42"}, 4)
    assert (attempt["tokens_in"], attempt["tokens_out"], attempt["cost_cents"]) == (120, 8, 4)
    assert {name: facts(journal)[name] for name in ("tokens_in", "tokens_out", "cost_cents", "extra_cents")} == {
        "tokens_in": 120, "tokens_out": 8, "cost_cents": 4, "extra_cents": 1
    }  # fmt: skip


def test_a_failed_attempt_is_paid_for_too(hire, work, server):
    """Two answers that do not fit: 2 × (120 × 1.00 + 8 × 1.00) for a million each, in cents of 10,000.00 a million: 256 cents."""
    hire(input_cents=1_000_000, output_cents=1_000_000)
    server.next += [writes("no"), writes("no")]
    task, attempt = work()
    assert (task["outcome"], attempt["state"], attempt["tokens_in"], attempt["tokens_out"], attempt["cost_cents"]) == (
        "failed",
        "failed",
        240,
        16,
        256,
    )


def test_a_server_that_is_down_costs_nothing(hire, work, server):
    hire(input_cents=1_000_000)
    server.next += [says(500)] * 5
    _, attempt = work()
    assert (attempt["state"], attempt["tokens_in"], attempt["tokens_out"], attempt["cost_cents"]) == ("failed", 0, 0, 0)


def test_what_a_stopped_attempt_used_is_charged_as_far_as_it_is_known(hire, start, server, journal, place):
    hire(input_cents=1_000_000, output_cents=1_000_000)
    server.next += [writes("no"), slow]
    (one,) = start()
    running = Running()
    thread = threading.Thread(target=perform, args=(journal, place, one, running))
    thread.start()
    while len(server.bodies) < 2:
        time.sleep(0.01)
    running.stop(one.attempt_id, "cancelled")
    thread.join(10)
    _, attempt = look(journal, one)
    assert (attempt["state"], attempt["tokens_in"], attempt["tokens_out"], attempt["cost_cents"]) == ("cancelled", None, None, 128)


def test_an_agent_that_charges_by_token_takes_no_task_of_another_currency(hire, start):
    hire(input_cents=5, currency="USD")
    assert start() == []


# --- keys -------------------------------------------------------------------------------------------------------------------------------------


def test_a_key_is_a_file_of_the_house_and_never_in_the_ledger(hire, work, server, journal, place):
    hire(key=KEY)
    path = place.home / "keys" / "llm" / "small"
    assert (path.read_text(), path.stat().st_mode & 0o777) == (KEY, 0o600)
    work()
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in str(journal.events(0, 10_000))
    path.chmod(0o644)
    assert "can be read by others" in work()[1]["error"]
    path.unlink()
    assert "is not on this machine" in work()[1]["error"]


def test_a_model_is_checked_before_it_is_hired(hire):
    for wrong in ({"url": "here"}, {"id": "../x"}, {"skills": ["Dancing"]}, {"budget": {"per": "day"}}, {"key": "two words"}, {"max_tokens": 9000}):
        with pytest.raises(Invalid):
            hire(**wrong)
    hire()
    with pytest.raises(Conflict, match="already"):
        hire()


# --- budgets ----------------------------------------------------------------------------------------------------------------------------------


def test_an_attempt_carries_what_is_left_and_none_starts_without(hire, start, journal, place):
    """One attempt may use 2 × 8,000 tokens; of 26,000 the second may use 10,000, and the third waits."""
    hire(budget={"per": "day", "tokens": 26_000})
    assert [one.tokens_most for one in start(3)] == [16_000, 10_000]
    (waiting,) = queue(journal, place)
    assert waiting["why"].startswith("small has 0 tokens left of its budget, and a request may take 8000")


def test_a_budget_that_is_exceeded_raises_an_alert_until_it_no_longer_is(hire, work, start, journal):
    hire(budget={"per": "day", "cents": 10})
    (one,) = start()
    record_end(journal, one, Ended(state="succeeded", extra_cents=11))
    with journal.look() as view:
        (alert,) = open_alerts(view)
        assert (alert["name"], alert["entity_id"]) == ("budget:small", "small")
        assert alert["title"].startswith("small has used 0.11 EUR this day")
        row = view.get(schema.agents, "small")
        assert refusal(row | {"price_cents": 1}, left(view, row, journal.clock()), timeout_s=60) is not None
    with journal.write("test") as tx:
        tx.change(schema.agents, "small", {"budget": json.dumps({"per": "day", "cents": 1000})}, "agent.changed")
    work()
    with journal.look() as view:
        assert open_alerts(view) == []


# --- stopping an agent ------------------------------------------------------------------------------------------------------------------------


def test_a_stopped_agent_is_offline_and_its_work_goes_to_others(hire, start, journal):
    hire()
    claims = start(2)
    row = stop_agent(journal, "small", Stop(why="it raves"), actor="user:oli")
    assert (row["state"], row["reason"], row["stopped"]) == ("offline", "by user:oli: it raves", 2)
    for one in claims:
        task, attempt = look(journal, one)
        assert (task["state"], attempt["state"], attempt["error"]) == ("ready", "lost", "its agent was stopped by user:oli: it raves")
        with pytest.raises(LeaseLost):
            record_end(journal, one, Ended(state="succeeded"))
    hire(id="other")
    assert [one.agent_id for one in claim(journal, shift_id="s", lane="lane:0", free=9, router=Router(journal))] == ["other", "other"]


@pytest.mark.slow
def test_operators_stop_agents_over_http(home):
    journal = open_journal(home)
    add_people(journal)
    journal.close()
    with Server(home) as api:
        assert api.ask("POST", "/agents/scrape-1/stop", "lyn", json={}).status_code == 403
        row = api.ask("POST", "/agents/scrape-1/stop", "oli", json={"why": "it raves"}).json()
        assert (row["state"], row["reason"], row["stopped"]) == ("offline", "by user:oli: it raves", 0)
        assert api.ask("POST", "/agents/nobody/stop", "oli", json={}).status_code == 404


# --- commands ---------------------------------------------------------------------------------------------------------------------------------


def test_a_model_is_added_tried_and_stopped_by_commands(home, server, capsys, monkeypatch):
    monkeypatch.setenv("ARBITER_HOME", str(home.home))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\nother-key\n"))

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out + said.err

    place = ("--url", server.url, "--model", "small-1", "--skill", "Content Generation")
    code, said = run("llm", "add", "small", *place, "--key", "--input-price", "10000", "--budget-tokens", "300000", "--json")
    row = json.loads(said)
    assert (code, row["kind"], row["input_cents"], row["budget"]["tokens"]) == (0, "llm", 1_000_000, 300_000)
    assert KEY not in said
    code, said = run("llm", "test", "small")
    assert code == 0
    assert "small-1 answered “42”: 120 tokens in, 8 out, 1.20 EUR" in said
    assert run("llm", "key", "small")[0] == 0
    server.next.append(says(401, {"error": {"message": "no such key"}}))
    code, said = run("llm", "test", "small")
    assert (code, "answered 401: no such key" in said) == (1, True)
    assert server.headers[-1]["Authorization"] == "Bearer other-key"
    assert "taken back: 0" in run("agent", "stop", "small", "--why", "it raves")[1]
    assert run("llm", "test", "nobody")[0] == 2
