"""Preferences of clients for agents: who is asked first, and who is never asked."""

from typing import Literal

from sqlalchemy import bindparam, select

from models.errors import Invalid
from store.journal import Journal
from store.query import Query, Row
from store.schema import agents, preferences
from tasks.staff import release_stranded

_ALL = Query(select(preferences).where(preferences.c.stance != "none").order_by(preferences.c.client, preferences.c.agent_id))
_ONE = Query(select(preferences).where(preferences.c.id == bindparam("key")))

Stance = Literal["preferred", "excluded", "none"]
CLIENT_MOST = 100  # characters


def list_preferences(journal: Journal) -> list[Row]:
    """Return all preferences, by client and agent."""
    with journal.look() as view:
        return view.rows(_ALL)


def prefer(journal: Journal, client: str, agent_id: str, stance: Stance, *, actor: str, why: str = "") -> Row:
    """Note what a client thinks of an agent; `none` takes it back. Raises `NotFound` for an unknown agent."""
    if not 1 <= len(client) <= CLIENT_MOST or "\0" in client + why:
        message = f"a client has a name of 1 to {CLIENT_MOST} characters, none of them NUL"
        raise Invalid(message)
    with journal.write(actor) as tx:
        tx.get(agents, agent_id)
        key = f"{client}>{agent_id}"
        patch: Row = {"stance": stance, "why": why, "at": tx.now}
        facts = {"client": client, "agent_id": agent_id}
        if tx.one(_ONE, key=key) is None:
            tx.create(preferences, {"id": key, **facts, **patch}, "preference.set", **facts)
        else:
            tx.change(preferences, key, patch, "preference.set", **facts)
        release_stranded(tx)
        return {"id": key, **facts, **patch}
