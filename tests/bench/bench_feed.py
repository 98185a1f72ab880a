"""The feed: CPU and delay of a delivery, beside the library `websockets` alone, FastAPI as its tutorial has it and Prefect's own stream of events.

Another process listens.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from cli.ports import free_port
from cli.services import Ports, answers, environment
from models.clock import HOUR, now_us
from store.home import open_journal, set_up
from store.journal import Journal, Tx
from store.schema import tasks
from store.settings import Settings
from tasks.tokens import Tokens
from tasks.users import add_user, find_user
from tests.api_server import PASSWORD, Server
from tests.factories import task_row

RUNS = ((100, 50), (1000, 20), (5000, 5))  # connections, events a second
TOGETHER = 20  # events of one commit, where they are coalesced
MISSED = 200  # events that each misses who comes back in the storm
SIZE = 180  # characters beside the rest, so that messages are about as long as those of the feed


def run(seconds: float = 8) -> dict[str, Any]:
    """Measure for so many seconds each."""
    found: dict[str, Any] = {}
    for connections, rate in RUNS:
        row = {"ours": _ours(connections, rate, seconds), "websockets": _peer("broadcast", connections, rate, seconds)}
        row["tutorial"] = _peer("tutorial", connections, rate, seconds)
        row["ours_to_websockets"] = round(row["ours"]["us_per_delivery"] / row["websockets"]["us_per_delivery"], 2)
        found[f"{connections} connections, {rate} events/s"] = row
    found[f"1000 connections, {TOGETHER} events a commit"] = {"ours": _ours(1000, 200, seconds, together=TOGETHER)}
    found["5000 connections, 50 events/s"] = {"ours": _ours(5000, 50, seconds, together=5)}
    found["50 connections, 40 events/s"] = {"ours": _ours(50, 40, seconds), "prefect": _prefect(50, 40, seconds)}
    found[f"1000 connections come back at once, each {MISSED} events behind"] = _storm(1000)
    return found


def _ours(connections: int, rate: float, seconds: float, *, together: int = 1) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        add_user(journal, "ann", "operator", PASSWORD, actor="bench")
        with Server(settings, connections_most=100_000) as server:
            port = int(server.url.rpartition(":")[2])
            idle = psutil.Process(server.process.pid).memory_info().rss
            firsts = _firsts(journal, settings, connections)
            found = _measured(server.process.pid, port, firsts, seconds, lambda over: _write(journal, rate, together, over))
            grown = psutil.Process(server.process.pid).memory_info().rss - idle
        journal.close()
    return found | {"kb_per_connection": round(grown / connections / 1024, 1)}


def _storm(connections: int) -> dict[str, Any]:
    """All come back within a moment; beside it, how long the library `websockets` takes to shake as many hands, and nothing more."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        add_user(journal, "ann", "operator", PASSWORD, actor="bench")
        task_id = _submit(journal)
        seen = journal.head()
        for number in range(MISSED):
            with journal.write("bench") as tx:
                _change(tx, task_id, number)
        with Server(settings, connections_most=100_000) as server:
            time.sleep(1)
            began = _cpu(server.process.pid)
            ours = _come(int(server.url.rpartition(":")[2]), _firsts(journal, settings, connections, after=seen), MISSED)
            ours["cpu_ms_per_client"] = round(1000 * (_cpu(server.process.pid) - began) / connections, 2)
        journal.close()
    port = free_port(8700, [])
    with subprocess.Popen([sys.executable, "-m", "tests.bench.feed_peers", "broadcast", str(port), "1", "1"], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            return {"ours": ours, "websockets_handshakes_s": _come(port, [""] * connections, 0)["connected_s"]}
        finally:
            process.kill()


def _come(port: int, firsts: list[str], each: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.feed_load", str(port), "/feed", "0", "--each", str(each)]
    told = subprocess.run(command, input="\n".join(firsts), capture_output=True, text=True, check=True, timeout=120).stdout
    return {name: round(value, 2) for name, value in json.loads(told.partition("\n")[0]).items()}


def _firsts(journal: Journal, settings: Settings, count: int, after: int | str = "now") -> list[str]:
    tokens = Tokens(journal, settings)
    with journal.look() as view:
        user = find_user(view, "ann")
    session = tokens.verify(tokens.issue(user, lasts_us=HOUR).text)
    return [json.dumps({"type": "auth", "ticket": tokens.ticket(session).text, "topics": ["tasks"], "after": after}) for _ in range(count)]


def _write(journal: Journal, rate: float, together: int, over: threading.Event) -> None:
    task_id = _submit(journal)
    began, number = time.monotonic(), 0
    while not over.wait(max(0.0, began + number / rate - time.monotonic())):
        with journal.write("bench") as tx:
            for _ in range(together):
                number += 1
                _change(tx, task_id, number)


def _submit(journal: Journal) -> str:
    row = task_row()
    with journal.write("bench") as tx:
        tx.create(tasks, row, "task.submitted", client="acme")
    return row["id"]


def _change(tx: Tx, task_id: str, number: int) -> None:
    tx.change(tasks, task_id, {"priority": number % 100}, "task.changed", n=number, at_us=now_us(), client="acme", body="x" * SIZE)


def _peer(which: str, connections: int, rate: float, seconds: float) -> dict[str, Any]:
    port = free_port(8700, [])
    command = [sys.executable, "-m", "tests.bench.feed_peers", which, str(port), str(rate), str(SIZE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            time.sleep(1)
            return _measured(process.pid, port, [""] * connections, seconds, None)
        finally:
            process.kill()


def _prefect(connections: int, rate: float, seconds: float) -> dict[str, Any]:
    """Prefect's `/events/out`, and what is sent to it, as its own documentation has it; a part of the messages never comes, and nobody is told."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        ports = Ports(api=0, dashboard=0, prefect=free_port(4300, []), examples=0)
        env = environment(Settings(home=Path(folder)), ports)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(ports.prefect), "--no-ui"]
        sent = 0

        def send(over: threading.Event) -> None:
            nonlocal sent
            began = time.monotonic()
            with httpx.Client(base_url=env["PREFECT_API_URL"], trust_env=False, timeout=60) as client:
                while not over.wait(max(0.0, began + sent / rate - time.monotonic())):
                    payload = {"n": sent, "at_us": now_us(), "body": "x" * SIZE}
                    event = {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat(), "event": "bench.tick", "payload": payload}
                    client.post("/events", json=[event | {"resource": {"prefect.resource.id": "bench"}}]).raise_for_status()
                    sent += 1

        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while not answers(f"{env['PREFECT_API_URL']}/health"):
                    time.sleep(0.5)
                now = datetime.now(UTC)
                occurred = {"since": (now - timedelta(minutes=1)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
                first = json.dumps({"type": "filter", "backfill": False, "filter": {"occurred": occurred, "event": {"prefix": ["bench"]}}})
                found = _measured(process.pid, ports.prefect, [first] * connections, seconds, send, "/api/events/out", "--silent")
            finally:
                process.kill()
    return found | {"arrived": round(found["deliveries_per_s"] * seconds / (sent * connections), 3)}


def _measured(pid: int, port: int, firsts: list[str], seconds: float, write: Any, path: str = "/feed", *more: str) -> dict[str, Any]:
    """Return the CPU of a server for each delivery, and how late deliveries were."""
    command = [sys.executable, "-m", "tests.bench.feed_load", str(port), path, str(seconds), *more]
    over = threading.Event()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        load.stdin.write("\n".join(firsts))
        load.stdin.close()
        assert json.loads(load.stdout.readline()) == "ready"
        writer = threading.Thread(target=write, args=(over,)) if write else None
        began = _cpu(pid)
        if writer:
            writer.start()
        told = json.loads(load.stdout.readline())
        used = _cpu(pid) - began
        over.set()
        if writer:
            writer.join()
    rounded = {name: round(told[name], 1) for name in ("p50_ms", "p99_ms")}
    per_delivery = {"us_per_delivery": round(1e6 * used / told["messages"], 2), "deliveries_per_s": round(told["messages"] / seconds)}
    return per_delivery | rounded | {"lost_connections": told["lost"]}


def _cpu(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
