"""Bids: what the house offers for postings, and what becomes of that. A bid that is won becomes a task at the price that was offered."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StrictInt, StringConstraints
from sqlalchemy import bindparam, select

from models.clock import new_id
from models.errors import Conflict, IllegalMove, Invalid
from models.money import MOST_CENTS
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import bids, postings
from store.settings import Settings
from tasks.once import once
from tasks.submit import Origin, check_work, write
from tasks.work import Strict, Text, read_form, read_work

AGREED = ("price_cents", "currency")  # fields of the task that the bid has settled

_OPEN = Query(select(bids).where(bids.c.posting_id == bindparam("posting_id"), bids.c.state == "offered"))


class Offer(Strict):
    """A bid as it is made."""

    posting: Annotated[Text, StringConstraints(min_length=1, max_length=300)]  # its id
    price_cents: Annotated[StrictInt, Field(ge=1, le=MOST_CENTS)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None  # null: the posting's
    days: Annotated[StrictInt, Field(ge=1, le=3650)] | None = None  # until it is delivered; null: not promised
    note: Annotated[Text, StringConstraints(max_length=10_000)] = ""  # what the client is told


def offer(journal: Journal, data: Any, *, actor: str, key: str | None = None) -> Row:
    """Write down what is offered for a posting; return the bid.

    Raises:
        Invalid: a field is wrong, or neither bid nor posting names a currency.
        NotFound: there is no such posting.
        IllegalMove: the posting is not open any more.
        Conflict: an earlier bid for it is undecided; or the key was used for something else.

    """
    wanted = read_form(Offer, data, "the bid")

    def write_down(tx: Tx) -> Row:
        posting = tx.get(postings, wanted.posting)
        currency = wanted.currency or posting["currency"]
        if posting["state"] != "open":
            message = f"the posting is {posting['state']}: nobody reads a bid for it"
            raise IllegalMove(message)
        if tx.one(_OPEN, posting_id=posting["id"]) is not None:
            message = "an earlier bid for this posting is undecided: withdraw it first"
            raise Conflict(message)
        if currency is None:
            message = "the posting names no currency: say in which one the price is"
            raise Invalid(message)
        row = {
            "id": new_id("bd", tx.now), "posting_id": posting["id"], "price_cents": wanted.price_cents, "currency": currency, "days": wanted.days,
            "note": wanted.note, "state": "offered", "task_id": None, "created_at": tx.now, "decided_at": None,
        }  # fmt: skip
        tx.create(bids, row, "bid.offered", **_facts(posting))
        return row

    return once(journal, actor, write_down, key=key, asked=f"bid {wanted.model_dump_json()}")


def win(journal: Journal, bid_id: str, work: Mapping[str, Any], *, settings: Settings, actor: str, key: str | None = None) -> Row:
    """Note that a bid was accepted, and make the task that it promises; return the bid with its `task_id`.

    `work` is the task as it is submitted, at least its `inputs`. Title, description, client and, where the categorizer was sure, category are the
    posting's unless it says others; price and currency are the bid's.

    Raises:
        Invalid: the task is wrong, or sets what the bid has settled.
        IllegalMove: the bid is decided.
        NotFound: there is no such bid.

    """
    settled = [name for name in AGREED if name in work]
    if settled:
        message = f"{' and '.join(settled)} cannot be set: the bid has settled the price"
        raise Invalid(message)

    def accept(tx: Tx) -> Row:
        bid = _offered(tx, bid_id)
        posting = tx.get(postings, bid["posting_id"])
        sure = posting["confidence"] is not None and posting["confidence"] >= settings.confidence_least
        known = {"title": posting["title"], "description": posting["body"], "client": posting["client"]}
        known |= {"category": posting["category"]} if sure else {}
        task = known | dict(work) | {name: bid[name] for name in AGREED}
        accepted = check_work(tx, read_work(task), settings=settings, origin=Origin(source=posting["source"]))
        task_id = write(tx, accepted)["tasks"][0]["id"]
        tx.change(postings, posting["id"], {"task_id": task_id}, "posting.taken", source=posting["source"])
        return _decide(tx, bid, posting, {"state": "won", "task_id": task_id}, "bid.won")

    return once(journal, actor, accept, key=key, asked=f"won {bid_id} {work}")


def lose(journal: Journal, bid_id: str, *, actor: str, key: str | None = None) -> Row:
    """Note that a bid was not accepted; return it. Raises `IllegalMove` for one that is decided."""
    return once(journal, actor, lambda tx: _end(tx, bid_id, "lost"), key=key, asked=f"lost {bid_id}")


def withdraw(journal: Journal, bid_id: str, *, actor: str, key: str | None = None) -> Row:
    """Take a bid back; return it. Raises `IllegalMove` for one that is decided."""
    return once(journal, actor, lambda tx: _end(tx, bid_id, "withdrawn"), key=key, asked=f"withdraw {bid_id}")


def list_bids(journal: Journal, *, state: str | None = None, most: int = 100) -> list[Row]:
    """Return bids with their postings' titles, newest first."""
    statement = select(bids, postings.c.title, postings.c.source).join(postings, postings.c.id == bids.c.posting_id)
    statement = statement.order_by(bids.c.id.desc()).limit(bindparam("most"))
    given: dict[str, Any] = {"most": most}
    if state is not None:
        statement, given["state"] = statement.where(bids.c.state == bindparam("state")), state
    with journal.look() as view:
        return view.rows(Query(statement), **given)


def _end(tx: Tx, bid_id: str, state: str) -> Row:
    bid = _offered(tx, bid_id)
    return _decide(tx, bid, tx.get(postings, bid["posting_id"]), {"state": state}, f"bid.{state}")


def _offered(tx: Tx, bid_id: str) -> Row:
    bid = tx.get(bids, bid_id)
    if bid["state"] != "offered":
        message = f"the bid is decided: {bid['state']}"
        raise IllegalMove(message)
    return bid


def _decide(tx: Tx, bid: Row, posting: Row, patch: Row, kind: str) -> Row:
    known = patch | {"decided_at": tx.now}
    facts = {"price_cents": bid["price_cents"], "currency": bid["currency"], "created_at": bid["created_at"]}
    tx.change(bids, bid["id"], known, kind, **_facts(posting), **facts)
    return bid | known


def _facts(posting: Row) -> Row:
    return {"source": posting["source"], "posting_id": posting["id"], "category": posting["category"]}
