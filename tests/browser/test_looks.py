"""Every page on a desk in the light and on a phone in the dark: nothing overflows. `ARBITER_SHOTS` is the folder for its pictures."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from models.clock import now_us
from tasks.alerts import raise_alert
from tasks.measure import measure
from tasks.notify import Notifier
from tasks.read import list_tasks
from tests.browser.conftest import Complaints, House, log_in
from tests.browser.seed import PASSWORD, unsure

pytestmark = pytest.mark.slow

SIZES = {"desk": (1400, 900), "phone": (400, 860)}
TABS = ("Timeline", "Dependencies", "Decision", "Artifacts", "Work", "Events")
SCHEDULE = {
    "name": "daily-letter", "timing": {"cron": "30 8 * * *", "zone": "Europe/Berlin"},
    "work": {"title": "Letter of ${fire.date}", "category": "Content Generation", "kind": "generate", "inputs": {"template": "Dear you"}},
}  # fmt: skip
Scheme = Literal["light", "dark"]
expect.set_options(timeout=45_000)


@pytest.fixture(params=[("desk", "light"), ("phone", "dark")], ids="-".join)
def screen(request: pytest.FixtureRequest, chromium: Browser, tmp_path: Path) -> Iterator["Screen"]:
    size, scheme = request.param
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Europe/Berlin", locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page)
    folder = Path(os.environ.get("ARBITER_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    yield Screen(page, folder, f"{size}-{scheme}")
    context.close()
    assert complaints == []


class Screen:
    """A page of one size and colour, and the folder of its pictures."""

    def __init__(self, page: Page, folder: Path, name: str) -> None:
        self.page = page
        self._folder = folder
        self.name = name

    def shoot(self, what: str, *, whole: bool = False) -> None:
        """Take a picture once nothing moves; the page must not be wider than the screen."""
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0)
        self.page.wait_for_timeout(300)  # charts draw themselves
        width = self.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{what} is {width} px wider than the screen"
        self.page.screenshot(path=str(self._folder / f"{what}-{self.name}.png"), full_page=whole)


def test_every_page_fits_the_screen(screen: Screen, house: House):
    page = screen.page
    measure(house.settings.lake, now=now_us())
    page.goto(house.pages)
    page.get_by_label("Password", exact=True).wait_for()
    screen.shoot("login")

    log_in(page, house, path="/?window=1h")
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    screen.shoot("today", whole=True)
    page.get_by_role("button", name="Definition and rows").first.click()
    expect(page.get_by_role("dialog").get_by_text("The ends of tasks")).to_be_visible()
    screen.shoot("today-opened")

    page.goto(f"{house.pages}/live")
    expect(page.locator('[data-part="sign"]')).to_have_attribute("data-state", "live")
    screen.shoot("live")
    page.locator('[data-part="events"]').scroll_into_view_if_needed()
    screen.shoot("live-events")

    page.goto(f"{house.pages}/tasks")
    expect(page.get_by_text("Newest first")).to_be_visible()
    screen.shoot("tasks")

    (task,) = list_tasks(house.journal, text="Clean the October")["items"]
    page.goto(f"{house.pages}/tasks?task={task['id']}")
    for tab in TABS:
        page.get_by_role("tab", name=re.compile(tab)).click()
        screen.shoot(f"task-{tab.lower()}", whole=True)

    (task,) = list_tasks(house.journal, text="Publish the price")["items"]
    page.goto(f"{house.pages}/tasks?task={task['id']}")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    screen.shoot("task-approval")
    see_the_monitor(screen, house)
    see_schedules(screen, house)


def see_the_monitor(screen: Screen, house: House) -> None:
    page = screen.page
    page.goto(f"{house.api.url}/monitor")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    screen.shoot("monitor-login")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator('[data-part="sign"]')).to_have_attribute("data-state", "live")
    screen.shoot("monitor", whole=True)
    page.locator('[data-part="running"] button.name').first.click()
    expect(page.locator('[data-part="history"] li').first).to_be_visible()
    screen.shoot("monitor-task")


def see_schedules(screen: Screen, house: House) -> None:
    page = screen.page
    house.api.ask("POST", "/schedules", json=SCHEDULE)  # refused the second time: it is there
    page.goto(f"{house.pages}/schedules")
    expect(page.get_by_text("Select a row to open the schedule")).to_be_visible()
    screen.shoot("schedules", whole=True)
    page.goto(f"{house.pages}/schedules?schedule={SCHEDULE['name']}")
    for tab in ("Next fires", "History", "Lateness", "Backfills"):
        page.get_by_role("tab", name=tab).click()
        screen.shoot(f"schedule-{tab.lower().replace(' ', '-')}", whole=True)
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_text("They stay as they are")).to_be_visible()
    page.get_by_role("textbox", name="When it fires").fill("0 10 * * *")
    expect(page.get_by_text(re.compile("Fires at 10:00"))).to_be_visible()
    screen.shoot("schedule-edited", whole=True)


def test_the_inbox_fits_the_screen(screen: Screen, house: House):
    page = screen.page
    notifier = Notifier(house.journal, house.settings)  # begins to notify: of what happens from now on
    with house.journal.write("test") as tx:
        for name in ("fire", "smoke"):
            title = f"a {name} that <b>burns</b>"
            raise_alert(tx, f"{name}-{screen.name}", severity="critical", title=title, advice="see `arbiter status`")
    notifier.look()
    notifier.close()
    channel = {"name": f"hook {screen.name}", "url": "http://127.0.0.1:9/hook"}
    house.api.ask("POST", "/channels", "ann", json=channel).raise_for_status()
    log_in(page, house, path="/inbox")
    expect(page.get_by_role("button", name="Acknowledge").first).to_be_visible()
    screen.shoot("inbox", whole=True)
    page.get_by_role("tab", name="Rules").click()
    expect(page.get_by_text("Tells every admin")).to_be_visible()
    screen.shoot("inbox-rules", whole=True)
    page.get_by_role("button", name="New rule").click()
    expect(page.get_by_role("button", name="Make this rule")).to_be_visible()
    screen.shoot("inbox-rule-new")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Channels").click()
    page.get_by_role("button", name="Send a test").first.click()
    expect(page.get_by_text("The test did not arrive")).to_be_visible()
    screen.shoot("inbox-channels", whole=True)


def test_agents_and_routing_fit_the_screen(screen: Screen, house: House):
    page = screen.page
    unsure(house.journal, house.settings, "Sort these photographs")
    log_in(page, house, path="/agents")
    expect(page.get_by_role("link", name="Open", exact=True).first).to_be_visible()
    screen.shoot("agents", whole=True)
    page.goto(f"{house.pages}/agents?agent=query-1")
    page.get_by_role("tab", name="Last days").click()
    screen.shoot("agent-last-days", whole=True)
    page.get_by_role("button", name="Limit").click()
    expect(page.get_by_role("button", name="Change the limits")).to_be_visible()
    screen.shoot("agent-limit")
    page.goto(f"{house.pages}/routing")
    expect(page.get_by_text("Select a row to open the decision")).to_be_visible()
    screen.shoot("routing-decisions", whole=True)
    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_role("button", name="Not now")).to_be_visible()
    screen.shoot("routing-review", whole=True)
    page.get_by_role("tab", name="Policy").click()
    page.get_by_role("spinbutton", name="late").fill("0.9")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("were replayed")).to_be_visible()
    screen.shoot("routing-policy", whole=True)
    page.get_by_role("tab", name="Learning").click()
    expect(page.get_by_text("The curve is what happened")).to_be_visible()
    screen.shoot("routing-learning", whole=True)


def test_what_is_not_there_has_its_own_face(screen: Screen, house: House):
    page = screen.page
    log_in(page, house, path="/tasks?text=nothing+like+this")
    expect(page.get_by_text("No task fits these filters")).to_be_visible()
    screen.shoot("tasks-empty")
    page.goto(f"{house.pages}/tasks?task=t_none")
    expect(page.get_by_text("This cannot be done")).to_be_visible()
    screen.shoot("task-refused")
    house.api.kill()
    page.goto(f"{house.pages}/?window=24h")
    expect(page.get_by_text("No answer from the API")).to_be_visible()
    screen.shoot("today-silent")
    page.goto(f"{house.pages}/live")
    expect(page.locator('[data-part="sign"]')).to_have_attribute("data-state", "reconnecting")
    expect(page.locator('[data-part="queue"] b').first).to_have_text("–")
    screen.shoot("live-silent")
    house.api.start()
    expect(page.locator('[data-part="sign"]')).to_have_attribute("data-state", "live")
    page.goto(house.pages)
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
