"""Language models of the house: hired, given their keys, and tried out."""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr
from sqlalchemy import bindparam, select

from agents.brief import BriefInputs
from agents.contract import AgentError, Control, Job, Stopped
from agents.llm import Llm, LlmConfig, read_config
from models.errors import Conflict, Invalid
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import agents
from store.settings import Settings
from tasks.budgets import Budget, left, price, token_columns, tokens_within
from tasks.keys import keep_key, load_key
from tasks.moves import public
from tasks.staff import hire
from tasks.terms import CAPACITY_MOST, RATE_MOST, Cents, Skills, Terms
from tasks.work import Strict, Text, read_form

TEST_S = 60  # that a test request may take
_NAMED = Query(select(agents).where(agents.c.id == bindparam("agent_id")))


class NewModel(Strict):
    """A language model as an operator gives it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    title: Annotated[Text, Field(max_length=100)] = ""  # empty: the model's name
    url: str  # of the endpoint
    model: Text  # as the endpoint calls it
    key: SecretStr | None = None  # null: the endpoint needs none
    max_tokens: int | None = None  # these three: null for what is usual
    temperature: float | None = None
    context_tokens: int | None = None
    skills: Skills
    price_cents: Cents = 0  # per attempt
    minute_cents: Cents = 0  # per minute of an attempt
    input_cents: Cents = 0  # per million tokens read
    output_cents: Cents = 0  # per million tokens written
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MOST)] = 4
    rate_most: Annotated[int, Field(ge=1, le=RATE_MOST)] | None = None
    budget: Budget | None = None
    zone: str | None = None  # whose days and months the budget is for; null: UTC


def hire_llm(journal: Journal, settings: Settings, data: Any, *, actor: str) -> Row:
    """Register a language model as an agent and keep its key; return its row. Raises `Invalid`, and `Conflict` when there is an agent of this id."""
    wanted = read_form(NewModel, data, "model")
    given = wanted.model_dump(include={"url", "model", "max_tokens", "temperature", "context_tokens"}, exclude_none=True)
    config = read_form(LlmConfig, given | ({"key": wanted.id} if wanted.key else {}), "model")
    terms = read_form(Terms, wanted.model_dump(include=set(Terms.model_fields)), "model")
    with journal.write(actor) as tx:
        if tx.one(_NAMED, agent_id=wanted.id) is not None:
            message = f"there is an agent {wanted.id!r} already"
            raise Conflict(message)
        row = hire(
            tx, wanted.id, kind="llm", title=wanted.title or config.model, terms=terms, config=config.model_dump(exclude_none=True),
            skills=wanted.skills,
        )  # fmt: skip
        if wanted.key:  # before the commit: a row without its key would be worse than a file without a row
            keep_key(settings, wanted.id, wanted.key)
    return public(row)


def change_key(journal: Journal, settings: Settings, agent_id: str, key: SecretStr, *, actor: str) -> Row:
    """Give a language model another key, or its first one; return its row. Raises `Invalid` and `NotFound`."""
    with journal.write(actor) as tx:
        row = _model(tx, agent_id)
        config = json.loads(row["config"])
        name = config.get("key") or agent_id
        patch = {} if "key" in config else {"config": json.dumps(config | {"key": name})}
        keep_key(settings, name, key)
        tx.change(agents, agent_id, patch, "agent.changed")
        return public(row | patch)


def try_llm(journal: Journal, settings: Settings, agent_id: str) -> Row:
    """Send a tiny real request; return what the model answered, its tokens, what they cost, and how long it took.

    It is no attempt and is not in the books, but needs what is left of the budget. Raises `AgentError` that says what is wrong, and `NotFound`.
    """
    with journal.look() as view:
        row = _model(view, agent_id)
        most = tokens_within(row, left(view, row, journal.clock()), timeout_s=TEST_S)
    config = json.loads(row["config"])
    control = Control(timeout_s=TEST_S)
    inputs = BriefInputs(instructions="Answer with the word ready.")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            task_id="test", attempt_id="test", fence=1, inputs=inputs, folder=Path(folder), config=config, secret=load_key(settings, config),
            tokens_most=most,
        )  # fmt: skip
        try:
            value = Llm(settings.fetch).perform(job, control).value
        except Stopped as stop:
            message = f"{read_config(config).url} did not answer within {TEST_S} s"
            raise AgentError(message, retryable=True) from stop
    tokens = token_columns(control.tokens)
    return {
        "id": agent_id, "model": config["model"], "answer": value["answer"], **tokens, "milliseconds": round(1000 * (time.monotonic() - began)),
        "cost_cents": price(row | {"price_cents": 0, "minute_cents": 0}, 0, control.tokens), "currency": row["currency"],
    }  # fmt: skip


def _model(view: View, agent_id: str) -> Row:
    row = view.get(agents, agent_id)
    if row["kind"] != "llm":
        message = f"{agent_id} is no language model, but of kind {row['kind']}"
        raise Invalid(message)
    return row
