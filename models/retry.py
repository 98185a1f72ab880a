"""Whether a failed attempt is followed by another, and when."""

from dataclasses import dataclass

from models.clock import SECOND

LONGEST_S = 3600  # no pause is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try again after a pause."""

    pause_us: int


def again(*, attempts: int, most: int, backoff_s: int, retryable: bool, jitter: float) -> Again | None:
    """Decide on another attempt: null when it would not help or all were used.

    The pause doubles with each attempt, from `backoff_s` up to an hour, and is drawn from its upper half ("equal jitter"), so that tasks that failed
    together do not come back together. Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Args:
        attempts: how many were made; at least 1.
        most: how many may be made.
        backoff_s: the pause before the second one, seconds.
        retryable: whether the error may pass by itself.
        jitter: a number drawn from [0, 1).

    >>> again(attempts=2, most=3, backoff_s=10, retryable=True, jitter=0.5)
    Again(pause_us=15000000)
    >>> again(attempts=3, most=3, backoff_s=10, retryable=True, jitter=0.5)

    """
    if attempts >= most or not retryable:
        return None
    pause_s = min(LONGEST_S, backoff_s * 2 ** min(attempts - 1, 30))
    return Again(pause_us=int(pause_s * SECOND * (0.5 + jitter / 2)))
