"""Hiring who works elsewhere: a program on another machine, or a person. Each gets an account, unless somebody of the house does the work."""

import secrets
from typing import Any

from sqlalchemy import bindparam, select

from models.access import Role
from models.errors import Conflict, Invalid
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import agents, users
from tasks.staff import hire
from tasks.terms import NewAgent
from tasks.users import add_user_in, hashed
from tasks.work import read_form

UNSEEN = "has given no sign of life yet"

_AGENT = Query(select(agents.c.id).where(agents.c.id == bindparam("agent_id")))
_HANDS = Query(select(agents.c.id).where(agents.c.user_id == bindparam("user_id")))


def hire_elsewhere(journal: Journal, data: Any, *, actor: str) -> tuple[Row, str | None]:
    """Hire a worker or a person; return its row and the password of its new account, to be shown once, null where it got none.

    A worker is offline until its first sign of life. Raises `Conflict` when the id or the hands are taken, `NotFound` for a user that is not there.
    """
    wanted = data if isinstance(data, NewAgent) else read_form(NewAgent, data, "agent")
    password = None if wanted.user else secrets.token_urlsafe(15)
    digest = hashed(password) if password else None
    with journal.write(actor) as tx:
        if tx.one(_AGENT, agent_id=wanted.id) is not None:
            message = f"there is an agent {wanted.id!r} already"
            raise Conflict(message)
        if wanted.user:
            _check_hands(tx, wanted.user)
        row = hire(
            tx, wanted.id, kind=wanted.kind, title=wanted.title or wanted.id, terms=wanted, skills=wanted.skills, config=wanted.config.model_dump(),
            user_id=wanted.user or wanted.id, lacking=UNSEEN if wanted.kind == "worker" else "",
        )  # fmt: skip
        if digest:
            add_user_in(tx, wanted.id, Role.AGENT, digest)
        return row, password


def _check_hands(tx: Tx, name: str) -> None:
    person = tx.get(users, name)
    if person["state"] != "active" or person["role"] not in {Role.ADMIN, Role.OPERATOR}:
        message = f"{name!r} cannot work for the house: name an active user of role admin or operator, or leave it out to make an account"
        raise Invalid(message)
    if tx.one(_HANDS, user_id=name) is not None:
        message = f"{name!r} works as another agent already"
        raise Conflict(message)
