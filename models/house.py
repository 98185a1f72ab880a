"""The categorizer of the house: the shipped one, with the categories that operators added, moved by what people said about the house's own tasks.

    score(c) = log p(c) of the shipped categorizer                              for each of its six categories
    score(c) = K * (likeness(text, c) - M)                                      for each category that was added
    p(c)     ~ exp(score(c) + W[c] x + b[c])                                    x: the weighted terms of the text

The likeness is the cosine of the text with all that is known of the category (its description and examples), once for the title and once for title
and body, each word weighing what it is rare among the texts that the shipped categorizer learned from; so an added category is found before anybody
labelled a task. `W` and `b` are learned from labels by logistic regression upon these scores, with a penalty that pulls them to 0: with few labels
the shipped categorizer speaks, and the more there are, the more the house does. Rows of rare categories are lifted as in `models.categorizer`.

Measured on development data, on which K and M were chosen too. An added category: each of the six was left out of the training on half of one
marketplace's postings and told by one sentence and 3, 5 or 10 examples. The mean macro-F1 of all six on the other half is 0.659, 0.670 or 0.678;
where the category is never found it is 0.584, and where it was learned 0.737. With 5 examples 44 % of its postings are found, and 62 % of what is
said to be it is. Labels: a categorizer of one marketplace learned from 600 labels of another; macro-F1 rose from 0.462 to 0.496, from 0.668 to
0.705 and from 0.360 to 0.385 (three marketplaces), accuracy from 0.797 to 0.911, from 0.889 to 0.928 and from 0.865 to 0.938.

It was not measured with more than 600 labels: with labels by the thousand, compare it with a categorizer that is trained anew on them.

Reference: C. Chelba, A. Acero, Adaptation of maximum entropy capitalizer, 2004 (the prior as what the weights are pulled to).
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Arrays, from_bytes, to_bytes
from models.categorizer import Categorizer, Document, Prediction
from models.category import CATEGORIES
from models.errors import Invalid
from models.tfidf import TermIndex
from models.words import words

FORMAT = 1
_STEEP, _MIDDLE = 15.0, 0.15  # K and M
_PENALTY, _PENALTY_CONSTANT = 2.0, 5.0  # of W and of b
_LIFT = 0.2
_FLOOR = 1e-9  # of a probability, before its logarithm
_WORDS_MOST = 5

Floats = NDArray[np.float64]


Weights = Mapping[str, float]  # of words


class Rarity:
    """Weighs the words of a text by how rare they are among the texts that the shipped categorizer learned from."""

    def __init__(self, index: TermIndex) -> None:
        self._rarity = {term: float(rare) - 1 for term, rare in zip(index.terms, index.rarity, strict=True) if " " not in term}
        self._most = max(self._rarity.values(), default=1.0)  # of a word that is not known, it is as rare as can be

    def weigh(self, text: str) -> Weights:
        """Return the weights of the words, scaled to length 1."""
        counts = Counter(words(text))
        return _unit({word: (1 + math.log(count)) * self._rarity.get(word, self._most) for word, count in counts.items()})

    def weigh_both(self, document: Document) -> tuple[Weights, Weights]:
        """Return the weights of a title's words, and of those of title and body."""
        title, body = document
        return self.weigh(title), self.weigh(f"{title}\n{body}")


class Likeness:
    """How much a text is like what is known of one category."""

    def __init__(self, rarity: Rarity, texts: Sequence[Document]) -> None:
        """Take titles and bodies of the category, its name and description first."""
        name, about = texts[0]
        total: dict[str, float] = dict(rarity.weigh(f"{name}\n{about}"))
        for vector in itertools.chain.from_iterable(rarity.weigh_both(example) for example in texts[1:]):
            for word, weight in vector.items():
                total[word] = total.get(word, 0.0) + weight / (len(texts) - 1)
        self._profile = _unit(total)

    def __call__(self, both: tuple[Weights, Weights]) -> float:
        """Return 0 for a text, weighed, that has nothing in common with it; the greatest is 2."""
        return sum(weight * self._profile.get(word, 0.0) for weights in both for word, weight in weights.items())

    def words(self, weights: Weights) -> list[str]:
        """Return the words of a text that are like it, strongest first."""
        shared = {word: weight * self._profile[word] for word, weight in weights.items() if word in self._profile}
        return sorted(shared, key=lambda word: (-shared[word], word))


def _unit(vector: Weights) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
    return {word: weight / length for word, weight in vector.items() if weight > 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What labels of the house said."""

    categories: tuple[str, ...]  # that it was learned with
    index: TermIndex
    weights: Floats  # W: category by term
    constants: Floats  # b


class House:
    """The categorizer of the house; see the module for the formula."""

    def __init__(self, base: Categorizer, added: Mapping[str, Sequence[Document]], learned: Learned | None = None) -> None:
        """Take the shipped categorizer, what is known of each added category, and what was learned from labels, null: nothing yet."""
        self.base = base
        self.categories = (*CATEGORIES, *added)
        self._rarity = Rarity(base.text_index)
        self._likeness = {name: Likeness(self._rarity, texts) for name, texts in added.items()}
        self.learned = learned

    def fit(self, documents: Sequence[Document], labels: Sequence[str]) -> "House":
        """Return one like this that has learned from labels. Raises `Invalid` for none, and for a label that is no category of it."""
        unknown = sorted(set(labels) - set(self.categories))
        if unknown or not labels or len(labels) != len(documents):
            message = f"unknown categories: {unknown}" if unknown else f"{len(documents)} documents and {len(labels)} labels cannot be learned from"
            raise Invalid(message)
        index = TermIndex.of([words(f"{title}\n{body}") for title, body in documents], least_texts=2)
        numbers = np.array([self.categories.index(label) for label in labels])
        weights, constants = _regress(self._scores(self.base.predict(documents), documents), self._matrix(index, documents), numbers)
        return self._with(Learned(categories=self.categories, index=index, weights=weights, constants=constants))

    def untaught(self) -> "House":
        """Return one like this that has learned nothing from labels."""
        return self._with(None)

    def _with(self, learned: Learned | None) -> "House":
        house = House(self.base, {}, learned)
        house.categories, house._likeness = self.categories, self._likeness
        return house

    def predict(self, documents: Sequence[Document]) -> list[Prediction]:
        """Return a prediction for each document."""
        shipped = self.base.predict(documents)
        if not self._likeness and self.learned is None:
            return shipped
        scores = self._scores(shipped, documents)
        return [self._answer(one, row, document) for one, row, document in zip(shipped, scores, documents, strict=True)]

    def to_arrays(self) -> Arrays:
        """Return what was learned from labels as plain arrays. Raises `Invalid` before anything was."""
        if self.learned is None:
            message = "nothing was learned from labels that could be kept"
            raise Invalid(message)
        learned = self.learned
        return {
            "header": to_bytes({"format": FORMAT, "categories": learned.categories}),
            "terms": to_bytes(learned.index.terms),
            "rarity": learned.index.rarity,
            "weights": learned.weights.astype(np.float32),
            "constants": learned.constants.astype(np.float32),
        }

    @classmethod
    def from_arrays(cls, base: Categorizer, added: Mapping[str, Sequence[Document]], arrays: Mapping[str, NDArray[Any]]) -> "House":
        """Return the categorizer that `to_arrays` described; raises `Invalid` when the arrays do not fit together.

        A category that was retired since is not said any more; one that was added since has not been learned, and is found by its likeness.
        """
        missing = [name for name in ("header", "terms", "rarity", "weights", "constants") if name not in arrays]
        if missing:
            message = f"what was learned lacks {', '.join(missing)}"
            raise Invalid(message)
        header, terms = from_bytes(arrays["header"], dict), from_bytes(arrays["terms"], list)
        categories = header.get("categories")
        fits = (
            header.get("format") == FORMAT
            and isinstance(categories, list)
            and arrays["rarity"].shape == (len(terms),)
            and arrays["weights"].shape == (len(categories), len(terms))
            and arrays["constants"].shape == (len(categories),)
            and all(np.isfinite(arrays[name]).all() for name in ("rarity", "weights", "constants"))
        )
        if not fits:
            message = "what was learned does not fit together: the file is damaged or of another version"
            raise Invalid(message)
        weights, constants = arrays["weights"].astype(np.float64), arrays["constants"].astype(np.float64)
        return cls(base, added, Learned(categories=tuple(categories), index=TermIndex(terms, arrays["rarity"]), weights=weights, constants=constants))

    def _scores(self, shipped: Sequence[Prediction], documents: Sequence[Document]) -> Floats:
        """Return the scores before labels were heard: document by category."""
        six = np.log(np.array([[one.probabilities[name] for name in CATEGORIES] for one in shipped]).reshape(-1, len(CATEGORIES)) + _FLOOR)
        if not self._likeness:
            return six
        weighed = map(self._rarity.weigh_both, documents)
        return np.hstack([six, [[_STEEP * (like(both) - _MIDDLE) for like in self._likeness.values()] for both in weighed]])

    def _matrix(self, index: TermIndex, documents: Sequence[Document]) -> Any:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - only learning needs it

        rows = [index.weigh(words(f"{title}\n{body}")) for title, body in documents]
        ends = np.cumsum([0, *(places.size for places, _ in rows)])
        parts = (np.concatenate([values for _, values in rows]), np.concatenate([places for places, _ in rows]), ends)
        return csr_matrix(parts, shape=(len(rows), len(index.terms)))

    def _answer(self, shipped: Prediction, scores: Floats, document: Document) -> Prediction:
        text = f"{document[0]}\n{document[1]}"
        moved, terms = self._moved(text)
        total = scores + moved.sum(axis=0)
        probabilities = np.exp(total - total.max())
        probabilities /= probabilities.sum()
        best = int(probabilities.argmax())
        name = self.categories[best]
        like = self._likeness[name].words(self._rarity.weigh(text)) if name in self._likeness else []
        learned = [terms[place] for place in np.argsort(-moved[:-1, best], kind="stable") if moved[place, best] > 0]
        known = max(shipped.known, self.learned.index.share(words(text)) if self.learned else 0.0)
        said = like if name in self._likeness else shipped.words if name == shipped.category else ()
        return Prediction(
            category=name,
            confidence=float(probabilities[best]) if shipped.confidence or learned or like else 0.0,
            probabilities=dict(zip(self.categories, probabilities.tolist(), strict=True)),
            words=tuple(dict.fromkeys([*said, *learned]))[:_WORDS_MOST],
            known=known,
            hits=shipped.hits + len(like) + (1 if learned else 0),
        )

    def _moved(self, text: str) -> tuple[Floats, list[str]]:
        """Return by how much each term that labels were heard of moves each category, the constants last, and the terms."""
        moved = np.zeros((1, len(self.categories)))
        if self.learned is None:
            return moved, []
        learned = self.learned
        places, values = learned.index.weigh(words(text))
        columns = [(self.categories.index(name), row) for row, name in enumerate(learned.categories) if name in self.categories]
        moved = np.zeros((places.size + 1, len(self.categories)))
        for column, row in columns:
            moved[:-1, column] = learned.weights[row, places] * values
            moved[-1, column] = learned.constants[row]
        return moved, [learned.index.terms[place] for place in places]


def _regress(scores: Floats, matrix: Any, numbers: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return W and b that make the labels likeliest, less the penalties."""
    from scipy.optimize import minimize  # noqa: PLC0415 - only learning needs it

    count, terms = scores.shape[1], matrix.shape[1]
    wanted = np.eye(count)[numbers]
    of_category = np.bincount(numbers, minlength=count)
    lifted = ((of_category[of_category > 0].mean() / np.maximum(of_category, 1)) ** _LIFT)[numbers][:, np.newaxis]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, constants = flat[: terms * count].reshape(terms, count), flat[terms * count :]
        total = scores + matrix @ weights + constants
        total = total - total.max(axis=1, keepdims=True)
        logs = total - np.log(np.exp(total).sum(axis=1, keepdims=True))
        wrong = lifted * (np.exp(logs) - wanted)
        penalty = (_PENALTY * (weights**2).sum() + _PENALTY_CONSTANT * (constants**2).sum()) / 2
        slope = np.concatenate([(matrix.T @ wrong + _PENALTY * weights).ravel(), wrong.sum(axis=0) + _PENALTY_CONSTANT * constants])
        return float(penalty - (lifted * logs * wanted).sum()), slope

    flat = minimize(loss, np.zeros((terms + 1) * count), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    # Rounded now, not when kept, so that what is kept predicts as what was learned.
    flat = flat.astype(np.float32).astype(np.float64)
    return flat[: terms * count].reshape(terms, count).T, flat[terms * count :]
