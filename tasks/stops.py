"""Stopping an agent at once: nothing new, and what it works on goes to others."""

from pydantic import Field
from sqlalchemy import bindparam, select

from models.untrusted import Untrusted
from store.journal import Journal
from store.query import Query, Row
from store.schema import agents, attempts
from tasks.reap import give_back
from tasks.staff import BY
from tasks.work import Strict, Text

_RUNNING = Query(select(attempts).where(attempts.c.agent_id == bindparam("agent_id"), attempts.c.state == "running").order_by(attempts.c.id))


class Stop(Strict):
    """The wish to stop an agent."""

    why: Text = Field("", max_length=300)  # said to whoever asks


def stop_agent(journal: Journal, agent_id: str, wanted: Stop, *, actor: str) -> Row:
    """Send an agent offline and take back all that it works on; return its row, and as `stopped` how many attempts that were.

    Their tasks wait for another agent, and a result that the agent still brings is refused. Only a person brings it back online. Raises `NotFound`.
    """
    reason = f"{BY}{actor}" + (f": {wanted.why}" if wanted.why else "")
    with journal.write(actor) as tx:
        row = tx.get(agents, agent_id)
        patch = {"state": "offline", "reason": reason}
        tx.change(agents, agent_id, patch, "agent.changed")
        running = tx.rows(_RUNNING, agent_id=agent_id)
        for attempt in running:
            error = f"its agent was stopped {Untrusted(reason).line(320)}"
            give_back(tx, attempt, error, f"attempt {attempt['number']} was taken back: {error}; waits for another agent")
        return row | patch | {"stopped": len(running)}
