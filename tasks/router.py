"""The router of a shift: what was learned of agents, how tasks come, and the policy, kept between claims.

What was learned is the fold of the journal's ends of attempts, in order, so it can be made anew at any time; a checkpoint beside the ledger only
saves reading all of them again.
"""

import json
import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select

from models.clock import DAY, MINUTE
from models.deciding import Decision, Ready
from models.dispatching import Dispatcher, Rate, Stream
from models.errors import Invalid
from models.explaining import decide
from models.policy import Policy
from models.routing import Candidate
from models.valuing import Valuation, cell
from store.journal import Journal, View
from store.query import Query
from store.schema import journal as events
from store.schema import meta, tasks
from tasks.policies import Version, active

CHUNK = 5_000  # events read at once
COUNTED_US = MINUTE  # between counts of the tasks that come
FORMAT = 2

_ENDS = Query(
    select(events.c.seq, events.c.facts)
    .where(events.c.seq > bindparam("after"), events.c.kind == "attempt.finished")
    .order_by(events.c.seq)
    .limit(CHUNK)
)
_CAME = Query(
    select(tasks.c.category, func.count().label("n"), func.sum(tasks.c.price_cents).label("paid"), func.min(tasks.c.created_at).label("first"))
    .where(tasks.c.created_at > bindparam("since", type_=BigInteger), tasks.c.category.is_not(None))
    .group_by(tasks.c.category)
)
_TOTAL = Query(select(func.count().label("n")).select_from(tasks))
_CHECKPOINT = Query(select(meta.c.value).where(meta.c.name == bindparam("name")))
_FORGET = Query(delete(meta).where(meta.c.name == bindparam("name")))
_REMEMBER = Query(insert(meta).values(name=bindparam("meta_name"), value=bindparam("meta_value")))


class Router:
    """Decides who gets what; made once for each shift, and given the ledger at each claim."""

    def __init__(self, journal: Journal, *, name: str = "router", seed: int | None = None) -> None:
        """Begin with the last checkpoint of this name; `seed` decides all draws, null: the name and the stream do."""
        self.version = Version(number=0, policy=Policy())
        self._journal = journal
        self._name = name
        self._seq = 0
        self._counted_at: int | None = None
        self._staffed: object = None
        kept = self._read()
        valuation = Valuation.load(kept["valuation"]) if kept else None
        self._seed = zlib.crc32(f"{journal.epoch}{name}".encode()) if seed is None else seed
        self._dispatcher = Dispatcher(places={}, minute_price=self.policy.minute, seed=self._seed, manner=self.policy.manner, valuation=valuation)
        if kept:
            self._seq, self._dispatcher.regret = kept["seq"], kept["regret"]
        with journal.look() as view:  # all that ended so far, before anybody waits for the lock
            self._learn(view)

    @property
    def decider(self) -> str:
        """How decisions name what made them."""
        return self.version.name

    @property
    def policy(self) -> Policy:
        """The policy that counts now."""
        return self.version.policy

    @property
    def valuation(self) -> Valuation:
        """What was learned of agents."""
        return self._dispatcher.valuation

    def look(self, view: View, now: int) -> None:
        """Take note of the attempts that ended since, of a new policy, and now and then of how tasks come."""
        version = active(view)
        if version != self.version:
            old, self.version = self._dispatcher, version
            self._dispatcher = Dispatcher(
                places={}, minute_price=self.policy.minute, seed=self._seed, manner=self.policy.manner, valuation=old.valuation
            )  # fmt: skip
            self._dispatcher.stream, self._dispatcher.regret, self._staffed = old.stream, old.regret, None
        self._learn(view)
        if self._counted_at is None or now - self._counted_at >= COUNTED_US:
            self._dispatcher.stream, self._counted_at = _stream(view, now, self.policy.least), now

    def decide(self, ready: Sequence[Ready], agents: Sequence[Candidate]) -> dict[str, Decision]:
        """Return the decisions about ready tasks, as `models.explaining.decide` does."""
        self._staff(agents)
        return decide(ready, agents, self._dispatcher, self.policy)

    def _staff(self, agents: Sequence[Candidate]) -> None:
        staffed = sorted((one.agent_id, one.capacity, one.task_cost, one.minute_cost) for one in agents)
        if staffed != self._staffed:
            self._dispatcher.staff(
                {one.agent_id: one.capacity for one in agents},
                {one.agent_id: Rate(task=one.task_cost, minute=one.minute_cost) for one in agents},
                {one.agent_id: one.kind for one in agents},
            )
            self._staffed = staffed

    def keep(self) -> None:
        """Write a checkpoint."""
        kept = {
            "format": FORMAT, "epoch": self._journal.epoch, "seq": self._seq, "regret": self._dispatcher.regret,
            "valuation": self._dispatcher.valuation.dump(),
        }  # fmt: skip
        with self._journal.write("router") as tx:
            tx.run(_FORGET, name=self._name)
            tx.run(_REMEMBER, meta_name=self._name, meta_value=json.dumps(kept))

    def _read(self) -> dict[str, Any] | None:
        """Return the last checkpoint; null when there is none that fits: then everything is learned anew."""
        with self._journal.look() as view:
            row = view.one(_CHECKPOINT, name=self._name)
        try:
            kept: dict[str, Any] = json.loads(row["value"]) if row else {}
            fits = kept.get("format") == FORMAT and kept.get("epoch") == self._journal.epoch and kept["seq"] <= self._journal.head()
            if fits:
                Valuation.load(kept["valuation"])
        except (json.JSONDecodeError, KeyError, Invalid):
            return None
        return kept if fits else None

    def _learn(self, view: View) -> None:
        while True:
            ends = view.rows(_ENDS, after=self._seq)
            for row in ends:
                self._seq = row["seq"]
                _learn_one(self._dispatcher.valuation, json.loads(row["facts"]))
            if len(ends) < CHUNK:
                return


def _learn_one(valuation: Valuation, facts: dict[str, Any]) -> None:
    """Learn from the end of an attempt; one that was cancelled, declined or lost tells nothing of its agent."""
    if facts["state"] in {"succeeded", "failed", "timeout"} and facts["category"] is not None:
        minutes = max(0, facts["finished_at"] - facts["started_at"]) / MINUTE
        extra = float(facts.get("extra_cents") or 0)
        part = cell(facts["category"], hard=bool(facts.get("hard")))
        success = float(facts["state"] == "succeeded")
        valuation.learn(facts["agent_id"], part, success=success, cost=max(0.0, extra), minutes=minutes, kind=facts["kind"])


def _stream(view: View, now: int, least: float) -> Stream:
    """Return how tasks came in the last day."""
    rows = view.rows(_CAME, since=now - DAY)
    total = view.rows(_TOTAL)[0]["n"]
    came = {row["category"]: int(row["n"]) for row in rows}
    first = min((row["first"] for row in rows), default=now)
    paid = sum(max(float(row["paid"]), least * row["n"]) for row in rows)
    return Stream(came=came, minutes=max(1.0, (now - first) / MINUTE), paid=paid, total=int(total))
