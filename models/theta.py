"""The Theta method: half a straight line through all values, half exponential smoothing of the values with their curvature doubled.

    forecast = (line + smoothed(2 y - line)) / 2

Strong on short monthly values with little season; on a long season that is not taken out first it is poor.

>>> forecast(np.arange(1.0, 21.0), 2).round(1).tolist()
[20.5, 21.0]

Reference: V. Assimakopoulos, K. Nikolopoulos, The theta model: a decomposition approach to forecasting, 2000.
"""

import numpy as np
from numpy.typing import NDArray

from models.smoothing import Fitted, ahead, fit

Values = NDArray[np.float64]


def learn(values: Values) -> Fitted:
    """Return the smoothing of the values with their curvature doubled. There are two values or more, without a season."""
    return fit(2 * values - _line(values, 0), trend=False)


def forecast(values: Values, horizon: int, fitted: Fitted | None = None) -> Values:
    """Return the next `horizon` values, with the smoothing of `fitted` or of these values."""
    line = _line(values, horizon)
    curved = 2 * values - line[: len(values)]
    return (line[len(values) :] + ahead(curved, fitted or learn(values), horizon)) / 2


def _line(values: Values, horizon: int) -> Values:
    """Return the straight line of least squares through the values, continued."""
    steps = np.arange(len(values) + horizon) - (len(values) - 1) / 2
    known = steps[: len(values)]
    return np.asarray(values.mean() + float(known @ values) / float(known @ known) * steps, dtype=np.float64)
