"""The keyword rules."""

import doctest

import pytest

import models.rules
import models.words
from models.category import CATEGORIES, Category
from models.rules import RULES, by_rules, digest, hits, matches
from models.words import MOST_CHARACTERS, words


@pytest.mark.parametrize("module", [models.rules, models.words])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_every_category_has_rules_and_every_phrase_belongs_to_one_category():
    phrases = [phrase for phrases in RULES.values() for phrase in phrases]
    assert tuple(RULES) == CATEGORIES
    assert len(phrases) == len(set(phrases))


def test_a_phrase_is_made_of_words_as_texts_are():
    """A phrase that `words` would split otherwise could never match."""
    for phrase in (phrase for phrases in RULES.values() for phrase in phrases):
        assert words(phrase.rstrip("*")) == phrase.rstrip("*").split()
        assert len(phrase.split()) <= 3
        assert "*" not in phrase[:-1]


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("Scrape product prices from 3 sites", Category.WEB_SCRAPING),
        ("Clean and deduplicate a customer CSV", Category.DATA_PROCESSING),
        ("Connect the CRM to the billing API", Category.API_INTEGRATION),
        ("Write a blog article about coffee", Category.CONTENT_GENERATION),
        ("Monthly sales report with charts", Category.ANALYSIS_REPORTING),
        ("Automate the nightly workflow", Category.CUSTOM_WORKFLOWS),
    ],
)
def test_a_plain_title_is_known_by_its_words(title, category):
    assert by_rules(words(title), []) == category


def test_a_hit_in_the_title_counts_three_times():
    """One hit for scraping in the title (3) beats two for writing in the body (2), and loses against four (4)."""
    assert by_rules(["crawler"], ["article", "blog"]) == Category.WEB_SCRAPING
    assert by_rules(["crawler"], ["article", "blog", "article", "blog"]) == Category.CONTENT_GENERATION


def test_without_a_hit_it_is_what_none_of_the_others_is():
    assert by_rules(["hello"], []) == Category.CUSTOM_WORKFLOWS


def test_hits_are_counted_in_the_order_of_the_categories():
    assert hits(matches(["scraping", "scraping", "article"])) == [2, 0, 0, 1, 0, 0]


def test_the_digest_stays_while_the_rules_stay():
    assert digest() == digest()
    assert len(digest()) == 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Мне нужен сайт 网站", []),
        ("\uff53\uff43\uff52\uff41\uff50\uff45 scr\u200bape SCRAPE scrápe", ["scrape"] * 4),
        ("call +49 170 1234567 or ann@example.org, see https://example.org/a?b=c www.example.org", ["call", "or", "see"]),
        ("<phone> <email> &lt; 2024 abc12345", ["lt"]),
        ("half \ud800 pair \x00 nul", ["half", "pair", "nul"]),
    ],
)
def test_words_are_latin_and_carry_no_contact_data(text, expected):
    assert words(text) == expected


def test_only_the_beginning_of_a_huge_text_is_read():
    assert len(words("ab " * 400_000)) == MOST_CHARACTERS // 3 + 1
