"""The page *My work* over the real API, as a person of the house uses it, and the notice that there is work."""

import json
import os
from collections.abc import Iterator

import pytest

from store.schema import tasks
from tasks.notify import Notifier
from tasks.staff import change_agent
from tasks.terms import AgentChange
from tests.api_server import House, ask
from tests.pages import logged_in, opened, texts, view
from tests.working import hired, shift, staffed, submitted

pytestmark = pytest.mark.slow

FIELDS = {
    "summary": {"type": "text", "about": "in *one* sentence"}, "stars": {"type": "integer", "least": 1, "most": 5},
    "share": {"type": "number"}, "kind": {"type": "boolean"}, "tone": {"type": "choice", "choices": ["warm", "cold"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with staffed() as house:
        hired(house.journal, "paul", "person")
        os.environ["ARBITER_API_URL"] = house.url
        yield house
        del os.environ["ARBITER_API_URL"]


def given(house, **more):
    """Give Paula a task; return the attempt as the API shows it."""
    submitted(house, agent="paula", **more)
    shift(house)
    return ask(house, "GET", "/work", who="paula")["items"][-1]


def task_of(house, job):
    with house.journal.look() as view:
        return view.get(tasks, job["task_id"])


def page(name="paula"):
    app = view("my_work", logged_in(name))
    assert not app.exception
    return app


def press(app, key):
    app.button(key=key).click().run()
    assert not app.exception
    return app


def test_work_is_a_form_with_a_field_for_each_part_of_the_answer(house):
    note = ask(house, "POST", "/files?name=note.txt", 201, content=b"x")["id"]
    data = {"review": "<b>Late</b>", "order": {"n": 3}}
    inputs = {"instructions": "Sum *it* up.", "data": data, "files": {"note": {"$artifact": note}}, "answer": FIELDS}
    job = given(house, title="Sum *up*", description="of ![x](y)", inputs=inputs)
    key = job["attempt_id"]
    app = page()
    assert "Sum \\*up\\*" in texts(app)
    assert [text.value for text in app.text] == ["of ![x](y)", "Sum *it* up.", "<b>Late</b>"], "foreign text is shown letter by letter"
    app = press(app, f"bring-{key}")
    assert "Still missing: summary, stars, share, kind, tone" in texts(app)
    app.text_area(key=f"{key}-summary").input("late")
    app.number_input(key=f"{key}-stars").set_value(4)
    app.number_input(key=f"{key}-share").set_value(0.5)
    app.radio(key=f"{key}-kind").set_value("yes")
    app.selectbox(key=f"{key}-tone").select("warm")
    app = press(app, f"bring-{key}")
    assert json.loads(task_of(house, job)["result"]) == {"summary": "late", "stars": 4, "share": 0.5, "kind": True, "tone": "warm"}
    assert "There is nothing for you to do." in texts(app)


def test_work_goes_back_with_a_reason_and_to_a_colleague(house):
    job = given(house)
    app = page()
    assert app.button(key=f"decline-{job['attempt_id']}").disabled
    app.text_input(key=f"why-{job['attempt_id']}").input("away").run()
    app.text_input(key=f"to-{job['attempt_id']}").input("nobody").run()
    assert "nobody" in texts(press(app, f"decline-{job['attempt_id']}")), "refused in the words of the API"
    app.text_input(key=f"to-{job['attempt_id']}").input("paul").run()
    press(app, f"decline-{job['attempt_id']}")
    shift(house)
    (theirs,) = ask(house, "GET", "/work", who="paul")["items"]
    assert theirs["task_id"] == job["task_id"]


def test_who_is_away_gets_nothing_new(house):
    change_agent(house.journal, house.settings, "paula", AgentChange(state="away", why="holidays"), actor="user:oli")
    task_id = submitted(house, agent="paula")
    shift(house)
    assert task_id not in {job["task_id"] for job in ask(house, "GET", "/work", who="paula")["items"]}
    assert "You are away: by user\\:oli\\: holidays" in texts(page())
    change_agent(house.journal, house.settings, "paula", AgentChange(state="online"), actor="user:oli")
    shift(house)
    assert task_id in {job["task_id"] for job in ask(house, "GET", "/work", who="paula")["items"]}


def test_a_person_is_told_of_work_in_the_inbox_until_it_is_over(house):
    notifier = Notifier(house.journal, house.settings)
    notifier.look()
    job = given(house, title="A letter")
    notifier.look()
    (notice,) = ask(house, "GET", "/inbox?state=open", who="paula")["items"]
    assert (notice["title"], notice["kind"], notice["entity_id"]) == ("For you: A letter", "work.assigned", job["task_id"])
    app = view("inbox", logged_in("paula"))
    assert not app.exception
    assert [link.proto.label for link in app.get("page_link")] == ["Open my work"]
    answer = {"fence": job["fence"], "answer": {"summary": "x", "stars": 1}}
    ask(house, "POST", f"/work/{job['attempt_id']}/result", who="paula", json=answer)
    notifier.look()
    assert ask(house, "GET", "/inbox?state=open", who="paula")["items"] == []
    assert ask(house, "GET", "/inbox", who="paul")["items"] == []
    notifier.close()


def test_pages_by_who_one_is(house):
    assert "My work" in texts(logged_in("paula"))
    assert "This account is for a program" in texts(logged_in("w-1"))
    assert "You do not work for the house" in texts(page("oli"))
    assert not opened().exception
