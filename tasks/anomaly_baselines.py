"""What else finds anomalies: baselines that the detector is measured beside. Each gives every value of a series a score; greater is more unusual."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

Values = NDArray[np.float64]  # of one series; nan where a value is missing

_WINDOW = 10  # values that the forest sees at once
_EVERY = 500  # points between two fits of the causal forest
_REACH = 1000  # values of the moving normal distribution


def isolation_forest(values: Values) -> Values:
    """Score by a forest that was fitted on the values before, anew for every 500 points. The first 500 have score 0."""
    rows, scores = _rows(values), np.zeros(len(values))
    for start in range(_EVERY, len(values), _EVERY):
        scores[start : start + _EVERY] = -_forest(rows[:start]).score_samples(rows[start : start + _EVERY])
    return scores


def isolation_forest_look_ahead(values: Values) -> Values:
    """Score by a forest that was fitted on the whole series, those to come among them: no live metric can have this."""
    rows = _rows(values)
    scores: Values = -_forest(rows).score_samples(rows)
    return scores


def windowed_gaussian(values: Values) -> Values:
    """Score by the distance from the mean of the last 1000 values, in standard deviations; NAB's own takes the normal distribution's Q of it."""
    known = np.nan_to_num(values)
    sums, squares = np.concatenate([[0.0], np.cumsum(known)]), np.concatenate([[0.0], np.cumsum(known**2)])
    at = np.arange(1, len(known))
    low = np.maximum(at - _REACH, 0)
    mean = (sums[at] - sums[low]) / (at - low)
    spread = np.sqrt(np.maximum((squares[at] - squares[low]) / (at - low) - mean**2, 0.0))
    return np.concatenate([[0.0], np.abs(known[1:] - mean) / np.where(spread > 0.0, spread, 1e-6)])


def random_scores(values: Values) -> Values:
    """Score by chance, the same each time."""
    return np.random.default_rng(len(values)).random(len(values))


BASELINES: Final[
    Mapping[str, tuple[Callable[[Values], Values], float]]
] = {  # with the score from which there is an alarm, chosen like the detector's
    "isolation_forest": (isolation_forest, 0.61),
    "isolation_forest_look_ahead": (isolation_forest_look_ahead, 0.6),
    "windowed_gaussian": (windowed_gaussian, 7.0),
    "random": (random_scores, 0.99),
}


def _forest(rows: Values) -> IsolationForest:
    return IsolationForest(random_state=0).fit(rows)


def _rows(values: Values) -> Values:
    """Return the last `_WINDOW` values at each point; the first value stands for those before it, a missing one counts as 0."""
    known = np.nan_to_num(values)
    padded = np.concatenate([np.full(_WINDOW - 1, known[0]), known])
    return np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
