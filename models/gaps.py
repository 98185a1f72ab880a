"""What an empty bucket means, and values without one.

A day without sales is a zero, a day without a measurement is a gap, and only the caller knows which. A gap takes the mean of its place in the cycle
and what its neighbours differ from theirs, within the extremes; those before the first value are left out.

>>> filled([5.0, None, 5.0], Empty.ZERO, 1).tolist(), filled([None, 4.0, float("nan"), 6.0], Empty.GAP, 1).tolist()
([5.0, 0.0, 5.0], [4.0, 5.0, 6.0])
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.errors import Invalid

Values = NDArray[np.float64]


class Empty(StrEnum):
    """What a bucket without a value means."""

    ZERO = "zero"  # nothing happened
    GAP = "gap"  # nobody knows


def filled(values: Sequence[float | None] | Values, empty: Empty | None, period: int) -> Values:
    """Return finite values, one a bucket from the first that is known. Null or NaN is an empty bucket.

    Raises `Invalid` for what is no number or infinite, for more dimensions than one, and for empty buckets of which `empty` does not say what they
    mean.
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = "a forecast needs a list of numbers"
        raise Invalid(message) from error
    if found.ndim != 1 or np.isinf(found).any():
        message = "a forecast needs one list of finite numbers"
        raise Invalid(message)
    unknown = np.isnan(found)
    if not unknown.any():
        return found
    if empty is None:
        message = f"{int(unknown.sum())} of {len(found)} buckets are empty: say whether an empty bucket is a zero or a gap"
        raise Invalid(message)
    return (
        np.where(unknown, 0.0, found)
        if empty is Empty.ZERO
        else _interpolated(found[np.argmin(unknown) :] if not unknown.all() else found[:0], period)
    )


def share_known(values: Sequence[float | None] | Values, empty: Empty | None) -> float:
    """Return which share of the buckets has a value, 0 to 1; a zero is one."""
    found = np.asarray(values, dtype=np.float64)
    return 1.0 if empty is Empty.ZERO or not len(found) else float(1 - np.isnan(found).mean())


def _interpolated(values: Values, period: int) -> Values:
    known = ~np.isnan(values)
    if known.all():
        return values
    exponent = int(np.frexp(np.abs(values[known]).max())[1])  # sums of huge values stay finite
    places, values = np.arange(len(values)), np.ldexp(values, -exponent)
    cycle = np.zeros(len(values))
    if period > 1:
        counts = np.bincount(places[known] % period, minlength=period)
        sums = np.bincount(places[known] % period, weights=values[known], minlength=period)
        overall = values[known].mean()
        cycle = np.resize(np.where(counts > 0, sums / np.maximum(counts, 1), overall), len(values))
    rest = np.interp(places, places[known], values[known] - cycle[known])
    within = np.clip(rest + cycle, values[known].min(), values[known].max())
    return np.asarray(np.ldexp(np.where(known, values, within), exponent), dtype=np.float64)
