"""Labels: what people said that texts are about. The house learns from those that are valid; the author of a mistake, or anybody, can withdraw it."""

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from models.clock import new_id
from models.errors import Conflict
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import labels

_LIST = Query(select(labels).order_by(labels.c.at.desc(), labels.c.id.desc()).limit(bindparam("most")))
_OF_CATEGORY = Query(
    select(labels).where(labels.c.category == bindparam("category")).order_by(labels.c.at.desc(), labels.c.id.desc()).limit(bindparam("most")),
)
_OF_TASK = Query(select(labels).where(labels.c.task_id == bindparam("task_id"), labels.c.state == "valid"))
_VALID = Query(select(labels).where(labels.c.state == "valid").order_by(labels.c.at, labels.c.id))


def add_label(tx: Tx, task: Row, category: str, secondary: Sequence[str], *, guess: str | None) -> None:
    """Note what a person says that a task is about; what was said of it before is withdrawn, so that a text counts once.

    `guess` is what the model had said, null when it said nothing.
    """
    for old in tx.rows(_OF_TASK, task_id=task["id"]):
        tx.change(labels, old["id"], {"state": "withdrawn"}, "label.withdrawn", **_about(old, task["client"]))
    row = {
        "id": new_id("lb", tx.now), "task_id": task["id"], "title": task["title"], "body": task["description"], "category": category,
        "secondary": json.dumps(list(secondary), ensure_ascii=False), "guess": guess, "author": tx.actor.removeprefix("user:"), "state": "valid",
        "at": tx.now,
    }  # fmt: skip
    tx.create(labels, row, "label.added", **_about(row, task["client"]))


def withdraw_label(journal: Journal, label_id: str, *, actor: str) -> Row:
    """Withdraw a label: nothing is learned from it any more, its task stays as it is. Raises `NotFound`, and `Conflict` for one withdrawn before."""
    with journal.write(actor) as tx:
        row = tx.get(labels, label_id)
        if row["state"] != "valid":
            message = f"the label {label_id!r} was withdrawn before"
            raise Conflict(message)
        tx.change(labels, label_id, {"state": "withdrawn"}, "label.withdrawn", **_about(row, None))
        return _public(row | {"state": "withdrawn"})


def list_labels(journal: Journal, *, category: str | None = None, most: int = 100) -> list[Row]:
    """Return labels and examples, newest first."""
    with journal.look() as view:
        found = view.rows(_LIST, most=most) if category is None else view.rows(_OF_CATEGORY, category=category, most=most)
    return [_public(row) for row in found]


def valid_labels(view: View) -> list[Row]:
    """Return all valid labels and examples, oldest first."""
    return view.rows(_VALID)


def _about(label: Row, client: str | None) -> Row:
    return {"client": client, "task_id": label["task_id"], "category": label["category"]}


def _public(row: Row) -> Row:
    return row | {"secondary": json.loads(row["secondary"])}
