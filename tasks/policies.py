"""The policies that tasks are routed by: versions of one, of which one is active."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from models.clock import new_id
from models.errors import Invalid
from models.policy import Policy
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import policies
from tasks.work import read_form

_ACTIVE = Query(select(policies).where(policies.c.state == "active"))
_ALL = Query(select(policies).order_by(policies.c.number.desc()))
_NUMBER = Query(select(policies).where(policies.c.number == bindparam("number")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A policy and its number; 0 is what the product begins with."""

    number: int
    policy: Policy

    @property
    def name(self) -> str:
        """How decisions name it."""
        return f"expected value/{self.number}"


def active(view: View) -> Version:
    """Return the policy that counts now."""
    row = view.one(_ACTIVE)
    return Version(number=0, policy=Policy()) if row is None else Version(number=row["number"], policy=stored(row))


def read(definition: Any) -> Policy:
    """Return a policy that is written as JSON; what it does not name stays as the product begins with it. Raises `Invalid` for each wrong field."""
    return read_form(Policy, definition, "policy")


def stored(row: Row) -> Policy:
    """Return the policy of a version; a field that this version of the product no longer has is left out."""
    return read({name: value for name, value in json.loads(row["definition"]).items() if name in Policy.model_fields})


def list_policies(journal: Journal) -> list[Row]:
    """Return all versions, newest first."""
    with journal.look() as view:
        return [row | {"definition": json.loads(row["definition"])} for row in view.rows(_ALL)]


def save(journal: Journal, definition: Mapping[str, Any], *, actor: str, why: str) -> Row:
    """Make a new version the active one; what the definition does not name stays as it is now. Raises `Invalid`."""
    with journal.write(actor) as tx:
        now = active(tx).policy
        return _activate(tx, read(now.model_dump() | dict(definition)), why)


def go_back(journal: Journal, number: int, *, actor: str, why: str = "") -> Row:
    """Make a new version of an older one; 0 is what the product begins with. Raises `Invalid` for a number that is none."""
    with journal.write(actor) as tx:
        row = tx.one(_NUMBER, number=number)
        if row is None and number != 0:
            message = f"there is no version {number} of the policy"
            raise Invalid(message)
        policy = Policy() if row is None else stored(row)
        return _activate(tx, policy, why or f"back to version {number}")


def _activate(tx: Tx, policy: Policy, why: str) -> Row:
    known = tx.rows(_ALL)
    for row in known:
        if row["state"] == "active":
            tx.change(policies, row["id"], {"state": "retired"}, "policy.retired")
    row = {
        "id": new_id("p", tx.now), "number": known[0]["number"] + 1 if known else 1, "definition": policy.model_dump_json(), "why": why,
        "state": "active", "created_at": tx.now,
    }  # fmt: skip
    tx.create(policies, row, "policy.saved")
    return row | {"definition": policy.model_dump()}
