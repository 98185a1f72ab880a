"""The page *Work* over the real API: groups, the queue, the fleet, and a result that waits to be accepted."""

import os
from collections.abc import Iterator

import pytest

from tasks.approvals import approve
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Ended, record_end
from tasks.router import Router
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.api_server import House, housed
from tests.pages import drawn, logged_in, texts, view
from tests.scheduling import WORK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    """A house with a group of three, one of them done and one that waits for an agent, and a result that waits for somebody."""
    with housed() as house:
        journal, settings = house.journal, house.settings
        hire_built_in(journal, settings, actor="test")
        group = [
            WORK | {"ref": "a", "title": "Fetch *it*"},
            WORK | {"ref": "b", "needs": [{"task": "a"}]},
            WORK | {"ref": "c", "needs": [{"task": "b"}]},
        ]
        work = {"tasks": [task | {"client": "acme"} for task in group]}
        answer = submit(journal, read_work(work), settings=settings, actor="test", source="test")
        submit(journal, read_work(WORK | {"delivery": True, "title": "A letter"}), settings=settings, actor="test", source="test")
        with journal.write("test") as tx:
            give(tx, Beat(name="lane:0", holder="s", until=tx.now + 60_000_000))
        for one in claim(journal, shift_id="s", lane="lane:0", free=2, router=Router(journal)):
            record_end(journal, one, Ended(state="succeeded"))
        house.group_id = answer["group_id"]
        os.environ["ARBITER_API_URL"] = house.url
        yield house
        del os.environ["ARBITER_API_URL"]


def test_groups_the_queue_and_the_fleet_are_shown(server):
    app = view("work", logged_in("oli"))
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Groups", "Queue", "Fleet"]
    groups, queue = (frame.value for frame in app.dataframe)
    assert list(groups["title"]) == ["Fetch *it*"]
    assert round(float(groups["done"][0]), 2) == 0.33
    assert list(queue["place"]) == [1]
    assert "starts in a moment" in queue["why"][0]


def test_a_group_shows_its_course_its_graph_and_its_path(server):
    app = view("work", logged_in("oli"), group=server.group_id)
    assert not app.exception
    assert "Fetch \\*it\\* and 2 more" in texts(app)
    assert "nobody can say yet" in app.get("progress")[0].proto.text
    assert [tab.label for tab in app.tabs] == ["Course", "Graph", "Tasks"]
    assert "penwidth=2.5" in app.get("graphviz_chart")[0].proto.spec
    assert len(app.get("page_link")) == 3


def test_a_client_sees_its_groups_and_no_queue(server):
    app = view("work", logged_in("cli"))
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Groups"]


def test_a_group_that_is_not_there_is_refused_in_the_words_of_the_api(server):
    assert "there is no group" in texts(view("work", logged_in("oli"), group="g_none"))


def test_a_result_is_accepted_on_its_page(server):
    (task_id,) = [task["id"] for task in server.ask("GET", "/tasks?state=review", "oli").json()["items"]]
    app = view("tasks", logged_in("oli"), task=task_id)
    assert not app.exception
    keys = {button.key for button in app.button}
    assert {"approve", "reject", "cancel"} <= keys
    assert not {"decide", "pause"} & keys
    app.button(key="approve").click().run()
    assert server.ask("GET", f"/tasks/{task_id}", "oli").json()["task"]["outcome"] == "succeeded"
    with pytest.raises(Exception, match="waits for no approval"):
        approve(server.journal, task_id, actor="user:ann")


def test_all_that_fit_are_paused_and_resumed_after_a_look(server):
    app = logged_in("oli")
    assert "many" in {button.key for button in view("tasks", app, client="acme").button}
    app = drawn(chosen, app)
    app.selectbox(key="deed").select("pause").run()
    assert "**2 tasks**: 1 ready, 1 waiting. Clients: acme 2. 1 more fit the filters and stay as they are." in texts(app)
    app.text_input(key="bulk-why").input("stocktaking").run()
    app.button(key="do").click().run()
    assert not app.exception
    assert [task["state"] for task in of_acme(server)] == ["done", "paused", "paused"]
    (deed,) = server.ask("GET", "/bulk", "oli").json()["items"]
    assert (deed["wanted"]["why"], deed["wanted"]["filters"]) == ("stocktaking", {"client": "acme"})
    app = view("tasks", logged_in("oli"))
    assert "2 tasks were paused by oli" in texts(app)
    assert "many" not in {button.key for button in app.button}, "no filter is set"
    app.button(key=f"undo-{deed['id']}").click().run()
    assert [task["state"] for task in of_acme(server)] == ["done", "ready", "waiting"]


def test_only_who_may_is_offered_to_do_something_with_many(server):
    assert "many" not in {button.key for button in view("tasks", logged_in("lyn"), client="acme").button}


def test_what_can_be_done_to_none_says_so(server):
    app = drawn(chosen, logged_in("oli"))
    app.selectbox(key="deed").select("resume").run()
    assert "It can be done to none of them" in texts(app)
    assert app.button(key="do").disabled


def chosen():
    from dashboards.views import many

    many.choose({"client": "acme"})


def of_acme(server):
    return sorted(server.ask("GET", "/tasks?client=acme", "oli").json()["items"], key=lambda task: task["id"])
