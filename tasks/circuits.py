"""Circuits in the ledger: what becomes of them when an attempt starts and when it ends."""

from sqlalchemy import bindparam, select

from models.circuit import Circuit
from models.clock import SECOND, iso
from models.policy import Policy
from store.journal import Tx
from store.query import Query, Row
from store.schema import circuits
from tasks.alerts import raise_alert, resolve

_ONE = Query(select(circuits).where(circuits.c.id == bindparam("key")))


def tried(tx: Tx, row: Row) -> None:
    """Note that an attempt tries whether an agent works again in a category."""
    _write(tx, row["agent_id"], row["category"], row, _circuit(row).probing(), "circuit.tried")


def succeeded(tx: Tx, agent_id: str, category: str) -> None:
    """Close the circuit of an agent in a category, where it has failed before."""
    row = tx.one(_ONE, key=f"{agent_id}>{category}")
    if row is not None and row["failures"]:
        _write(tx, agent_id, category, row, Circuit(), "circuit.closed")
        resolve(tx, _alert(agent_id, category))


def failed(tx: Tx, agent_id: str, category: str, policy: Policy) -> None:
    """Count a failure that is the agent's, and open the circuit after too many in a row."""
    row = tx.one(_ONE, key=f"{agent_id}>{category}")
    before = _circuit(row) if row else Circuit()
    after = before.failed(now=tx.now, after=policy.trip_after, rest_us=int(policy.rest_s * SECOND), most_us=int(policy.rest_most_s * SECOND))
    _write(tx, agent_id, category, row, after, "circuit.opened" if after.state == "open" else "circuit.failed")
    if after.state == "open":
        raise_alert(
            tx, _alert(agent_id, category), severity="warning", entity="agents", entity_id=agent_id,
            title=f"{agent_id} failed {after.failures} times in a row in {category}",
            advice=f"others get its tasks; one attempt tries again at {iso(after.probe_at)}. See the errors of its last attempts",
        )  # fmt: skip


def _circuit(row: Row) -> Circuit:
    return Circuit(state=row["state"], failures=row["failures"], trips=row["trips"], probe_at=row["probe_at"])


def _write(tx: Tx, agent_id: str, category: str, row: Row | None, after: Circuit, kind: str) -> None:
    patch: Row = {"state": after.state, "failures": after.failures, "trips": after.trips, "probe_at": after.probe_at}
    about = {"agent_id": agent_id, "category": category}
    if row is None:
        tx.create(circuits, {"id": f"{agent_id}>{category}", **about, **patch}, kind, **about)
    else:
        tx.change(circuits, row["id"], patch, kind, **about)


def _alert(agent_id: str, category: str) -> str:
    return f"circuit:{agent_id}>{category}"
