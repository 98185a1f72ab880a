"""The feed: CPU and delay of a delivery, beside the library `websockets` alone and FastAPI as its tutorial has it; another process listens."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from cli.ports import free_port
from models.clock import HOUR, now_us
from store.home import open_journal, set_up
from store.journal import Journal
from store.schema import tasks
from store.settings import Settings
from tasks.tokens import Tokens
from tasks.users import add_user, find_user
from tests.api_server import PASSWORD, Server
from tests.factories import task_row

RUNS = ((100, 50), (1000, 20), (5000, 5))  # connections, events a second
TOGETHER = 20  # events of one commit, where they are coalesced
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


def _firsts(journal: Journal, settings: Settings, count: int) -> list[str]:
    tokens = Tokens(journal, settings)
    with journal.look() as view:
        user = find_user(view, "ann")
    session = tokens.verify(tokens.issue(user, lasts_us=HOUR).text)
    return [json.dumps({"type": "auth", "ticket": tokens.ticket(session).text, "topics": ["tasks"]}) for _ in range(count)]


def _write(journal: Journal, rate: float, together: int, over: threading.Event) -> None:
    row = task_row()
    with journal.write("bench") as tx:
        tx.create(tasks, row, "task.submitted", client="acme")
    began, number = time.monotonic(), 0
    while not over.wait(max(0.0, began + number / rate - time.monotonic())):
        with journal.write("bench") as tx:
            for _ in range(together):
                number += 1
                tx.change(tasks, row["id"], {"priority": number % 100}, "task.changed", n=number, at_us=now_us(), client="acme", body="x" * SIZE)


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


def _measured(pid: int, port: int, firsts: list[str], seconds: float, write: Any) -> dict[str, Any]:
    """Return the CPU of a server for each delivery, and how late deliveries were."""
    command = [sys.executable, "-m", "tests.bench.feed_load", str(port), "/feed", str(seconds)]
    over = threading.Event()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        load.stdin.write("\n".join(firsts))
        load.stdin.close()
        assert load.stdout.readline() == "ready\n"
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
