"""The monitor that the API serves: two browsers end with the journal's own list, whatever dies, and the sign never says more than is true."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, WebSocketRoute, expect

from store.schema import tasks
from tasks.alerts import raise_alert
from tasks.notices import list_inbox
from tasks.notify import Notifier
from tests.browser import seed
from tests.browser.conftest import House, rough_page
from tests.browser.test_live import chip, listed, rows, search, sign, work

pytestmark = pytest.mark.slow

expect.set_options(timeout=45_000)
UNLISTED = {"attempt.progressed", "request.answered", "reader.advanced"}
BROKEN = "/(feed|feed/ticket|token|approve|priority)$"  # what the browser's console says of an API that does not answer, or refuses


@pytest.fixture
def rough(context: BrowserContext) -> Iterator[Page]:
    """A page that may complain of broken connections and of refusals, and of nothing else."""
    yield from rough_page(context, but=BROKEN)


def enter(page: Page, house: House, name: str = "ann", query: str = "") -> None:
    page.goto(f"{house.api.url}/monitor{query}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(seed.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(sign(page)).to_have_attribute("data-state", "live")


def task_row(page: Page, title: str) -> Locator:
    return page.locator('[data-part="open"] .row').filter(has_text=title)


def test_files_are_known_by_name_and_kind_and_are_not_sent_twice(house: House):
    page = httpx.get(f"{house.api.url}/monitor", trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    script = httpx.get(f"{house.api.url}/monitor/feed.js", trust_env=False)
    assert script.headers["content-type"].startswith("text/javascript")
    again = httpx.get(f"{house.api.url}/monitor/feed.js", headers={"If-None-Match": script.headers["etag"]}, trust_env=False)
    assert (again.status_code, again.content) == (304, b"")
    for name in ("streamlit.js", "..%2f__init__.py", "nothing.js"):
        assert httpx.get(f"{house.api.url}/monitor/{name}", trust_env=False).status_code == 404


def test_a_wrong_password_is_told_and_a_reload_keeps_the_session(rough: Page, house: House):
    rough.goto(f"{house.api.url}/monitor")
    rough.get_by_label("Name").fill("ann")
    rough.get_by_label("Password", exact=True).fill("wrong")
    rough.get_by_role("button", name="Log in").click()
    expect(rough.get_by_role("alert")).not_to_be_empty()
    rough.get_by_label("Password", exact=True).fill(seed.PASSWORD)
    rough.get_by_role("button", name="Log in").click()
    expect(sign(rough)).to_have_attribute("data-state", "live")
    rough.reload()
    expect(sign(rough)).to_have_attribute("data-state", "live")
    rough.get_by_role("button", name="Log out").click()
    expect(rough.get_by_label("Name")).to_be_visible()
    assert rough.evaluate("sessionStorage.length") == 0


def test_two_browsers_end_with_the_journals_list_after_the_server_was_killed(chromium: Browser, rough: Page, house: House):
    other = chromium.new_context()
    second = other.new_page()
    for page in (rough, second):
        enter(page, house)
    house.api.kill()
    for page in (rough, second):
        expect(sign(page)).to_have_attribute("data-state", "reconnecting")
        expect(sign(page)).to_contain_text(re.compile(r"stale since \d\d:\d\d:\d\d"))
    work(house, *[f"written while it was down {number:02d}" for number in range(30)])
    house.api.start()
    for page in (rough, second):
        expect(sign(page)).to_have_attribute("data-state", "live")
        expect(page.locator('[data-part="more"]')).to_contain_text(f"{house.journal.head():,}")
    lists = [[seq for seq, _ in listed(page)] for page in (rough, second)]
    other.close()
    first = lists[0][0]
    topics = [
        event.seq
        for event in house.journal.events(first - 1, 100_000)
        if event.kind != "attempt.progressed" and event.entity not in {"users", "requests"}
    ]
    assert lists[0] == lists[1] == topics


def test_ten_thousand_events_keep_the_page_small(page: Page, house: House):
    def serve(socket: WebSocketRoute) -> None:
        socket.on_message(lambda text: answer(socket, json.loads(text)))

    def answer(socket: WebSocketRoute, said: dict[str, Any]) -> None:
        if said["type"] == "heartbeat" or not said["snapshot"]:
            return
        ready = {"type": "ready", "epoch": "e", "head": 12_000, "after": 0, "behind": 12_000, "topics": ["tasks"], "heartbeat_s": 60}
        socket.send(json.dumps(ready | {"expires_at": "2999-01-01T00:00:00Z"}))
        empty = {"tasks": [], "attempts": [], "agents": [], "alerts": [], "counts": {}, "inbox": None}
        socket.send(json.dumps({"type": "snapshot", "seq": 0, "complete": True} | empty))
        for seq in range(1, 12_001):
            event = {"type": "event", "seq": seq, "at": "2026-01-01T10:00:00Z", "kind": "agent.changed", "entity": "agents", "key": f"a-{seq % 5}"}
            socket.send(json.dumps(event | {"actor": "user:ann", "patch": {"state": "online", "capacity": 2}, "facts": {}}))
        socket.send(json.dumps({"type": "heartbeat", "seq": 12_000}))

    page.route_web_socket(re.compile("/feed$"), serve)
    enter(page, house)
    expect(page.locator('[data-part="events-n"]')).to_have_text("10,000")
    assert rows(page).count() < 60
    expect(rows(page).last).to_have_attribute("aria-posinset", "10000")
    events = page.locator('[data-part="events"]')
    events.evaluate("(list) => { list.scrollTop = 0; }")
    expect(page.locator("#event-2001")).to_be_visible()
    assert rows(page).count() < 60


def test_what_is_asked_is_shown_as_asked_and_done_when_the_feed_says_so(page: Page, house: House):
    (task,) = work(house, "Pause me")
    enter(page, house)
    chip(page, "waiting").click()
    row = task_row(page, "Pause me")
    row.get_by_role("button").focus()
    page.keyboard.press("p")
    expect(row).to_have_count(0)
    chip(page, "paused").click()
    expect(row).to_contain_text("paused by user:ann")
    assert house.api.ask("GET", f"/tasks/{task}").json()["task"]["state"] == "paused"
    row.get_by_role("button").press("c")
    page.get_by_label("Why? Kept with the task").fill("not needed")
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="badge"]')).to_have_text("cancelled")
    expect(page.locator('[data-part="history"]')).to_contain_text("task finished")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_refusal_is_told_in_the_apis_own_words(rough: Page, house: House):
    (task,) = work(house, "Refuse me")
    refusal = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "the task has ended: cancelled"}
    rough.route(re.compile(f"/tasks/{task}/approve$"), lambda route: route.fulfill(status=409, json=refusal))
    enter(rough, house)
    chip(rough, "waiting").click()
    task_row(rough, "Refuse me").get_by_role("button").press("a")
    expect(task_row(rough, "Refuse me")).to_contain_text("the task has ended: cancelled")


def test_what_may_not_have_arrived_is_sent_again_and_done_once(rough: Page, house: House):
    (task,) = work(house, "Pause me once")
    sent = []

    def lose_the_answer(route: Route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    rough.route(re.compile(f"/tasks/{task}/priority$"), lose_the_answer)
    enter(rough, house)
    chip(rough, "waiting").click()
    task_row(rough, "Pause me once").get_by_role("button").click()
    rough.get_by_role("button", name="Set priority").click()
    rough.get_by_label("Priority, one point").fill("7")
    with rough.expect_response(re.compile(f"/tasks/{task}/priority$")) as second:
        rough.keyboard.press("Enter")
    expect(rough.locator('[data-part="about"]')).to_contain_text("priority 7")
    assert (second.value.status, sent) == (200, [sent[0]] * 2)
    events = house.journal.events(0, 100_000)
    assert len([event for event in events if event.key == task and event.kind == "task.changed" and "priority" in event.patch]) == 1


def test_a_category_that_nobody_was_sure_of_is_chosen(page: Page, house: House):
    (task,) = work(house, "Which one am I")
    with house.journal.write("test") as tx:
        tx.change(tasks, task, {"state": "review", "reason": "unsure", "category": "Data Processing"}, "task.changed", client="Northwind Books")
    enter(page, house)
    chip(page, "review").click()
    task_row(page, "Which one am I").get_by_role("button").press("g")
    choice = page.get_by_role("combobox", name="Category")
    expect(choice).to_have_value("Data Processing")
    choice.select_option("Content Generation")
    page.locator('[data-part="form"]').get_by_role("button", name="Choose category").click()
    expect(page.locator('[data-part="about"]')).to_contain_text("Content Generation")
    row = house.api.ask("GET", f"/tasks/{task}").json()["task"]
    assert (row["category"], row["category_by"]) == ("Content Generation", "person")


def test_an_alert_is_acknowledged_through_the_own_inbox(page: Page, house: House):
    notifier = Notifier(house.journal, house.settings)
    with house.journal.write("test") as tx:
        raise_alert(tx, "fire", severity="critical", title="a fire", advice="water")
    notifier.look()
    notifier.close()
    enter(page, house)
    row = page.locator(".alert").filter(has_text="a fire")
    row.get_by_role("button", name="Acknowledge").click()
    expect(row).to_contain_text("acknowledged")
    expect(row.get_by_role("button", name="Acknowledge")).to_be_hidden()
    (notice,) = [one for one in list_inbox(house.journal, "ann")["items"] if one["title"].startswith("a fire")]
    assert notice["state"] == "acknowledged"


def test_the_keyboard_goes_everywhere(page: Page, house: House):
    work(house, "The last one")
    enter(page, house)
    expect(page.locator('[data-part="running"] .row')).to_have_count(2)
    expect(rows(page).last).to_contain_text("The last one")
    page.keyboard.press("j")
    focused = page.locator(":focus")
    expect(focused).to_have_class("name")
    title = focused.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("task finished")
    expect(rows(page).filter(has_not_text="task finished")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator('[data-part="drawer"]')).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()


def test_events_are_chosen_by_topic_and_text(page: Page, house: House):
    enter(page, house)
    page.get_by_label("Topic of events").select_option("agents")
    expect(rows(page).filter(has_text="task submitted")).to_have_count(0)
    expect(rows(page).first).to_contain_text("agent")
    page.get_by_label("Topic of events").select_option("")
    search(page).fill("no such thing")
    expect(page.get_by_text("No recent event fits the search.")).to_be_visible()


def test_a_client_sees_its_own_only_and_may_do_little(page: Page, house: House):
    enter(page, house, "nora")
    work(house, "Somebody else's", client="Harbour Tours")
    work(house, "Nora's own", client="Northwind Books")
    expect(rows(page).filter(has_text="Nora's own").filter(has_text="task submitted")).to_have_count(1)
    expect(rows(page).filter(has_text="Somebody else's")).to_have_count(0)
    rows(page).filter(has_text="Nora's own").first.click()
    expect(page.locator("[data-deed]")).to_have_text([re.compile("Cancel task")])
