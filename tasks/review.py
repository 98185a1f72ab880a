"""What people decide about the categories of tasks. Every decision is a label to learn from.

Asked again with the same `key`, a decision changes nothing and returns the same.
"""

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from models.category import NONE
from models.errors import IllegalMove, Invalid
from models.task import Reason, State
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import tasks
from tasks.act import refuse_presented
from tasks.categories import check_category
from tasks.champion import champion_row
from tasks.labels import add_label
from tasks.moves import move, settle
from tasks.once import once
from tasks.read import get_task, said_of

SECONDARY_MOST = 5

_WAITING = Query(
    select(tasks)
    .where(tasks.c.state == State.REVIEW, tasks.c.reason == Reason.UNSURE)
    .order_by(tasks.c.created_at, tasks.c.id)
    .limit(bindparam("most")),
)


def review(
    journal: Journal,
    task_id: str,
    category: str,
    *,
    actor: str,
    secondary: Sequence[str] | None = None,
    client: str | None = None,
    key: str | None = None,
) -> Row:
    """Choose the category of a task, or correct it; return the task's new row.

    A task that waited for it goes on. One that has a category gets the other one and stays where it is, as long as it has not ended. The verdict
    `NONE` says that no category fits: such a task waits in review until one was added, or somebody cancels it.

    Args:
        journal: where it is written.
        task_id: the task.
        category: a category that is known, or `NONE`.
        actor: who decides: the author of the label.
        secondary: further categories that fit too, most fitting first; null: none, and the model's are dropped.
        client: whose task it must be; null: anybody's.
        key: the sender's name for this request.

    Raises:
        NotFound: there is no such task.
        Invalid: a category is unknown or retired, or is named twice.
        IllegalMove: the task has ended, or its result waits to be accepted; or `NONE` for one that does not wait for its category.

    """
    further = list(secondary or ())

    def choose(tx: Tx) -> Row:
        task = get_task(tx, task_id, client)
        refuse_presented(task)
        if task["state"] == State.DONE:
            message = f"the task has ended: {task['outcome']}; its category stays as it is"
            raise IllegalMove(message)
        _check(tx, category, further)
        said = said_of(tx, task_id) or {}
        row = _none(tx, task) if category == NONE else _chosen(tx, task, category, further, said)
        add_label(tx, task, category, further, guess=said.get("guess"))
        return row

    return once(journal, actor, choose, key=key, asked=f"review {task_id} {category} {further}")


def waiting_reviews(journal: Journal, *, most: int = 100) -> Row:
    """Return the tasks that wait for a person's category, oldest first, each with what the categorizer said (null: nothing), and its card.

    `{"items": [{"id", "title", "description", "client", "created_at", "why", "prediction"}, …], "version", "card"}`; the shipped one has no card.
    """
    with journal.look() as view:
        rows = view.rows(_WAITING, most=most)
        said = [said_of(view, row["id"]) for row in rows]
        used = champion_row(view)
    names = ("id", "title", "description", "client", "created_at", "why", "confidence")
    items = [{name: row[name] for name in names} | {"prediction": one} for row, one in zip(rows, said, strict=True)]
    return {"items": items, "version": used["number"] if used else 0, "card": json.loads(used["card"]) if used else None}


def _check(tx: Tx, category: str, further: Sequence[str]) -> None:
    for name in further if category == NONE else (category, *further):
        check_category(tx, name)
    if len({category, *further}) != 1 + len(further) or len(further) > SECONDARY_MOST or (category == NONE and further):
        message = f"further categories are at most {SECONDARY_MOST}, each named once, beside one that fits best"
        raise Invalid(message)


def _none(tx: Tx, task: Row) -> Row:
    if task["state"] != State.REVIEW:
        message = f"a task that is {task['state']} has its category: only one in review can be none of the known ones; pause or cancel it instead"
        raise IllegalMove(message)
    why = f"{tx.actor} found that it is none of the known categories: add one that fits and choose it, or cancel the task"
    patch = {"secondary": None, "why": why}
    tx.change(tasks, task["id"], patch, "task.changed", client=task["client"], category=None)
    return task | patch


def _chosen(tx: Tx, task: Row, category: str, further: Sequence[str], said: Row) -> Row:
    facts = {"client": task["client"], "category": category, "guessed": said.get("guess"), "confidence": task["confidence"]}
    patch = {"category": category, "category_by": "person", "secondary": json.dumps(further, ensure_ascii=False) if further else None}
    if task["state"] == State.REVIEW:
        move(tx, task, "task.reviewed", reason=str(Reason.PERSON), why=f"{tx.actor} chose the category", **patch, facts=facts)
    else:
        tx.change(tasks, task["id"], patch, "task.recategorized", **facts, before=task["category"])
    return settle(tx, task["id"])
