"""When a failed attempt is followed by another."""

import pytest

from models.clock import SECOND
from models.retry import again


@pytest.mark.parametrize(
    ("attempts", "jitter", "pause_s"),
    [(1, 0.0, 5.0), (1, 0.999, 10.0), (2, 0.0, 10.0), (3, 0.0, 20.0), (20, 0.0, 1800.0), (99, 0.5, 2700.0)],
)
def test_the_pause_doubles_up_to_an_hour_and_is_drawn_from_its_upper_half(attempts, jitter, pause_s):
    pause = again(attempts=attempts, most=100, backoff_s=10, retryable=True, jitter=jitter)
    assert pause is not None
    assert pause.pause_us == pytest.approx(pause_s * SECOND, rel=1e-3)


def test_no_attempt_beyond_the_most():
    assert again(attempts=3, most=3, backoff_s=10, retryable=True, jitter=0) is None


def test_no_attempt_that_cannot_help():
    assert again(attempts=1, most=3, backoff_s=10, retryable=False, jitter=0) is None
