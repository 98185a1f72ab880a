"""Steps of learning: read labelled postings, compare the categorizer with its baselines, fit it, and keep its weights."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from models.categorizer import Categorizer, Document
from models.category import CATEGORIES
from models.errors import Invalid
from models.rules import by_rules
from models.scoring import accuracy, crossed, macro_f1
from models.words import words

CLEAN_WEIGHT, OTHER_WEIGHT = 1.0, 0.5  # of a row whose tags agree on the label, and of one whose tags only lean to it
TITLE_WEIGHT = 0.3  # of a row that has no more than a title, beside 1
FOLDS = 5
_COLUMNS = ("title", "description", "label", "clean")
_LABEL = r"(?:<b>|\*\*)?\b{}\s*(?:</b>|\*\*)?\s*:"
_ATTACHED = re.compile(
    "|".join(
        (
            _LABEL.format(r"posted\s+on"),
            _LABEL.format("category") + r"[^\n]{0,200}\s\W*" + _LABEL.format("(?:skills|country)"),
            _LABEL.format("skills") + r"[^\n]{0,2000}\s\W*" + _LABEL.format("country"),
        )
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Documents with their categories, and whether the tags of each agree on it."""

    documents: tuple[Document, ...]
    labels: tuple[str, ...]
    clean: tuple[bool, ...]

    @property
    def weights(self) -> list[float]:
        """How far each row is trusted when a categorizer learns from it."""
        return [
            (CLEAN_WEIGHT if clean else OTHER_WEIGHT) * (1 if body else TITLE_WEIGHT)
            for clean, (_title, body) in zip(self.clean, self.documents, strict=True)
        ]

    def part(self, rows: Iterable[int]) -> "Labelled":
        """Return some of the rows."""
        kept = list(rows)
        return Labelled(
            documents=tuple(self.documents[row] for row in kept),
            labels=tuple(self.labels[row] for row in kept),
            clean=tuple(self.clean[row] for row in kept),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well something categorizes the documents whose label is trusted."""

    name: str
    macro_f1: float  # mean over the categories
    accuracy: float


def read_postings(path: Path, *, source: str | None) -> Labelled:
    """Read labelled postings of one source (null: all) from a Parquet file with the columns title, description, label, clean, and source for one.

    Rows without a label are left out, and what a marketplace attached to a description (see `without_attached`). Raises `Invalid` with what is wrong
    when the file is not such a table or holds no such row.
    """
    wanted = [*_COLUMNS, "source"] if source else [*_COLUMNS]
    try:
        present = pq.read_schema(path).names
        missing = [name for name in wanted if name not in present]
        frame = pd.read_parquet(path, columns=wanted) if not missing else pd.DataFrame()
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"{path} is not a table of labelled postings: {error}"
        raise Invalid(message) from error
    if missing:
        message = f"{path} is not a table of labelled postings: it lacks the columns {', '.join(missing)}"
        raise Invalid(message)
    frame = frame[frame.label.notna() & ((frame.source == source) if source else True)]
    if frame.empty:
        message = f"{path} holds no labelled posting" + (f" of the source {source!r}" if source else "")
        raise Invalid(message)
    return _labelled(path, frame)


def _labelled(path: Path, frame: pd.DataFrame) -> Labelled:
    texts = frame[["title", "description", "label"]].fillna("")
    wrong = [name for name in texts if not texts[name].map(lambda value: isinstance(value, str)).all()]
    wrong += [] if frame.clean.map(lambda value: isinstance(value, bool)).all() else ["clean"]
    unknown = sorted(set(texts.label) - set(CATEGORIES)) if "label" not in wrong else []
    if wrong or unknown:
        what = f"values of another type in {', '.join(wrong)}" if wrong else f"unknown categories: {', '.join(unknown)}"
        message = f"{path} is not a table of labelled postings: {what}"
        raise Invalid(message)
    return Labelled(
        documents=tuple((title, without_attached(body)) for title, body in zip(texts.title, texts.description, strict=True)),
        labels=tuple(texts.label),
        clean=tuple(frame.clean),
    )


def without_attached(body: str) -> str:
    r"""Return a description without the lines that feeds attach to it: they hold the marketplace's own tags, which the labels were derived from.

    >>> without_attached("Count my books.\nPosted On: May 13, 2024\nCategory: Data Entry\nSkills: Excel")
    'Count my books.'
    >>> without_attached("A clerk. Skills: Excel, and patience")
    'A clerk. Skills: Excel, and patience'
    """
    attached = _ATTACHED.search(body)
    return body[: attached.start()].rstrip() if attached else body


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
    clean = [row for row, clean in enumerate(data.clean) if clean]
    table = crossed([data.labels[row] for row in clean], [answers[row] for row in clean], CATEGORIES)
    return Score(name=name, macro_f1=macro_f1(table), accuracy=accuracy(table))


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
