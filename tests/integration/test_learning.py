"""Learning from labels of a house: a challenger is trained, compared, used when it is better; versions are kept and gone back to; drift is told."""

import random

import pytest

from models.errors import Conflict, NotFound, StoreError
from store.schema import labels
from tasks.alerts import open_alerts
from tasks.categorize_waiting import BROKEN, categorize_waiting
from tasks.categorizers import activate, categorizer, list_categorizers, previous
from tasks.champion import champion
from tasks.drift import INPUTS, OUTCOMES, watch
from tasks.keep import path_of
from tasks.labels import list_labels, withdraw_label
from tasks.review import review
from tasks.train import check, train
from tests.factories import task_row

OWN = {"Web Scraping": "zorgle", "Data Processing": "plimf", "Content Generation": "quaddle"}


def texts(n, seed=1):
    """Titles and bodies whose category only the house knows, and the categories."""
    dice = random.Random(seed)
    return [
        (f"ticket {OWN[label]}", f"please do the {OWN[label]} for our {dice.choice(['shop', 'club'])}", label) for label in dice.choices([*OWN], k=n)
    ]


def label_all(journal, found):
    """Write a label for each text, as people would by reviewing tasks."""
    from store.schema import tasks

    with journal.write("user:ann") as tx:
        for title, body, label in found:
            task = task_row(title=title, description=body, category=label, state="done", outcome="cancelled")
            tx.create(tasks, task, "task.submitted", client="acme")
            row = {"id": f"lb_{task['id']}", "task_id": task["id"], "title": title, "body": body, "category": label, "secondary": "[]", "guess": None}
            tx.create(labels, row | {"author": "ann", "state": "valid", "at": tx.now}, "label.added", category=label)


def says(journal, place, title):
    from models.untrusted import Untrusted

    with journal.look() as view:
        [found] = champion(view, place.files).predict([(Untrusted(title), Untrusted(""))])
    return found.category


def kinds(journal):
    return [event.kind for event in journal.events(0, 100_000) if event.kind.startswith("categorizer.")]


def test_a_challenger_that_is_better_is_used_from_then_on(journal, place):
    label_all(journal, texts(60))
    row = train(journal, place, actor="test")
    card = row["card"]
    assert (row["number"], row["state"], row["labels"]) == (1, "champion", 60)
    assert (card["version"], card["trained_on"], card["scored_on"], card["versus"]["version"]) == (1, 45, 15, 0)
    assert card["macro_f1"] == 1
    assert card["versus"]["difference_interval"][0] > 0
    assert card.keys() >= {"macro_f1_interval", "accuracy", "calibration_error", "per_class"}
    assert says(journal, place, "ticket quaddle") == "Content Generation"
    assert kinds(journal) == ["categorizer.trained", "categorizer.promoted"]
    assert [one["state"] for one in list_categorizers(journal)] == ["champion", "retired"]


def test_a_challenger_that_is_not_better_is_kept_and_not_used(journal, place):
    plain = [("Scrape product prices from shops", "A crawler", "Web Scraping"), ("Write a blog article", "on coffee", "Content Generation")]
    label_all(journal, plain * 30)  # which the shipped one gets right too
    row = train(journal, place, actor="test")
    assert (row["state"], row["promoted_at"]) == ("rejected", None)
    assert "against" in row["why"]
    assert kinds(journal) == ["categorizer.trained", "categorizer.rejected"]
    assert [one["state"] for one in list_categorizers(journal)] == ["rejected", "champion"]
    assert path_of(place, row["sha256"]).exists()


def test_it_waits_for_enough_labels_and_for_new_ones_and_hears_no_withdrawn_one(journal, place):
    label_all(journal, texts(39))
    assert train(journal, place, actor="test") is None
    label_all(journal, texts(2, seed=3))
    withdrawn = list_labels(journal)[0]
    withdraw_label(journal, withdrawn["id"], actor="user:bob")
    assert train(journal, place, actor="test")["labels"] == 40
    assert train(journal, place, actor="test") is None
    label_all(journal, texts(20, seed=4))
    again = train(journal, place, actor="test")
    assert (again["number"], again["labels"], again["card"]["versus"]["version"]) == (2, 60, 1)
    assert again["state"] == "rejected"  # it cannot be better than one that is always right


def test_any_version_can_be_used_again(journal, place):
    label_all(journal, texts(60))
    train(journal, place, actor="test")
    assert previous(journal) == 0
    assert activate(journal, place, 0, actor="user:ann")["number"] == 0
    assert says(journal, place, "scrape a shop") == "Web Scraping"
    assert categorizer(journal, 1)["state"] == "retired"
    assert activate(journal, place, 1, actor="user:ann")["state"] == "champion"
    assert says(journal, place, "ticket quaddle") == "Content Generation"
    assert kinds(journal)[-2:] == ["categorizer.retired", "categorizer.promoted"]
    with pytest.raises(Conflict, match="in use already"):
        activate(journal, place, 1, actor="user:ann")
    with pytest.raises(NotFound):
        activate(journal, place, 9, actor="user:ann")
    assert categorizer(journal, 0)["state"] == "retired"


def test_there_is_nothing_before_the_shipped_one(journal):
    with pytest.raises(Conflict):
        previous(journal)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:-9]), lambda path: path.unlink()])
def test_a_version_whose_file_is_damaged_or_gone_is_told_and_nobody_guesses(journal, place, spoil, caplog):
    label_all(journal, texts(60))
    row = train(journal, place, actor="test")
    spoil(path_of(place, row["sha256"]))
    assert not check(journal, place, actor="test")
    with journal.look() as view:
        assert [one["name"] for one in open_alerts(view)] == [BROKEN]
    with pytest.raises(StoreError):
        train(journal, place, actor="test", force=True)
    activate(journal, place, 0, actor="user:ann")
    with pytest.raises(StoreError):
        activate(journal, place, 1, actor="user:ann")
    assert check(journal, place, actor="test")
    with journal.look() as view:
        assert open_alerts(view) == []


def categorized(journal, confidences, *, known=0.9):
    """Tell of tasks that the categorizer was sure about; return their ids."""
    from store.schema import tasks

    rows = [task_row(state="review", reason="unsure", confidence=confidence) for confidence in confidences]
    with journal.write("shift:s") as tx:
        for row in rows:
            tx.create(tasks, row, "task.submitted", client="acme")
            facts = {"guess": row["category"], "confidence": row["confidence"], "known": known}
            tx.change(tasks, row["id"], {}, "task.categorized", **facts)
    return [row["id"] for row in rows]


def confidences(n, *, mean, seed):
    dice = random.Random(seed)
    return [min(max(dice.gauss(mean, 0.1), 0.0), 1.0) for _ in range(n)]


def names(journal):
    with journal.look() as view:
        return [one["name"] for one in open_alerts(view)]


def test_inputs_that_stay_alike_are_silent_and_others_raise_an_alert_until_they_are_alike_again(journal):
    categorized(journal, confidences(500, mean=0.85, seed=1))
    assert watch(journal, actor="test").inputs is None
    categorized(journal, confidences(300, mean=0.85, seed=2))
    assert watch(journal, actor="test").inputs < 0.25
    assert names(journal) == []
    categorized(journal, confidences(500, mean=0.6, seed=3))
    assert watch(journal, actor="test").inputs > 0.25
    assert names(journal) == [INPUTS]
    categorized(journal, confidences(500, mean=0.85, seed=4))
    watch(journal, actor="test")
    assert names(journal) == []


def test_other_words_raise_an_alert_too(journal):
    categorized(journal, confidences(500, mean=0.85, seed=1))
    categorized(journal, confidences(200, mean=0.85, seed=2), known=0.6)
    assert INPUTS in watch(journal, actor="test").drifted


def test_corrections_beyond_what_it_admits_raise_an_alert_and_fewer_do_not(journal, place):
    from tasks.submit import submit
    from tasks.work import read_work

    work = {
        "title": "Scrape product prices",
        "description": "A crawler extracts every listing.",
        "inputs": {"function": "examples.functions:nothing"},
    }
    sent = submit(journal, read_work({"tasks": [work] * 30}), settings=place, actor="test", source="test")["tasks"]
    categorize_waiting(journal, place, actor="shift:s")
    for one in sent[:2]:
        review(journal, one["id"], "API Integration", actor="user:ann")
    assert watch(journal, actor="test").drifted == ()
    for one in sent[2:20]:
        review(journal, one["id"], "Data Processing", actor="user:ann")
    told = watch(journal, actor="test")
    assert (told.looked_at, told.corrections, told.drifted) == (30, 20, (OUTCOMES,))
    assert names(journal) == [OUTCOMES]
