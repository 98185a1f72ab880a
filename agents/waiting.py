"""Waiting that ends when the attempt must stop: for calls that block, and before another try."""

import contextvars
import random
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from agents.contract import Control

T = TypeVar("T")

PAUSE_S: Final = 0.5  # before the second try; doubles each time
PAUSE_MOST_S: Final = 30.0


def unblocked(control: Control, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises; or `Stopped`, when the attempt must stop first.

    The call runs in a thread of its own and is left to its end then, so it must have a time limit and do no harm afterwards.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name="unblocked")
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        control.check()
    if errors:
        raise errors[0]
    return results[0]


def pause_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row, seconds, with jitter."""
    return float(min(PAUSE_MOST_S, PAUSE_S * 2 ** (failures - 1))) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret


def wait(control: Control, seconds: float) -> None:
    """Wait; raise `Stopped` as soon as the attempt must stop."""
    control.stopped.wait(min(seconds, control.remaining_s))
    control.check()
