"""What a new user does in the first five minutes: `arbiter demo`, log in, look at the three pages, decide what waits for a person."""

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cli import running
from store.home import open_journal
from store.settings import Settings
from tasks.read import list_tasks
from tests.command import Command, until

pytestmark = pytest.mark.slow

WIDTHS = {"desk": (1400, 900), "phone": (400, 860)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory, with_prefect):
    """The demonstration as a user starts it: the address of the pages, the first password, and the home."""
    folder = tmp_path_factory.mktemp("d")
    command = Command(home=Path(f"/tmp/arb-demo-{os.getpid()}"))
    with_prefect(command.home)
    process = command.start("demo", output=folder / "demo.log")
    told = folder / "demo.log"
    try:
        until(lambda: _done(command), "the end of what needs no person")
        url = running.read(command.home / "run")["services"]["dashboard"]["url"]
        yield url, re.search(r"password (\S+) \(shown this once", told.read_text()).group(1), command.home
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _done(command: Command) -> bool:
    """Tell whether everything that needs no person is done."""
    home = Settings(home=command.home)
    if not (home.run / "services.json").exists():
        return False
    journal = open_journal(home)
    rows = list_tasks(journal, source="demo")["items"]
    journal.close()
    return len(rows) > 10 and sum(row["state"] == "done" for row in rows) >= len(rows) - 2


def test_a_new_user_sees_the_business_run_and_decides_what_waits(page: Page, demo):
    url, password, home = demo
    page.goto(url)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_test_id("stMetric").filter(has_text="Revenue").first).to_contain_text("€", timeout=90_000)
    expect(page.get_by_text(re.compile("1 for approval"))).to_be_visible()
    _picture(page, "demo-today")

    page.get_by_role("link", name="Live").click()
    expect(page.get_by_text(re.compile("every event up to"))).to_be_visible()
    expect(page.get_by_text("scrape-1").first).to_be_visible()
    _picture(page, "demo-live")

    page.get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("heading", name="Tasks")).to_be_visible()
    _picture(page, "demo-tasks")

    journal = open_journal(Settings(home=home))
    (invoice,) = [row for row in list_tasks(journal, source="demo")["items"] if row["ref"] == "invoice"]
    page.goto(f"{url}/tasks?task={invoice['id']}")
    page.get_by_role("button", name="Approve").click()
    until(lambda: list_tasks(journal, text=invoice["id"])["items"][0]["outcome"] == "succeeded", "the invoice")
    journal.close()


def _picture(page: Page, name: str) -> None:
    """Keep what a page looks like on a desk and on a phone, in the light and in the dark; nothing is wider than the screen."""
    folder = os.environ.get("ARBITER_SHOTS")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for device, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(1_500)  # Streamlit draws again
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if folder:
                page.screenshot(path=Path(folder) / f"{name}-{device}-{scheme}.png")
    page.set_viewport_size({"width": 1400, "height": 900})
