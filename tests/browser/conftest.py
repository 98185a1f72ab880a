"""A whole house for the browser: a home with work in it, the API and the pages as processes of their own, and Chromium."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from models.clock import now_us
from store.home import open_journal, set_up
from store.journal import Journal
from store.segments import ship
from store.settings import PROJECT, Settings
from tasks.measure import measure
from tests.api_server import Server
from tests.browser import seed

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
OURS = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
SEARCH = r"/(live|work|tasks|agents|routing|schedules|inbox)/_stcore/"  # where Streamlit's page first looks at a deep link, and is told 404
UP_S = 90  # until a process must answer; a busy machine needs a while


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What runs."""

    settings: Settings
    journal: Journal
    api: Server
    pages: str  # address of the dashboard


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A house in which work has been done and measured; the tests of one module share it."""
    folder = Path(tempfile.mkdtemp(prefix="arb-"))
    (folder / "inputs").mkdir()
    settings = Settings(home=folder / "home", input_roots=(folder / "inputs",))
    set_up(settings)
    seed.fill(settings)
    journal = open_journal(settings)
    ship(journal, settings.lake)
    measure(settings.lake, now=now_us())
    pages = f"http://127.0.0.1:{free_port()}"
    with Server(settings, origins=json.dumps([pages]), heartbeat_s=2) as api, dashboard(pages, api, folder / "pages.log"):
        yield House(settings=settings, journal=journal, api=api, pages=pages)
    journal.close()
    shutil.rmtree(folder)


@contextlib.contextmanager
def dashboard(pages: str, api: Server, log: Path) -> Iterator[None]:
    """Serve the pages as a process of their own."""
    command = [sys.executable, "-m", "dashboards", "--port", pages.rpartition(":")[2]]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"ARBITER_API_URL": api.url}, stdout=out, stderr=subprocess.STDOUT)
    try:
        until_up(f"{pages}/_stcore/health", process, log)
        yield
    finally:
        process.kill()
        process.wait()


def until_up(url: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until an address answers; fail with what its process wrote when that ends or takes too long."""
    end = time.monotonic() + UP_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.1)
    pytest.fail(f"{url} does not answer:\n{log.read_text()[-3000:]}")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")  # Playwright keeps an event loop running in this thread for as long as it lives: other modules need theirs
def chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    assert CHROMIUM.exists(), "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What a page complained of, or asked of other machines."""

    def listen(self, page: Page, *, but: str = "$^") -> None:
        """Note errors of scripts and of the console, except those about addresses that match `but`, and requests that leave this machine."""
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self._note(message, but))
        page.on("request", lambda request: request.url.startswith(OURS) or self.append(request.url))

    def _note(self, message: ConsoleMessage, but: str) -> None:
        address = message.location["url"]
        if not re.search(rf"{SEARCH}|{but}", address):
            self.append(f"{address}: {message.text}")


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used, on a desk in Berlin."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, timezone_id="Europe/Berlin", locale="en-GB")
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not complain."""
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page)
    yield page
    assert complaints == []


def log_in(page: Page, house: House, name: str = "ann", path: str = "/") -> None:
    """Open a page and log in."""
    page.goto(house.pages + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(seed.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Log out").wait_for(state="attached")


def rough_page(context: BrowserContext, *, but: str) -> Iterator[Page]:
    """Yield a page that may complain of these addresses, and of nothing else."""
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page, but=but)
    yield page
    assert complaints == []
