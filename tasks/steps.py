"""Steps: the thin Prefect wrappers of plain functions."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import task_run
from prefect.states import Completed, Failed

from models.untrusted import Untrusted
from tasks.shift import Attempt


def _name() -> str:
    claim = task_run.parameters["attempt"].claim
    return f"{claim.kind} · {Untrusted(claim.title).line(60)} · attempt {claim.number}"


@task(name="perform", task_run_name=_name, cache_policy=NO_CACHE, persist_result=False)
def perform_step(attempt: Attempt) -> State[None]:
    """Perform one attempt. The ledger holds the outcome before Prefect hears of it; a failed attempt fails the step, so that its graph shows it."""
    ended = attempt.perform(run_id=str(task_run.id))
    if ended.state == "succeeded":
        return Completed(message=attempt.claim.task_id)
    return Failed(message=f"{ended.state}: {Untrusted(ended.error or '').line(500)}")
