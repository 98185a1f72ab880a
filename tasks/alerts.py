"""Alerts: what somebody must know, open until it is over. Each is an event of the journal too, so that the feed carries it."""

from sqlalchemy import bindparam, select

from models.clock import new_id
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import alerts

_OPEN = Query(select(alerts).where(alerts.c.name == bindparam("name"), alerts.c.state == "open"))
_LIST = Query(select(alerts).order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(bindparam("most")))
_ALL_OPEN = Query(select(alerts).where(alerts.c.state == "open").order_by(alerts.c.opened_at, alerts.c.id))


def raise_alert(tx: Tx, name: str, *, severity: str, title: str, advice: str, entity: str | None = None, entity_id: str | None = None) -> None:
    """Open an alert; one of this name that is open already stays as it is, with the newest words."""
    known = tx.one(_OPEN, name=name)
    words = {"severity": severity, "title": title, "advice": advice}
    if known is None:
        row = {
            "id": new_id("al", tx.now), "name": name, **words, "entity": entity, "entity_id": entity_id, "state": "open", "opened_at": tx.now,
            "resolved_at": None,
        }  # fmt: skip
        tx.create(alerts, row, "alert.opened")
    elif any(known[column] != value for column, value in words.items()):
        tx.change(alerts, known["id"], words, "alert.changed")


def resolve(tx: Tx, name: str) -> None:
    """Close an alert, where it is open."""
    known = tx.one(_OPEN, name=name)
    if known is not None:
        tx.change(alerts, known["id"], {"state": "resolved", "resolved_at": tx.now}, "alert.resolved", name=name)


def open_alerts(view: View) -> list[Row]:
    """Return the open alerts, oldest first."""
    return view.rows(_ALL_OPEN)


def list_alerts(journal: Journal, *, most: int = 100) -> list[Row]:
    """Return alerts, open and resolved, newest first."""
    with journal.look() as view:
        return view.rows(_LIST, most=most)
