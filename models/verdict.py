"""Verdicts on what the categorizer says of a text: act on it, ask a person which category it is, or ask whether it is of any.

A text seems to be of no known category when no word of it is known, when fewer than 40 % of its words are, or when no keyword rule has a hit and no
category has 45 % of the probability. Measured with weights learned from one marketplace: all of 16 short texts on plumbing, law, pets and so on, in
English, German, Spanish, French and Portuguese, are found so; of the postings of four other sources, all of a known category, 8 %, 3 %, 0.3 % and,
where they are titles alone, 18 %. The bounds were chosen with these texts at hand, so expect somewhat less. A mistake is cheap: nearly all of those
would have been asked about anyway, with another question.
"""

from collections.abc import Sequence
from enum import StrEnum

from models.categorizer import Prediction

KNOWN_LEAST = 0.4  # share of a text's words
CONFIDENCE_NONE = 0.45  # below it, without a hit of any rule, no category is in sight
SECONDARY_LEAST = 0.25  # probability of a further category
SECONDARY_MOST = 3


class Verdict(StrEnum):
    """What follows from a prediction."""

    SURE = "sure"  # the category is taken
    UNSURE = "unsure"  # a person chooses the category
    NONE = "none"  # a person decides whether it is of any known category


def verdict(prediction: Prediction, *, least: float) -> tuple[Verdict, str]:
    """Return what follows, `least` being the confidence from which a category is taken, and a sentence that tells why; empty when it is sure."""
    if prediction.confidence == 0:
        return Verdict.NONE, "no word of it is known to the categorizer: an operator chooses the category, or says that it is none of these"
    if prediction.known < KNOWN_LEAST:
        share = f"only {prediction.known:.0%} of its words are known to the categorizer"
        return Verdict.NONE, f"{share}: perhaps it is none of the known categories, an operator decides"
    if prediction.hits == 0 and prediction.confidence < min(CONFIDENCE_NONE, least):
        what = f"nothing in it speaks for a category ({prediction.category} comes first with {prediction.confidence:.2f})"
        return Verdict.NONE, f"{what}: perhaps it is none of the known categories, an operator decides"
    if prediction.confidence < least:
        sure = f"the categorizer is only {prediction.confidence:.2f} sure of {prediction.category}, less than {least:.2f}"
        return Verdict.UNSURE, f"{sure}: an operator chooses the category"
    return Verdict.SURE, ""


def secondary(prediction: Prediction) -> list[str]:
    """Return the further categories that are likely, likeliest first."""
    rest = [(p, name) for name, p in prediction.probabilities.items() if p >= SECONDARY_LEAST and name != prediction.category]
    return [name for _, name in sorted(rest, key=lambda one: -one[0])][:SECONDARY_MOST]


def runner_up(prediction: Prediction) -> tuple[str, float]:
    """Return the second likeliest category and its probability."""
    rest: Sequence[tuple[str, float]] = [(name, p) for name, p in prediction.probabilities.items() if name != prediction.category]
    return max(rest, key=lambda one: one[1])
