"""People at work in a real browser, on real pages, over a real API."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from models.clock import now_us
from tasks.measure import measure
from tasks.policies import active
from tasks.read import list_agents, list_tasks
from tests.browser import seed
from tests.browser.conftest import House, log_in

pytestmark = pytest.mark.slow

EARNED = "€595.50"  # 120.00 + 340.00 + 90.50 + 45.00: the four that succeeded
expect.set_options(timeout=120_000)


def task_row(house: House, text: str) -> dict[str, Any]:
    (row,) = list_tasks(house.journal, text=text)["items"]
    return row


def task_id(house: House, text: str) -> str:
    return str(task_row(house, text)["id"])


def open_task(page: Page, house: House, text: str, name: str = "ann") -> None:
    log_in(page, house, name, f"/tasks?task={task_id(house, text)}")


def test_today_shows_what_was_earned_and_opens_it_down_to_its_rows(page: Page, house: House):
    measure(house.settings.lake, now=now_us())
    log_in(page, house)
    tile = page.get_by_test_id("stMetric").filter(has_text="Revenue")
    expect(tile).to_contain_text(EARNED)
    expect(page.get_by_text(re.compile("Measured .* up to event"))).to_be_visible()
    page.get_by_role("button", name="Definition and rows").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The ends of tasks behind it: 4")
    dialog.get_by_text("The SQL that defines it").click()
    expect(dialog.get_by_test_id("stCode")).to_contain_text("-- title: Revenue")
    expect(dialog.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()


def test_the_window_stays_in_the_address_and_over_a_reload(page: Page, house: House):
    log_in(page, house, path="/?window=30d")
    chosen = page.get_by_role("radio", name="30d")
    expect(chosen).to_be_checked()
    page.get_by_role("radio", name="7d").click()
    expect(page).to_have_url(re.compile("window=7d"))
    page.reload()
    expect(page.get_by_role("radio", name="7d")).to_be_checked()


def test_what_needs_a_person_leads_to_those_tasks(page: Page, house: House):
    log_in(page, house)
    page.get_by_role("link", name="1 for review").click()
    expect(page).to_have_url(re.compile(r"/tasks\?state=review"))
    expect(page.get_by_text("Newest first")).to_be_visible()
    assert cells(page) >= {"Miscellaneous help wanted"}
    assert "Clean the October orders" not in cells(page)


def cells(page: Page) -> set[str]:
    """Return the texts of the table: it is drawn on a canvas, and told to screen readers beside it."""
    table = page.get_by_test_id("stDataFrame")
    table.locator("td").first.wait_for(state="attached")
    return {text.strip() for text in table.locator("td").all_text_contents()}


def test_a_session_survives_a_reload_and_ends_with_the_log_out(page: Page, context: BrowserContext, house: House):
    log_in(page, house)
    expect(page.get_by_text(EARNED)).to_be_visible()
    (cookie,) = [one for one in context.cookies() if one["name"].startswith("arbiter_session")]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    page.reload()
    expect(page.get_by_text(EARNED)).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_the_token_is_nowhere_in_the_browser(page: Page, context: BrowserContext, house: House):
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(str(frame))))
    log_in(page, house)
    expect(page.get_by_text(EARNED)).to_be_visible()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    assert "eyJ" not in kept + json.dumps(context.cookies()) + "".join(frames)  # how every JSON Web Token begins


def test_a_wrong_password_is_refused(page: Page, house: House):
    page.goto(house.pages)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill("wrong password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("Not logged in")).to_be_visible()


def test_filters_stay_in_the_address_and_find_the_task(page: Page, house: House):
    log_in(page, house, path="/tasks")
    page.get_by_label("Text", exact=True).fill("october")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("text=october"))
    page.wait_for_timeout(1000)
    assert {"Clean the October orders", "Report on the October orders"} <= cells(page)
    assert "Tell what the season costs" not in cells(page)


def test_a_row_opens_its_task_and_the_way_back_keeps_the_filters(page: Page, house: House):
    log_in(page, house, path="/tasks?text=season")
    table = page.get_by_test_id("stDataFrame")
    table.locator("td").first.wait_for(state="attached")
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 16, box["y"] + 52)  # the box in front of the first row
    expect(page.get_by_role("heading", name="Tell what the season costs")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"task={task_id(house, 'season')}"))
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()  # a click while the page is drawn is lost
    page.wait_for_timeout(1_000)
    page.get_by_role("button", name="All tasks").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("season")


def test_a_task_shows_its_timeline_graph_decision_artifacts_and_events(page: Page, house: House):
    open_task(page, house, "Clean the October orders")
    expect(page.get_by_text("query-1 brought the result at attempt 1")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    page.get_by_role("tab", name="Dependencies").click()
    graph = page.get_by_test_id("stGraphVizChart")
    expect(graph.locator("svg .node")).to_have_count(3)
    expect(graph).to_contain_text("Letter about the shares")
    page.get_by_role("tab", name="Decision").click()
    expect(page.get_by_text(re.compile("expected success"))).to_be_visible()
    page.get_by_role("tab", name="Work").click()
    expect(page.get_by_text("SELECT * FROM orders")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Artifacts")).click()
    row = page.get_by_text("shares.csv").locator("xpath=ancestor::*[@data-testid='stVerticalBlock' or @data-testid='stHorizontalBlock'][1]")
    with page.expect_download() as waiting:
        row.get_by_role("button", name="Download").click()
    assert Path(waiting.value.path()).read_text().startswith("product,n\ncarpet,574\n")
    assert waiting.value.suggested_filename == "shares.csv"


def test_an_operator_approves_and_the_page_shows_what_came_of_it(page: Page, house: House):
    open_task(page, house, "Publish the price list")
    expect(page.get_by_text("waits for the approval of an operator")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("starts in a moment|every agent that fits is busy|no agent that fits"))).to_be_visible()
    assert task_row(house, "Publish the price list")["approval"] == "given"


def test_an_operator_chooses_the_category_of_what_nobody_was_sure_about(page: Page, house: House):
    open_task(page, house, "Miscellaneous help wanted")
    page.get_by_role("button", name="Choose the category").click()
    page.get_by_text("Content Generation", exact=True).click()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text(re.compile("starts in a moment|every agent that fits is busy|no agent that fits"))).to_be_visible()
    row = task_row(house, "Miscellaneous help wanted")
    assert (row["category"], row["category_by"]) == ("Content Generation", "person")


def test_an_analyst_sees_the_task_and_may_not_change_it(page: Page, house: House):
    open_task(page, house, "column that is not there", name="bo")
    expect(page.get_by_text("Referenced column").first).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_client_sees_its_own_work_and_nobody_elses(page: Page, house: House):
    log_in(page, house, "nora", "/tasks")
    expect(page.get_by_text("Newest first")).to_be_visible()
    assert "Clean the October orders" in cells(page)
    assert "Tell what the season costs" not in cells(page)
    page.goto(f"{house.pages}/tasks?task={task_id(house, 'season')}")
    expect(page.get_by_text(re.compile("there is no task"))).to_be_visible()


def test_foreign_text_is_shown_and_never_obeyed(page: Page, house: House):
    open_task(page, house, seed.HOSTILE[:20])
    expect(page.get_by_role("heading", name="<img src=x")).to_contain_text("**[click](javascript:alert(1))** $x^2$ :red[no]")
    assert page.locator("img[src=x], a[href^='javascript'], a[href*='evil']").count() == 0
    assert "owned" not in page.title()


def test_an_agent_is_drained_and_brought_back(page: Page, house: House):
    log_in(page, house, path="/agents")
    card = page.locator(".st-key-agent-scrape-1")
    card.get_by_role("button", name="Drain").click()
    why = page.get_by_label("Why? It is shown with the agent.")
    why.fill("a new version")
    page.wait_for_timeout(5_500)  # the cards are drawn anew meanwhile
    expect(why).to_have_value("a new version")
    page.get_by_role("button", name="Drain scrape-1").press("Enter")  # a popover may reach beyond the screen
    expect(card).to_contain_text("by user:ann: a new version")
    assert agent_state(house, "scrape-1") == "draining"
    card.get_by_role("button", name="Bring online").click()
    expect(card.get_by_role("button", name="Drain")).to_be_visible()
    assert agent_state(house, "scrape-1") == "online"


def agent_state(house: House, agent_id: str) -> str:
    return next(str(row["state"]) for row in list_agents(house.journal) if row["id"] == agent_id)


def test_a_policy_is_edited_replayed_and_then_saved(page: Page, house: House):
    log_in(page, house, path="/routing?part=Policy")
    save = page.get_by_role("button", name="Save")
    page.get_by_label("What is the change for?").fill("clients complain")
    page.get_by_role("spinbutton", name="late").fill("0.9")
    page.keyboard.press("Enter")
    expect(page.get_by_text("These values have not been replayed")).to_be_visible()
    expect(save).to_be_disabled()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("were replayed")).to_be_visible()
    save.click()
    expect(page.get_by_text("Version 1 counts now: clients complain")).to_be_visible()
    with house.journal.look() as view:
        assert active(view).policy.late == 0.9


def test_a_category_is_chosen_by_its_key_and_not_while_something_is_written(page: Page, house: House):
    first, second = (seed.unsure(house.journal, house.settings, title) for title in ("Sort these photographs", "And these"))
    log_in(page, house, path="/routing?part=Review")
    while page.get_by_role("heading", name="Sort these photographs").count() == 0:  # others may have waited longer
        heading = page.locator(".st-key-first h3")
        before = heading.inner_text()
        page.keyboard.press("0")
        expect(heading).not_to_have_text(before)
    page.keyboard.press("4")
    expect(page.get_by_role("heading", name="And these")).to_be_visible()
    assert task_row(house, "Sort these photographs")["category"] == "Content Generation"
    page.get_by_role("tab", name="Decisions").click()
    page.get_by_label("Text", exact=True).fill("1")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    page.get_by_role("tab", name="Review").click()
    expect(page.locator(".st-key-first")).to_be_visible()
    assert (task_row(house, "And these")["state"], first != second) == ("review", True)
