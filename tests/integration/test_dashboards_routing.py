"""The pages *Agents* and *Routing* over the real API: every deed changes the ledger, and analysts see none."""

import functools
import json
import os
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import data
from models.clock import MINUTE
from store.schema import agents, circuits
from store.schema import tasks as table
from tasks import policies
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Ended, record_end
from tasks.preferences import prefer
from tasks.router import Router
from tasks.submit import submit
from tasks.work import read_work
from tests.api_server import House, ask, housed
from tests.factories import agent_row
from tests.pages import logged_in, texts, view
from tests.scheduling import WORK
from tests.support_api import Twin, serve

pytestmark = pytest.mark.slow

CATEGORY = "Custom Workflows"
HOURS = {"hours": {"mon": ["09:00-12:00", "13:00-17:00"]}, "holidays": "DE-BY"}


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    """A house in which two agents did four tasks, one of them failed; one rests, and three tasks wait for a category."""
    with housed() as house:
        journal, settings = house.journal, house.settings
        with journal.write("test") as tx:
            give(tx, Beat(name="lane:0", holder="s", until=tx.now + 60 * MINUTE))
            for name in ("fox", "owl"):
                tx.create(agents, agent_row(id=name, kind="python", skills=json.dumps([CATEGORY]), price_cents=150, capacity=3), "agent.added")
            more = {"calendar": json.dumps(HOURS), "zone": "Europe/Berlin", "languages": '["de"]', "budget": '{"per": "day", "cents": 5000}'}
            tx.create(agents, agent_row(id="hen", title="a *hen*", **more), "agent.added")
            circuit = {"agent_id": "hen", "category": CATEGORY, "state": "open", "failures": 5, "trips": 1, "probe_at": tx.now + 60 * MINUTE}
            tx.create(circuits, {"id": f"hen>{CATEGORY}", **circuit}, "circuit.opened")
        for number in range(4):
            work = WORK | {
                "client": "acme",
                "title": f"letter {number}",
                "price_cents": 4000,
                "attempts_most": 1,
                "agent": "owl" if number else "fox",
            }
            submit(journal, read_work(work), settings=settings, actor="test", source="test")
        for one in claim(journal, shift_id="s", lane="lane:0", free=9, router=Router(journal)):
            record_end(journal, one, Ended(state="failed" if one.agent_id == "fox" else "succeeded", error=None))
        house.unsure = [unsure(house, title) for title in ("first of *all*", "second", "third")]
        os.environ["ARBITER_API_URL"] = house.url
        yield house
        del os.environ["ARBITER_API_URL"]


SAID = {
    "guess": "Data Processing", "confidence": 0.41, "runner_up": "Web Scraping", "runner_up_confidence": 0.3, "words": ["rows"], "version": 0,
}  # fmt: skip


def unsure(house: House, title: str) -> str:
    """Submit a task of whose category the categorizer is not sure; return its id."""
    work = read_work(WORK | {"client": "acme", "title": title, "description": "do **it**"})
    (task,) = submit(house.journal, work, settings=house.settings, actor="test", source="test")["tasks"]
    with house.journal.write("test") as tx:
        patch = {"state": "review", "reason": "unsure", "category": None, "confidence": 0.41, "why": "the categorizer is not sure", "queue_key": None}
        tx.change(table, task["id"], patch, "task.questioned", client="acme", **SAID)
    return task["id"]


@functools.cache
def person(name: str, _url: str) -> AppTest:
    """Return the app as somebody sees it who has logged in to a house."""
    return logged_in(name)


def page(name: str, who: str = "oli", **query: str) -> AppTest:
    app = view(name, person(who, os.environ["ARBITER_API_URL"]), **query)
    assert not app.exception
    assert not app.error, texts(app)
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    assert not app.error, texts(app)
    return app


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key}


def agent(server: House, name: str) -> dict:
    return next(row for row in ask(server, "GET", "/agents")["items"] if row["id"] == name)


def last_event(server: House, key: str) -> object:
    return [event for event in server.journal.events(0, 100_000) if event.key == key][-1]


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_each_agent_has_a_card_with_what_it_does_and_why_it_rests(server):
    said = texts(page("agents"))
    assert "**hen** :gray[a \\*hen\\*]" in said
    assert "Custom Workflows: 5 failures in a row, rests until " in said
    app = page("agents", agent="owl")
    assert metrics(app) == {"Running": "0 of 3", "Succeeded": "100.0%", "Attempts": "3", "Cost": "€4.50"}
    assert [tab.label for tab in app.tabs] == ["Skills", "Last days", "Terms", "Preferences", "Tasks"]
    skills, days, tasks = (frame.value for frame in app.dataframe)
    assert list(skills["attempts"]) == [3]
    assert "±" in skills["success"][0]
    assert (list(days["attempts"]), list(days["succeeded"]), list(days["cost"])) == ([3], [3], ["€4.50"])
    assert len(tasks) == 3


def test_terms_are_those_of_the_row(server):
    app = page("agents", agent="hen")
    terms = dict(app.table[0].value.itertuples(index=False))
    assert terms["hours"] == "mon 09\\:00\\-12\\:00 13\\:00\\-17\\:00\\; holidays\\: DE\\-BY \\(Europe\\/Berlin\\)"
    assert terms["languages"] == "de"
    assert terms["budget"] == "per\\: day\\, money\\: €50\\.00"
    assert metrics(app)["Succeeded"] == "–", "no attempt is no success and no failure"


def test_an_agent_is_drained_sent_away_brought_back_and_limited_each_with_a_reason(server):
    app = page("agents", agent="fox")
    assert app.button(key="draining-do-fox").disabled, "without a reason"
    app.text_input(key="draining-why-fox").input("new *version*").run()
    app = press(app, "draining-do-fox")
    assert (agent(server, "fox")["state"], agent(server, "fox")["reason"]) == ("draining", "by user:oli: new *version*")
    assert "by user\\:oli\\: new \\*version\\*" in texts(app)
    app.text_input(key="offline-why-fox").input("gone").run()
    app = press(app, "offline-do-fox")
    assert agent(server, "fox")["state"] == "offline"
    app = press(app, "online-fox")
    assert (agent(server, "fox")["state"], agent(server, "fox")["reason"]) == ("online", "")
    app.number_input(key="capacity-fox").set_value(7)
    app.number_input(key="rate-fox").set_value(20)
    app.text_input(key="limit-why-fox").input("it has a new machine").run()
    app = press(app, "limit-do-fox")
    assert (agent(server, "fox")["capacity"], agent(server, "fox")["rate_most"]) == (7, 20)
    assert last_event(server, "fox").facts == {"why": "it has a new machine"}
    assert metrics(app)["Running"] == "0 of 7"


def test_a_preference_is_added_and_removed(server):
    app = page("agents", agent="fox")
    assert "No client prefers or excludes it" in texts(app)
    app.text_input(key="preference-client").input("acme *inc*")
    app.segmented_control(key="preference-stance").set_value("excluded")
    app.text_input(key="preference-why").input("a quarrel")
    press(app, "preference-add")
    (made,) = ask(server, "GET", "/preferences")["items"]
    assert (made["client"], made["agent_id"], made["stance"], made["why"]) == ("acme *inc*", "fox", "excluded", "a quarrel")
    app = page("agents", agent="fox")
    assert "**acme \\*inc\\*** excludes it: a quarrel" in texts(app)
    press(app, f"forget-{made['id']}")
    assert ask(server, "GET", "/preferences")["items"] == []


def test_an_agent_that_is_not_there_is_refused(server):
    assert "there is no agent" in texts(view("agents", person("oli", server.url), agent="nobody"))


def test_analysts_see_all_and_no_deeds(server):
    prefer(server.journal, "acme", "owl", "preferred", actor="test")
    for name, query in (("agents", {}), ("agents", {"agent": "owl"}), ("routing", {"part": "Review"}), ("routing", {"part": "Policy"})):
        app = page(name, "lyn", **query)
        assert keys(app) <= {"replay-do", "newer"}, "a replay changes nothing"
    prefer(server.journal, "acme", "owl", "none", actor="test")


def test_decisions_are_found_by_filters_and_opened(server):
    app = page("routing")
    assert [tab.label for tab in app.tabs] == ["Decisions", "Review", "Policy", "Learning"]
    assert sorted(app.dataframe[0].value["agent"]) == ["fox", "owl", "owl", "owl"]
    app.selectbox(key="agent").set_value("fox").run()
    assert list(app.dataframe[0].value["task"]) == ["letter 0"]
    app.text_input(key="text").input("letter 3").run()
    assert "None of the newest 4 decisions fits" in texts(app)
    (decision,) = [row for row in ask(server, "GET", "/decisions")["items"] if row["agent_id"] == "fox"]
    app = page("routing", decision=decision["id"])
    assert app.header[0].value == "letter 0"
    assert "Custom Workflows\\, for acme\\, €40\\.00" in texts(app)
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert links == {"Open the task": f"task={decision['task_id']}", "Open the agent": "agent=fox"}


def test_the_category_of_the_first_task_is_chosen_by_its_number(server):
    first, second, _ = server.unsure
    app = page("routing", part="Review")
    assert app.subheader[0].value == "first of \\*all\\*"
    assert app.text[0].value == "do **it**"
    assert "The guess is **Data Processing**, confidence 0.41, then Web Scraping, 0.30." in texts(app)
    assert "What spoke for it: rows" in texts(app)
    assert [button.proto.shortcut for button in app.button if button.key.endswith(first)] == ["1", "2", "3", "4", "5", "6", "n", "0"]
    app = press(app, f"skip-{first}")
    assert app.subheader[0].value == "second"
    assert list(app.dataframe[0].value["title"]) == ["third", "first of *all*"]
    app = press(app, f"choose-4-{second}")
    task = ask(server, "GET", f"/tasks/{second}")["task"]
    assert (task["category"], task["category_by"]) == ("Content Generation", "person")
    assert app.subheader[0].value == "third"


def test_a_policy_is_saved_only_as_it_was_replayed(server):
    app = page("routing", part="Policy")
    assert app.button(key="replay-do").disabled, "nothing is changed"
    app.text_input(key="policy-why").input("clients complain").run()
    assert app.button(key="policy-save").disabled
    app.number_input(key="policy-0-late").set_value(0.9).run()
    assert app.button(key="policy-save").disabled, "not replayed"
    app = press(app, "replay-do")
    assert "**4** decisions of 14 days were replayed, **0** would have moved." in texts(app)
    assert [one.value for one in app.info] == ["Nothing would have moved\\."]
    assert list(app.dataframe[0].value["as it was"])[1].startswith("€")
    assert not app.button(key="policy-save").disabled
    app.number_input(key="policy-0-known").set_value(0.4).run()
    assert app.button(key="policy-save").disabled, "others were replayed"
    assert "replay them" in texts(app)
    app.number_input(key="policy-0-known").set_value(0.1).run()
    app = press(app, "policy-save")
    (saved,) = policies.list_policies(server.journal)
    assert (saved["number"], saved["why"], saved["definition"]["late"]) == (1, "clients complain", 0.9)
    assert "**Version 1** counts now: clients complain." in texts(app)
    assert app.button(key="policy-save").disabled
    app = press(app, "restore-do-0")
    assert [row["state"] for row in policies.list_policies(server.journal)] == ["active", "retired"]
    assert ask(server, "GET", "/policies")["active"]["late"] == 0.5


def test_a_value_that_is_none_is_refused_in_the_words_of_the_api(server):
    app = page("routing", part="Policy")
    key = next(field.key for field in app.number_input if field.key.endswith("-width"))
    app.number_input(key=key).set_value(7.0).run()
    app.button(key="replay-do").click().run()
    assert "width" in app.error[0].value


def test_learning_curves_and_the_report_card_of_who_may_see_it(server, monkeypatch):
    app = page("routing", part="Learning")
    assert list(app.dataframe[0].value["agent"])[-1] == "fox", "which failed"
    shipped = app.dataframe[1].value
    assert (list(shipped["version"]), list(shipped["state"])) == ([0], ["champion"])
    read = data.read
    scores = {"macro_f1": 0.71, "macro_f1_interval": [0.6, 0.8], "calibration_error": 0.02, "versus": {"macro_f1": 0.65}}
    row = {"number": 1, "state": "champion", "labels": 60, "trained_at": "2026-11-27T12:00:00Z", "card": scores, "why": "better"}
    monkeypatch.setattr(data, "read", lambda path, **more: {"items": [row]} if path == "/categorizers" else read(path, **more))
    app = page("routing", part="Learning")
    assert list(app.dataframe[1].value["macro-F1"]) == ["0.710 (0.600 to 0.800)"]


def test_empty_parts_say_what_will_appear_there(server, monkeypatch):
    with serve(Twin()) as twin:
        for path in ("agents", "decisions", "tasks", "levels", "reviews", "categories", "categorizers"):
            twin.says(f"GET /{path}", {"items": [], "next": None})
        person("oli", server.url)
        monkeypatch.setitem(os.environ, "ARBITER_API_URL", twin.url)
        said = [
            texts(view(name, person("oli", server.url), **query))
            for name, query in (("agents", {}), ("routing", {}), ("routing", {"part": "Review"}), ("routing", {"part": "Learning"}))
        ]
    assert "There are no agents yet." in said[0]
    assert "No decision has been made yet." in said[1]
    assert "No task waits for its category." in said[2]
    assert "No attempt ended in the last 14 days." in said[3]
