"""The kind `prefect`: any Prefect deployment, with its result."""

import json
import pickle
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result, Stopped
from agents.process import VALUE_MOST
from agents.waiting import unblocked

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

ANSWER_S: Final = 10.0  # how long one question to Prefect may take
POLL_S: Final = 0.5
START_S: Final = 20.0  # how long a server that is busy or away is asked again to start the run, before the attempt is given up


class PrefectInputs(Inputs):
    """Which deployment, with what parameters."""

    deployment: str = Field(pattern=r"^[^/]+/[^/]+$", max_length=300, description="`<flow name>/<deployment name>`")
    parameters: dict[str, Any] = Field(default={}, description="parameters of the flow; a given file arrives as its absolute path on this machine")


class Prefect(Agent[PrefectInputs]):
    """Starts a deployment, waits for its flow run, and brings its persisted result.

    The server is `config["api"]`, else the one that Prefect's own settings name; one that is busy or away for a moment is asked again. A stop
    cancels the flow run. A crashed run, or one that the server would not start for `START_S`, may be tried again; a failed run may not, because
    its deployment has its own retries.
    The value holds the run's id, name, state and message, and `result` when the flow persists it (`persist_result=True`) and it is JSON.
    """

    kind = "prefect"
    pausable = False  # its flow run goes on elsewhere
    Inputs = PrefectInputs

    def perform(self, job: Job[PrefectInputs], control: Control) -> Result:
        """Run the deployment to its end."""
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings  # noqa: PLC0415 - 2 to 3 s

        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            _client(job.config) as client,
        ):  # tries again here instead, so that a stop is noticed
            control.report(None, f"starting {job.inputs.deployment}")
            run = _start(client, job, control)
            try:
                state = _wait(client, run, control)
            except Stopped as stopped:
                _cancel(client, run, stopped)
                raise
            return Result(value=_value(run, state, control))


def _client(config: Mapping[str, Any]) -> "SyncPrefectClient":
    from prefect.client.orchestration import SyncPrefectClient  # noqa: PLC0415 - see above
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    api = config.get("api") or PREFECT_API_URL.value()
    if not api:  # Prefect would start a server of its own, which knows no deployment
        message = "no Prefect server is known: set PREFECT_API_URL, or `api` in the agent's registry row"
        raise AgentError(message)
    return SyncPrefectClient(api, httpx_settings={"timeout": ANSWER_S, "trust_env": False})


def _start(client: "SyncPrefectClient", job: Job[PrefectInputs], control: Control) -> "FlowRun":
    """Create the flow run. Raises `AgentError`, at once when asking again would not help, else after `START_S`."""
    ends = time.monotonic() + START_S
    while True:
        try:
            return unblocked(control, lambda: _ask(client, job))
        except AgentError as error:
            if not error.retryable or time.monotonic() >= ends:
                raise
            control.report(None, f"{error}: asking again"[:200])
            control.stopped.wait(min(POLL_S, control.remaining_s))


def _ask(client: "SyncPrefectClient", job: Job[PrefectInputs]) -> "FlowRun":
    """Ask for the flow run, which exists once for this attempt however often it is asked for. Raises `AgentError`."""
    import httpx  # noqa: PLC0415 - see above
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    name = job.inputs.deployment
    try:
        deployment = client.read_deployment_by_name(name)
        return client.create_flow_run_from_deployment(
            deployment.id, parameters=job.inputs.parameters, idempotency_key=job.attempt_id, tags=["arbiter", job.task_id]
        )
    except ObjectNotFound as error:
        message = f"there is no deployment {name}"
        raise AgentError(message) from error
    except httpx.HTTPStatusError as error:
        message = f"Prefect refuses to start {name}: {error.response.status_code} {error.response.text[:500]}"
        raise AgentError(message, retryable=_busy(error.response.status_code)) from error
    except httpx.TransportError as error:
        message = f"the Prefect server at {client.api_url} does not answer: {str(error) or type(error).__name__}"
        raise AgentError(message, retryable=True) from error


def _wait(client: "SyncPrefectClient", run: "FlowRun", control: Control) -> "State[Any]":
    """Return the run's final state. A server that does not answer for a while is asked again: the run goes on without it."""
    while True:
        state, trouble = unblocked(control, lambda: _look(client, run))
        if state and state.is_final():
            return state
        control.report(None, trouble or f"flow run {run.name}: {state.name if state else 'created'}")
        control.stopped.wait(min(POLL_S, control.remaining_s))


def _look(client: "SyncPrefectClient", run: "FlowRun") -> "tuple[State[Any] | None, str]":
    """Return the run's state, or why it cannot be known at the moment. Raises `AgentError` when the run is gone."""
    import httpx  # noqa: PLC0415 - see above
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    try:
        return client.read_flow_run(run.id).state, ""
    except ObjectNotFound as error:
        message = f"the flow run {run.name} was deleted"
        raise AgentError(message) from error
    except httpx.HTTPStatusError as error:
        if not _busy(error.response.status_code):
            message = f"Prefect does not tell about the flow run {run.name}: {error.response.status_code} {error.response.text[:500]}"
            raise AgentError(message) from error
        return None, f"Prefect answers {error.response.status_code}: asking again"
    except httpx.TransportError as error:
        return None, f"Prefect does not answer ({type(error).__name__}): asking again"


def _cancel(client: "SyncPrefectClient", run: "FlowRun", stopped: Stopped) -> None:
    """Ask Prefect to cancel the run; when that fails, the error that is on its way says so."""
    import httpx  # noqa: PLC0415 - see above
    from prefect.states import Cancelling  # noqa: PLC0415

    try:
        client.set_flow_run_state(run.id, Cancelling(message=f"Arbiter: {stopped.why}"))
    except httpx.HTTPError as error:
        stopped.add_note(f"the flow run {run.name} could not be cancelled and may go on: {error}")


def _value(run: "FlowRun", state: "State[Any]", control: Control) -> dict[str, Any]:
    """Return what the task brings. Raises `AgentError` when the run did not complete."""
    told = f"the flow run {run.name} ended as {state.name}: {state.message or 'without a message'}"
    if not state.is_completed():
        raise AgentError(told, retryable=state.is_crashed())
    left_out: str | None
    if state.data is None:
        result, left_out = None, "the flow does not persist its result (persist_result=True)"
    else:
        result, left_out = _small(unblocked(control, lambda: _result(state)))
    return {
        "flow_run_id": str(run.id),
        "name": run.name,
        "state": state.name,
        "message": state.message,
        "result": result,
        "result_left_out": left_out,
    }


def _result(state: "State[Any]") -> Any:
    from prefect.exceptions import MissingResult  # noqa: PLC0415 - see above

    try:
        return state.result(retry_result_failure=False)
    except (MissingResult, OSError, ImportError, AttributeError, ValueError, pickle.UnpicklingError) as error:
        message = f"the flow run completed, but its result cannot be read here: {error}"
        raise AgentError(message) from error


def _small(result: Any) -> tuple[Any, str | None]:
    """Return the result as JSON, or null and why it is left out."""
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        return None, f"the result is no JSON: {error}"
    if len(text) > VALUE_MOST - 4096:
        return None, f"the result is larger than {VALUE_MOST - 4096} bytes"
    return json.loads(text), None


def _busy(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
