"""Versions of the categorizer: which there are, which is in use, and going back."""

import json

from sqlalchemy import bindparam, select

from models.errors import Conflict, NotFound
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import categorizers
from store.settings import Settings
from tasks.categories import examples_of
from tasks.champion import champion_row, version

SHIPPED: Row = {
    "id": None, "number": 0, "sha256": None, "labels": 0, "card": None, "why": "it was shipped with the product", "trained_at": None,
    "promoted_at": None,
}  # fmt: skip

_LIST = Query(select(categorizers).order_by(categorizers.c.number.desc()))
_NUMBERED = Query(select(categorizers).where(categorizers.c.number == bindparam("number")))


def list_categorizers(journal: Journal) -> list[Row]:
    """Return all versions, newest first, with their cards; the last is the shipped one, which has no row and the number 0."""
    with journal.look() as view:
        rows, used = view.rows(_LIST), champion_row(view)
    return [*map(public, rows), SHIPPED | {"state": "retired" if used else "champion"}]


def categorizer(journal: Journal, number: int) -> Row:
    """Return one version. Raises `NotFound`."""
    if number == 0:
        return list_categorizers(journal)[-1]
    with journal.look() as view:
        return public(_numbered(view, number))


def activate(journal: Journal, settings: Settings, number: int, *, actor: str) -> Row:
    """Use a version from now on, 0: the shipped one; return its row.

    Raises `NotFound`, `Conflict` when it is in use already, and `StoreError` when its file cannot be used.
    """
    with journal.write(actor) as tx:
        used = champion_row(tx)
        if (used["number"] if used else 0) == number:
            message = f"version {number} is in use already"
            raise Conflict(message)
        wanted = _numbered(tx, number) if number else None
        if wanted is not None:
            version(wanted, settings.files, tuple(examples_of(tx).items()))  # that it works is seen before the other one goes
        why = f"{actor} chose version {number}"
        if used is not None:
            retire(tx, used, why)
        if wanted is None:
            return SHIPPED | {"state": "champion"}
        patch = {"state": "champion", "why": why, "promoted_at": tx.now}
        tx.change(categorizers, wanted["id"], patch, "categorizer.promoted", number=number)
        return public(wanted | patch)


def retire(tx: Tx, used: Row, why: str) -> None:
    """Take a version out of use."""
    tx.change(categorizers, used["id"], {"state": "retired", "why": why}, "categorizer.retired", number=used["number"])


def previous(journal: Journal) -> int:
    """Return the number of the version that was in use before the one that is; 0 when there was none but the shipped one.

    Raises `Conflict` when the shipped one is in use: there is nothing to go back to.
    """
    with journal.look() as view:
        used, rows = champion_row(view), view.rows(_LIST)
    if used is None:
        message = "the shipped version is in use: there is none before it"
        raise Conflict(message)
    before = [row for row in rows if row["promoted_at"] is not None and row["promoted_at"] < used["promoted_at"]]
    return int(max(before, key=lambda row: row["promoted_at"])["number"]) if before else 0


def public(row: Row) -> Row:
    """Return a version as answers show it."""
    return row | {"card": json.loads(row["card"])}


def _numbered(view: View, number: int) -> Row:
    row = view.one(_NUMBERED, number=number)
    if row is None:
        message = f"there is no version {number} of the categorizer"
        raise NotFound(message)
    return row
