"""Requests that are sent again, because nobody knows whether they arrived: they are done once, and answered alike."""

import hashlib
import json
from collections.abc import Callable

from sqlalchemy import bindparam, select

from models.errors import Conflict
from store import schema
from store.journal import Journal, Tx
from store.query import Query, Row

_REQUEST = Query(select(schema.requests).where(schema.requests.c.id == bindparam("request_id")))


def once(journal: Journal, actor: str, deed: Callable[[Tx], Row], *, key: str | None, asked: str) -> Row:
    """Do a deed in a transaction of its own and return its answer; with a key that the actor has used before, return the answer of then.

    Args:
        journal: where it is done.
        actor: who asks; keys are each actor's own.
        deed: what is done; its answer is JSON.
        key: the sender's name for this request; null: it is done whenever it is asked.
        asked: what the request says: one key stands for one request.

    Raises:
        Conflict: the key was used for another request.

    """
    with journal.write(actor) as tx:
        if key is None:
            return deed(tx)
        request_id, body = f"{actor}:{key}", hashlib.sha256(asked.encode()).hexdigest()
        known = tx.one(_REQUEST, request_id=request_id)
        if known is None:
            answer = deed(tx)
            row = {"id": request_id, "body_sha256": body, "answer": json.dumps(answer), "at": tx.now}
            tx.create(schema.requests, row, "request.answered")
            return answer
        if known["body_sha256"] != body:
            message = "this Idempotency-Key was used before for something else: use a new key for what is new"
            raise Conflict(message)
        same: Row = json.loads(known["answer"])
        return same
