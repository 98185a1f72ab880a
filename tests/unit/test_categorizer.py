"""The categorizer, its weights, and the verdict that a person should decide."""

import doctest
import io
import json
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.categorizer
import models.tfidf
import tasks.learn
from models.categorizer import Categorizer, reason_unsure
from models.category import CATEGORIES
from models.errors import Invalid, StoreError
from models.untrusted import Untrusted
from tasks.categorize import WEIGHTS, categorize
from tasks.learn import Labelled, compare, keep, read_postings, without_attached

SPEECH = {
    "Web Scraping": "scrape crawl pages shop prices websites directory extraction scraper listings",
    "Data Processing": "clean excel csv rows duplicates spreadsheet entry convert merge columns",
    "API Integration": "connect api webhook endpoint billing crm sync stripe token rest",
    "Content Generation": "write article blog story video script translate logo poster copy",
    "Analysis & Reporting": "report dashboard analysis charts statistics forecast survey insights trend kpi",
    "Custom Workflows": "automate workflow bot android website deploy plugin server app developer",
}
FILLERS = "please need for with our a the and some quickly"


def sample(texts_each, *, seed=1):
    """Invented documents: each speaks with the words of its category, among words that say nothing."""
    dice = random.Random(seed)

    def text(category, size):
        return " ".join(dice.choice((SPEECH[category] if dice.random() < 0.5 else FILLERS).split()) for _ in range(size))

    labels = [category for category in CATEGORIES for _ in range(texts_each)]
    return [(text(label, 5), text(label, 30)) for label in labels], labels


@pytest.fixture(scope="module")
def trained():
    return Categorizer().fit(*sample(20))


def shipped(title, body=""):
    [prediction] = categorize([(Untrusted(title), Untrusted(body))])
    return prediction


@pytest.mark.parametrize("module", [models.categorizer, models.tfidf, tasks.learn])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_what_was_learned_is_said_about_new_texts(trained):
    documents, labels = sample(10, seed=2)
    assert [prediction.category for prediction in trained.predict(documents)] == labels


def test_probabilities_of_all_categories_sum_to_one_and_the_greatest_is_the_confidence(trained):
    for prediction in trained.predict(sample(3, seed=3)[0]):
        assert tuple(prediction.probabilities) == CATEGORIES
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert prediction.confidence == max(prediction.probabilities.values()) == prediction.probabilities[prediction.category]


def test_the_words_that_spoke_for_a_category_are_named_and_come_from_the_text(trained):
    [prediction] = trained.predict([("Write an article", "please, for our blog")])
    assert prediction.category == "Content Generation"
    assert {"write", "article", "blog"} <= set(prediction.words)
    assert len(prediction.words) <= 5


def test_a_text_without_a_known_word_has_confidence_zero(trained):
    empty, foreign = trained.predict([("", ""), ("网站", "Мне нужен сайт")])
    assert empty.confidence == foreign.confidence == 0
    assert empty.words == foreign.words == ()


def test_the_title_alone_and_the_body_alone_both_count(trained):
    by_title, by_body = trained.predict([("crawl pages", ""), ("", "crawl pages")])
    assert by_title.category == by_body.category == "Web Scraping"


def test_training_again_gives_the_same_bytes(folder):
    for name in ("first.npz", "second.npz"):
        keep(Categorizer().fit(*sample(5)), folder / name)
    assert (folder / "first.npz").read_bytes() == (folder / "second.npz").read_bytes()


def test_kept_weights_predict_exactly_as_before(trained, folder):
    keep(trained, folder / "w.npz")
    documents, _ = sample(3, seed=4)
    assert categorize([(Untrusted(title), Untrusted(body)) for title, body in documents], weights=folder / "w.npz") == trained.predict(documents)


def test_weights_are_numbers_and_json_only(trained):
    arrays = trained.to_arrays()
    assert all(array.dtype.kind in "fu" for array in arrays.values())
    assert json.loads(arrays["header"].tobytes())["categories"] == list(CATEGORIES)


def test_a_row_that_is_trusted_more_weighs_more():
    documents, labels = sample(5)
    contradiction = [("zebra zebra", "zebra zebra")] * 6
    wrong, right = ["Web Scraping"] * 3, ["Content Generation"] * 3

    def says(weight_of_wrong):
        weights = [1.0] * len(labels) + [weight_of_wrong] * 3 + [1.0] * 3
        return Categorizer().fit([*documents, *contradiction], [*labels, *wrong, *right], weights).predict([("zebra", "zebra")])[0].category

    assert says(0.01) == "Content Generation"
    assert says(100.0) == "Web Scraping"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda documents, labels: (documents, ["Plumbing", *labels[1:]]), "unknown categories"),
        (lambda documents, labels: (documents[5:], labels[5:]), "no document of Web Scraping"),
        (lambda documents, labels: (documents[1:], labels), "do not belong together"),
        (lambda documents, labels: (documents, labels, [1.0]), "do not belong together"),
    ],
)
def test_training_data_that_cannot_work_are_refused(change, message):
    with pytest.raises(Invalid, match=message):
        Categorizer().fit(*change(*sample(5)))


@pytest.mark.parametrize("wrong", [{"least_texts": 0}, {"strength": 0}, {"rules_share": 1}, {"sharpness": 0}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(Invalid, match="needs least_texts"):
        Categorizer(**wrong)


def test_nothing_is_said_before_something_was_learned():
    with pytest.raises(Invalid, match="learned nothing"):
        Categorizer().predict([("a", "b")])
    with pytest.raises(Invalid, match="learned nothing"):
        Categorizer().to_arrays()


def json_array(value):
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("header", lambda _: json_array({"format": 99}), "another version"),
        ("header", lambda old: json_array(json.loads(old.tobytes()) | {"rules": "0"}), "another rules"),
        ("header", lambda old: json_array(json.loads(old.tobytes()) | {"rules_share": "much"}), "another rules_share"),
        ("header", lambda _: json_array([1]), "hold a list where a dict belongs"),
        ("header", lambda _: np.frombuffer(b"\xff{", dtype=np.uint8), "cannot be read"),
        ("text_terms", lambda _: json_array(["one"]), "do not fit together"),
        ("coefficients", lambda old: old[:, :-1], "do not fit together"),
        ("coefficients", lambda old: old * np.float16("nan"), "do not fit together"),
        ("intercepts", lambda old: old[:-1], "do not fit together"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_reason(trained, name, change, message):
    arrays = trained.to_arrays()
    with pytest.raises(Invalid, match=message):
        Categorizer.from_arrays(arrays | {name: change(arrays[name])})


def test_weights_that_lack_a_part_are_refused(trained):
    arrays = trained.to_arrays()
    del arrays["intercepts"]
    with pytest.raises(Invalid, match="lack intercepts"):
        Categorizer.from_arrays(arrays)


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (print, ("code ran",))


def pickled():
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([Trap()], dtype=object))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"not a file of weights", pickle.dumps(Trap()), pickled(), WEIGHTS.read_bytes()[:5000]])
def test_a_damaged_file_of_weights_raises_and_runs_no_code(folder, content, capsys):
    (folder / "w.npz").write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        categorize([], weights=folder / "w.npz")
    assert capsys.readouterr().out == ""


def test_missing_weights_raise_and_nothing_is_guessed(folder):
    with pytest.raises(StoreError, match="missing"):
        categorize([(Untrusted("Scrape a shop"), Untrusted(""))], weights=folder / "none.npz")


def test_a_new_file_of_weights_is_read_without_a_restart(folder):
    path = folder / "w.npz"
    keep(Categorizer().fit(*sample(5)), path)
    [before] = categorize([(Untrusted("scrape"), Untrusted(""))], weights=path)
    keep(Categorizer(rules_share=0.0).fit(*sample(20)), path)
    [after] = categorize([(Untrusted("scrape"), Untrusted(""))], weights=path)
    assert before != after


@pytest.mark.parametrize("text", ["Need help with my project", "", "Urgent!!! help needed asap", "hello", "Проект", "?", "1234 5678"])
def test_an_unclear_text_is_left_to_a_person(text):
    assert reason_unsure(shipped(text), least=0.6) is not None


@pytest.mark.parametrize(
    ("title", "body", "category"),
    [
        ("Scrape product prices from 3 sites", "Daily CSV of prices. A crawler visits three shops and extracts every listing.", "Web Scraping"),
        ("Write a blog article about coffee", "1,000 words for our web shop, SEO friendly.", "Content Generation"),
        ("Clean and deduplicate a customer list in Excel", "Two spreadsheets, some rows twice, merge into one CSV.", "Data Processing"),
        ("Build an Android app for bookings", "A mobile app with login and an admin panel.", "Custom Workflows"),
    ],
)
def test_a_clear_text_is_categorized_with_confidence(title, body, category):
    prediction = shipped(title, body)
    assert prediction.category == category
    assert reason_unsure(prediction, least=0.6) is None


def test_the_verdict_names_the_guess_and_the_bound():
    unsure = shipped("Need help with my project")
    assert reason_unsure(unsure, least=0.6) == f"{unsure.category} with confidence {unsure.confidence:.2f}, below 0.60: asked for review"
    assert reason_unsure(shipped(""), least=0.0) == "no word of it is known to the categorizer: asked for review"


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text())
def test_no_text_breaks_it(title, body):
    assert shipped(title, body).category in CATEGORIES


@pytest.mark.parametrize("unit", ["scrape the shop ", "x", "\u0301", "\u202e", "ﷺ", "a@", "1", "\ud83d", "<", "\x00"])
def test_a_text_of_a_million_characters_is_answered(unit):
    huge = (unit * 1_000_000)[:1_000_000]
    assert shipped(huge, huge).category in CATEGORIES


def test_the_shipped_weights_are_small_and_hold_no_text_of_a_posting():
    assert WEIGHTS.stat().st_size < 1_500_000
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        terms = json.loads(arrays["title_terms"].tobytes()) + json.loads(arrays["text_terms"].tobytes())
    assert len(terms) > 5000
    assert max(len(term.split()) for term in terms) == 2
    assert not [term for term in terms if "@" in term or sum(c.isdigit() for c in term) > 5]


def test_the_notice_names_the_source_its_licence_and_the_command():
    notice = (WEIGHTS.parent / "NOTICE").read_text()
    for part in ("harivonyR/Freelancer_On_Demand_Job", "MIT", "python -m flows.learn"):
        assert part in notice


def test_comparing_shows_the_categorizer_beside_its_baselines():
    """Words written backwards are in no rule, so the rules always say "Custom Workflows"; the categorizer learns them all the same."""
    documents, labels = sample(6)
    backwards = tuple((title[::-1], body[::-1]) for title, body in documents)
    commonest, rules, categorizer = compare(Labelled(documents=backwards, labels=tuple(labels), clean=(True,) * len(labels)))
    assert commonest.accuracy == pytest.approx(1 / 6)
    assert commonest.macro_f1 == pytest.approx((2 * 6 / (6 + 36)) / 6)  # one category found with precision 1/6, five never
    assert rules.macro_f1 == commonest.macro_f1
    assert categorizer.macro_f1 > 0.9


def test_what_is_trusted_less_weighs_less():
    documents = (("a title", "and a text"), ("a title", "and a text"), ("a title alone", ""))
    data = Labelled(documents=documents, labels=(CATEGORIES[0],) * 3, clean=(True, False, True))
    assert data.weights == [1.0, 0.5, 0.3]
    assert data.part([2, 1]).weights == [0.3, 0.5]


@pytest.mark.parametrize(
    "attached",
    [
        "\n\nPosted On: May 13, 2024 10:00 UTC\nCategory: Data Entry\nSkills:Excel,     Web Scraping     \nCountry: Spain\n\nclick to apply",
        "<br /><b>Posted On</b>: May 13, 2024<br /><b>Category</b>: Data Entry<br /><b>Skills</b>:Excel",
        " Posted On: May 13, 2024 Category: Data Entry Skills: Excel Country: Spain click to apply",
        "\nCategory: Data Entry\nSkills: Excel",
        "\n**Skills**: Excel, Web Scraping\n**Country**: Spain",
    ],
)
def test_what_a_feed_attached_to_a_description_is_cut(attached):
    assert without_attached(f"Tell what my web shop sells.{attached}") in {"Tell what my web shop sells.", "Tell what my web shop sells.<br />"}


@pytest.mark.parametrize("body", ["Skills:\n- Excel\n- patience", "It was posted on Monday.", "Choose the category: shoes. Then the colour.", ""])
def test_what_the_author_wrote_stays(body):
    assert without_attached(body) == body


def test_a_file_that_is_no_table_of_postings_is_refused(folder):
    (folder / "p.parquet").write_bytes(b"nothing")
    for path in (folder / "p.parquet", folder / "none.parquet"):
        with pytest.raises(Invalid, match="not a table of labelled postings"):
            read_postings(path, source=None)
