"""Steps of learning: read labelled postings, compare the categorizer with its baselines, fit it, and keep its weights."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.categorizer import Categorizer, Document
from models.category import CATEGORIES
from models.errors import Invalid
from models.rules import by_rules
from models.words import words

CLEAN_WEIGHT, OTHER_WEIGHT = 1.0, 0.5  # of a row whose tags agree on the label, and of one whose tags only lean to it
FOLDS = 5
_COLUMNS = ("source", "title", "description", "label", "clean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Documents with their categories and how far each label is trusted."""

    documents: tuple[Document, ...]
    labels: tuple[str, ...]
    weights: tuple[float, ...]

    def part(self, rows: Sequence[int]) -> "Labelled":
        """Return some of the rows."""
        return Labelled(
            documents=tuple(self.documents[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            weights=tuple(self.weights[row] for row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well something categorizes the documents whose label is trusted."""

    name: str
    macro_f1: float  # mean over the six categories
    accuracy: float


def read_postings(path: Path, *, source: str | None) -> Labelled:
    """Read labelled postings of one source (null: all) from a Parquet file with the columns source, title, description, label and clean.

    Rows without a label are left out. Raises `Invalid` when the file is not such a table or holds no row of that source.
    """
    try:
        frame = pd.read_parquet(path, columns=list(_COLUMNS))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"{path} is not a table of labelled postings: {error}"
        raise Invalid(message) from error
    frame = frame[frame.label.notna() & ((frame.source == source) if source else True)]
    if frame.empty:
        message = f"{path} holds no labelled posting of the source {source!r}"
        raise Invalid(message)
    return Labelled(
        documents=tuple(zip(frame.title.fillna(""), frame.description.fillna(""), strict=True)),
        labels=tuple(frame.label),
        weights=tuple(CLEAN_WEIGHT if clean else OTHER_WEIGHT for clean in frame.clean),
    )


def compare(data: Labelled) -> list[Score]:
    """Score the categorizer by cross-validation, beside the keyword rules and the most frequent category."""
    commonest = Counter(data.labels).most_common(1)[0][0]
    return [
        _score("most frequent category", data, [commonest for _ in data.labels]),
        _score("keyword rules", data, [by_rules(words(title), words(body)) for title, body in data.documents]),
        _score(f"categorizer, {FOLDS}-fold cross-validation", data, _cross_validated(data)),
    ]


def _cross_validated(data: Labelled) -> list[str]:
    """Return for each row what a categorizer says that was fitted on the other folds; rows of a category are dealt out in turn."""
    turns: Counter[str] = Counter()
    folds = []
    for label in data.labels:
        folds.append(turns[label] % FOLDS)
        turns[label] += 1
    answers = ["" for _ in data.labels]
    for fold in range(FOLDS):
        held = [row for row, of in enumerate(folds) if of == fold]
        rest = data.part([row for row, of in enumerate(folds) if of != fold])
        predictions = fit(rest).predict(data.part(held).documents)
        for row, prediction in zip(held, predictions, strict=True):
            answers[row] = prediction.category
    return answers


def _score(name: str, data: Labelled, answers: Sequence[str]) -> Score:
    pairs = [pair for *pair, weight in zip(data.labels, answers, data.weights, strict=True) if weight == CLEAN_WEIGHT]
    right = sum(label == answer for label, answer in pairs)
    f1 = [_f1(category, pairs) for category in CATEGORIES]
    return Score(name=name, macro_f1=sum(f1) / len(f1), accuracy=right / len(pairs))


def _f1(category: str, pairs: Sequence[Sequence[str]]) -> float:
    both = sum(label == answer == category for label, answer in pairs)
    either = sum(label == category for label, _ in pairs) + sum(answer == category for _, answer in pairs)
    return 2 * both / either if either else 0.0


def fit(data: Labelled) -> Categorizer:
    """Fit a categorizer on all rows."""
    return Categorizer().fit(data.documents, data.labels, data.weights)


def keep(categorizer: Categorizer, path: Path) -> int:
    """Write the weights, numbers and JSON only, and return the size of the file in bytes; the same weights give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    arrays: dict[str, Any] = categorizer.to_arrays()
    with unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    unfinished.replace(path)
    return path.stat().st_size


def report(answer: Mapping[str, Any]) -> str:
    """Write what learning found as lines for a terminal."""
    scores = [f"{score.name:<36} macro-F1 {score.macro_f1:.3f}   accuracy {score.accuracy:.3f}" for score in answer["scores"]]
    return "\n".join([f"{answer['postings']} labelled postings", *scores, f"{answer['bytes']} bytes in {answer['out']}"])
