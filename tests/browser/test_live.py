"""The page *Live*: it follows the journal by its own socket, loses and doubles nothing, and never says that it is live when it is not."""

import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from store.journal import Journal
from tasks.read import list_tasks
from tasks.submit import submit
from tasks.work import read_work
from tests.browser import seed
from tests.browser.conftest import House, log_in, rough_page

pytestmark = pytest.mark.slow

expect.set_options(timeout=45_000)
BROKEN = "/feed$|arbiter_live"  # what the browser's console says of a socket that finds nobody


@pytest.fixture
def rough(context: BrowserContext) -> Iterator[Page]:
    """A page that may complain of broken connections, and of nothing else."""
    yield from rough_page(context, but=BROKEN)


def sign(page: Page) -> Locator:
    return page.locator('[data-part="sign"]')


def rows(page: Page) -> Locator:
    return page.locator('[data-part="events"] .event')


def search(page: Page) -> Locator:
    return page.get_by_label("Search events")


def listed(page: Page) -> list[tuple[int, str]]:
    """The whole list, sequence number and title, read by scrolling through it."""
    return page.locator('[data-part="events"]').evaluate(
        """async (list) => {
            const found = new Map();
            for (let top = 0; top <= list.scrollHeight; top += list.clientHeight / 2) {
                list.scrollTop = top;
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                for (const row of list.querySelectorAll(".event")) found.set(Number(row.id.slice(6)), row.querySelector(".whom").textContent);
            }
            return [...found].sort((a, b) => a[0] - b[0]);
        }""",
    )


def chip(page: Page, state: str) -> Locator:
    return page.locator(f'[data-part="queue"] [data-state="{state}"] b')


def go_live(page: Page, house: House, name: str = "ann") -> None:
    log_in(page, house, name, "/live")
    expect(sign(page)).to_have_attribute("data-state", "live")


def work(house: House, *titles: str, **fields: Any) -> list[str]:
    """Submit tasks that wait for approval; return their ids."""
    tasks = [
        {"title": title, "category": "Content Generation", "kind": "generate", "inputs": {"template": "x"}, "approval": True} for title in titles
    ]
    answer = submit(house.journal, read_work({"tasks": [task | fields for task in tasks]}), settings=house.settings, actor="test", source="cli")
    return [task["id"] for task in answer["tasks"]]


def running(journal: Journal) -> list[dict[str, Any]]:
    return list_tasks(journal, state="running")["items"]


def test_what_runs_is_shown_with_its_progress_and_who_does_it(page: Page, house: House):
    go_live(page, house)
    row = page.locator('[data-part="running"] .row').filter(has_text="Summarise forty files")
    expect(row).to_contain_text("query-1")
    expect(row).to_contain_text("reading file 25 of 40")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "62")
    expect(page.locator(".agent").filter(has_text="query-1")).to_contain_text("1 of 4")
    expect(page.locator(".agent").first).to_have_css("display", "grid")  # it has its style
    expect(chip(page, "running")).to_have_text("2")


def test_progress_moves_without_a_reload(page: Page, house: House):
    go_live(page, house)
    (task,) = [task for task in running(house.journal) if task["title"] == "Summarise forty files"]
    seed.progress(house.journal, task["attempt_id"], task["id"], task["client"], 0.8, "reading file 32 of 40")
    row = page.locator('[data-part="running"] .row').filter(has_text="Summarise forty files")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "80")
    expect(row).to_contain_text("reading file 32 of 40")
    seed.progress(house.journal, task["attempt_id"], task["id"], task["client"], 0.62, "reading file 25 of 40")


def test_new_work_appears_and_is_counted_while_the_page_asks_nobody_for_anything(page: Page, house: House):
    sent: list[Any] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))  # noqa: PLW0108 - Playwright takes functions only
    go_live(page, house)
    expect(rows(page).first).to_be_visible()  # the past has come, for which it asked
    expect(chip(page, "waiting")).not_to_have_text("–")
    waiting = int(chip(page, "waiting").inner_text())
    sent.clear()
    page.on("request", lambda request: sent.append(request.url))
    work(house, "Brand new work", "More of it")
    expect(chip(page, "waiting")).to_have_text(str(waiting + 2))
    expect(rows(page).filter(has_text="Brand new work").filter(has_text="task submitted")).to_have_count(1)
    assert sent == []


def test_the_list_begins_with_what_happened_before(page: Page, house: House):
    go_live(page, house)
    search(page).fill("clean october task.finished")
    expect(rows(page).filter(has_text="Clean the October orders").filter(has_text="task finished")).to_have_count(1)


def test_the_filter_keeps_events_that_fit(page: Page, house: House):
    go_live(page, house)
    search(page).fill("task finished")
    expect(rows(page).filter(has_not_text="task finished")).to_have_count(0)
    expect(rows(page).first).to_be_visible()
    search(page).fill("no such thing")
    expect(page.get_by_text("No recent event fits the search.")).to_be_visible()


def test_a_killed_server_is_told_at_once_and_nothing_is_lost_or_doubled_when_it_is_back(rough: Page, house: House):
    go_live(rough, house)
    house.api.kill()
    expect(sign(rough)).to_have_attribute("data-state", "reconnecting")
    expect(sign(rough)).to_contain_text(re.compile(r"stale since \d\d:\d\d:\d\d"))
    names = [f"written while it was down {number:02d}" for number in range(30)]
    work(house, *names)
    house.api.start()
    expect(sign(rough)).to_have_attribute("data-state", "live")
    search(rough).fill("written while it was down task.submitted")
    expect(rough.locator('[data-part="events-n"]')).to_contain_text("30 of")
    assert [title for _, title in listed(rough)] == names  # newest last


def test_a_server_that_says_nothing_any_more_is_noticed(rough: Page, house: House):
    go_live(rough, house)
    assert house.api.process
    house.api.process.send_signal(signal.SIGSTOP)
    try:
        expect(sign(rough)).to_have_attribute("data-state", "reconnecting")
        expect(sign(rough)).to_contain_text("stale since")
    finally:
        house.api.process.send_signal(signal.SIGCONT)
    expect(sign(rough)).to_have_attribute("data-state", "live")


def test_a_computer_that_goes_offline_is_noticed_at_once(rough: Page, context: BrowserContext, house: House):
    go_live(rough, house)
    context.set_offline(True)
    expect(sign(rough)).to_contain_text("this computer is offline")
    context.set_offline(False)
    expect(sign(rough)).to_have_attribute("data-state", "live")


def test_a_task_in_the_list_opens_its_page(page: Page, house: House):
    go_live(page, house)
    search(page).fill("Tell what the season costs")
    rows(page).first.click()
    page.get_by_role("button", name="Open the page of this task").click()
    expect(page.get_by_role("heading", name="Tell what the season costs")).to_be_visible()
    page.get_by_role("link", name="Live").click()
    expect(sign(page)).to_have_attribute("data-state", "live")


def test_foreign_text_in_an_event_is_text(page: Page, house: House):
    go_live(page, house)
    title = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
    work(house, title)
    expect(rows(page).filter(has_text=title).filter(has_text="task submitted")).to_have_count(1)
    assert page.evaluate("window.owned") is None
    assert page.locator("img[src=x]").count() == 0


def test_a_client_follows_its_own_work_only(page: Page, house: House):
    go_live(page, house, "nora")
    work(house, "Somebody else's work", client="Harbour Tours")
    work(house, "Nora's own work", client="Northwind Books")
    expect(rows(page).filter(has_text="Nora's own work").filter(has_text="task submitted")).to_have_count(1)
    expect(rows(page).filter(has_text="Somebody else's work")).to_have_count(0)
    expect(page.locator('[data-part="running"]')).to_contain_text("Summarise forty files")
    expect(page.locator('[data-part="running"] .row')).to_have_count(1)
