"""The categorizer of the house: added categories, what labels teach, verdicts."""

import random

import numpy as np
import pytest

from models.categorizer import Categorizer, Prediction
from models.category import CATEGORIES
from models.errors import Invalid
from models.house import House
from models.scoring import difference_interval
from models.verdict import Verdict, runner_up, secondary, verdict
from tasks.categorize import shipped

LEGAL = (
    ("Legal Review", "A lawyer reads contracts, leases and terms and says which clauses are risky"),
    ("Check our lease contract", "Clauses on liability and termination, by a lawyer"),
    ("Review an NDA", "Is the confidentiality clause of this agreement enforceable?"),
    ("Read the terms of a supplier", "Legal advice on liability, warranty and jurisdiction"),
)
FOREIGN = [
    ("Fix a kitchen tap", "The pipe under the sink drips and the valve must be replaced this week by a plumber"),
    ("Walk my dog", "Twice a day in the park, feed the cat, water the flowers"),
    ("Rohrbruch im Keller", "Wir brauchen dringend einen Installateur der das Rohr austauscht"),
    ("Cherche jardinier", "Je cherche un jardinier pour tailler la haie et tondre la pelouse"),
    ("Paint the fence", "Repair the roof of the barn and mow the lawn"),
    ("Babysitting", "Two toddlers on Friday evening"),
    ("Lorem ipsum", "dolor sit amet consectetur adipiscing elit sed do eiusmod tempor"),
    ("网站", "我需要有人修理屋顶"),
]
KNOWN = [
    ("Scrape product prices from 3 sites", "A crawler visits three shops and extracts every listing."),
    ("Write a blog article about coffee", "1,000 words for our web shop, SEO friendly."),
    ("Clean a customer list in Excel", "Two spreadsheets, some rows twice, merge into one CSV."),
    ("Build an Android app for bookings", "A mobile app with login and an admin panel."),
    ("Dashboard in Power BI", "Monthly sales report with charts and KPIs."),
]


@pytest.fixture(scope="module")
def house():
    return House(shipped(), {"Legal Review": LEGAL})


def test_without_added_categories_and_labels_it_says_what_the_shipped_one_says():
    assert House(shipped(), {}).predict(KNOWN) == shipped().predict(KNOWN)


def test_an_added_category_is_found_from_its_description_and_examples_and_takes_nothing_from_the_others(house):
    legal, *others = house.predict([("Somebody to check a contract", "A lawyer looks at the liability clauses of our lease agreement"), *KNOWN])
    assert (legal.category, verdict(legal, least=0.6)[0]) == ("Legal Review", Verdict.SURE)
    assert {"lawyer", "lease", "liability", "clauses"} & set(legal.words)
    assert [one.category for one in others] == [one.category for one in shipped().predict(KNOWN)]


def test_probabilities_are_of_all_categories_and_sum_to_one(house):
    for prediction in house.predict([*KNOWN, *FOREIGN, ("", "")]):
        assert tuple(prediction.probabilities) == (*CATEGORIES, "Legal Review")
        assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_what_is_of_no_known_category_is_told_apart_from_what_is_unclear():
    found = [verdict(one, least=0.6) for one in shipped().predict([*FOREIGN, ("", ""), ("?", "")])]
    assert [one for one, _ in found] == [Verdict.NONE] * len(found)
    assert all("none of" in why for _, why in found)
    assert Verdict.NONE not in [verdict(one, least=0.6)[0] for one in shipped().predict(KNOWN)]


def prediction(**probabilities):
    best = max(probabilities, key=probabilities.get)
    return Prediction(category=best, confidence=probabilities[best], probabilities=probabilities, words=(), known=0.9, hits=3)


def test_the_verdict_is_sure_from_the_bound_on_and_names_the_bound_below_it():
    assert verdict(prediction(a=0.6, b=0.4), least=0.6) == (Verdict.SURE, "")
    kind, why = verdict(prediction(a=0.59, b=0.41), least=0.6)
    assert kind is Verdict.UNSURE
    assert "0.59 sure of a, less than 0.60" in why


def test_further_categories_are_the_likely_ones_beside_the_first():
    assert secondary(prediction(a=0.4, b=0.25, c=0.3, d=0.05)) == ["c", "b"]
    assert runner_up(prediction(a=0.4, b=0.25, c=0.35)) == ("c", 0.35)


def tickets(n, seed=1):
    """Texts of a house that the shipped categorizer takes for something else: each category has a word of its own."""
    dice, own = random.Random(seed), {"Web Scraping": "zorgle", "Data Processing": "plimf", "Content Generation": "quaddle"}
    labels = [dice.choice(list(own)) for _ in range(n)]
    return [(f"ticket {own[label]}", f"please do the {own[label]} for our {dice.choice(['shop', 'club', 'team'])}") for label in labels], labels


def test_labels_teach_what_the_shipped_one_cannot_know(house):
    documents, labels = tickets(60)
    taught = house.fit(documents, labels)
    new, wanted = tickets(30, seed=2)
    said = taught.predict(new)
    assert [one.category for one in said] == wanted
    assert "zorgle" in next(one for one in said if one.category == "Web Scraping").words
    assert [one.category for one in taught.predict(KNOWN)] == [one.category for one in house.predict(KNOWN)]
    assert taught.untaught().predict(KNOWN) == house.predict(KNOWN)


def test_few_labels_leave_the_shipped_one_its_word(house):
    documents, _ = tickets(2)
    taught = house.fit(documents, ["Content Generation"] * 2)
    assert [one.category for one in taught.predict(KNOWN)] == [one.category for one in house.predict(KNOWN)]


def test_what_was_kept_predicts_as_what_was_learned_and_learning_again_gives_the_same(house):
    documents, labels = tickets(40)
    taught = house.fit(documents, labels)
    arrays = taught.to_arrays()
    assert all(array.dtype.kind in "fu" for array in arrays.values())
    assert House.from_arrays(shipped(), {"Legal Review": LEGAL}, arrays).predict(KNOWN) == taught.predict(KNOWN)
    again = house.fit(documents, labels).to_arrays()
    assert all(np.array_equal(arrays[name], again[name]) for name in arrays)


def test_a_category_that_was_retired_since_is_not_said_and_one_that_was_added_since_is(house):
    arrays = house.fit(*tickets(40)).to_arrays()
    gone = House.from_arrays(shipped(), {}, arrays).predict(KNOWN)
    assert all("Legal Review" not in one.probabilities for one in gone)
    cooking = (("Cooking", "Recipes and meals"), ("Cook a dinner", "soup and roast"))
    [dinner] = House.from_arrays(shipped(), {"Legal Review": LEGAL, "Cooking": cooking}, arrays).predict(
        [("Cook a roast", "recipes for soup and a meal")]
    )
    assert dinner.category == "Cooking"


@pytest.mark.parametrize("change", [
    {"weights": np.zeros((2, 2))}, {"constants": np.zeros(99)}, {"rarity": np.zeros(0)}, {"constants": np.full(7, np.nan)},
    {"header": np.frombuffer(b'{"format": 9, "categories": []}', dtype=np.uint8)}, {"terms": np.frombuffer(b"\xff", dtype=np.uint8)},
])  # fmt: skip
def test_a_damaged_file_is_refused(house, change):
    arrays = house.fit(*tickets(40)).to_arrays()
    with pytest.raises(Invalid):
        House.from_arrays(shipped(), {}, arrays | change)
    with pytest.raises(Invalid, match="lacks terms"):
        House.from_arrays(shipped(), {}, {name: array for name, array in arrays.items() if name != "terms"})


@pytest.mark.parametrize(("documents", "labels"), [([], []), ([("a", "b")], ["Plumbing"]), ([("a", "b")], [])])
def test_what_cannot_be_learned_from_is_refused(house, documents, labels):
    with pytest.raises(Invalid):
        house.fit(documents, labels)
    with pytest.raises(Invalid, match="nothing was learned"):
        house.to_arrays()
    with pytest.raises(Invalid, match="learned no terms"):
        House(Categorizer(), {"x": LEGAL})


def test_the_interval_of_a_difference_holds_zero_for_rivals_that_are_alike_and_does_not_for_one_that_is_better():
    labels = ["ham", "spam"] * 30
    wrong = ["ham"] * 60
    assert difference_interval(labels, labels, labels, ["ham", "spam"]) == (0, 0)
    low, high = difference_interval(labels, labels, wrong, ["ham", "spam"])
    assert 0 < low < 1 - 1 / 3 < high < 1
