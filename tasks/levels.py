"""What was learned of agents: how well each does in each category, how sure that is, what it costs, and how it does lately."""

import json
from collections import defaultdict

from sqlalchemy import BigInteger, Integer, bindparam, case, func, select

from models.clock import DAY, first_id
from models.policy import Policy
from store.journal import Journal, View
from store.query import Query, Row, any_of
from store.schema import agents, attempts, circuits, decisions, tasks
from tasks.router import Router

DAYS = 14  # of the trend

_AGENTS = Query(select(agents).order_by(agents.c.id))
_DAYS = Query(
    select(
        attempts.c.agent_id,
        tasks.c.category,
        tasks.c.currency,
        ((attempts.c.finished_at - bindparam("since", type_=BigInteger)) // DAY).cast(Integer).label("day"),
        func.count().label("n"),
        func.sum(case((attempts.c.state == "succeeded", 1), else_=0)).cast(Integer).label("succeeded"),
        func.sum(attempts.c.cost_cents).cast(BigInteger).label("cost_cents"),
        func.sum(attempts.c.finished_at - attempts.c.started_at).cast(BigInteger).label("busy_us"),
    )
    .join(tasks, tasks.c.id == attempts.c.task_id)
    .where(
        attempts.c.id >= bindparam("first"),
        attempts.c.finished_at > bindparam("since", type_=BigInteger),
        any_of(attempts.c.state, "succeeded", "failed", "timeout"),
    )
    .group_by(attempts.c.agent_id, tasks.c.category, tasks.c.currency, "day")
)
_OPEN = Query(select(circuits).where(circuits.c.state != "closed"))
_DECISIONS = Query(
    select(decisions, tasks.c.title, tasks.c.category, tasks.c.client, tasks.c.currency, tasks.c.price_cents)
    .join(tasks, tasks.c.id == decisions.c.task_id)
    .order_by(decisions.c.id.desc())
    .limit(bindparam("most"))
)


def levels(journal: Journal) -> list[Row]:
    """Return for each agent what was learned of it.

    Keys: `agent_id`; `skills`, by category with `success` (expected, 0 to 1), `deviation` of that, `minutes`, `extra_cents` (beyond its price list)
    and `attempts`; `days`, the last 14 of UTC with `day` (13 is today), by `category` and `currency` of the tasks, with `attempts`, `succeeded`,
    `cost_cents` and `busy_us`, those without any left out; `circuits`, the categories in which it rests, with `failures` in a row and `probe_at`.
    """
    router = Router(journal)
    now = journal.clock()
    with journal.look() as view:
        router.look(view, now)
        rows = view.rows(_AGENTS)
        days, resting = _days(view, now), _circuits(view)
    return [
        {
            "agent_id": row["id"],
            "skills": _skills(router, row),
            "days": days.get(row["id"], []),
            "circuits": resting.get(row["id"], []),
        }
        for row in rows
    ]


def list_decisions(journal: Journal, *, most: int = 100) -> list[Row]:
    """Return decisions, newest first, each with its task's title, category, client, price and currency."""
    with journal.look() as view:
        rows = view.rows(_DECISIONS, most=most)
    return [row | {name: json.loads(row[name] or "[]") for name in ("candidates", "flips")} for row in rows]


def defaults() -> Row:
    """Return what each field of a policy means and begins with."""
    return {name: {"about": field.description, "default": field.default} for name, field in Policy.model_fields.items()}


def _skills(router: Router, row: Row) -> dict[str, Row]:
    categories = json.loads(row["skills"])
    view, seen = router.valuation.view([row["id"]], categories), router.valuation.seen([row["id"]], categories)
    return {
        category: {
            "success": round(float(view.success[place, 0]), 4), "deviation": round(float(view.deviation[place, 0]), 4),
            "minutes": round(float(view.minutes[place, 0]), 3), "extra_cents": round(float(view.cost[place, 0]), 2),
            "attempts": int(seen[place, 0]),
        }
        for place, category in enumerate(categories)
    }  # fmt: skip


def _days(view: View, now: int) -> dict[str, list[Row]]:
    since = (now // DAY - DAYS + 1) * DAY
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in view.rows(_DAYS, since=since, first=first_id("x", since - 2 * DAY)):  # no attempt takes longer than a day
        found[row.pop("agent_id")].append(row | {"attempts": row.pop("n")})
    return {agent: sorted(rows, key=lambda row: (row["day"], row["category"] or "", row["currency"])) for agent, rows in found.items()}


def _circuits(view: View) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in view.rows(_OPEN):
        found[row["agent_id"]].append({name: row[name] for name in ("category", "state", "failures", "probe_at")})
    return found
