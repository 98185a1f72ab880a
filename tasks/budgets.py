"""What attempts cost, and budgets: how much of money, tokens and minutes an agent may use in a day or a month.

An attempt belongs to the period in which it started. What runs counts as much as it may still come to (its price, its minutes until it is stopped,
all its tokens), and so do the tokens of an ended attempt whose use is not known whole: so no number of attempts at once can exceed a budget. Two
things can, and raise an alert: a price or a configuration that was changed meanwhile, and costs that an agent brings beyond its own prices.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from sqlalchemy import BigInteger, bindparam, case, func, select

from agents.contract import Tokens
from agents.llm import ASKS, LlmConfig
from models.clock import MINUTE, SECOND, first_id, to_datetime, to_us
from models.money import MOST_CENTS, amount
from models.zones import zone_of
from store.journal import Tx, View
from store.query import Query, Row
from store.schema import attempts, tasks
from tasks.alerts import raise_alert, resolve
from tasks.work import Strict, read_form

MILLION: Final = 1_000_000  # tokens that a token price is for
OVERTIME_S: Final = 60  # beyond its time-out that an attempt may take until it is ended
_COUNT_MOST: Final = 10**15

_ENDED = Query(
    select(
        func.sum(attempts.c.cost_cents).label("cents"),
        func.sum(attempts.c.tokens_in + attempts.c.tokens_out).label("tokens"),
        func.sum(attempts.c.finished_at - attempts.c.started_at).label("us"),
        func.sum(case((attempts.c.tokens_in.is_(None), 1), else_=0)).label("unknown"),
    ).where(
        attempts.c.agent_id == bindparam("agent_id"),
        attempts.c.state != "running",
        attempts.c.id >= bindparam("first"),
        attempts.c.started_at >= bindparam("since", type_=BigInteger),
    ),
)
_RUNNING = Query(
    select(attempts.c.started_at, tasks.c.timeout_s, tasks.c.hold_at, tasks.c.held_us)
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(
        attempts.c.agent_id == bindparam("agent_id"),
        attempts.c.state == "running",
        attempts.c.started_at >= bindparam("since", type_=BigInteger),
    ),
)

Count = Annotated[int, Field(ge=0, le=_COUNT_MOST)]


class Budget(Strict):
    """How much an agent may use in a period; null: as much as it comes to."""

    per: Literal["day", "month"]  # of its zone
    cents: Annotated[int, Field(ge=0, le=MOST_CENTS)] | None = None  # of its currency
    tokens: Count | None = None  # read and written
    minutes: Count | None = None  # of attempts

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.cents is None and self.tokens is None and self.minutes is None:
            message = "a budget limits cents, tokens or minutes"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What attempts use."""

    cents: int = 0
    tokens: int = 0
    us: int = 0  # of time

    def __add__(self, other: "Use") -> "Use":
        return Use(cents=self.cents + other.cents, tokens=self.tokens + other.tokens, us=self.us + other.us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a budget, negative when it is exceeded; null: no limit."""

    cents: int | None = None
    tokens: int | None = None
    us: int | None = None  # of time


def price(agent: Row, us: int, tokens: Tokens | None) -> int:
    """Return what an attempt of so many microseconds costs: the agent's price, its minutes and its tokens, each rounded up to whole minor units."""
    used = tokens or Tokens()
    by_token = used.read * (agent["input_cents"] or 0) + used.wrote * (agent["output_cents"] or 0)
    return int(agent["price_cents"] - (-agent["minute_cents"] * us // MINUTE) - (-by_token // MILLION))


def charges(agent: Row) -> bool:
    """Tell whether an agent costs anything."""
    return any(agent[name] for name in ("price_cents", "minute_cents", "input_cents", "output_cents"))


def token_columns(tokens: Tokens | None) -> dict[str, int | None]:
    """Return the columns of an attempt for its tokens: null when none were used, or more than is known."""
    known = tokens is not None and tokens.whole
    return {"tokens_in": tokens.read if tokens and known else None, "tokens_out": tokens.wrote if tokens and known else None}


def budget_of(agent: Row) -> Budget | None:
    """Return an agent's budget; null when it has none."""
    return None if agent["budget"] is None else read_form(Budget, json.loads(agent["budget"]), "budget")


def period_start(agent: Row, per: str, now: int) -> int:
    """Return the instant at which the present day or month of an agent's zone began."""
    zone = zone_of(agent["zone"]) if agent["zone"] else UTC
    today = to_datetime(now).astimezone(zone).date()
    return to_us(datetime.combine(today if per == "day" else today.replace(day=1), time(), tzinfo=zone))


def spent(view: View, agent: Row, now: int, *, per: str) -> Use:
    """Return what the ended attempts of the present period used, as far as it is known."""
    row = _ended(view, agent, period_start(agent, per, now))
    return Use(cents=row["cents"], tokens=row["tokens"], us=row["us"])


def reserved(view: View, agent: Row, now: int, *, per: str) -> Use:
    """Return what the running attempts of the present period may come to, and the ended ones beyond what is known of them."""
    since = period_start(agent, per, now)
    unknown = _ended(view, agent, since)["unknown"] if _tokens_most(agent) else 0
    total = Use(cents=unknown * _token_cents(agent), tokens=unknown * _tokens_most(agent))
    for row in view.rows(_RUNNING, agent_id=agent["id"], since=since):
        paused_us = (row["held_us"] or 0) + (now - row["hold_at"] if row["hold_at"] is not None else 0)
        total += _most(agent, row["timeout_s"], paused_us)
    return total


def left(view: View, agent: Row, now: int) -> Left:
    """Return what an agent may still promise to use in the present period: its budget less what was used and what is reserved."""
    budget = budget_of(agent)
    if budget is None:
        return Left()
    gone = spent(view, agent, now, per=budget.per) + reserved(view, agent, now, per=budget.per)
    return Left(
        cents=None if budget.cents is None else budget.cents - gone.cents,
        tokens=None if budget.tokens is None else budget.tokens - gone.tokens,
        us=None if budget.minutes is None else budget.minutes * MINUTE - gone.us,
    )


def tokens_within(agent: Row, remaining: Left, *, timeout_s: int) -> int | None:
    """Return how many tokens an attempt may use that starts now, 0 when none are left; null for an agent that uses none."""
    most = _tokens_most(agent)
    dearest = max(agent["input_cents"] or 0, agent["output_cents"] or 0)
    if not most:
        return None
    if remaining.tokens is not None:
        most = min(most, remaining.tokens)
    if remaining.cents is not None and dearest:
        most = min(most, (remaining.cents - _time_cents(agent, _longest_us(timeout_s))) * MILLION // dearest)
    return max(0, most)


def refusal(agent: Row, remaining: Left, *, timeout_s: int) -> str | None:
    """Return why an agent may not start an attempt with what is left of its budget, in words that follow its name; null when it may."""
    if remaining.us is not None and remaining.us < _longest_us(timeout_s):
        return f"has {max(0, remaining.us) // MINUTE} minutes left of its budget, and this may take {-(-_longest_us(timeout_s) // MINUTE)}"
    cents = _time_cents(agent, _longest_us(timeout_s))
    if remaining.cents is not None and remaining.cents < cents:
        has, costs = (amount(value, agent["currency"]) for value in (max(0, remaining.cents), cents))
        return f"has {has} {agent['currency']} left of its budget, and this may cost {costs}"
    within = tokens_within(agent, remaining, timeout_s=timeout_s)
    if within is not None and within < _tokens_most(agent) // ASKS:
        return f"has {within} tokens left of its budget, and a request may take {_tokens_most(agent) // ASKS}"
    return None


def tell_exceeded(tx: Tx, agent: Row) -> None:
    """Raise an alert when the ended attempts of an agent used more than its budget, and resolve it when they no longer do."""
    budget = budget_of(agent)
    if budget is None:
        return
    used = spent(tx, agent, tx.now, per=budget.per)
    over = [
        words
        for most, is_used, words in (
            (budget.cents, used.cents, f"{amount(used.cents, agent['currency'])} {agent['currency']}"),
            (budget.tokens, used.tokens, f"{used.tokens} tokens"),
            (None if budget.minutes is None else budget.minutes * MINUTE, used.us, f"{used.us / MINUTE:.1f} minutes"),
        )
        if most is not None and is_used > most
    ]
    name = f"budget:{agent['id']}"
    if not over:
        resolve(tx, name)
        return
    title = f"{agent['id']} has used {' and '.join(over)} this {budget.per}, more than its budget"
    advice = "It gets no more work in this period. Look at its prices, or raise its budget."
    raise_alert(tx, name, severity="warning", title=title, advice=advice, entity="agents", entity_id=agent["id"])


def _ended(view: View, agent: Row, since: int) -> dict[str, int]:
    row = view.rows(_ENDED, agent_id=agent["id"], first=first_id("x", since), since=since)[0]
    return {name: int(value or 0) for name, value in row.items()}  # a sum of nothing is null, and PostgreSQL's sums are decimals


def _most(agent: Row, timeout_s: int, paused_us: int) -> Use:
    """Return what an attempt may come to."""
    us = _longest_us(timeout_s) + paused_us
    return Use(cents=_time_cents(agent, us) + _token_cents(agent), tokens=_tokens_most(agent), us=us)


def _longest_us(timeout_s: int) -> int:
    return (timeout_s + OVERTIME_S) * SECOND


def _time_cents(agent: Row, us: int) -> int:
    return price(agent, us, None)


def _token_cents(agent: Row) -> int:
    """Return what the tokens of an attempt may cost."""
    return -(-_tokens_most(agent) * max(agent["input_cents"] or 0, agent["output_cents"] or 0) // MILLION)


def _tokens_most(agent: Row) -> int:
    """Return how many tokens an attempt may use by the configuration of its agent; 0 for an agent that is no language model."""
    try:
        return LlmConfig.model_validate_json(agent["config"]).tokens_most if agent["kind"] == "llm" else 0
    except ValidationError:  # its attempts say so and use none
        return 0
