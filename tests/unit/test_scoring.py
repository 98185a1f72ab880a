"""Scores of what categorizes, against values worked out by hand and by scikit-learn."""

import doctest
import random

import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

import models.scoring
from models.scoring import CategoryScore, accuracy, by_category, calibration_error, crossed, macro_f1, macro_f1_interval

AB = ("a", "b")


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(models.scoring).failed == 0


def test_scores_of_each_category_are_what_the_formulas_say():
    table = crossed("aaabb", "aabab", AB)  # a: 2 of 3 found, 3 answers; b: 1 of 2 found, 2 answers
    assert by_category(table, AB) == {
        "a": CategoryScore(precision=2 / 3, recall=2 / 3, f1=4 / 6, support=3),
        "b": CategoryScore(precision=1 / 2, recall=1 / 2, f1=2 / 4, support=2),
    }
    assert macro_f1(table) == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert accuracy(table) == 3 / 5


def test_a_category_that_never_occurs_has_no_score_and_does_not_count():
    table = crossed("aa", "aa", AB)
    assert by_category(table, AB)["b"] == CategoryScore(precision=None, recall=None, f1=None, support=0)
    assert macro_f1(table) == 1


def test_scikit_learn_finds_the_same():
    dice = random.Random(5)
    labels, answers = dice.choices("abcd", k=200), dice.choices("abcd", k=200)
    table = crossed(labels, answers, "abcd")
    columns = precision_recall_fscore_support(labels, answers, labels=list("abcd"))
    for at, score in enumerate(by_category(table, "abcd").values()):
        assert [score.precision, score.recall, score.f1, score.support] == pytest.approx([column[at] for column in columns])
    assert macro_f1(table) == pytest.approx(columns[2].mean())
    assert accuracy(table) == pytest.approx(accuracy_score(labels, answers))


def test_calibration_error_is_the_gap_in_each_step_weighed_by_its_documents():
    """Step 0.9 to 1: two at 0.9 and 1.0, one right: |1.9 - 1| = 0.9. Step 0.5 to 0.6: two at 0.5, both right: |1 - 2| = 1. Four documents."""
    assert calibration_error([0.9, 1.0, 0.5, 0.5], [True, False, True, True]) == pytest.approx((0.9 + 1) / 4)


def test_gaps_within_a_step_cancel_out_and_those_of_different_steps_do_not():
    assert calibration_error([0.5, 0.5], [True, False]) == 0
    assert calibration_error([0.25, 0.75], [True, False]) == pytest.approx((0.75 + 0.75) / 2)


def test_the_interval_is_a_point_where_drawing_again_changes_nothing():
    assert macro_f1_interval(crossed("aabb", "aabb", AB)) == (1, 1)


def test_the_interval_of_two_documents_spans_all_that_can_be_drawn():
    """The a that was found, twice (1 in 4): F1 is 1. The b that was called a, twice (1 in 4): 0. One of each (1 in 2): (2/3 + 0) / 2."""
    assert macro_f1_interval(crossed("ab", "aa", AB)) == (0, 1)


def test_the_interval_is_that_of_documents_drawn_one_by_one():
    dice = random.Random(3)
    labels = dice.choices("abc", k=80)
    answers = [label if dice.random() < 0.7 else dice.choice("abc") for label in labels]
    drawn = []
    for _ in range(2000):
        rows = dice.choices(range(80), k=80)
        drawn.append(macro_f1(crossed([labels[row] for row in rows], [answers[row] for row in rows], "abc")))
    drawn.sort()
    assert macro_f1_interval(crossed(labels, answers, "abc")) == pytest.approx((drawn[50], drawn[1949]), abs=0.015)


def test_the_interval_is_the_same_every_time_and_holds_the_score():
    table = crossed("aaabbb" * 10, "aabbba" * 10, AB)
    low, high = macro_f1_interval(table)
    assert (low, high) == macro_f1_interval(table)
    assert low < macro_f1(table) < high
