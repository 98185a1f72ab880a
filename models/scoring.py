"""Scores of what puts documents into categories: how often it is right, per category and as a whole, and how honest its confidence is.

    precision = right / answered so        recall = right / labelled so        F1 = 2 right / (labelled so + answered so)
    macro-F1 = mean F1 of the categories that occur as a label or as an answer
    calibration error = sum over ten equal steps of confidence of  share of the documents * |mean confidence - share of right answers|

The interval of macro-F1 is that of the bootstrap: documents are drawn again with replacement, which is to draw the cells of the table of labels by
answers. It holds the chance of the documents, not that of the training.

>>> table = crossed(["ham", "ham", "spam", "spam"], ["ham", "spam", "spam", "spam"], ["ham", "spam"])
>>> table.tolist()
[[1, 1], [0, 2]]
>>> round(macro_f1(table), 3), accuracy(table)
(0.733, 0.75)
>>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [True, False, True, True]), 3)
0.4

References: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; M. Naeini, G. Cooper, M. Hauskrecht, Obtaining well
calibrated probabilities using Bayesian binning, 2015.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000  # of the bootstrap
_STEPS = 10  # of confidence
_LEVEL = 0.95

Table = NDArray[np.int64]  # label by answer: how many documents


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryScore:
    """How well one category is found. Null where nothing is divided by: nothing was answered so, or labelled so."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int  # documents that are labelled so


def crossed(labels: Sequence[str], answers: Sequence[str], categories: Sequence[str]) -> Table:
    """Count the documents by label and answer, both in the order of `categories`."""
    place = {category: at for at, category in enumerate(categories)}
    table = np.zeros((len(categories), len(categories)), dtype=np.int64)
    np.add.at(table, ([place[label] for label in labels], [place[answer] for answer in answers]), 1)
    return table


def by_category(table: Table, categories: Sequence[str]) -> dict[str, CategoryScore]:
    """Return the scores of each category."""
    right, labelled, answered = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    return {
        category: CategoryScore(
            precision=_ratio(right[at], answered[at]),
            recall=_ratio(right[at], labelled[at]),
            f1=_ratio(2 * right[at], labelled[at] + answered[at]),
            support=int(labelled[at]),
        )
        for at, category in enumerate(categories)
    }


def macro_f1(table: Table) -> float:
    """Return the mean F1 of the categories that occur."""
    return float(_macro_f1(table[np.newaxis])[0])


def accuracy(table: Table) -> float:
    """Return the share of right answers."""
    return float(table.trace() / table.sum())


def macro_f1_interval(table: Table, *, seed: int = 0) -> tuple[float, float]:
    """Return the bounds between which 95 % of the bootstrap's values lie."""
    total = int(table.sum())
    draws = np.random.default_rng(seed).multinomial(total, table.ravel() / total, size=DRAWS).reshape(DRAWS, *table.shape)
    low, high = np.quantile(_macro_f1(draws), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def difference_interval(
    labels: Sequence[str], one: Sequence[str], other: Sequence[str], categories: Sequence[str], *, seed: int = 0
) -> tuple[float, float]:
    """Return the bounds between which 95 % of the bootstrap's differences lie: macro-F1 of one's answers less the other's to the same documents."""
    place = {category: at for at, category in enumerate(categories)}
    cells = np.array([[place[label], place[a], place[b]] for label, a, b in zip(labels, one, other, strict=True)])
    dice = np.random.default_rng(seed)
    differences = []
    for _ in range(DRAWS):
        drawn = cells[dice.integers(len(cells), size=len(cells))]
        tables = np.zeros((2, len(categories), len(categories)), dtype=np.int64)
        for side in (0, 1):
            np.add.at(tables[side], (drawn[:, 0], drawn[:, 1 + side]), 1)
        differences.append(np.subtract(*_macro_f1(tables)))
    low, high = np.quantile(differences, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the expected calibration error of the confidences in the answers given: 0 is honest, 1 the worst."""
    sure, hit = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    steps = np.minimum((sure * _STEPS).astype(int), _STEPS - 1)
    return float(np.abs(np.bincount(steps, weights=sure - hit, minlength=_STEPS)).sum() / len(sure))


def _macro_f1(tables: NDArray[Any]) -> NDArray[np.float64]:
    right = np.diagonal(tables, axis1=1, axis2=2)
    either = tables.sum(axis=1) + tables.sum(axis=2)
    scores: NDArray[np.float64] = (2 * right / np.maximum(either, 1)).sum(axis=1) / (either > 0).sum(axis=1)
    return scores


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
