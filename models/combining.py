"""One forecast of several: a mean in which a method weighs as much as it proved worth.

    weight ~ 1 / (mean absolute error at earlier origins)²

Better than the best method alone, which is chosen by chance where several are about as good, and than equal weights, where one method is not made for
the values. What is foretold of an origin to learn the errors of the combination has to be weighed by other origins: see `held_out`.

>>> weights(np.array([[1.0, 2.0], [1.0, 2.0]])).tolist()
[0.8, 0.2]
>>> combined(np.array([[10.0, 10.0], [20.0, 20.0]]), np.array([0.8, 0.2])).tolist()
[12.0, 12.0]

References: J. Bates, C. Granger, The combination of forecasts, 1969; M. Pawlikowski, A. Chorowska, Weighted ensemble of statistical models, 2020.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_FLOOR: Final = 1e-6  # of the worst error: nobody is trusted more than that


def weights(errors: Values) -> Values:
    """Return the weights of the methods, which sum to 1. `errors` has a row an origin and a column a method; NaN: that method had no say.

    A method that had no say at some origin weighs nothing. Without an origin, all weigh the same.
    """
    if not len(errors):
        return np.full(errors.shape[1], 1 / errors.shape[1])
    means = np.asarray(errors.mean(axis=0), dtype=np.float64)
    known = np.isfinite(means)
    if not known.any() or np.nanmax(means) <= 0:
        return np.full(len(means), 1 / len(means))
    worth: Values = np.where(known, np.maximum(means / np.nanmax(means), _FLOOR) ** -2.0, 0.0)
    return np.asarray(worth / worth.sum(), dtype=np.float64)


def combined(rows: Values, weigh: Values) -> Values:
    """Return the weighted mean of the rows, a row a method, a column a step. Rows with NaN have no say; all NaN where there is no other."""
    heard = np.asarray(np.isfinite(rows).all(axis=1))
    if not heard.any():
        return np.full(rows.shape[1], np.nan)
    share = weigh[heard] if weigh[heard].sum() > 0 else np.ones(int(heard.sum()))
    return np.asarray(share @ rows[heard] / share.sum(), dtype=np.float64)


def method_errors(rows: Values, actual: Values) -> Values:
    """Return the mean absolute error of each row; NaN where it has no say."""
    return np.asarray(np.abs(rows - actual).mean(axis=1), dtype=np.float64)


def held_out(told: Sequence[Values], errors: Values) -> list[Values]:
    """Return the combination at each origin, with weights from all others: `told` has rows of methods an origin, `errors` is as of `weights`."""
    return [combined(rows, weights(np.delete(errors, place, axis=0))) for place, rows in enumerate(told)]
