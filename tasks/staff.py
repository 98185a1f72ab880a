"""The agents of the house: which there are, whether they can work, and what they cost."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from agents import registry
from models.category import Category
from models.errors import Invalid
from models.money import MOST_CENTS, minor
from models.task import Reason
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import agents, tasks
from store.settings import Settings
from tasks.moves import settle
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
CAPACITY_MOST: Final = 1000
RATE_MOST: Final = 100_000
Cents = Annotated[int, Field(ge=0, le=MOST_CENTS)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

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
                lacking = registry.make(kind, settings.fetch).unavailable() or ""
                known[agent_id] = hire(tx, agent_id, kind=kind, title=SKILLS[kind][0], terms=Terms(), lacking=lacking)
        for agent_id, row in known.items():
            lacking = registry.make(row["kind"], settings.fetch).unavailable() or ""
            if row["reason"] != lacking and not row["reason"].startswith(BY):
                patch = {"state": "offline" if lacking else "online", "reason": lacking}
                tx.change(agents, agent_id, patch, "agent.changed")
                known[agent_id] = row | patch
                release_stranded(tx)
        return list(known.values())


class Terms(BaseModel):
    """What an agent costs and how much it does at once."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    price_cents: Cents = 0  # per attempt
    minute_cents: Cents = 0  # per minute of an attempt
    currency: Currency = "EUR"
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MOST)] = 4  # attempts at once
    rate_most: Annotated[int, Field(ge=1, le=RATE_MOST)] | None = None  # attempts that may start in any minute; null: no limit


class AgentChange(BaseModel):
    """What to change about an agent; null leaves it as it is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    state: Literal["online", "draining", "offline"] | None = None
    why: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""  # said with the state
    price_cents: Cents | None = None
    minute_cents: Cents | None = None
    currency: Currency | None = None
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MOST)] | None = None
    rate_most: Annotated[int, Field(ge=0, le=RATE_MOST)] | None = None  # 0: no limit


def read_change(journal: Journal, agent_id: str, *, price: str | None, minute: str | None, given: Mapping[str, Any]) -> AgentChange:
    """Return a change that a person wrote, with amounts of the agent's currency or of the one given. Raises `Invalid` and `NotFound`."""
    with journal.look() as view:
        currency = given["currency"] or view.get(agents, agent_id)["currency"]
    amounts = {name: None if text is None else minor(text, currency) for name, text in (("price_cents", price), ("minute_cents", minute))}
    return read_form(AgentChange, {**given, **amounts}, "agent")


def change_agent(journal: Journal, settings: Settings, agent_id: str, wanted: AgentChange, *, actor: str) -> Row:
    """Change an agent's state, terms or capacity, and look again at the tasks that nobody fitted; return its row.

    A draining agent finishes what it has and takes nothing new. Attempts that run are charged by the terms at their end.
    Raises `NotFound`, and `Invalid` when nothing is to be changed or the machine lacks what the agent needs to come online.
    """
    patch = wanted.model_dump(exclude_none=True, exclude={"why"})
    if patch.get("rate_most") == 0:
        patch["rate_most"] = None
    if not patch:
        message = "nothing to change: give a state, a price, a currency, a capacity or a rate"
        raise Invalid(message)
    with journal.write(actor) as tx:
        row = tx.get(agents, agent_id)
        if wanted.state is not None:
            patch["reason"] = "" if wanted.state == "online" else f"{BY}{actor}" + (f": {wanted.why}" if wanted.why else "")
            lacking = registry.make(row["kind"], settings.fetch).unavailable() if wanted.state == "online" else None
            if lacking:
                message = f"{agent_id} cannot come online: {lacking}"
                raise Invalid(message)
        tx.change(agents, agent_id, patch, "agent.changed")
        release_stranded(tx)
        return row | patch


def hire(tx: Tx, agent_id: str, *, kind: str, title: str, terms: Terms, lacking: str = "", **more: Any) -> Row:
    """Register an agent of a kind, with the skills of that kind or with `more` columns, offline when its machine lacks something."""
    row = {
        "id": agent_id, "kind": kind, "title": title, "skills": json.dumps(SKILLS.get(kind, ("", ()))[1]), **terms.model_dump(),
        "config": json.dumps(CONFIG.get(kind, {})), "state": "offline" if lacking else "online", "reason": lacking,
        "user_id": None, "calendar": None, "zone": None, "languages": None, "clearance": None, "input_cents": None, "output_cents": None,
        "budget": None, "created_at": tx.now,
    } | more  # fmt: skip
    tx.create(agents, row, "agent.added")
    if not lacking:
        release_stranded(tx)
    return row


def release_stranded(tx: Tx) -> None:
    """Look again at the tasks that no agent fitted."""
    for task in tx.rows(_STRANDED):
        settle(tx, task["id"])
