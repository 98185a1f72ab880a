"""The page *Work* over the real API: groups, the queue, the fleet, and a result that waits to be accepted."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from store.home import open_journal, set_up
from store.settings import PROJECT, Settings
from tasks.approvals import approve
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Ended, record_end
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.api_server import PASSWORD, Server, add_people
from tests.scheduling import WORK

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A house with a group of three, one of them done and one that waits for an agent, and a result that waits for somebody."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        add_people(journal)
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
        for one in claim(journal, shift_id="s", lane="lane:0", free=2, record={}):
            record_end(journal, one, Ended(state="succeeded"))
        with Server(settings) as server:
            server.journal, server.group_id = journal, answer["group_id"]
            os.environ["ARBITER_API_URL"] = server.url
            yield server
        del os.environ["ARBITER_API_URL"]
        journal.close()


def page(server, name="work", who="oli", **query) -> AppTest:
    """Return a page as somebody sees it who has logged in."""
    app = AppTest.from_file(str(PROJECT / "dashboards" / "app.py"), default_timeout=60).run()
    app.text_input(key="name").input(who)
    app.text_input(key="password").input(PASSWORD)
    app.button[0].click().run()

    def shown(name: str) -> None:
        import importlib

        from dashboards import faces

        with faces.guard():
            importlib.import_module(f"dashboards.views.{name}").show()

    other = AppTest.from_function(shown, default_timeout=60, kwargs={"name": name})
    for key in ("login", "session", "pages"):
        other.session_state[key] = app.session_state[key]
    for key, value in query.items():
        other.query_params[key] = value
    return other.run()


def texts(app: AppTest) -> str:
    return "\n".join(str(one.value) for kind in (app.title, app.header, app.markdown, app.caption, app.error) for one in kind)


def test_groups_the_queue_and_the_fleet_are_shown(server):
    app = page(server)
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Groups", "Queue", "Fleet"]
    groups, queue = (frame.value for frame in app.dataframe)
    assert list(groups["title"]) == ["Fetch *it*"]
    assert round(float(groups["done"][0]), 2) == 0.33
    assert list(queue["place"]) == [1]
    assert "starts in a moment" in queue["why"][0]


def test_a_group_shows_its_course_its_graph_and_its_path(server):
    app = page(server, group=server.group_id)
    assert not app.exception
    assert "Fetch \\*it\\* and 2 more" in texts(app)
    assert "nobody can say yet" in app.get("progress")[0].proto.text
    assert [tab.label for tab in app.tabs] == ["Course", "Graph", "Tasks"]
    assert "penwidth=2.5" in app.get("graphviz_chart")[0].proto.spec
    assert len(app.get("page_link")) == 3


def test_a_client_sees_its_groups_and_no_queue(server):
    app = page(server, who="cli")
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Groups"]


def test_a_group_that_is_not_there_is_refused_in_the_words_of_the_api(server):
    assert "there is no group" in texts(page(server, group="g_none"))


def test_a_result_is_accepted_on_its_page(server):
    (task_id,) = [task["id"] for task in server.ask("GET", "/tasks?state=review", "oli").json()["items"]]
    app = page(server, "tasks", task=task_id)
    assert not app.exception
    keys = {button.key for button in app.button}
    assert {"approve", "reject", "cancel"} <= keys
    assert not {"decide", "pause"} & keys
    app.button(key="approve").click().run()
    assert server.ask("GET", f"/tasks/{task_id}", "oli").json()["task"]["outcome"] == "succeeded"
    with pytest.raises(Exception, match="waits for no approval"):
        approve(server.journal, task_id, actor="user:ann")
