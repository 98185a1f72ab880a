"""The dispatch shift: gives ready tasks to agents, in dependency order, for some minutes."""

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import cast

from prefect import allow_failure, flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.task_runners import ThreadPoolTaskRunner

from store.home import open_journal
from store.settings import load
from tasks.claim import Claim
from tasks.perform import Ended
from tasks.read import attempts_of
from tasks.reports import ROWS_MOST, ShiftReport
from tasks.shift import Shift
from tasks.steps import perform_step

Step = PrefectConcurrentFuture[State[None]]

REMEMBERED = 10_000  # futures of ended tasks kept, so that later tasks can name them as what they waited for


@flow(name="dispatch", task_runner=ThreadPoolTaskRunner(), persist_result=False)  # type: ignore[arg-type] # threads as needed: the shift bounds them
def dispatch(minutes: float | None = None) -> dict[str, int]:
    """Work for some minutes (null: as set), then hand over; return how many attempts were made.

    Each is a step of the flow. Only where Prefect could not run a task's step again and again, an attempt is made without one, as the reserve does.
    """
    settings = load()
    journal = open_journal(settings)
    made: OrderedDict[str, Step] = OrderedDict()
    running: set[Step | Future[Ended]] = set()
    attempts = 0
    with ThreadPoolExecutor(settings.dispatch.slots, "plain") as plain, Shift(journal, settings, minutes=minutes) as shift:
        report = ShiftReport(shift.id)
        while shift.open or running:
            for claim in shift.claims(len(running)):
                attempt = shift.attempt(claim)
                begun: Step | Future[Ended]
                if claim.plain:
                    begun = plain.submit(attempt.perform)
                else:
                    begun = made[claim.task_id] = cast("Step", perform_step.submit(attempt, wait_for=_before(claim, made), return_state=False))
                running.add(begun)
                begun.add_done_callback(partial(_ended, shift, claim, running))  # asking for its state would ask the server
                attempts += 1
            while len(made) > REMEMBERED:
                made.popitem(last=False)
            report.progress(attempts - len(running), attempts)
            shift.wait()
    report.end(attempts_of(journal, shift.id, most=ROWS_MOST), attempts)
    journal.close()
    return {"attempts": attempts}


def _ended(shift: Shift, claim: Claim, running: set[Step | Future[Ended]], future: Step | Future[Ended]) -> None:
    shift.step_ended(claim, future.exception() if isinstance(future, Future) else None)  # Prefect logs its own
    running.discard(future)


def _before(claim: Claim, made: OrderedDict[str, Step]) -> list[allow_failure]:
    """Return the steps of the direct dependencies: they ended, as the ledger knows, so nothing waits; the graph shows the edges.

    A step that Prefect lost, as it does when its server is away as it ends, is none of them: whoever named it could never run.
    """
    known = [made[task_id] for task_id in claim.needs if task_id in made]
    return [allow_failure(future) for future in known if not (future.wrapped_future.done() and future.wrapped_future.exception())]


if __name__ == "__main__":
    dispatch()
