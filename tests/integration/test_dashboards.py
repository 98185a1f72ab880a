"""The pages over a twin of the API: every answer has its own face, and nobody is shown what another may see."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from models.clock import iso, now_us
from tests.api_server import PASSWORD
from tests.pages import logged_in, opened, texts, view
from tests.support_answers import attempt, detail, kpi, kpis, task, token
from tests.support_api import Twin, serve

pytestmark = pytest.mark.slow

MISSING = {"title": "Service Unavailable", "status": 503, "detail": "the cube of 2026-11-01 is broken: run `arbiter run measure`"}


@pytest.fixture
def twin() -> Iterator[Twin]:
    """An API where everybody may log in and nothing has happened yet; the pages are told its address, as a process is."""
    twin = Twin()
    twin.answers["POST /token"] = _token
    twin.says("GET /kpis", kpis(status="empty", as_of=None, measured_at=None, seq=0))
    twin.says("GET /tasks", {"items": [], "next": None})
    twin.says("GET /tasks/counts", {})
    twin.says("GET /bulk", {"items": []})
    twin.says("GET /categories", {"items": ["Web Scraping", "Data Processing", "Legal Review"]})
    with serve(twin):
        os.environ["ARBITER_API_URL"] = twin.url
        yield twin
    del os.environ["ARBITER_API_URL"]


def _token(given: dict[str, Any]) -> tuple[int, Any]:
    if given["password"] != PASSWORD:
        return 401, {"title": "Unauthorized", "status": 401, "detail": "the name or the password is wrong"}
    role = {"ann": "operator", "bo": "analyst", "bot": "agent", "cleo": "client"}[given["name"]]
    return 200, token(name=given["name"], role=role, client="acme" if role == "client" else None, access_token=f"token of {given['name']}")


def tasks_page(app: AppTest, **query: str) -> AppTest:
    """Return the page *Tasks* as the person sees it who is logged in to `app`."""
    return view("tasks", app, **query)


def test_nobody_sees_anything_without_logging_in(twin: Twin):
    app = opened()
    assert [field.label for field in app.text_input] == ["Name", "Password"]
    assert "arbiter up" in texts(app)
    assert twin.asked == []


def test_a_wrong_password_is_refused_in_the_words_of_the_api(twin: Twin):
    app = logged_in("ann", password="guess")
    assert app.error[0].value == r"the name or the password is wrong"
    assert "login" not in app.session_state or app.session_state["login"] is None


def test_the_token_goes_to_the_api_and_nowhere_into_the_page(twin: Twin):
    app = logged_in("ann")
    assert {headers.get("Authorization") for _, path, _, headers in twin.asked if path != "/token"} == {"Bearer token of ann"}
    assert "token of ann" not in texts(app) + str(app.query_params)


def test_before_the_first_measure_the_page_teaches_and_shows_no_zeros(twin: Twin):
    app = logged_in("ann")
    assert "Nothing has been measured yet" in texts(app)
    assert "arbiter demo" in texts(app)
    assert list(app.metric) == []


def test_a_healthy_answer_shows_values_changes_and_how_fresh_they_are(twin: Twin):
    twin.says("GET /kpis", kpis(kpi(), kpi(id="cost", title="Cost", value=0, previous=0, change=None)))
    app = logged_in("ann")
    assert [(metric.label, metric.value, metric.delta) for metric in app.metric] == [
        ("Revenue", "€123.45", "+23.4%"),
        ("Cost", "€0.00", "nothing to compare with"),
    ]
    assert re.search(r"Measured \d+ s ago, up to event 1,234", texts(app))
    assert not app.warning
    assert not app.error


def test_behind_a_tile_are_the_rows_of_its_own_currency(twin: Twin):
    twin.says("GET /kpis", kpis(kpi(), kpi(currency="USD")))
    twin.says("GET /kpis/revenue/rows", {"items": [], "total": 0})
    logged_in("ann").button(key="open-revenue-USD").click().run()
    assert [given["currency"] for _, path, given, _ in twin.asked if path == "/kpis/revenue/rows"] == ["USD"]


def test_old_numbers_say_that_they_are_old(twin: Twin):
    twin.says("GET /kpis", kpis(kpi(), measured_ago=timedelta(hours=2)))
    app = logged_in("ann")
    assert "These numbers are old" in app.warning[0].value
    assert "2 h ago" in app.warning[0].value
    assert app.metric[0].value == "€123.45"


def test_a_number_that_has_no_value_says_why(twin: Twin):
    twin.says("GET /kpis", kpis(kpi(), kpi(id="margin", title="Margin", value=None, previous=None, change=None, why_null="nothing was earned")))
    app = logged_in("ann")
    assert (app.metric[1].value, app.metric[1].delta) == ("–", "no value")
    assert "Nothing was earned." in texts(app)


def test_a_failed_source_is_an_error_with_its_reason_and_shows_no_numbers(twin: Twin):
    twin.says("GET /kpis", MISSING, status=503)
    app = logged_in("ann")
    assert "the cube of 2026\\-11\\-01 is broken" in app.error[0].value
    assert "arbiter status" in app.error[0].value
    assert list(app.metric) == []


def test_an_api_that_does_not_answer_is_told_apart_from_one_that_fails(twin: Twin):
    app = logged_in("ann")
    os.environ["ARBITER_API_URL"] = "http://127.0.0.1:9"  # nothing listens there
    app.run()
    assert "does not answer" in app.error[0].value
    assert [button.label for button in app.button if button.label == "Try again"]


def test_an_ended_session_leads_back_to_the_log_in_and_says_so(twin: Twin):
    app = logged_in("ann")
    twin.says("GET /kpis", {"title": "Unauthorized", "status": 401, "detail": "the session has ended"}, status=401)
    app.segmented_control(key="window").set_value("7d").run()
    assert [field.label for field in app.text_input] == ["Name", "Password"]
    assert "Your session has ended" in texts(app)


def test_a_token_that_runs_out_is_renewed_while_the_page_is_looked_at(twin: Twin):
    twin.says("POST /token", token(expires_at=iso(now_us() + 60_000_000)))
    twin.says("POST /token/renew", token(access_token="a fresh token"))
    app = logged_in("ann")
    app.run()
    asked = [(path, headers.get("Authorization")) for _, path, _, headers in twin.asked]
    assert ("/token/renew", "Bearer a-token") in asked
    assert asked[-1][1] == "Bearer a fresh token"


def test_the_window_comes_from_the_address_and_goes_to_the_api(twin: Twin):
    logged_in("ann", window="30d")
    assert {given["window"] for method, path, given, _ in twin.asked if path == "/kpis"} == {"30d"}


def test_what_waits_for_a_person_is_counted(twin: Twin):
    waiting = [task(id="t_1", state="waiting", outcome=None, reason="approval"), task(id="t_2", state="waiting", outcome=None, reason="dependency")]
    failed = [task(id="t_3", outcome="failed"), task(id="t_4", outcome="failed", finished_at=iso(now_us() - 30 * 86_400_000_000))]
    twin.answers["GET /tasks"] = lambda given: (200, {"items": waiting if given.get("state") == "waiting" else failed, "next": None})
    twin.says("GET /tasks/counts", {"review": 3})
    twin.says("GET /kpis", kpis(kpi()))
    app = logged_in("ann")
    assert [link.proto.label for link in app.get("page_link")] == ["3 for review", "1 for approval", "1 failed"]


def test_a_program_is_shown_no_page(twin: Twin):
    app = logged_in("bot")
    assert "This account is for a program" in texts(app)
    assert [path for _, path, _, _ in twin.asked] == ["/token", "/work"]


def test_two_people_at_the_same_time_are_asked_for_separately(twin: Twin):
    logged_in("ann")
    logged_in("bo")
    asked = [headers["Authorization"] for _, path, _, headers in twin.asked if path == "/kpis"]
    assert set(asked) == {"Bearer token of ann", "Bearer token of bo"}


def test_the_table_is_empty_in_two_different_ways(twin: Twin):
    app = logged_in("ann")
    assert "There are no tasks yet" in texts(tasks_page(app))
    assert "No task fits these filters" in texts(tasks_page(app, text="nothing like this"))


def test_filters_of_the_address_go_to_the_api(twin: Twin):
    tasks_page(logged_in("ann"), state="review", category="Data Processing", client="acme", text="orders")
    given = next(given for _, path, given, _ in reversed(twin.asked) if path == "/tasks")
    assert given == {"state": "review", "category": "Data Processing", "client": "acme", "text": "orders", "most": "50"}


def test_a_task_says_where_it_stands_and_why(twin: Twin):
    failed = task(title="Clean *all* orders", outcome="failed", why="attempt 1 by query-1 failed for good")
    twin.says("GET /tasks/t_1", detail(failed, attempts=[attempt(state="failed", error="Binder Error")]))
    page = tasks_page(logged_in("ann"), task="t_1")
    assert page.header[0].value == r"Clean \*all\* orders"
    assert r"attempt 1 by query\-1 failed for good" in texts(page)
    assert page.code[0].value == "Binder Error"
    assert [(metric.label, metric.value) for metric in page.metric[:3]] == [("Price", "€120.00"), ("Cost", "€3.00"), ("Attempts", "1 of 3")]


def test_a_client_is_shown_a_task_without_what_the_api_keeps_from_it(twin: Twin):
    kept = {"cost_cents"}
    own, tried = ({name: value for name, value in row.items() if name not in kept} for row in (task(), attempt()))
    whole = detail(own, attempts=[tried])
    twin.says("GET /tasks/t_1", {name: part for name, part in whole.items() if name != "decisions"})
    twin.says("GET /tasks", {"items": [own], "next": None})
    app = logged_in("cleo")
    page = tasks_page(app, task="t_1")
    assert [metric.label for metric in page.metric] == ["Price", "Attempts", "Waited", "Worked"]
    assert [tab.label for tab in page.tabs] == ["Timeline", "Dependencies", "Artifacts (0)", "Work", "Events"]
    assert not page.error
    listed = tasks_page(app)
    assert "cost" not in listed.dataframe[0].value.columns
    assert not listed.exception


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ({"state": "done", "outcome": "succeeded"}, set()),
        ({"state": "done", "outcome": "failed"}, {"retry"}),
        ({"state": "running", "outcome": None}, {"pause", "cancel"}),
        ({"state": "running", "outcome": None, "kind": "prefect"}, {"cancel"}),
        ({"state": "running", "outcome": None, "hold_at": "2026-11-01T00:00:00Z"}, {"resume", "cancel"}),
        ({"state": "paused", "outcome": None}, {"resume", "cancel"}),
        ({"state": "waiting", "outcome": None, "approval": "needed"}, {"approve", "pause", "cancel"}),
        ({"state": "review", "outcome": None, "category": None}, {"decide", "pause", "cancel"}),
    ],
)
def test_an_operator_is_offered_what_can_be_done_now_and_an_analyst_nothing(twin: Twin, state: dict[str, Any], buttons: set[str]):
    twin.says("GET /tasks/t_1", detail(task(**state)))
    keys = {"approve", "pause", "resume", "retry", "cancel", "decide"}
    assert {button.key for button in tasks_page(logged_in("ann"), task="t_1").button} & keys == buttons
    assert {button.key for button in tasks_page(logged_in("bo"), task="t_1").button} & keys == set()


def test_an_action_goes_to_the_api_and_a_refusal_is_shown_in_its_words(twin: Twin):
    twin.says("GET /tasks/t_1", detail(task(state="waiting", outcome=None, approval="needed")))
    twin.says("POST /tasks/t_1/approve", {"title": "Conflict", "status": 409, "detail": "somebody cancelled it meanwhile"}, status=409)
    page = tasks_page(logged_in("ann"), task="t_1")
    page.button(key="approve").click().run()
    assert ("POST", "/tasks/t_1/approve") in [(method, path) for method, path, _, _ in twin.asked]
    assert page.error[0].value == "somebody cancelled it meanwhile"


def test_a_task_that_is_not_there_is_refused_in_the_words_of_the_api(twin: Twin):
    page = tasks_page(logged_in("ann"), task="t_none")
    assert "there is no GET" in page.error[0].value
