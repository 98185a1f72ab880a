"""Schedules: how fast the next fire is found, how late fires are, and what a hundred thousand schedules weigh; each beside others in the same run."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psutil
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from croniter import croniter
from cronsim import CronSim
from sqlalchemy import BigInteger, bindparam, select

from cli.ports import free_port
from cli.services import Ports, answers, environment
from models.clock import SECOND, new_id, now_us
from models.recurrence import Timing
from store import schema
from store.home import open_journal, set_up
from store.journal import Journal
from store.query import Query
from store.settings import Settings
from tasks import schedules
from tasks.staff import hire_built_in
from tests.scheduling import WORK

EXPRESSIONS = ("*/15 * * * *", "30 2 * * *", "0 9 * * 1-5", "0 0 1 * *", "0 12 * * 5#2")
ZONE = ZoneInfo("Europe/Berlin")
RATES = (10, 100, 1000)  # fires a minute


def run(seconds: int = 60) -> dict[str, Any]:
    """Measure all of it; lateness over so many seconds for each rate."""
    late: dict[str, Any] = {str(rate): {"ours": _ours(rate, seconds), "apscheduler": _apscheduler(rate, seconds)} for rate in RATES}
    late[str(RATES[0])]["prefect"] = _prefect(RATES[0], 2 * seconds)
    return {"next_fires_per_s": _evaluation(), "ten_thousand_for_a_minute_s": _minute(), "lateness_ms_at_fires_a_minute": late, "memory": _memory()}


def _evaluation() -> dict[str, Any]:
    """Fires found per second, one after the other, over five expressions in a zone with daylight saving."""
    after = datetime(2026, 5, 1, tzinfo=ZONE)
    start = int(after.timestamp()) * SECOND
    libraries: dict[str, Callable[[str], Iterator[Any]]] = {
        "ours": lambda text: Timing.read({"cron": text, "zone": "Europe/Berlin"}).fires(start),
        "cronsim": lambda text: CronSim(text, after),
        "croniter": lambda text: croniter(text, after, ret_type=datetime),
        "apscheduler": lambda text: _triggered(CronTrigger.from_crontab(text.replace("5#2", "fri"), timezone=ZONE), after),
    }
    rates = {name: round(_rate(make)) for name, make in libraries.items()}
    return rates | {"to_cronsim": round(rates["ours"] / rates["cronsim"], 2)}


def _rate(make: Callable[[str], Iterator[Any]], count: int = 2000) -> float:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        for text in EXPRESSIONS:
            for _one in itertools.islice(make(text), count):
                pass
        took.append(time.perf_counter() - began)
    return count * len(EXPRESSIONS) / min(took)


def _triggered(trigger: CronTrigger, after: datetime) -> Iterator[datetime]:
    found = trigger.get_next_fire_time(None, after)
    while found is not None:
        yield found
        found = trigger.get_next_fire_time(found, found)


def _minute() -> float:
    """Seconds to find what ten thousand schedules, each read before, fire within one minute."""
    timings = [Timing.read({"cron": f"{number % 60} {number // 60 % 24} * * *", "zone": "Europe/Berlin"}) for number in range(10_000)]
    now = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp()) * SECOND
    began = time.perf_counter()
    for timing in timings:
        list(itertools.takewhile(lambda fire: fire.at_us < now + 60 * SECOND, timing.fires(now)))
    return round(time.perf_counter() - began, 3)


def _ours(rate: int, seconds: int) -> dict[str, float]:
    """A shift in a process of its own; a fire counts when a reader of the journal sees it."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        hire_built_in(journal, settings, actor="bench")
        for number in range(rate):
            data = {"name": f"s-{number}", "timing": {"cron": f"{number % 60} * * * * *"}, "work": WORK, "overlap": "allow"}
            schedules.create(journal, data, settings=settings, actor="bench")
        command = [sys.executable, "-m", "tests.fire_process", str(now_us()), str(time.time()), "1"]
        shift = subprocess.Popen(command, env=os.environ | {"ARBITER_HOME": folder})
        try:
            return _figures(_seen(journal, seconds))
        finally:
            shift.kill()
            shift.wait()
            journal.close()


def _seen(journal: Journal, seconds: int) -> list[float]:
    late: list[float] = []
    time.sleep(5)  # the shift is at work
    after, ends = journal.head(), time.monotonic() + seconds
    while time.monotonic() < ends:
        for event in journal.events(after, 10_000):
            after = event.seq
            if event.kind == "fire.made":
                late.append((now_us() - event.facts["due_at"]) / 1000)
        time.sleep(0.01)
    return late


def _apscheduler(rate: int, seconds: int) -> dict[str, float]:
    """APScheduler in this process, with jobs in memory that do nothing but look at the clock."""
    late: list[float] = []
    defaults = {"misfire_grace_time": None, "max_instances": 100}
    threads = {"default": {"type": "threadpool", "max_workers": 20}}
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults, executors=threads)

    def fire(second: int) -> None:
        now = time.time()
        late.append(1000 * ((now - second) % 60))

    for number in range(rate):
        scheduler.add_job(fire, CronTrigger(second=number % 60, timezone=UTC), args=(number % 60,))
    scheduler.start()
    time.sleep(seconds)
    scheduler.shutdown(wait=False)
    return _figures(late)


def _prefect(rate: int, seconds: int) -> dict[str, float]:
    """A flow that does nothing, served with an interval by Prefect's own scheduler and runner."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        ports = Ports(api=0, dashboard=0, prefect=free_port(4300, []), examples=0)
        env = environment(Settings(home=Path(folder)), ports)
        url = env["PREFECT_API_URL"]
        server = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(ports.prefect), "--no-ui"]
        served = [sys.executable, "-m", "tests.bench.served_flow", str(60 / rate)]
        quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes = [subprocess.Popen(server, **quiet)]
        try:
            while not answers(f"{url}/health"):
                time.sleep(0.5)
            processes.append(subprocess.Popen(served, **quiet))
            time.sleep(20 + seconds)
            body = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "RUNNING"]}}}, "limit": 200}
            runs = httpx.post(f"{url}/flow_runs/filter", json=body, trust_env=False).json()
        finally:
            for process in reversed(processes):
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()
                process.wait()
    times = [[datetime.fromisoformat(run[name]) for name in ("start_time", "expected_start_time")] for run in runs]
    return _figures([1000 * (started - expected).total_seconds() for started, expected in times])


def _figures(late: list[float]) -> dict[str, float]:
    late = sorted(late)
    return {"fires": len(late), "p50": round(late[len(late) // 2], 1), "p99": round(late[int(len(late) * 0.99)], 1)} if late else {"fires": 0}


def _memory(count: int = 100_000) -> dict[str, Any]:
    """A ledger with a hundred thousand schedules, of which a thousand are due: what the shift that fires them weighs."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder))
        set_up(settings)
        journal = open_journal(settings)
        hire_built_in(journal, settings, actor="bench")
        first = schedules.create(journal, {"name": "first", "timing": {"cron": "0 9 * * *"}, "work": WORK}, settings=settings, actor="bench")
        now = now_us()
        for begin in range(0, count, 10_000):
            with journal.write("bench") as tx:
                rows = [
                    first | {"id": new_id("sc", now), "name": f"s-{number}", "timing": _timing(number)} for number in range(begin, begin + 10_000)
                ]
                due = [row | {"next_at": now, "wake_at": now, "decided_to": now - 1} if number % 100 == 0 else row for number, row in enumerate(rows)]
                tx.create_many(schema.schedules, due, "schedule.created")
        process = psutil.Popen(
            [sys.executable, "-m", "tests.fire_process", str(now), str(time.time()), "1"], env=os.environ | {"ARBITER_HOME": folder}
        )
        try:
            time.sleep(2)
            began = time.monotonic()
            while _due(journal, now) and time.monotonic() - began < 120:
                time.sleep(0.1)
            return {"schedules": count, "decided_in_s": round(time.monotonic() - began + 2, 1), "shift_mb": round(process.memory_info().rss / 1e6)}
        finally:
            process.kill()
            process.wait()
            journal.close()


def _timing(number: int) -> str:
    return json.dumps({"cron": f"{number % 60} {number // 60 % 24} * * *", "zone": "UTC"})


def _due(journal: Journal, now: int) -> int:
    with journal.look() as view:
        return len(view.rows(_STILL, now=now))


_STILL = Query(select(schema.schedules.c.id).where(schema.schedules.c.wake_at <= bindparam("now", type_=BigInteger)))
