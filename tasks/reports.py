"""What flows leave in Prefect's own pages: where to look in the dashboard, how far a shift is, and what was done.

The ledger has all of it. So a Prefect server that is away or slow costs a line in the log and delays nobody.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from models.clock import SECOND
from models.untrusted import Untrusted
from store.query import Row

logger = logging.getLogger("arbiter.report")

EVERY_S = 5.0  # between two updates of a shift's progress
ROWS_MOST = 200  # attempts in the table of a shift


class ShiftReport:
    """The report of one shift, made by a thread of its own. A shift that made no attempt leaves none."""

    def __init__(self, shift_id: str) -> None:
        self._key = f"shift-{shift_id.replace('_', '-')}"
        self._name = f"shift {shift_id}"
        self._page = os.environ.get("ARBITER_DASHBOARD_URL", "")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="report")
        self._going: Future[None] | None = None
        self._shown = (0, 0)
        self._next = 0.0
        self._artifact: UUID | None = None

    def progress(self, ended: int, made: int) -> None:
        """Show how many of the attempts that the shift made have ended, every few seconds when that changed."""
        now = time.monotonic()
        if made and (ended, made) != self._shown and now >= self._next and (self._going is None or self._going.done()):
            self._shown, self._next = (ended, made), now + EVERY_S
            self._going = self._say(self._progress, 100 * ended / made)

    def end(self, attempts: Sequence[Row], made: int) -> None:
        """Show what was done: a table of the attempts with links to their tasks, the newest first."""
        if made:
            self._say(self._progress, 100)
            rows = [self._row(attempt) for attempt in attempts]
            about = f"What the {self._name} did: {made} attempts" + (f", of which the newest {len(rows)} are here" if len(rows) < made else "")
            self._say(create_table_artifact, rows, key=self._key, description=about)
        self._thread.shutdown()

    def _say(self, say: Callable[..., Any], *what: Any, **more: Any) -> Future[None]:
        return self._thread.submit(copy_context().run, tell, say, *what, **more)

    def _progress(self, percent: float) -> None:
        if self._artifact is None:
            if self._page:
                create_link_artifact(
                    f"{self._page}/work", "Work in the dashboard", key=f"{self._key}-page", description=f"The queue of the {self._name}"
                )
            about = f"Attempts of the {self._name} that have ended"
            made = create_progress_artifact(percent, key=f"{self._key}-progress", description=about)
            self._artifact = cast("UUID", made)  # awaitable only in a coroutine
        else:
            update_progress_artifact(self._artifact, percent)

    def _row(self, row: Row) -> Row:
        title = markdown(row["title"])
        task = {"task": f"[{title}]({self._page}/tasks?task={row['task_id']})" if self._page else title}
        known = {"schedule": row["schedule"] or "", "agent": row["agent_id"], "attempt": row["number"], "state": row["state"]}
        return task | known | {"seconds": round((row["finished_at"] - row["started_at"]) / SECOND, 1) if row["finished_at"] else ""}


def tell(say: Callable[..., Any], *what: Any, **more: Any) -> None:
    """Say something to Prefect's server, if it listens."""
    try:
        say(*what, **more)
    except (httpx.HTTPError, PrefectException):
        logger.warning("what was done could not be left in Prefect", exc_info=True)


def tell_text(text: str, *, key: str, about: str) -> None:
    """Leave a text in Markdown."""
    tell(create_markdown_artifact, text, key=key, description=about)


def markdown(title: str) -> str:
    """Return foreign text so that Markdown reads nothing into it."""
    return re.sub(r"([\\`*_{}\[\]()<>#|!])", r"\\\1", Untrusted(title).line(80))
