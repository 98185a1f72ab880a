"""The services of a home: what each is started with, and how one sees that it is well."""

import base64
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cli.ports import LOOPBACK, free_port
from store.settings import Settings

POOL = "arbiter"
OTHER_RUNS = 8  # flow runs at once beside dispatch shifts: measure, inbox, and those that agents start

CALM = {  # nothing is sent anywhere, and no service asks for an update
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "PYTHONUNBUFFERED": "1",
}
BATCHED = {  # a quarter of the server's cost for each step, and no backlog after a flow ended
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process to keep running."""

    name: str
    title: str
    command: tuple[str, ...]
    port: int | None = None
    health: str | None = None  # path that answers 200 when it is well; null: it is well while it lives
    usual: int | None = None  # the port that it has when nobody else took it
    slow: str = ""  # said while the first start lasts
    waits_for: str | None = None  # name of the service that must be well first
    yields: bool = False  # the page that people wait for starts first
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str | None:
        """Where people find it; null when it has no address."""
        return None if self.port is None else f"http://{LOOPBACK}:{self.port}"

    def is_well(self) -> bool:
        """Ask the service how it is. One that has no address is well while it lives."""
        return self.url is None or self.health is None or answers(self.url + self.health)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of this start."""

    api: int
    dashboard: int
    prefect: int
    examples: int

    @classmethod
    def choose(cls, settings: Settings) -> "Ports":
        """Return the usual ports as far as they are free."""
        chosen: list[int] = []
        for usual in (settings.api.port, settings.ports.dashboard, settings.ports.prefect, settings.ports.examples):
            chosen.append(free_port(usual, chosen))
        return cls(api=chosen[0], dashboard=chosen[1], prefect=chosen[2], examples=chosen[3])


def services(settings: Settings, ports: Ports, *, dashboard: bool = True, examples: bool = False) -> list[Service]:
    """Return what runs in a home, in the order to start it."""
    env = environment(settings, ports, examples=examples)
    run = (sys.executable, "-m")
    first_time = not (settings.home / "prefect" / "prefect.db").exists()
    found = [
        Service(
            name="prefect", title="Prefect", port=ports.prefect, usual=settings.ports.prefect, health="/api/health", env=env, yields=True,
            command=(*run, "prefect", "server", "start", "--host", LOOPBACK, "--port", str(ports.prefect)),
            slow="Prefect builds its database; the first time takes half a minute" if first_time else "Prefect starts",
        ),
        Service(name="api", title="API", port=ports.api, usual=settings.api.port, health="/healthz", env=env,
                command=(*run, "api", "--port", str(ports.api)), slow="the API starts"),
        Service(name="dashboard", title="Dashboard", port=ports.dashboard, usual=settings.ports.dashboard, health="/_stcore/health", env=env,
                command=(*run, "dashboards", "--port", str(ports.dashboard)), slow="the dashboard starts"),
        Service(name="examples", title="Examples", port=ports.examples, usual=settings.ports.examples, health="/", env=env,
                command=(*run, "examples.web", "--port", str(ports.examples))),
        Service(name="ship", title="Shipping", command=(*run, "cli", "ship"), env=env, yields=True),
        Service(name="reserve", title="Reserve", command=(*run, "cli", "reserve"), env=env, yields=True),
        Service(name="watch", title="Watch", command=(*run, "cli", "watch"), env=env, yields=True),
        Service(name="notify", title="Notifier", command=(*run, "cli", "notify"), env=env, yields=True),
        Service(name="worker", title="Worker", env=env, waits_for="prefect", slow="the worker waits for Prefect",
                command=(*run, "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "arbiter",
                         "--limit", str(runs_most(settings)))),
    ]  # fmt: skip
    wanted = {"dashboard": dashboard, "examples": examples}
    return [service for service in found if wanted.get(service.name, True)]


def runs_most(settings: Settings) -> int:
    """Return how many flow runs the worker may have at once: shifts, as many that only finish what they began, and room for other flows."""
    return 2 * (settings.dispatch.lanes + settings.dispatch.standby) + OTHER_RUNS


def environment(settings: Settings, ports: Ports, *, examples: bool = False) -> dict[str, str]:
    """Return the environment of all services."""
    home = settings.home
    env = {
        **os.environ,
        **CALM,
        **BATCHED,
        "ARBITER_HOME": str(home),
        "ARBITER_API_URL": f"http://{LOOPBACK}:{ports.api}",
        "ARBITER_DASHBOARD_URL": f"http://{LOOPBACK}:{ports.dashboard}",  # where pages of Prefect link to
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://{LOOPBACK}:{ports.prefect}/api",
        "PREFECT_SERVER_ENCRYPTION_KEY": prefect_key(home / "keys"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # seconds; automations.yaml ends runs that stop giving signs of life
        "PREFECT_WORKER_QUERY_SECONDS": "2",  # a shift that is asked for starts that much sooner
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    if examples:
        hosts = [*settings.fetch.private_hosts, f"{LOOPBACK}:{ports.examples}"]
        env["ARBITER_FETCH__PRIVATE_HOSTS"] = json.dumps(hosts)
    return env


def prefect_key(folder: Path) -> str:
    """Return the key that Prefect encrypts its secrets with; make it first where there is none."""
    path = folder / "prefect.key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path.read_text()


def answers(url: str, timeout_s: float = 3) -> bool:
    """Tell whether an address answers with success."""
    try:
        return httpx.get(url, timeout=timeout_s, trust_env=False).is_success
    except httpx.HTTPError:
        return False
