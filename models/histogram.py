"""A histogram of durations in logarithmic buckets: small, adds up, and gives any quantile within 1 %.

Bucket `i` holds the durations in `(GAMMA**(i-1), GAMMA**i]` microseconds and stands for the value in its relative middle, so no duration differs
from its bucket's value by more than `(GAMMA-1)/(GAMMA+1)`, that is 0.99 %. Counts are plain sums: histograms of parts add to the histogram of the
whole, and a reversal takes away what was counted.

Prefer exact sorting when the durations themselves are at hand; a histogram is for what is merged over days.

>>> counts = count([1_000_000, 2_000_000, 3_000_000, 60_000_000])
>>> abs(quantile(counts, 50) / 2_000_000 - 1) < 0.01
True
>>> quantile({}, 50) is None
True

Reference: Masson, Rim, Lee: DDSketch, a fast and fully-mergeable quantile sketch with relative-error guarantees (VLDB 2019).
"""

import math
from collections.abc import Iterable, Mapping

GAMMA = 1.02
NOT_POSITIVE = -1  # the bucket of durations of zero or less, which have no logarithm


def bucket_of(duration_us: int) -> int:
    """Return the bucket of a duration in microseconds."""
    return math.ceil(math.log(duration_us) / math.log(GAMMA)) if duration_us > 0 else NOT_POSITIVE


def value_of(bucket: int) -> float:
    """Return the duration in microseconds that a bucket stands for; 0 for durations that were not positive."""
    return 0.0 if bucket == NOT_POSITIVE else 2 * GAMMA**bucket / (GAMMA + 1)


def count(durations_us: Iterable[int]) -> dict[int, int]:
    """Return how many durations fall in each bucket."""
    counts: dict[int, int] = {}
    for duration in durations_us:
        bucket = bucket_of(duration)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merge(*parts: Mapping[int, int]) -> dict[int, int]:
    """Return the sum of histograms; a part may hold negative counts, which take back."""
    total: dict[int, int] = {}
    for part in parts:
        for bucket, n in part.items():
            total[bucket] = total.get(bucket, 0) + n
    return {bucket: n for bucket, n in total.items() if n}


def quantile(counts: Mapping[int, int], percent: int) -> float | None:
    """Return the duration in microseconds that `percent` of all durations do not exceed (nearest rank); null when nothing was counted."""
    total = sum(counts.values())
    upto = 0
    for bucket in sorted(counts):
        upto += counts[bucket]
        if total > 0 and 100 * upto >= percent * total:  # whole numbers: 0.95 * 60 is not exactly 57 in floats of every kind
            return value_of(bucket)
    return None
