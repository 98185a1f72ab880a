"""Categories that operators add, what people decide, and labels."""

import json

import pytest

from models.category import CATEGORIES, NONE
from models.errors import Conflict, IllegalMove, Invalid, NotFound
from store.schema import labels as label_table
from store.schema import tasks as task_table
from tasks.act import cancel
from tasks.alerts import open_alerts
from tasks.categories import add_category, check_category, known, list_categories, read_category, retire_category
from tasks.categorize_waiting import BROKEN, categorize_waiting
from tasks.ingest import ingest
from tasks.labels import list_labels, withdraw_label
from tasks.read import task_detail
from tasks.review import review, waiting_reviews
from tasks.submit import submit
from tasks.work import read_work

LEGAL = {
    "name": "Legal Review",
    "about": "A lawyer reads contracts, leases and terms and says which clauses are risky",
    "examples": [
        {"title": "Check our lease contract", "body": "Clauses on liability and termination, by a lawyer"},
        {"title": "Review an NDA", "body": "Is the confidentiality clause of this agreement enforceable?"},
        {"title": "Read the terms of a supplier", "body": "Legal advice on liability, warranty and jurisdiction"},
    ],
}
WORK = {"title": "Prices", "client": "acme", "inputs": {"function": "examples.functions:nothing"}}
SCRAPE = WORK | {"title": "Scrape product prices from 3 sites", "description": "A crawler visits three shops and extracts every listing."}
CONTRACT = WORK | {"title": "Somebody to check a contract", "description": "A lawyer looks at the liability clauses of our lease agreement"}
VAGUE = WORK | {"title": "Need help with my project"}
BETWEEN = WORK | {"title": "Dashboard for a website", "description": "Report pages by app"}
PLUMBER = WORK | {"title": "Fix a kitchen tap", "description": "The pipe under the sink drips and the valve must be replaced by a plumber"}


@pytest.fixture
def send(journal, place):
    """Submit work, let the categorizer look at it, and return the id."""

    def sent(work, **changes):
        task_id = submit(journal, read_work(work | changes), settings=place, actor="test", source="test")["tasks"][0]["id"]
        categorize_waiting(journal, place, actor="shift:s")
        return task_id

    return sent


@pytest.fixture
def legal(journal):
    add_category(journal, read_category(LEGAL), actor="user:ann")


def row(journal, task_id):
    with journal.look() as view:
        return view.get(task_table, task_id)


def kinds(journal, prefix):
    return [event.kind for event in journal.events(0, 10_000) if event.kind.startswith(prefix)]


def test_an_added_category_is_found_in_tasks_may_be_given_and_chosen(journal, send, legal):
    assert row(journal, send(CONTRACT))["category"] == "Legal Review"
    assert row(journal, send(SCRAPE))["category"] == "Web Scraping"
    assert row(journal, send(VAGUE, category="Legal Review"))["category_by"] == "given"
    asked = send(VAGUE)
    assert review(journal, asked, "Legal Review", actor="user:ann")["category"] == "Legal Review"
    with journal.look() as view:
        assert known(view) == (*CATEGORIES, "Legal Review")
    assert kinds(journal, "category.") == ["category.added"]


def test_a_retired_category_is_refused_for_new_tasks_and_kept_by_those_that_have_it(journal, send, legal):
    before = send(CONTRACT)
    retire_category(journal, "Legal Review", actor="user:ann")
    assert row(journal, before)["category"] == "Legal Review"
    with pytest.raises(Invalid, match="the category 'Legal Review' was retired; there are Web Scraping"):
        send(CONTRACT, category="Legal Review")
    assert row(journal, send(CONTRACT))["category"] != "Legal Review"
    assert [one["state"] for one in list_categories(journal)] == ["active"] * 6 + ["retired"]
    with pytest.raises(Conflict, match="retired before"):
        retire_category(journal, "Legal Review", actor="user:ann")
    add_category(journal, read_category(LEGAL), actor="user:ann")
    with journal.look() as view:
        check_category(view, "Legal Review")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"name": "Web scraping"}, Conflict, "already"),
        ({"name": "none of these"}, Conflict, "already"),
        ({"name": "a/b"}, Invalid, "cannot be the name"),
        ({"name": " x"}, Invalid, "cannot be the name"),
        ({"name": "a\0b"}, Invalid, "name"),
        ({"about": "short"}, Invalid, "about"),
        ({"examples": LEGAL["examples"][:2]}, Invalid, "examples"),
        ({"examples": [{"title": "\ud83d"}] * 3}, Invalid, "examples"),
        ({"colour": "red"}, Invalid, "colour"),
    ],
)
def test_what_cannot_be_a_category_is_named(home, change, error, said):
    from store.home import open_journal

    journal = open_journal(home)
    with pytest.raises(error, match=said):
        add_category(journal, read_category(LEGAL | change), actor="user:ann")
    journal.close()


def test_one_of_the_six_and_one_that_is_not_there_cannot_be_retired(journal):
    with pytest.raises(Conflict, match="cannot be retired"):
        retire_category(journal, "Web Scraping", actor="a")
    with pytest.raises(NotFound):
        retire_category(journal, "Poetry", actor="a")


def test_the_three_verdicts_are_told_apart_and_kept_with_what_they_came_of(journal, send):
    sure, unsure, none = send(SCRAPE), send(BETWEEN), send(PLUMBER)
    assert [row(journal, one)["state"] for one in (sure, unsure, none)] == ["ready", "review", "review"]
    said = [task_detail(journal, one)["task"]["prediction"] for one in (sure, unsure, none)]
    assert [one["verdict"] for one in said] == ["sure", "unsure", "none"]
    assert said[0].keys() >= {"guess", "confidence", "runner_up", "runner_up_confidence", "words", "secondary", "known", "version"}
    assert (said[0]["guess"], said[0]["version"]) == ("Web Scraping", 0)
    assert said[0]["words"]
    assert "none of the known categories" in row(journal, none)["why"]
    assert task_detail(journal, send(SCRAPE, category="Web Scraping"))["task"]["prediction"] is None


def test_reviews_are_listed_oldest_first_with_what_was_said(journal, send):
    first, second = send(VAGUE), send(PLUMBER)
    send(SCRAPE)
    found = waiting_reviews(journal)
    assert [one["id"] for one in found["items"]] == [first, second]
    assert found["items"][0]["prediction"]["guess"] in CATEGORIES
    assert (found["version"], found["card"]) == (0, None)
    review(journal, first, "Data Processing", actor="user:ann")
    assert [one["id"] for one in waiting_reviews(journal)["items"]] == [second]


def test_a_decision_is_a_label_with_its_author_and_goes_on_with_the_task(journal, send):
    task_id = send(VAGUE)
    guess = task_detail(journal, task_id)["task"]["prediction"]["guess"]
    done = review(journal, task_id, "Data Processing", secondary=["API Integration"], actor="user:ann")
    assert json.loads(done["secondary"]) == ["API Integration"]
    assert (done["state"], done["category"], done["category_by"]) == ("ready", "Data Processing", "person")
    [label] = list_labels(journal)
    assert (label["author"], label["category"], label["secondary"], label["guess"]) == ("ann", "Data Processing", ["API Integration"], guess)
    assert (label["task_id"], label["title"], label["state"]) == (task_id, VAGUE["title"], "valid")
    [event] = [event for event in journal.events(0, 10_000) if event.kind == "label.added"]
    assert event.facts == {"client": "acme", "task_id": task_id, "category": "Data Processing"}


def test_a_category_that_was_sure_is_corrected_where_the_task_stands_until_it_ends(journal, send):
    task_id = send(SCRAPE)
    done = review(journal, task_id, "Data Processing", actor="user:ann")
    assert (done["state"], done["category"], done["category_by"]) == ("ready", "Data Processing", "person")
    again = review(journal, task_id, "API Integration", actor="user:bob")
    assert (again["category"], again["state"]) == ("API Integration", "ready")
    assert [(one["author"], one["state"]) for one in list_labels(journal)] == [("bob", "valid"), ("ann", "withdrawn")]
    cancel(journal, task_id, actor="user:ann")
    with pytest.raises(IllegalMove, match="has ended"):
        review(journal, task_id, "Web Scraping", actor="user:ann")


def test_none_of_these_keeps_the_task_in_review_until_a_category_is_added(journal, send):
    task_id = send(PLUMBER)
    said = review(journal, task_id, NONE, actor="user:ann")
    assert (said["state"], said["category"]) == ("review", None)
    assert "user:ann found that it is none of the known categories" in said["why"]
    assert list_labels(journal)[0]["category"] == NONE
    add_category(journal, read_category(LEGAL | {"name": "Repairs"}), actor="user:ann")
    assert review(journal, task_id, "Repairs", actor="user:ann")["state"] == "ready"
    with pytest.raises(IllegalMove, match="only one in review"):
        review(journal, task_id, NONE, actor="user:ann")


@pytest.mark.parametrize(
    ("category", "secondary"),
    [("Poetry", []), ("Web Scraping", ["Poetry"]), ("Web Scraping", ["Web Scraping"]), (NONE, ["Web Scraping"]), ("Web Scraping", [NONE])],
)
def test_a_decision_that_makes_no_sense_leaves_no_trace(journal, send, category, secondary):
    task_id = send(VAGUE)
    head = journal.head()
    with pytest.raises(Invalid):
        review(journal, task_id, category, secondary=secondary, actor="user:ann")
    assert journal.head() == head


def test_a_decision_sent_twice_is_made_once(journal, send):
    task_id = send(VAGUE)
    first = review(journal, task_id, "Data Processing", actor="user:ann", key="k")
    head = journal.head()
    assert review(journal, task_id, "Data Processing", actor="user:ann", key="k") == first
    assert journal.head() == head


def test_a_label_is_withdrawn_once_and_its_task_stays_as_it_is(journal, send):
    task_id = send(VAGUE)
    review(journal, task_id, "Data Processing", actor="user:ann")
    [label] = list_labels(journal)
    assert withdraw_label(journal, label["id"], actor="user:bob")["state"] == "withdrawn"
    assert row(journal, task_id)["category"] == "Data Processing"
    with pytest.raises(Conflict):
        withdraw_label(journal, label["id"], actor="user:bob")
    with journal.look() as view:
        assert view.get(label_table, label["id"])["author"] == "ann"


def test_without_a_categorizer_people_choose_and_an_alert_is_open_until_it_works_again(journal, place, folder, send, caplog):
    task_id = submit(journal, read_work(SCRAPE), settings=place, actor="test", source="test")["tasks"][0]["id"]
    (folder / "broken.npz").write_bytes(b"not weights")
    categorize_waiting(journal, place, actor="shift:s", weights=folder / "broken.npz")
    asked = row(journal, task_id)
    assert (asked["state"], asked["category"], asked["confidence"]) == ("review", None, None)
    assert "cannot be used" in asked["why"]
    assert task_detail(journal, task_id)["task"]["prediction"] is None
    with journal.look() as view:
        assert [one["name"] for one in open_alerts(view)] == [BROKEN]
    assert review(journal, task_id, "Web Scraping", actor="user:ann")["state"] == "ready"
    send(SCRAPE)
    with journal.look() as view:
        assert open_alerts(view) == []


def test_postings_get_added_categories_too(journal, place, legal):
    job = {"id": "1", "position": CONTRACT["title"], "description": CONTRACT["description"], "epoch": 1790172002}
    payload = json.dumps([{"legal": "x"}, job]).encode()
    ingest(journal, "remoteok", payload, actor="a", files=place.files)
    from store.schema import postings

    with journal.look() as view:
        assert view.get(postings, "remoteok:1")["category"] == "Legal Review"
