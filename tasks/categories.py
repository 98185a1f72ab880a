"""Categories: the six that the product has, and those that an operator added.

An added one is told by what it is about and by examples, from which it is found until the house has learned it from labels. It can be retired: then
tasks that have it keep it, and no new one gets it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import bindparam, select

from models.category import CATEGORIES, NONE
from models.clock import new_id
from models.errors import Conflict, Invalid, NotFound
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import categories, labels
from tasks.work import Strict, Text, read_form

EXAMPLES_LEAST = 3
EXAMPLES_MOST = 100
_NAME = re.compile(r"[^\W_](?:[\w &.,'’()+-]*[^\s])?")

Title = Annotated[Text, StringConstraints(min_length=1, max_length=300)]
Body = Annotated[Text, StringConstraints(max_length=20_000)]

_ALL = Query(select(categories).order_by(categories.c.created_at, categories.c.id))
_BY_ID = Query(select(categories).where(categories.c.id == bindparam("name")))
_EXAMPLES = Query(select(labels).where(labels.c.task_id.is_(None), labels.c.state == "valid").order_by(labels.c.at, labels.c.id))


class Example(Strict):
    """A text that is of the category."""

    title: Title
    body: Body = ""


class NewCategory(Strict):
    """What a category is called, what it is about, and texts that are of it."""

    name: Annotated[Text, StringConstraints(min_length=2, max_length=60)]
    about: Annotated[Text, StringConstraints(min_length=10, max_length=2000)]
    examples: Annotated[tuple[Example, ...], Field(min_length=EXAMPLES_LEAST, max_length=EXAMPLES_MOST)]


def read_category(data: Any) -> NewCategory:
    """Return JSON as a category. Raises `Invalid` with every field that is wrong."""
    return read_form(NewCategory, data, "category")


def known(view: View) -> tuple[str, ...]:
    """Return the categories that a task may have: the six in their fixed order, then those that were added and not retired, oldest first."""
    return (*CATEGORIES, *(row["id"] for row in view.rows(_ALL) if row["state"] == "active"))


def check_category(view: View, name: str) -> None:
    """Raise `Invalid` for a category that no new task may have: one that is not known, or was retired."""
    if name in CATEGORIES:
        return
    there = known(view)
    if name not in there:
        retired = view.one(_BY_ID, name=name) is not None
        wrong = f"the category {name!r} was retired" if retired else f"unknown category {name!r}"
        message = f"{wrong}; there are {', '.join(there)}"
        raise Invalid(message)


def check_filter(view: View, name: str | None) -> None:
    """Raise `Invalid` for a category that no task can have; of those retired there may be some. Null is no filter."""
    if name is not None and name not in CATEGORIES and view.one(_BY_ID, name=name) is None:
        message = f"unknown category {name!r}"
        raise Invalid(message)


def examples_of(view: View) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Return what is known of each added category that is active: its name with what it is about, then its examples, as titles and bodies."""
    found: dict[str, list[tuple[str, str]]] = {row["id"]: [(row["id"], row["description"])] for row in view.rows(_ALL) if row["state"] == "active"}
    if not found:
        return {}
    for row in view.rows(_EXAMPLES):
        if row["category"] in found:
            found[row["category"]].append((row["title"], row["body"]))
    return {name: tuple(texts) for name, texts in found.items()}


def list_categories(journal: Journal) -> list[Row]:
    """Return all categories: `name`, `about` (null for the six), `state`, `added` and the number of valid `examples`."""
    with journal.look() as view:
        given = [row["category"] for row in view.rows(_EXAMPLES)]
        added = view.rows(_ALL)
    six = [{"name": name, "about": None, "state": "active", "added": False, "examples": given.count(name)} for name in CATEGORIES]
    return six + [
        {"name": row["id"], "about": row["description"], "state": row["state"], "added": True, "examples": given.count(row["id"])} for row in added
    ]


def add_category(journal: Journal, wanted: NewCategory, *, actor: str) -> Row:
    """Add a category with its examples, or bring back one that was retired with new words; return its row.

    Raises `Invalid` for a name that cannot be one, and `Conflict` for one that is taken.
    """
    name = wanted.name
    if not _NAME.fullmatch(name) or "  " in name:
        message = f"{name!r} cannot be the name of a category: letters, digits, spaces and & . , ' ( ) + - are allowed, a letter or digit first"
        raise Invalid(message)
    with journal.write(actor) as tx:
        taken = {one.casefold() for one in (*known(tx), NONE)} | {row["id"].casefold() for row in tx.rows(_ALL) if row["id"] != name}
        if name.casefold() in taken:
            message = f"there is a category {name!r} already"
            raise Conflict(message)
        row = {"id": name, "description": wanted.about, "state": "active", "created_at": tx.now}
        if tx.one(_BY_ID, name=name) is None:
            tx.create(categories, row, "category.added")
        else:
            tx.change(categories, name, {"description": wanted.about, "state": "active"}, "category.restored")
        tx.create_many(labels, _examples(wanted, actor, tx.now), "label.added", lambda label: {"category": label["category"], "task_id": None})
        return tx.get(categories, name)


def _examples(wanted: NewCategory, actor: str, at: int) -> Sequence[Row]:
    return [
        {
            "id": new_id("lb", at), "task_id": None, "title": example.title, "body": example.body, "category": wanted.name,
            "secondary": json.dumps([]), "guess": None, "author": actor.removeprefix("user:"), "state": "valid", "at": at,
        }
        for example in wanted.examples
    ]  # fmt: skip


def retire_category(journal: Journal, name: str, *, actor: str) -> Row:
    """Retire an added category; return its row. Raises `NotFound`, and `Conflict` for one of the six and for one that is retired already."""
    if name in CATEGORIES:
        message = f"{name} is one of the categories that the product has: it cannot be retired"
        raise Conflict(message)
    with journal.write(actor) as tx:
        row = tx.one(_BY_ID, name=name)
        if row is None:
            message = f"there is no category {name!r}"
            raise NotFound(message)
        if row["state"] == "retired":
            message = f"the category {name!r} was retired before"
            raise Conflict(message)
        tx.change(categories, name, {"state": "retired"}, "category.retired")
        return row | {"state": "retired"}
