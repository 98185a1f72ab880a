"""How often one host may be asked, by all attempts of this process together."""

import threading
import time

from agents.contract import Control


class Pace:
    """Gives each host its turns, evenly spaced, in the order in which they are asked for."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}  # when the next request may go, seconds, monotonic
        self._lock = threading.Lock()

    def wait(self, host: str, per_s: float, control: Control) -> None:
        """Wait for a turn with a host that is asked `per_s` times a second at most; ends early, by `Stopped`, when the attempt must stop."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, now))
            self._next[host] = turn + 1 / per_s
        while (left := turn - time.monotonic()) > 0:
            control.stopped.wait(min(left, control.remaining_s))
            control.check()


PACE = Pace()
