"""The dispatch shift: gives ready tasks to agents, in dependency order, for some minutes."""

import logging
import os
import re
from collections import OrderedDict
from functools import partial

import httpx
from prefect import allow_failure, flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from models.clock import SECOND
from models.untrusted import Untrusted
from store.home import open_journal
from store.journal import Journal
from store.settings import load
from tasks.claim import Claim
from tasks.read import attempts_of
from tasks.shift import Shift
from tasks.steps import perform_step

logger = logging.getLogger("arbiter.dispatch")

REPORTED = 200  # attempts in the table that a shift leaves in Prefect
REMEMBERED = 10_000  # futures of ended tasks kept, so that later tasks can name them as what they waited for


@flow(name="dispatch", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type] # threads as needed: the shift bounds them
def dispatch(minutes: float | None = None) -> dict[str, int]:
    """Work for some minutes (null: as set), then hand over; return how many attempts were made."""
    settings = load()
    journal = open_journal(settings)
    made: OrderedDict[str, PrefectFuture[State[None]]] = OrderedDict()
    running: set[PrefectFuture[State[None]]] = set()
    attempts = 0
    with Shift(journal, settings, minutes=minutes) as shift:
        while shift.open or running:
            for claim in shift.claims(len(running)):
                made[claim.task_id] = perform_step.submit(shift.attempt(claim), wait_for=_before(claim, made), return_state=False)
                running.add(made[claim.task_id])
                made[claim.task_id].add_done_callback(partial(_ended, shift, claim, running))  # asking for its state would ask the server
                attempts += 1
            while len(made) > REMEMBERED:
                made.popitem(last=False)
            shift.wait()
    report(journal, shift.id)
    journal.close()
    return {"attempts": attempts}


def report(journal: Journal, shift_id: str) -> None:
    """Leave in Prefect what a shift did: a table of its attempts with links to their tasks, at most `REPORTED` of them, the newest first."""
    home = os.environ.get("ARBITER_DASHBOARD_URL", "")
    rows = [
        {"task": f"[{_plain(row['title'])}]({home}/tasks?task={row['task_id']})" if home else _plain(row["title"])}
        | {"schedule": row["schedule"] or "", "agent": row["agent_id"], "attempt": row["number"], "state": row["state"]}
        | {"seconds": round((row["finished_at"] - row["started_at"]) / SECOND, 1) if row["finished_at"] else ""}
        for row in attempts_of(journal, shift_id, most=REPORTED)
    ]
    if rows:
        try:
            create_table_artifact(rows, key=f"shift-{shift_id.replace('_', '-')}", description=f"What the shift {shift_id} did")
        except (httpx.HTTPError, PrefectException):  # its server is away; the ledger has it all
            logger.warning("what the shift did could not be left in Prefect", exc_info=True)


def _plain(title: str) -> str:
    """Return foreign text so that Markdown reads nothing into it."""
    return re.sub(r"([\\`*_{}\[\]()<>#|!])", r"\\\1", Untrusted(title).line(80))


def _ended(shift: Shift, claim: Claim, running: set[PrefectFuture[State[None]]], future: PrefectFuture[State[None]]) -> None:
    shift.step_ended(claim)
    running.discard(future)


def _before(claim: Claim, made: OrderedDict[str, PrefectFuture[State[None]]]) -> list[allow_failure]:
    """Return the steps of the direct dependencies: they ended, as the ledger knows, so nothing waits; the graph shows the edges."""
    return [allow_failure(made[task_id]) for task_id in claim.needs if task_id in made]


if __name__ == "__main__":
    dispatch()
