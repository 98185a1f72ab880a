"""Starting: from `arbiter up` to the log-in page in a browser, with an empty home and with one that was used; and from submitting to working."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright

from cli import running
from store.home import open_journal
from store.journal import Journal
from store.settings import Settings
from tasks.beats import living_shifts
from tasks.read import task_detail
from tasks.submit import submit
from tasks.work import read_work

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def run(tasks: int = 60) -> dict[str, Any]:
    """Start twice in one home; the second time also measure how long a submitted task waits for its agent."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder) / "home")
        cold = _start(settings, tasks=0)
        warm = _start(settings, tasks=tasks)
    return {"first_page_cold_s": cold["first_page_s"], "first_page_warm_s": warm["first_page_s"], "submit_to_start_ms": warm["submit_to_start_ms"]}


def _start(settings: Settings, *, tasks: int) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM))  # people have theirs open already
        page = browser.new_page()
        began = time.monotonic()
        env = os.environ | {"ARBITER_HOME": str(settings.home)}
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _await_first_page(settings, page)
            first_page_s = time.monotonic() - began
            browser.close()
            return {"first_page_s": round(first_page_s, 1), "submit_to_start_ms": _latency(settings, tasks) if tasks else None}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _await_first_page(settings: Settings, page: Page) -> None:
    """Return when a browser shows the form to log in."""
    while not (url := running.read(settings.run).get("services", {}).get("dashboard", {}).get("url")):
        time.sleep(0.05)
    ends = time.monotonic() + 120
    while True:
        try:
            page.goto(url)
            break
        except Error:  # nobody listens yet
            if time.monotonic() > ends:
                raise
            time.sleep(0.25)
    page.get_by_label("Password", exact=False).first.wait_for(timeout=60_000)


def _latency(settings: Settings, tasks: int) -> dict[str, float]:
    """Submit one task after another to an idle system; the command itself tells when it ran."""
    journal = open_journal(settings)
    while len(living_shifts(journal)) < settings.dispatch.lanes + settings.dispatch.standby:
        time.sleep(0.5)
    time.sleep(20)  # what started has settled
    waits = sorted(_wait(journal, settings) for _ in range(tasks))
    journal.close()
    return {"p50": round(statistics.median(waits), 1), "p99": round(waits[int(len(waits) * 0.99)], 1)}


def _wait(journal: Journal, settings: Settings) -> float:
    task = {"title": "tell the time", "category": "Custom Workflows", "kind": "shell", "inputs": {"command": ["date", "+%s%N"]}}
    began_ns = time.time_ns()
    task_id = submit(journal, read_work(task), settings=settings, actor="bench", source="bench")["tasks"][0]["id"]
    while (detail := task_detail(journal, task_id))["task"]["state"] != "done":
        time.sleep(0.02)
    time.sleep(0.3)
    return (int(detail["task"]["result"]["stdout"]) - began_ns) / 1e6
