"""Drift: it is told when there is some, and not when there is none."""

import doctest
import random

import pytest

import models.drift
from models.drift import shifted, stability_index, too_many


def sample(seed, n, *, mean):
    dice = random.Random(seed)
    return [min(max(dice.gauss(mean, 0.15), 0.0), 1.0) for _ in range(n)]


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(models.drift).failed == 0


def test_the_index_is_the_sum_of_its_definition():
    """Half a text in each of ten steps: (1.5 - 0.5)/6 more of two, ln 3 apart."""
    assert stability_index([0.05], [0.15]) == pytest.approx(2 * (1.5 - 0.5) / 6 * 1.0986123)


def test_windows_of_the_same_distribution_are_silent_and_those_of_another_are_not():
    same = [shifted(sample(seed, 200, mean=0.7), sample(seed + 1000, 100, mean=0.7)) for seed in range(200)]
    other = [shifted(sample(seed, 200, mean=0.7), sample(seed + 1000, 100, mean=0.5)) for seed in range(50)]
    assert sum(same) <= 1
    assert all(other)


def test_a_few_texts_say_nothing():
    assert not shifted([0.9] * 500, [0.1] * 99)
    assert shifted([0.9] * 500, [0.1] * 100)


@pytest.mark.parametrize(("corrections", "looked_at", "expected", "fires"), [
    (0, 0, 0.1, False), (0, 100, 0.0, False), (10, 100, 0.1, False), (21, 100, 0.1, True), (100, 100, 1.0, False), (2, 20, 0.0, True),
])  # fmt: skip
def test_more_corrections_than_chance_brings_are_told(corrections, looked_at, expected, fires):
    assert too_many(corrections, looked_at, expected) is fires
