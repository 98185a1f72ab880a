"""How good the categorizer is on postings that it has not learned from, beside two baselines that learn from the same rows or from none.

Only title and description are looked at. All labelled rows of the one file train, each with the weight that learning gives it; scored are the rows of
the other whose tags agree on the label. Times are seconds of this process's CPU: another program on the machine does not change them.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import ComplementNB

from models.categorizer import Document, reason_unsure
from models.category import CATEGORIES
from models.errors import Invalid
from models.rules import by_rules
from models.scoring import accuracy, by_category, calibration_error, crossed, macro_f1, macro_f1_interval
from models.tfidf import terms_of
from models.words import words
from tasks.learn import Labelled, fit, read_postings

_SMOOTHING = 0.1  # of naive Bayes: with the usual 1 it drowns in the many terms that occur once, and any rival looks good beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said about one document."""

    category: str
    confidence: float | None  # null: the rules have none
    acted_on: bool = False  # it was sure enough that nobody is asked for review


Predict = Callable[[Sequence[Document]], list[Said]]
Train = Callable[[Labelled], Predict]


def evaluate_categorizer(train: Path, test: Path, *, least: float) -> dict[str, Any]:
    """Train on one file, score on the other, and return the figures by name, with the baselines' under `baselines`.

    `least` is the confidence from which a prediction is acted on without review. The file to score by may lack categories: macro-F1 is the mean over
    those that occur in it as a label or that were answered. Raises `Invalid` with what is wrong: a file that is no table of labelled postings, a
    category without a document to learn from, or no document to score by.
    """
    learned, kept_back = _train_rows(train), _test_rows(test)
    figures = _measure(_categorizer(least), learned, kept_back)
    baselines = {
        "keyword_rules": _measure(_keyword_rules, learned, kept_back),
        "complement_naive_bayes": _measure(_naive_bayes(least), learned, kept_back),
    }
    return figures | {"baselines": baselines}


def _train_rows(path: Path) -> Labelled:
    data = read_postings(path, source=None)
    absent = [category for category in CATEGORIES if category not in set(data.labels)]
    if absent:
        message = f"{path} holds no posting of {', '.join(absent)} to learn from"
        raise Invalid(message)
    return data


def _test_rows(path: Path) -> Labelled:
    data = read_postings(path, source=None)
    clean = data.part(row for row, clean in enumerate(data.clean) if clean)
    if not clean.labels:
        message = f"{path} holds no posting with a clean label: there is nothing to score"
        raise Invalid(message)
    return clean


def _measure(train: Train, learned: Labelled, kept_back: Labelled) -> dict[str, Any]:
    began = time.process_time()
    predict = train(learned)
    trained = time.process_time()
    said = predict(kept_back.documents)
    seconds = max(time.process_time() - trained, 1e-9)  # a clock may be too coarse for a handful of documents
    times = {"train_seconds": trained - began, "documents_per_second": len(said) / seconds}
    return _scores(kept_back.labels, said) | times


def _scores(labels: Sequence[str], said: Sequence[Said]) -> dict[str, Any]:
    table = crossed(labels, [one.category for one in said], CATEGORIES)
    figures = {
        "macro_f1": macro_f1(table),
        "macro_f1_interval": list(macro_f1_interval(table)),
        "accuracy": accuracy(table),
        "per_class": {category: asdict(score) for category, score in by_category(table, CATEGORIES).items()},
    }
    confidences = [one.confidence for one in said if one.confidence is not None]
    return figures | _honesty(labels, said, confidences) if confidences else figures


def _honesty(labels: Sequence[str], said: Sequence[Said], confidences: Sequence[float]) -> dict[str, Any]:
    right = [one.category == label for one, label in zip(said, labels, strict=True)]
    acted = [hit for hit, one in zip(right, said, strict=True) if one.acted_on]
    return {
        "calibration_error": calibration_error(confidences, right),
        "coverage_at_threshold": len(acted) / len(said),
        "accuracy_at_threshold": sum(acted) / len(acted) if acted else None,
    }


def _categorizer(least: float) -> Train:
    def train(data: Labelled) -> Predict:
        categorizer = fit(data)
        return lambda documents: [
            Said(category=one.category, confidence=one.confidence, acted_on=reason_unsure(one, least=least) is None)
            for one in categorizer.predict(documents)
        ]

    return train


def _keyword_rules(_data: Labelled) -> Predict:
    return lambda documents: [Said(category=by_rules(words(title), words(body)), confidence=None) for title, body in documents]


def _naive_bayes(least: float) -> Train:
    """Return complement naive Bayes on the weighted words and pairs of words of title and body."""

    def train(data: Labelled) -> Predict:
        vectorizer = TfidfVectorizer(analyzer=_terms, sublinear_tf=True)
        try:
            matrix = vectorizer.fit_transform(data.documents)
        except ValueError as error:  # scikit-learn's "empty vocabulary"
            message = "the postings to learn from hold no word that could be learned"
            raise Invalid(message) from error
        model = ComplementNB(alpha=_SMOOTHING).fit(matrix, data.labels, sample_weight=data.weights)

        def predict(documents: Sequence[Document]) -> list[Said]:
            probabilities = model.predict_proba(vectorizer.transform(documents))
            best = probabilities.argmax(axis=1)
            sure = probabilities[np.arange(len(best)), best]
            return [
                Said(category=str(category), confidence=float(confidence), acted_on=bool(confidence >= least))
                for category, confidence in zip(model.classes_[best], sure, strict=True)
            ]

        return predict

    return train


def _terms(document: Document) -> list[str]:
    return list(terms_of(words("\n".join(document))))
