"""The doorbell between machines that share a PostgreSQL ledger: who committed notifies, who tails the journal elsewhere wakes up.

`NOTIFY` inside the transaction of a commit would make all commits of the database wait for each other once more, so a thread of the writing process
sends it afterwards, once for whatever was committed meanwhile. Like a near ring it carries no data and may be lost: listeners look by themselves too.
"""

import logging
import threading
from collections.abc import Callable

import psycopg

from store.bell import Bell

CHANNEL = "arbiter_journal"
RETRY_S = 1.0  # after the database failed
LOOK_S = 0.5  # between looks at whether it is over

_log = logging.getLogger("arbiter.bell")


class FarBell:
    """Rings here, as `Bell` does, and on all other machines. Never blocks, never fails."""

    def __init__(self, near: Bell, url: str) -> None:
        self._near = near
        self._url = url
        self._rung = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Wake all listeners."""
        self._near.ring()
        self._rung.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="far-bell", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Stop ringing."""
        self._over.set()
        self._rung.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._near.close()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as line:
                    while self._rung.wait() and not self._over.is_set():
                        self._rung.clear()
                        line.execute(f"NOTIFY {CHANNEL}")
            except psycopg.Error:
                _log.warning("other machines cannot be told of what is committed; they look by themselves", exc_info=True)
                self._over.wait(RETRY_S)


class FarListener:
    """Calls `heard` after commits of any machine, from a thread of its own; and once whenever it begins to listen: rings may have been lost."""

    def __init__(self, url: str, heard: Callable[[], object]) -> None:
        self._url = url
        self._heard = heard
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="far-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as line:
                    line.execute(f"LISTEN {CHANNEL}")
                    self._heard()
                    while not self._over.is_set():
                        for _ring in line.notifies(timeout=LOOK_S, stop_after=1):
                            self._heard()
            except psycopg.Error:
                _log.warning("commits of other machines cannot be heard; they are looked for", exc_info=True)
                self._over.wait(RETRY_S)
