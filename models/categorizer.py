"""The categorizer: which of the six categories a task belongs to, and how sure that is.

A text becomes the weighted terms of its title, the weighted terms of title and body, and the logarithms of the keyword rules' hits in both.
Multinomial logistic regression turns these into probabilities, which are mixed geometrically with the share of the rules' hits:

    p(category) ~ (softmax(W x + b)^(1 - s) * share(category)^s)^t,     share = (hits in the text + 3 * hits in the title + 1) / sum

The share counts for what training has not seen: postings of another marketplace use other words, while the rules' words keep their meaning. The
sharpness `t` makes the confidence honest: answers were right more often than they claimed to be. It is left out where no rule has a hit, so that
"looking for an expert" does not become a certainty. Its value is one that fits marketplaces that were not learned from; to fit it to the rows that
are learned from is no better, as those of the same marketplace want more of it, and those of doubtful label less.

Each text is learned a second time by its title alone, with less weight, because a task may have no more than that. Rows of different trust carry
different weights. Those of rare categories are lifted by (mean weight of a category / weight of the row's)^0.2, because another marketplace mixes
categories otherwise; to balance them would cost accuracy.

Do not use it with fewer than about 50 labelled texts of a category (the rules alone are better), for languages that it was not trained on
(it answers with confidence 0 when it knows no word), nor to choose between two kinds of work within one category.

>>> texts = {"Web Scraping": "scrape prices from websites", "Data Processing": "clean an excel sheet", "API Integration": "connect the billing api",
...          "Content Generation": "write an article", "Analysis & Reporting": "sales report with charts", "Custom Workflows": "automate a workflow"}
>>> documents = [(text, f"please {text} {when}") for text in texts.values() for when in ("today", "weekly")]
>>> categorizer = Categorizer(least_texts=1).fit(documents, [label for label in texts for _ in range(2)])
>>> [answer] = categorizer.predict([("Scrape three websites", "")])
>>> answer.category, round(answer.confidence, 1), answer.words
('Web Scraping', 0.5, ('scrape', 'websites'))
>>> Categorizer.from_arrays(categorizer.to_arrays()).predict([("Scrape three websites", "")]) == [answer]
True

Reference: T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2009, section 4.4.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Arrays, from_bytes, to_bytes
from models.category import CATEGORIES, Category
from models.errors import Invalid
from models.rules import digest, hits, matches
from models.tfidf import Floats, Places, TermIndex
from models.words import words

FORMAT = 1  # of the arrays; grows when they change their meaning
_WORDS_MOST = 5  # that are named for an answer
_TITLE_WEIGHT = 3  # of a rule's hit in the title, in the share
_TITLE_ALONE = 0.3  # weight of a text that is learned by its title, beside 1 for the whole text
_LIFT = 0.2  # of rare categories: 0 leaves them as they are, 1 balances
_SMOOTHING = 1  # hits that every category has before any is counted
_ARRAYS = ("header", "title_terms", "title_rarity", "text_terms", "text_rarity", "coefficients", "intercepts")

Document = tuple[str, str]  # title and body


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the categorizer says about one text."""

    category: str
    confidence: float  # probability of the category, 0 to 1; 0 when no word of the text is known
    probabilities: Mapping[str, float]  # of all categories; sums to 1
    words: tuple[str, ...]  # that spoke for the category, strongest first; at most five
    known: float = 1.0  # share of the text's different words that were learned, 0 to 1
    hits: int = 0  # of the keyword rules of all categories


def reason_unsure(prediction: Prediction, *, least: float) -> str | None:
    """Return why a person should decide, or null when the prediction is sure enough to act on."""
    if prediction.confidence >= least and prediction.confidence > 0:
        return None
    if prediction.confidence == 0:
        return "no word of it is known to the categorizer: asked for review"
    return f"{prediction.category} with confidence {prediction.confidence:.2f}, below {least:.2f}: asked for review"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    title: TermIndex
    text: TermIndex
    coefficients: Floats  # category by feature: the title's terms, the text's terms, six hits in the title, six in the text
    intercepts: Floats  # by category


@dataclass(frozen=True, slots=True, kw_only=True)
class _Features:
    places: Places  # of the features that are not 0
    values: Floats
    title_hits: NDArray[np.int64]  # of the keyword rules, by category
    text_hits: NDArray[np.int64]
    found: list[tuple[Category, str]]  # the rules' phrases in the text


class Categorizer:
    """Logistic regression on weighted terms and rule hits; see the module for the formula."""

    def __init__(self, *, least_texts: int = 3, strength: float = 1.0, rules_share: float = 0.3, sharpness: float = 1.4) -> None:
        """Take how many texts a term must occur in, the inverse of the fit's penalty, and `s` (0 to below 1) and `t` (above 0) of the formula."""
        if least_texts < 1 or strength <= 0 or not 0 <= rules_share < 1 or sharpness <= 0:
            given = f"{least_texts}, {strength}, {rules_share} and {sharpness}"
            message = f"needs least_texts >= 1, strength > 0, 0 <= rules_share < 1 and sharpness > 0, not {given}"
            raise Invalid(message)
        self.least_texts = least_texts
        self.strength = strength
        self.rules_share = rules_share
        self.sharpness = sharpness
        self._learned: _Learned | None = None

    def fit(self, documents: Sequence[Document], labels: Sequence[str], weights: Sequence[float] | None = None) -> "Categorizer":
        """Learn from documents with their categories; `weights` tell how far each row is trusted (null: all alike). Returns itself.

        Raises `Invalid` for an unknown label, lengths that differ, or a category without any document, which could never be chosen.
        """
        _check(documents, labels, weights)
        titles, texts = [words(title) for title, _ in documents], [words(f"{title}\n{body}") for title, body in documents]
        title, text = TermIndex.of(titles, least_texts=self.least_texts), TermIndex.of(texts, least_texts=self.least_texts)
        features = [_features(title, text, *pair) for pair in (*zip(titles, texts, strict=True), *zip(titles, titles, strict=True))]
        numbers = np.array([CATEGORIES.index(label) for label in labels])
        trust = _lifted(np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=float), numbers)
        fitted = self._regress(_matrix(features, _width(title, text)), np.tile(numbers, 2), np.concatenate([trust, _TITLE_ALONE * trust]))
        # Rounded now, not when saved, so that what is saved predicts as what was fitted.
        coefficients = fitted.coef_.astype(np.float16).astype(np.float32)
        self._learned = _Learned(title=title, text=text, coefficients=coefficients, intercepts=fitted.intercept_.astype(np.float32))
        return self

    def _regress(self, matrix: Any, numbers: NDArray[Any], weights: NDArray[Any]) -> Any:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second to import, and predicting does not need it

        return LogisticRegression(C=self.strength, max_iter=5000).fit(matrix, numbers, sample_weight=weights)

    def predict(self, documents: Sequence[Document]) -> list[Prediction]:
        """Return a prediction for each document; raises `Invalid` before anything was learned."""
        if self._learned is None:
            message = "the categorizer has learned nothing yet: fit it or load its weights"
            raise Invalid(message)
        return [self._answer(self._learned, title, body) for title, body in documents]

    def _answer(self, learned: _Learned, title: str, body: str) -> Prediction:
        text_words = words(f"{title}\n{body}")
        features = _features(learned.title, learned.text, words(title), text_words)
        scores = learned.coefficients[:, features.places] @ features.values + learned.intercepts
        share = features.text_hits + _TITLE_WEIGHT * features.title_hits + _SMOOTHING
        mixed = (1 - self.rules_share) * _log_softmax(scores) + self.rules_share * np.log(share / share.sum())
        probabilities = np.exp(_log_softmax(mixed * (self.sharpness if features.found else 1)))
        best = int(probabilities.argmax())
        return Prediction(
            category=CATEGORIES[best],
            confidence=float(probabilities[best]) if features.places.size else 0.0,
            probabilities=dict(zip(CATEGORIES, probabilities.tolist(), strict=True)),
            words=_spoke_for(best, learned, features),
            known=learned.text.share(text_words),
            hits=len(features.found),
        )

    @property
    def text_index(self) -> TermIndex:
        """The terms of titles and bodies that it knows. Raises `Invalid` before anything was learned."""
        if self._learned is None:
            message = "the categorizer has learned no terms yet"
            raise Invalid(message)
        return self._learned.text

    def to_arrays(self) -> Arrays:
        """Return what was learned as plain arrays: numbers, and UTF-8 bytes of JSON. Raises `Invalid` before anything was learned."""
        if self._learned is None:
            message = "the categorizer has learned nothing that could be kept"
            raise Invalid(message)
        learned = self._learned
        header = {"format": FORMAT, "categories": CATEGORIES, "rules": digest(), "rules_share": self.rules_share, "sharpness": self.sharpness}
        return {
            "header": to_bytes(header),
            "title_terms": to_bytes(learned.title.terms),
            "title_rarity": learned.title.rarity,
            "text_terms": to_bytes(learned.text.terms),
            "text_rarity": learned.text.rarity,
            "coefficients": learned.coefficients.astype(np.float16),
            "intercepts": learned.intercepts,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Categorizer":
        """Return the categorizer that `to_arrays` described; raises `Invalid` with the reason when the arrays do not fit together or this version."""
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            message = f"the categorizer's weights lack {', '.join(missing)}"
            raise Invalid(message)
        header = from_bytes(arrays["header"], dict)
        _check_header(header)
        learned = _Learned(
            title=TermIndex(from_bytes(arrays["title_terms"], list), arrays["title_rarity"]),
            text=TermIndex(from_bytes(arrays["text_terms"], list), arrays["text_rarity"]),
            coefficients=arrays["coefficients"].astype(np.float32),
            intercepts=arrays["intercepts"],
        )
        _check_shapes(learned)
        categorizer = cls(rules_share=header["rules_share"], sharpness=header["sharpness"])
        categorizer._learned = learned
        return categorizer


def _check(documents: Sequence[Document], labels: Sequence[str], weights: Sequence[float] | None) -> None:
    unknown = set(labels) - set(CATEGORIES)
    absent = set(CATEGORIES) - set(labels)
    if unknown or absent:
        message = f"unknown categories: {sorted(unknown)}" if unknown else f"no document of {', '.join(sorted(absent))}"
        raise Invalid(message)
    if len(documents) != len(labels) or (weights is not None and len(weights) != len(labels)):
        message = f"{len(documents)} documents, {len(labels)} labels and {'no' if weights is None else len(weights)} weights do not belong together"
        raise Invalid(message)


def _lifted(trust: NDArray[Any], numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the weights of the rows with those of rare categories raised."""
    of_category = np.maximum(np.bincount(numbers, weights=trust, minlength=len(CATEGORIES)), 1e-9)  # rows may weigh nothing
    lifted: NDArray[Any] = trust * ((of_category.mean() / of_category) ** _LIFT)[numbers]
    return lifted


def _features(title: TermIndex, text: TermIndex, title_words: list[str], text_words: list[str]) -> _Features:
    """Collect what is not 0 of one document."""
    found = matches(text_words)
    title_hits, text_hits = np.array(hits(matches(title_words))), np.array(hits(found))
    counts = np.concatenate([title_hits, text_hits])
    (title_places, title_values), (text_places, text_values) = title.weigh(title_words), text.weigh(text_words)
    rules = np.flatnonzero(counts)
    places = np.concatenate([title_places, text_places + len(title.terms), rules + len(title.terms) + len(text.terms)])
    values = np.concatenate([title_values, text_values, np.log1p(counts[rules]).astype(np.float32)])
    return _Features(places=places, values=values, title_hits=title_hits, text_hits=text_hits, found=found)


def _width(title: TermIndex, text: TermIndex) -> int:
    return len(title.terms) + len(text.terms) + 2 * len(CATEGORIES)


def _matrix(rows: Sequence[_Features], width: int) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - only fitting needs it

    ends = np.cumsum([0, *(row.places.size for row in rows)])
    return csr_matrix((np.concatenate([row.values for row in rows]), np.concatenate([row.places for row in rows]), ends), shape=(len(rows), width))


def _log_softmax(scores: NDArray[Any]) -> NDArray[Any]:
    shifted = scores - scores.max()
    logarithms: NDArray[Any] = shifted - np.log(np.exp(shifted).sum())
    return logarithms


def _spoke_for(best: int, learned: _Learned, features: _Features) -> tuple[str, ...]:
    """Name the rules' phrases for the category, then the terms that raised it above the mean of all categories, strongest first."""
    titles, texts = learned.title.terms, learned.text.terms
    places = features.places[features.places < len(titles) + len(texts)]
    weights = learned.coefficients[:, places]
    raised = (weights[best] - weights.mean(axis=0)) * features.values[: places.size]
    strongest = (places[order] for order in np.argsort(-raised, kind="stable") if raised[order] > 0)
    phrases = (phrase for category, phrase in features.found if category == CATEGORIES[best])
    names = itertools.chain(phrases, (titles[place] if place < len(titles) else texts[place - len(titles)] for place in strongest))
    spoken: list[str] = []
    while len(spoken) < _WORDS_MOST and (name := next(names, None)) is not None:
        if not any(f" {name} " in f" {longer} " for longer in spoken):
            spoken.append(name)
    return tuple(spoken)


def _check_header(header: Mapping[str, Any]) -> None:
    expected = {"format": FORMAT, "categories": list(CATEGORIES), "rules": digest()}
    different = [name for name, value in expected.items() if header.get(name) != value]
    different += [name for name in ("rules_share", "sharpness") if not isinstance(header.get(name), float)]
    if different:
        message = f"the categorizer's weights are of another version (another {', '.join(different)}): train again with python -m flows.learn"
        raise Invalid(message)


def _check_shapes(learned: _Learned) -> None:
    rarities = (learned.title.rarity.shape, learned.text.rarity.shape)
    numbers = (learned.title.rarity, learned.text.rarity, learned.coefficients, learned.intercepts)
    fits = (
        rarities == ((len(learned.title.terms),), (len(learned.text.terms),))
        and learned.coefficients.shape == (len(CATEGORIES), _width(learned.title, learned.text))
        and learned.intercepts.shape == (len(CATEGORIES),)
        and all(np.isfinite(array).all() for array in numbers)
    )
    if not fits:
        message = "the categorizer's weights do not fit together: the file is damaged"
        raise Invalid(message)
