"""The agents of the house: which there are, whether they can work, and what they cost."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from agents import registry
from models.category import Category
from models.errors import Invalid
from models.money import minor
from models.task import Reason
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import agents, tasks
from store.settings import Settings
from tasks.categories import check_category
from tasks.moves import settle
from tasks.terms import AgentChange, Terms, columns
from tasks.work import read_form

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

BY: Final = "by "  # begins the reason of an agent that a person took from its work; only a person brings it back

_KNOWN = Query(select(agents))
_STRANDED = Query(select(tasks.c.id).where(tasks.c.state == "waiting", tasks.c.reason == Reason.NO_AGENT).order_by(tasks.c.id))


def hire_built_in(journal: Journal, settings: Settings, *, actor: str) -> list[Row]:
    """Register one agent of each built-in kind that is missing, and note which agents can work on this machine; return all agents.

    An agent whose machine lacks something is offline with the reason; it comes back by itself at the next start. One that an operator sent offline or
    drains stays so.
    """
    with journal.write(actor) as tx:
        known = {row["id"]: row for row in tx.rows(_KNOWN)}
        for kind in SKILLS:
            agent_id = f"{kind}-1"
            if agent_id not in known:
                lacking = registry.lacking(kind, settings.fetch) or ""
                known[agent_id] = hire(tx, agent_id, kind=kind, title=SKILLS[kind][0], terms=Terms(), lacking=lacking)
        for agent_id, row in known.items():
            if row["kind"] in registry.ELSEWHERE:
                continue
            lacking = registry.lacking(row["kind"], settings.fetch) or ""
            if row["reason"] != lacking and not row["reason"].startswith(BY):
                patch = {"state": "offline" if lacking else "online", "reason": lacking}
                tx.change(agents, agent_id, patch, "agent.changed")
                known[agent_id] = row | patch
                release_stranded(tx)
        return list(known.values())


def read_change(journal: Journal, agent_id: str, *, price: str | None, minute: str | None, given: Mapping[str, Any]) -> AgentChange:
    """Return a change that a person wrote, with amounts of the agent's currency or of the one given. Raises `Invalid` and `NotFound`."""
    with journal.look() as view:
        currency = given.get("currency") or view.get(agents, agent_id)["currency"]
    amounts = {name: minor(text, currency) for name, text in (("price_cents", price), ("minute_cents", minute)) if text is not None}
    return read_form(AgentChange, {**given, **amounts}, "agent")


def change_agent(journal: Journal, settings: Settings, agent_id: str, wanted: AgentChange, *, actor: str) -> Row:
    """Change an agent's state, terms or capacity, and look again at the tasks that nobody fitted; return its row.

    A draining agent finishes what it has and takes nothing new. Attempts that run are charged by the terms at their end.
    Raises `NotFound`, and `Invalid` when nothing is to be changed or the machine lacks what the agent needs to come online.
    """
    patch = columns(wanted, fields=wanted.changed)
    if not patch:
        message = "nothing to change: give a state, a price, a currency, a capacity, a rate or other terms"
        raise Invalid(message)
    with journal.write(actor) as tx:
        row = tx.get(agents, agent_id)
        for name in wanted.skills or ():
            check_category(tx, name)
        if wanted.state is not None:
            patch["reason"] = "" if wanted.state == "online" else f"{BY}{actor}" + (f": {wanted.why}" if wanted.why else "")
            lacking = registry.lacking(row["kind"], settings.fetch) if wanted.state == "online" else None
            if lacking:
                message = f"{agent_id} cannot come online: {lacking}"
                raise Invalid(message)
        tx.change(agents, agent_id, patch, "agent.changed", **({"why": wanted.why} if wanted.why else {}))
        release_stranded(tx)
        return row | patch


def hire(
    tx: Tx, agent_id: str, *, kind: str, title: str, terms: Terms, lacking: str = "", skills: Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None, user_id: str | None = None,
) -> Row:  # fmt: skip
    """Register an agent of a kind, offline when something is lacking; `skills` and `config` null: those that its kind usually has."""
    for name in skills or ():
        check_category(tx, name)
    row = {
        "id": agent_id, "kind": kind, "title": title, "skills": json.dumps(SKILLS[kind][1] if skills is None else skills), **columns(terms),
        "config": json.dumps(CONFIG.get(kind, {}) if config is None else config), "state": "offline" if lacking else "online", "reason": lacking,
        "user_id": user_id, "created_at": tx.now,
    }  # fmt: skip
    tx.create(agents, row, "agent.added")
    if not lacking:
        release_stranded(tx)
    return row


def set_state(tx: Tx, row: Row, state: str, reason: str = "") -> None:
    """Note that an agent can work again, or why it cannot."""
    tx.change(agents, row["id"], {"state": state, "reason": reason}, "agent.changed")
    if state == "online":
        release_stranded(tx)


def release_stranded(tx: Tx) -> None:
    """Look again at the tasks that no agent fitted."""
    for task in tx.rows(_STRANDED):
        settle(tx, task["id"])
