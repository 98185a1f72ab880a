"""Categorizing the tasks that came without a category."""

import logging
from pathlib import Path

from sqlalchemy import bindparam, select

from models.categorizer import Prediction
from models.errors import StoreError
from models.task import Reason
from models.untrusted import Untrusted
from models.verdict import Verdict, verdict
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import tasks
from store.settings import Settings
from tasks.alerts import raise_alert, resolve
from tasks.categorize import WEIGHTS
from tasks.champion import Champion, champion, facts_of, secondary_json
from tasks.moves import move, settle

logger = logging.getLogger("arbiter.categorize")

MOST = 100  # in one transaction
BROKEN = "categorizer.broken"  # the alert

_UNCATEGORIZED = Query(
    select(tasks).where(tasks.c.state == "waiting", tasks.c.reason == Reason.CATEGORY, tasks.c.category.is_(None)).order_by(tasks.c.id).limit(MOST),
)
_STILL = Query(select(tasks).where(tasks.c.id == bindparam("task_id"), tasks.c.state == "waiting", tasks.c.category.is_(None)))


def categorize_waiting(journal: Journal, settings: Settings, *, actor: str, weights: Path = WEIGHTS) -> int:
    """Give each a category where the categorizer is sure, and ask a person otherwise; return how many were looked at.

    When it cannot be used, people choose for all of them, and an alert is open until it can be used again.
    """
    with journal.look() as view:
        waiting = view.rows(_UNCATEGORIZED)
        if not waiting:
            return 0
        by = _usable(view, settings, weights)
    if isinstance(by, StoreError):
        _ask_people(journal, waiting, str(by), actor)
        return len(waiting)
    said = dict(zip((row["id"] for row in waiting), by.predict([(Untrusted(r["title"]), Untrusted(r["description"])) for r in waiting]), strict=True))
    with journal.write(actor) as tx:
        resolve(tx, BROKEN)
        for current in _still(tx, waiting):
            _apply(tx, current, said[current["id"]], by, settings.confidence_least)
    return len(waiting)


def _usable(view: View, settings: Settings, weights: Path) -> Champion | StoreError:
    try:
        return champion(view, settings.files, weights=weights)
    except StoreError as error:
        logger.exception("no categorizer: people must choose")
        return error


def _ask_people(journal: Journal, waiting: list[Row], trouble: str, actor: str) -> None:
    why = f"the categorizer cannot be used ({trouble}): choose the category"
    with journal.write(actor) as tx:
        raise_broken(tx, trouble)
        for current in _still(tx, waiting):
            move(tx, current, "task.questioned", reason=str(Reason.UNSURE), why=why, wake_at=None, facts={"guess": None})


def raise_broken(tx: Tx, trouble: str) -> None:
    """Open the alert that the categorizer cannot be used."""
    advice = (
        f"{trouble}. Until it can be used again, people choose the category of every task that comes without one. "
        "`arbiter categorizer rollback` goes back to another version; a shipped file that is gone comes back with the installation."
    )
    raise_alert(tx, BROKEN, severity="critical", title="The categorizer cannot be used", advice=advice)


def _still(tx: Tx, waiting: list[Row]) -> list[Row]:
    found = (tx.one(_STILL, task_id=row["id"]) for row in waiting)
    return [row for row in found if row is not None]


def _apply(tx: Tx, task: Row, prediction: Prediction, by: Champion, least: float) -> None:
    verdict_, why = verdict(prediction, least=least)
    facts = facts_of(prediction, verdict_, by)
    known = {"confidence": prediction.confidence, "secondary": secondary_json(prediction)}
    if verdict_ is not Verdict.SURE:
        move(tx, task, "task.questioned", reason=str(Reason.UNSURE), why=why, wake_at=None, facts=facts, **known)
        return
    patch = known | {"category": prediction.category, "category_by": "model"}
    tx.change(tasks, task["id"], patch, "task.categorized", **facts | {"client": task["client"], "category": prediction.category})
    settle(tx, task["id"])
