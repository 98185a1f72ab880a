"""Hiring workers and people, and changing their terms: by the command, by the API and in the ledger."""

import json

import pytest

from agents import registry
from models.errors import Conflict, Invalid, NotFound
from store.schema import agents, users
from store.settings import Fetch
from tasks.hiring import hire_elsewhere
from tasks.staff import change_agent, hire_built_in
from tasks.terms import AgentChange
from tasks.users import Door, add_user
from tasks.work import read_form
from tests.api_server import PASSWORD, ask, housed
from tests.working import SKILL

NEW = {"id": "w-1", "kind": "worker", "skills": [SKILL]}


def hire(journal, **changes):
    return hire_elsewhere(journal, NEW | changes, actor="user:ann")


def test_a_worker_gets_an_account_and_is_offline_until_its_first_sign_of_life(journal):
    row, password = hire(journal, languages=["de"], budget={"per": "day", "cents": 500}, config={"takes": ["query"]})
    assert (row["state"], row["reason"], row["user_id"], row["capacity"]) == ("offline", "has given no sign of life yet", "w-1", 4)
    assert (row["languages"], json.loads(row["budget"])["cents"], json.loads(row["config"])) == ('["de"]', 500, {"takes": ["query"]})
    assert Door(journal).check_password("w-1", password)["role"] == "agent"
    assert password not in repr(journal.events(0))


def test_a_person_is_online_at_once(journal):
    assert hire(journal, id="paula", kind="person", title="Paula")[0]["state"] == "online"


def test_an_operator_may_work_under_the_own_log_in_as_one_agent(journal):
    add_user(journal, "oli", "operator", PASSWORD, actor="test")
    add_user(journal, "lyn", "analyst", PASSWORD, actor="test")
    row, password = hire(journal, id="oli-1", kind="person", user="oli")
    assert (row["user_id"], password) == ("oli", None)
    with pytest.raises(Conflict, match="works as another agent"):
        hire(journal, id="oli-2", kind="person", user="oli")
    with pytest.raises(Invalid, match="cannot work for the house"):
        hire(journal, user="lyn")
    with pytest.raises(NotFound):
        hire(journal, user="nobody")


def test_an_id_that_is_taken_is_refused_and_nothing_is_written(journal):
    hire(journal)
    add_user(journal, "ann", "operator", PASSWORD, actor="test")
    before = journal.head()
    for agent_id, complaint in (("w-1", "agent 'w-1' already"), ("ann", "user 'ann' already")):
        with pytest.raises(Conflict, match=complaint):
            hire(journal, id=agent_id)
    assert journal.head() == before


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"id": "W 1"}, "id"), ({"kind": "query"}, "kind"), ({"skills": []}, "skills"), ({"skills": ["Poetry"]}, "unknown category"),
        ({"languages": ["german"]}, "languages"), ({"clearance": 10}, "clearance"), ({"zone": "Mars"}, "no time zone"),
        ({"calendar": {"hours": {}}}, "leave no day open"), ({"calendar": 3}, "is no calendar"), ({"budget": {"per": "day"}}, "limits cents"),
        ({"budget": {"per": "week", "cents": 1}}, "budget.per"), ({"config": {"takes": ["dance"]}}, "no inputs of kind"), ({"colour": 1}, "colour"),
    ],
)  # fmt: skip
def test_terms_that_make_no_sense_are_named(journal, wrong, complaint):
    with pytest.raises(Invalid, match=complaint):
        hire(journal, **wrong)
    assert journal.head() == 0


def test_terms_are_changed_and_null_that_is_said_removes(journal, place):
    hire(journal, languages=["de"], clearance=3, input_cents=20)
    change = {"skills": ["Data Processing"], "languages": None, "clearance": None, "calendar": {"hours": {"mon": ["09:00-17:00"]}}}
    row = change_agent(journal, place, "w-1", read_form(AgentChange, change | {"zone": "Europe/Berlin"}, "agent"), actor="user:ann")
    assert (row["skills"], row["languages"], row["clearance"], row["input_cents"], row["zone"]) == (
        '["Data Processing"]',
        None,
        None,
        20,
        "Europe/Berlin",
    )
    assert json.loads(row["calendar"]) == {"hours": {"mon": ["09:00-17:00"]}}
    assert change_agent(journal, place, "w-1", AgentChange(state="away", why="tea"), actor="user:ann")["reason"] == "by user:ann: tea"
    with pytest.raises(Invalid, match="nothing to change"):
        change_agent(journal, place, "w-1", AgentChange(price_cents=None), actor="user:ann")


def test_a_start_of_the_house_leaves_who_works_elsewhere_as_they_are(journal, place):
    hire(journal)
    hire_built_in(journal, place, actor="test")
    with journal.look() as view:
        assert view.get(agents, "w-1")["reason"] == "has given no sign of life yet"
        assert view.get(users, "w-1")["role"] == "agent"


@pytest.mark.parametrize("kind", sorted(registry.ELSEWHERE))
def test_nothing_here_performs_what_is_done_elsewhere(kind):
    with pytest.raises(Invalid, match="works elsewhere"):
        registry.make(kind, Fetch())
    assert registry.lacking(kind, Fetch()) is None
    assert registry.pausable(registry.takes(kind))


@pytest.mark.slow
def test_hiring_over_http_shows_the_password_once():
    with housed() as house:
        hired = ask(house, "POST", "/agents", 201, json=NEW | {"calendar": "DE"})
        assert hired["calendar"] == "DE"
        assert Door(house.journal).check_password("w-1", hired["password"])
        assert "password" not in ask(house, "GET", "/agents")["items"][-1]
        changed = ask(house, "PATCH", "/agents/w-1", json={"languages": ["de", "en"], "budget": {"per": "month", "tokens": 1000}})
        assert (changed["languages"], changed["budget"]["tokens"]) == (["de", "en"], 1000)
        assert ask(house, "PATCH", "/agents/w-1", json={"languages": None})["languages"] is None
        ask(house, "POST", "/agents", 409, json=NEW)
