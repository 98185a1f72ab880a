"""Replaying decisions of the last days under a changed policy, before anybody saves it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, select

from models.clock import DAY, first_id
from models.errors import Invalid
from models.policy import Policy
from models.replaying import Logged, replay
from store.journal import Journal, View
from store.query import Query, Row, any_of
from store.schema import attempts, decisions, policies, tasks
from tasks.policies import active, read, stored

MOST = 20_000  # decisions
SHOWN = 100  # moved tasks that are named
DAYS_MOST = 366

_LOGGED = Query(
    select(
        decisions.c.task_id, decisions.c.policy, decisions.c.agent_id, decisions.c.candidates, tasks.c.title, tasks.c.client, tasks.c.currency,
        tasks.c.price_cents, tasks.c.due_at, attempts.c.state, attempts.c.cost_cents, attempts.c.finished_at,
    )
    .join(tasks, tasks.c.id == decisions.c.task_id)
    .join(attempts, and_(attempts.c.task_id == decisions.c.task_id, attempts.c.started_at == decisions.c.at))
    .where(
        decisions.c.id >= bindparam("first"),
        decisions.c.at > bindparam("since", type_=BigInteger),
        decisions.c.flips.is_not(None),
        any_of(attempts.c.state, "succeeded", "failed", "timeout"),
    )
    .order_by(decisions.c.id.desc())
    .limit(MOST)
)  # fmt: skip
_POLICIES = Query(select(policies))


def replay_policy(journal: Journal, definition: Mapping[str, Any], *, days: float) -> Row:
    """Return what a policy would have changed in the last days; what the definition does not name is as it is now.

    The answer is that of `models.replaying.replay`, with the title and client of each moved task, the first 100 of them, `moved_count`, the
    `currencies` of all tasks, the `policy` that was tried, and the window, `days`. Raises `Invalid` for a policy that is none.
    """
    if not 0 < days <= DAYS_MOST:
        message = f"a replay looks back over 0 to {DAYS_MOST} days"
        raise Invalid(message)
    with journal.look() as view:
        policy = read(active(view).policy.model_dump() | dict(definition))
        rows = _read(view, journal.clock(), days)
        versions = {f"expected value/{row['number']}": stored(row) for row in view.rows(_POLICIES)}
    found = replay([_logged(row, versions.get(row["policy"], Policy())) for row in rows], policy)
    known = {row["task_id"]: row for row in rows}
    moved = [asdict(one) | {name: known[one.task_id][name] for name in ("title", "client", "currency")} for one in found["moved"][:SHOWN]]
    currencies = sorted({row["currency"] for row in rows})
    return found | {"moved": moved, "moved_count": len(found["moved"]), "currencies": currencies, "policy": policy.model_dump(), "days": days}


def _read(view: View, now: int, days: float) -> list[Row]:
    since = now - int(days * DAY)
    rows = view.rows(_LOGGED, first=first_id("d", since), since=since)
    for row in rows:
        row["candidates"] = [one for one in json.loads(row["candidates"]) if _could(one, row["agent_id"])]
    return [row for row in rows if any(one["agent_id"] == row["agent_id"] for one in row["candidates"])]


def _could(candidate: Row, chosen: str) -> bool:
    """Tell whether a candidate could have started the task then."""
    if candidate["agent_id"] == chosen:
        return candidate["rejected"] is None
    return candidate["rejected"] is None and candidate["free"] > 0 and candidate["held"] is None and candidate["ring"] == 0


def _logged(row: Row, policy: Policy) -> Logged:
    late = row["due_at"] is not None and row["finished_at"] > row["due_at"]
    return Logged(
        task_id=row["task_id"], currency=row["currency"], price=float(row["price_cents"]), candidates=row["candidates"], agent_id=row["agent_id"],
        policy=policy, success=float(row["state"] == "succeeded"), cost=float(row["cost_cents"]), late=float(late),
    )  # fmt: skip
