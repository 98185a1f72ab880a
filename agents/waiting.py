"""Calls that block for longer than an attempt may take to stop."""

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from agents.contract import Control

T = TypeVar("T")


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
