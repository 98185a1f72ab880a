"""The agents of the house: which there are, whether they can work, and what they cost."""

import json
from typing import Any

from sqlalchemy import select

from agents import registry
from models.category import Category
from models.errors import Invalid
from models.task import Reason
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import agents, tasks
from store.settings import Settings
from tasks.moves import settle

SKILLS: dict[str, tuple[str, tuple[Category, ...]]] = {
    "scrape": ("Page scraper", (Category.WEB_SCRAPING,)),
    "query": ("SQL over files", (Category.DATA_PROCESSING,)),
    "call": ("HTTP API caller", (Category.API_INTEGRATION,)),
    "generate": ("Document writer", (Category.CONTENT_GENERATION,)),
    "analyse": ("Data analyst", (Category.ANALYSIS_REPORTING,)),
    "prefect": ("Prefect deployment", (Category.CUSTOM_WORKFLOWS, Category.DATA_PROCESSING)),
    "shell": ("Sandboxed command", (Category.CUSTOM_WORKFLOWS, Category.DATA_PROCESSING)),
    "python": ("Python function", (Category.CUSTOM_WORKFLOWS, Category.DATA_PROCESSING)),
}
CONFIG: dict[str, dict[str, Any]] = {"python": {"modules": ["examples."]}}

_KNOWN = Query(select(agents))
_STRANDED = Query(select(tasks.c.id).where(tasks.c.state == "waiting", tasks.c.reason == Reason.NO_AGENT).order_by(tasks.c.id))


def hire_built_in(journal: Journal, settings: Settings, *, actor: str, capacity: int = 4) -> list[Row]:
    """Register one agent of each built-in kind that is missing, and note which can work on this machine; return all agents.

    An agent whose machine lacks something is offline with the reason; it comes back by itself at the next start. One that an operator sent offline or
    drains stays so.
    """
    with journal.write(actor) as tx:
        known = {row["id"]: row for row in tx.rows(_KNOWN)}
        for kind in SKILLS:
            agent_id = f"{kind}-1"
            lacking = registry.make(kind, settings.fetch).unavailable() or ""
            if agent_id not in known:
                known[agent_id] = _hire(tx, kind, lacking, capacity)
            elif known[agent_id]["reason"] != lacking and not known[agent_id]["reason"].startswith("by "):
                known[agent_id] |= set_state(tx, agent_id, "offline" if lacking else "online", lacking)
        return list(known.values())


def set_state(tx: Tx, agent_id: str, state: str, reason: str) -> Row:
    """Bring an agent online, let it finish what it has (draining), or send it offline."""
    if state not in {"online", "draining", "offline"}:
        message = f"an agent is online, draining or offline, not {state!r}"
        raise Invalid(message)
    patch = {"state": state, "reason": reason}
    tx.change(agents, agent_id, patch, "agent.changed")
    if state == "online":
        release_stranded(tx)
    return patch


def set_price(tx: Tx, agent_id: str, *, price_cents: int, minute_cents: int, currency: str) -> None:
    """Say what an attempt of this agent costs, and a minute of it."""
    tx.change(agents, agent_id, {"price_cents": price_cents, "minute_cents": minute_cents, "currency": currency}, "agent.changed")
    release_stranded(tx)


def release_stranded(tx: Tx) -> None:
    """Look again at the tasks that no agent fitted."""
    for task in tx.rows(_STRANDED):
        settle(tx, task["id"])


def _hire(tx: Tx, kind: str, lacking: str, capacity: int) -> Row:
    title, skills = SKILLS[kind]
    row = {
        "id": f"{kind}-1", "kind": kind, "title": title, "skills": json.dumps(skills), "capacity": capacity, "price_cents": 0, "minute_cents": 0,
        "currency": "EUR", "config": json.dumps(CONFIG.get(kind, {})), "state": "offline" if lacking else "online", "reason": lacking,
        "created_at": tx.now,
    }  # fmt: skip
    tx.create(agents, row, "agent.added")
    if not lacking:
        release_stranded(tx)
    return row
