"""Weighted terms: how much each word and each pair of neighbouring words says about a text.

    weight(term) = (1 + ln count) * (1 + ln((1 + n) / (1 + df))), then the weights of a text are scaled to length 1

with `n` texts seen and `df` of them holding the term. Do not use it for texts of different languages, nor where the order of words matters.

>>> index = TermIndex.of([["red", "car"], ["red", "bike"]], least_texts=1)
>>> index.terms
('bike', 'car', 'red', 'red bike', 'red car')
>>> places, weights = index.weigh(["red", "red", "boat"])
>>> [index.terms[place] for place in places], weights.round(3).tolist()
(['red'], [1.0])

Reference: G. Salton, C. Buckley, Term-weighting approaches in automatic text retrieval, 1988.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


class TermIndex:
    """The terms that are known, in alphabetical order, and how rare each is."""

    def __init__(self, terms: Sequence[str], rarity: Floats) -> None:
        self.terms = tuple(terms)
        self.rarity = rarity

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], *, least_texts: int) -> "TermIndex":
        """Learn the terms that occur in at least `least_texts` of the texts (lists of words)."""
        frequency: Counter[str] = Counter()
        for words in texts:
            frequency.update(set(terms_of(words)))
        kept = sorted(term for term, texts_with in frequency.items() if texts_with >= least_texts)
        texts_with = np.array([frequency[term] for term in kept], dtype=np.float64)
        return cls(kept, (1 + np.log((1 + len(texts)) / (1 + texts_with))).astype(np.float32))

    def weigh(self, words: Sequence[str]) -> tuple[Places, Floats]:
        """Return the places of the known terms of a text, ascending, and their weights; both empty when none is known."""
        counts = Counter(place for place in map(self._places.get, terms_of(words)) if place is not None)
        places = np.array(sorted(counts), dtype=np.int64)
        weights = (1 + np.log([counts[place] for place in places])) * self.rarity[places]
        return places, (weights / (np.linalg.norm(weights) or 1)).astype(np.float32)

    def share(self, words: Sequence[str]) -> float:
        """Return the share of the different words of a text that are known, 0 for a text without words."""
        different = set(words)
        return sum(word in self._places for word in different) / len(different) if different else 0.0

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}


def terms_of(words: Sequence[str]) -> Iterator[str]:
    """Yield the words, then the pairs of neighbours."""
    yield from words
    yield from map(" ".join, pairwise(words))
