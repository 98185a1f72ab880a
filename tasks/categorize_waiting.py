"""Categorizing the tasks that came without a category."""

import logging

from sqlalchemy import bindparam, select

from models.errors import StoreError
from models.task import Reason
from models.untrusted import Untrusted
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import tasks
from tasks.categorize import categorize
from tasks.moves import move, settle

logger = logging.getLogger("arbiter.categorize")

MOST = 100  # in one transaction

_UNCATEGORIZED = Query(
    select(tasks).where(tasks.c.state == "waiting", tasks.c.reason == Reason.CATEGORY, tasks.c.category.is_(None)).order_by(tasks.c.id).limit(MOST),
)
_STILL = Query(select(tasks).where(tasks.c.id == bindparam("task_id"), tasks.c.state == "waiting", tasks.c.category.is_(None)))


def categorize_waiting(journal: Journal, *, least: float, actor: str) -> int:
    """Give each a category where the model is at least `least` sure, and ask a person otherwise; return how many were looked at."""
    with journal.look() as view:
        waiting = view.rows(_UNCATEGORIZED)
    if not waiting:
        return 0
    try:
        found = categorize([(Untrusted(row["title"]), Untrusted(row["description"])) for row in waiting])
        guesses: list[tuple[str | None, float]] = [(one.category, one.confidence) for one in found]
    except StoreError as error:
        logger.exception("no categorizer: people must choose")
        guesses = [(None, 0.0)] * len(waiting)
        trouble = f"the categorizer cannot be used ({error}): choose the category"
    else:
        trouble = ""
    with journal.write(actor) as tx:
        for row, guess in zip(waiting, guesses, strict=True):
            current = tx.one(_STILL, task_id=row["id"])
            if current:
                _apply(tx, current, guess, least, trouble)
    return len(waiting)


def _apply(tx: Tx, task: Row, guess: tuple[str | None, float], least: float, trouble: str) -> None:
    category, confidence = guess
    facts = {"client": task["client"], "guess": category, "confidence": confidence}
    if category is None or confidence < least:
        why = trouble or f"the categorizer is only {confidence:.2f} sure of {category}, less than {least:.2f}: an operator chooses the category"
        move(tx, task, "task.questioned", reason=str(Reason.UNSURE), why=why, confidence=confidence, wake_at=None, facts={"guess": category})
        return
    patch = {"category": category, "category_by": "model", "confidence": confidence}
    tx.change(tasks, task["id"], patch, "task.categorized", **facts)
    settle(tx, task["id"])
