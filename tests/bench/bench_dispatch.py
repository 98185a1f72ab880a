"""Dispatch: what it adds to what Prefect itself costs, over the same number of steps with the same edges, client and server together."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from cli.ports import free_port
from cli.services import Ports, environment
from store.settings import Settings

CHAIN = 10  # steps that wait for each other in a row


def run(steps: int = 600) -> dict[str, Any]:
    """Run the same graph through dispatch and through a bare Prefect flow, each in a process of its own, on one server with batched services."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        ports = Ports(api=0, dashboard=0, prefect=free_port(4300, []), examples=0)
        env = environment(settings, ports)
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(ports.prefect), "--no-ui"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _until_well(f"{env['PREFECT_API_URL']}/health")
            _flow("bare", 50, env, server, idle=0)  # both start warm
            idle = _idle(server.pid)
            rounds = [(_flow("bare", steps, env, server, idle), _flow("ours", steps, env, server, idle)) for _ in range(2)]
        finally:
            server.terminate()
            server.wait(20)
    bare = {name: sum(one[name] for one, _ in rounds) / len(rounds) for name in rounds[0][0]}
    ours = {name: sum(one[name] for _, one in rounds) / len(rounds) for name in rounds[0][1]}
    return {
        "steps": steps,
        "bare": bare,
        "dispatch": ours,
        "cpu_to_bare": round(ours["cpu_ms_per_step"] / bare["cpu_ms_per_step"], 2),
        "rate_to_bare": round(ours["steps_per_s"] / bare["steps_per_s"], 2),
    }


def _flow(kind: str, steps: int, env: dict[str, str], server: subprocess.Popen[bytes], idle: float) -> dict[str, float]:
    before, since = _cpu_s(server.pid), time.monotonic()
    out = subprocess.run(
        [sys.executable, "-m", "tests.bench.dispatch_flow", kind, str(steps)],
        env=env | {"ARBITER_HOME": tempfile.mkdtemp(prefix="arb-")},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    wall_s, client_s = (float(word) for word in out.stdout.split()[-2:])
    _until_idle(server.pid)
    server_s = _cpu_s(server.pid) - before - idle * (time.monotonic() - since)  # a shift lives longer than its steps take
    return {
        "steps_per_s": round(steps / wall_s, 1),
        "client_ms_per_step": round(1000 * client_s / steps, 1),
        "server_ms_per_step": round(1000 * server_s / steps, 1),
        "cpu_ms_per_step": round(1000 * (client_s + server_s) / steps, 1),
    }


def _cpu_s(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in family)


def _until_idle(pid: int) -> None:
    """Wait until the server has digested all events: less than a tenth of a core for three seconds."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        before = _cpu_s(pid)
        time.sleep(3)
        if _cpu_s(pid) - before < 0.3:
            return


def _idle(pid: int) -> float:
    """Return the share of a core that the server takes when nothing happens."""
    before = _cpu_s(pid)
    time.sleep(10)
    return (_cpu_s(pid) - before) / 10


def _until_well(url: str) -> None:
    ends = time.monotonic() + 180
    while time.monotonic() < ends:
        try:
            if httpx.get(url, timeout=3, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    message = f"no answer from {url}: {os.uname().nodename} is too slow"
    raise TimeoutError(message)
