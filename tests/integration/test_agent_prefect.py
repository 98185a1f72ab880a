"""The agent of kind `prefect` against a real Prefect server that runs real flows."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents import registry
from agents.contract import AgentError, Control, Job, Result, Stopped
from models.errors import Invalid
from store.settings import Fetch
from tests.contract.agents_support import site

FLOWS = Path(__file__).with_name("prefect_flows.py")


@dataclass(frozen=True)
class Server:
    api: str
    home: Path


@pytest.fixture(scope="module")
def server(with_prefect: Callable[[Path], None]) -> Iterator[Server]:
    """A Prefect server with its own home, and a process that serves the flows of `prefect_flows.py`."""
    with tempfile.TemporaryDirectory(prefix="arb-prefect-") as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        with_prefect(Path(folder))
        home = Path(folder) / "prefect"
        api = f"http://127.0.0.1:{port}/api"
        env = {
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_ENCRYPTION_KEY": "a-key-of-tests-only",
            "DO_NOT_TRACK": "1",
        }
        with (
            _process("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), env=env),
            _until(lambda: _answers(f"{api}/health")),
            _process(str(FLOWS), env=env),
            _until(lambda: _answers(f"{api}/deployments/name/endless/test")),
        ):
            yield Server(api, home)


@contextmanager
def _process(*words: str, env: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen([sys.executable, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            finally:
                with suppress(ProcessLookupError):  # it went by itself
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _until(holds: Any, most_s: float = 120) -> Iterator[None]:
    wait_for(holds, most_s)
    yield


def wait_for(holds: Any, most_s: float = 60) -> None:
    ends = time.monotonic() + most_s
    while not holds():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.25)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def perform(api: str, folder: Path, control: Control | None = None, *, attempt: str = "x_1", **inputs: Any) -> Result:
    agent = registry.make("prefect", Fetch())
    job = Job(task_id="t_1", attempt_id=attempt, fence=1, inputs=registry.check_inputs("prefect", inputs), folder=folder, config={"api": api})
    return agent.perform(job, control or Control(timeout_s=120))


@contextmanager
def storage(server: Server) -> Iterator[None]:
    """Results lie below the home of the server, as they lie below Arbiter's when `up` starts everything."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: server.home / "storage"}):
        yield


@pytest.mark.slow
def test_a_deployment_is_run_and_its_persisted_result_brought(server: Server, folder: Path) -> None:
    stages: list[str] = []
    with storage(server):
        control = Control(timeout_s=120, report=lambda _, stage: stages.append(stage))
        result = perform(server.api, folder, control, attempt="x_sum", deployment="sum/test", parameters={"numbers": [1, 2, 4]})
    assert result.value["result"] == {"sum": 7}
    assert (result.value["state"], result.value["result_left_out"]) == ("Completed", None)
    assert stages[0] == "starting sum/test"
    assert any(stage.startswith("flow run ") for stage in stages)


@pytest.mark.slow
def test_the_same_attempt_starts_its_flow_run_once(server: Server, folder: Path) -> None:
    with storage(server):
        one, other = (perform(server.api, folder, attempt="x_twice", deployment="sum/test", parameters={"numbers": [5]}) for _ in range(2))
    assert one.value["flow_run_id"] == other.value["flow_run_id"]


@pytest.mark.slow
@pytest.mark.parametrize(("flow", "why"), [("quiet", "does not persist its result"), ("odd", "the result is no JSON")])
def test_a_result_that_cannot_be_brought_is_said_to_be_left_out(flow: str, why: str, server: Server, folder: Path) -> None:
    with storage(server):
        result = perform(server.api, folder, attempt=f"x_{flow}", deployment=f"{flow}/test")
    assert result.value["result"] is None
    assert why in result.value["result_left_out"]


@pytest.mark.slow
def test_a_failed_run_fails_the_task_with_its_message(server: Server, folder: Path) -> None:
    with pytest.raises(AgentError, match="the ledger does not add up") as error:
        perform(server.api, folder, attempt="x_broken", deployment="broken/test")
    assert not error.value.retryable


@pytest.mark.slow
@pytest.mark.parametrize("why", ["cancelled", "timeout"])
def test_a_stop_ends_the_flow_run_too(why: str, server: Server, folder: Path) -> None:
    trace = folder / "trace"
    control = Control(timeout_s=300, report=lambda *_: control.stop(why) if trace.exists() else None)
    with pytest.raises(Stopped, match=why) as stopped:
        perform(server.api, folder, control, attempt=f"x_{why}", deployment="endless/test", parameters={"trace": str(trace)})
    assert not getattr(stopped.value, "__notes__", [])
    wait_for(lambda: _is_still(trace))


def _is_still(trace: Path) -> bool:
    """Return whether the flow no longer writes: twenty of its steps pass without one."""
    size = trace.stat().st_size
    time.sleep(2)
    return trace.stat().st_size == size


@pytest.mark.slow
def test_a_missing_deployment_and_wrong_parameters_are_named_and_not_tried_again(server: Server, folder: Path) -> None:
    for inputs, said in (
        ({"deployment": "sum/none"}, "no deployment sum/none"),
        ({"deployment": "sum/test", "parameters": {"numbers": "x"}}, "refuses to start sum/test"),
    ):
        with pytest.raises(AgentError, match=said) as error:
            perform(server.api, folder, attempt=f"x_{said[:8]}", **inputs)
        assert not error.value.retryable


@pytest.mark.slow
def test_a_busy_moment_of_the_server_does_not_fail_an_attempt(server: Server, folder: Path) -> None:
    stages: list[str] = []
    with storage(server), _busy_at_first(server.api, requests=5) as api:
        control = Control(timeout_s=120, report=lambda _, stage: stages.append(stage))
        result = perform(api, folder, control, attempt="x_busy", deployment="sum/test", parameters={"numbers": [3]})
    assert result.value["result"] == {"sum": 3}
    assert sum("503" in stage for stage in stages) == 5


@contextmanager
def _busy_at_first(api: str, requests: int) -> Iterator[str]:
    """Stand before a server: the first requests are answered 503, as Prefect does while its database is locked; the others are passed on."""
    left = iter(range(requests))

    class Gate(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if next(left, None) is not None:
                status, content = 503, b'{"exception_message": "Service Unavailable"}'
            else:
                reply = httpx.request(self.command, api.removesuffix("/api") + self.path, content=body, timeout=30, trust_env=False)
                status, content = reply.status_code, reply.content
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as gate:
        thread = threading.Thread(target=gate.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{gate.server_address[1]}/api"
        gate.shutdown()
        thread.join()


def test_a_server_that_stays_away_or_busy_may_be_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.prefect.START_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(AgentError, match="does not answer") as away:
        perform(f"http://127.0.0.1:{port}/api", folder, deployment="sum/test")
    assert away.value.retryable
    with site() as web:
        with pytest.raises(AgentError, match="503") as busy:
            perform(f"{web.url}/always/503", folder, deployment="sum/test")
        assert busy.value.retryable


def test_a_silent_server_does_not_keep_an_attempt_from_stopping(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Stopped, match="timeout"):
        perform(f"http://127.0.0.1:{silent.getsockname()[1]}/api", folder, Control(timeout_s=1), deployment="sum/test")


def test_a_deployment_needs_the_name_of_its_flow() -> None:
    with pytest.raises(Invalid, match=r"inputs\.deployment"):
        registry.check_inputs("prefect", {"deployment": "sum"})
