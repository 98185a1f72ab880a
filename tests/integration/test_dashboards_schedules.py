"""The page *Schedules*: over a twin of the API for what it shows, over the real API for what it changes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.wording import when
from models.clock import iso, now_us
from store.home import open_journal, set_up
from store.settings import Settings
from tests.api_server import Server, add_people
from tests.pages import drawn, logged_in, texts, view
from tests.support_answers import coming_fire, fire, kpis, schedule, task, token
from tests.support_api import Twin, serve

pytestmark = pytest.mark.slow

WORK = {"title": "a letter of ${fire.date}", "category": "Content Generation", "kind": "generate", "inputs": {"template": "Dear you"}}
BUTTONS = {"new", "freeze", "pause", "resume", "run", "edit", "backfill", "delete", "save", "thaw-fz_1", "cancel-bf_1"}
ROLES = {"oli": "operator", "lyn": "analyst", "cli": "client"}
FREEZE = {
    "id": "fz_1", "why": "moving *house*", "from_at": iso(0), "until_at": None, "timing": None, "length_s": None, "state": "set", "lasts": True,
}  # fmt: skip
ALERT = {"severity": "critical", "title": "nobody gives out work", "advice": "see `arbiter status`", "state": "open", "opened_at": iso(0)}
BACKFILL = {
    "id": "bf_1", "from_at": iso(0), "until_at": iso(1), "which": "missing", "at_once": 5, "state": "running", "made": 3, "created_at": iso(2),
}  # fmt: skip


@pytest.fixture
def twin() -> Iterator[Twin]:
    """An API without any schedule, where everybody may log in."""
    twin = Twin()
    twin.answers["POST /token"] = _token
    twin.says("GET /kpis", kpis(status="empty", as_of=None, measured_at=None, seq=0))
    twin.says("GET /tasks", {"items": [], "next": None})
    twin.says("GET /tasks/counts", {})
    for path in ("/schedules", "/schedules/calendar", "/freezes", "/alerts"):
        twin.says(f"GET {path}", {"items": [], "cut": []})
    with serve(twin):
        os.environ["ARBITER_API_URL"] = twin.url
        yield twin
    del os.environ["ARBITER_API_URL"]


def _token(given: dict[str, Any]) -> tuple[int, Any]:
    role = ROLES[given["name"]]
    return 200, token(name=given["name"], role=role, client="acme" if role == "client" else None, access_token=f"token of {given['name']}")


def page(name: str = "oli", **query: str) -> AppTest:
    """Return the page as somebody sees it who opens this address."""
    return view("schedules", logged_in(name), **query)


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button} & BUTTONS


def detail(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"schedule": row, "next": [coming_fire()], "history": [], "frozen": None} | changes


def test_the_table_has_next_and_last_fires_and_how_late_they_were(twin: Twin):
    due = iso(now_us() + 3_600_000_000)
    paused = schedule(name="weekly", state="paused", why="paused by user:ann: stocktaking", last_verdict=None, last_due_at=None, lateness=[])
    twin.says("GET /schedules", {"items": [schedule(next_at=due, lateness=[0.2, 1.5]), paused]})
    twin.says(
        "GET /schedules/calendar",
        {"items": [coming_fire(schedule="daily", reason="the clock leaps over it")], "cut": [{"schedule": "daily", "at": due}]},
    )
    app = page()
    first, second = app.dataframe[0].value.to_dict("records")
    assert (first["name"], first["state"], first["fires"], first["verdict"]) == (
        "daily", "► active", "at 09:00, in the time of Europe/Berlin", "✓ made",
    )  # fmt: skip
    assert list(first["late (s)"]) == [0.2, 1.5]
    assert first["next"].isoformat() == due.replace("Z", "+00:00")
    assert (second["state"], second["why"]) == ("‖ paused", "paused by user:ann: stocktaking")
    assert app.dataframe[0].value["verdict"].isna().tolist() == [False, True]
    assert app.get("vega_lite_chart")
    assert [caption.value for caption in app.caption if "too often" in caption.value] == [
        f"**daily** fires too often to be drawn to the end: it is until {when(due, 'UTC')}, and goes on after that."
    ]
    assert [expander.label for expander in app.expander] == ["At an odd time (1)"]
    assert not app.error
    assert not app.warning


def test_without_schedules_the_page_teaches_and_draws_nothing(twin: Twin):
    app = page()
    assert "There are no schedules yet" in texts(app)
    assert "arbiter schedule create FILE" in texts(app)
    assert not app.dataframe
    assert not app.get("vega_lite_chart")


def test_a_fire_on_which_nobody_decided_makes_the_page_say_that_it_is_old_unless_all_is_frozen(twin: Twin):
    twin.says("GET /schedules", {"items": [schedule(name="late", next_at=iso(now_us() - 600_000_000))]})
    app = page()
    assert "These times are old" in app.warning[0].value
    assert "late" in app.warning[0].value
    twin.says("GET /freezes", {"items": [FREEZE]})
    assert not page("lyn").warning


def test_a_freeze_and_open_alerts_are_said_above_the_table(twin: Twin):
    twin.says("GET /freezes", {"items": [FREEZE]})
    twin.says("GET /alerts", {"items": [ALERT, ALERT | {"state": "resolved", "title": "over since long"}]})
    twin.says("POST /freezes/fz_1/end", FREEZE | {"state": "ended"})
    app = page()
    assert r"moving \*house\*" in app.info[0].value
    assert "until somebody ends it" in app.info[0].value
    assert "Open alerts: 1" in texts(app)
    assert "over since long" not in texts(app)
    app.button(key="thaw-fz_1").click().run()
    assert ("POST", "/freezes/fz_1/end") in [(method, path) for method, path, _, _ in twin.asked]


def test_a_freeze_is_set_with_its_reason(twin: Twin):
    twin.says("POST /freezes", FREEZE, status=201)
    app = page()
    assert app.button(key="freeze").disabled
    app.text_input(key="freeze-why").input("moving house").run()
    app.button(key="freeze").click().run()
    assert [given for method, path, given, _ in twin.asked if (method, path) == ("POST", "/freezes")] == [{"why": "moving house", "end": None}]


def test_a_part_that_fails_has_its_own_face_and_the_rest_is_shown(twin: Twin):
    twin.says("GET /schedules", {"items": [schedule()]})
    twin.says("GET /alerts", {"title": "Service Unavailable", "status": 503, "detail": "the ledger is locked"}, status=503)
    app = page()
    assert "the ledger is locked" in app.error[0].value
    assert len(app.dataframe[0].value) == 1


def test_a_failed_source_is_an_error_and_never_an_empty_table(twin: Twin):
    twin.says("GET /schedules", {"title": "Service Unavailable", "status": 503, "detail": "the ledger is locked"}, status=503)
    app = page()
    assert "the ledger is locked" in app.error[0].value
    assert "There are no schedules yet" not in texts(app)


def test_an_opened_schedule_says_how_it_stands_what_comes_and_what_became_of_what_was_due(twin: Twin):
    history = [
        fire(id="sc_1@2", verdict="skipped", count=9, why="missed; the schedule makes up for the latest only", made_at=None, late_s=None, tasks=0),
        fire(tasks=3, done=2, succeeded=1),
    ]
    row = schedule(state="paused", why="paused by user:ann: *stocktaking*", resume_at=iso(0))
    twin.says("GET /schedules/daily", detail(row, history=history, next=[coming_fire(reason="the clock leaps over it")], frozen="moving house"))
    twin.says("GET /schedules/daily/backfills", {"items": [BACKFILL]})
    app = page(schedule="daily")
    assert app.header[0].value == "daily"
    assert r"paused by user\:ann\: \*stocktaking\*, until" in texts(app)
    assert [tab.label for tab in app.tabs] == ["Next fires", "History", "Lateness", "Backfills", "Work"]
    assert app.tabs[0].dataframe[0].value["its own clock"].tolist() == ["Sun 27 Mar 2033 09:00 +0200"]
    assert "the clock leaps over it" in app.tabs[0].markdown[0].value
    shown = app.tabs[1].dataframe[0].value
    assert shown["verdict"].tolist() == ["» skipped", "✓ made"]
    assert shown["count"].tolist() == [9, 1]
    assert shown["tasks"].dropna().tolist() == ["2 of 3 ended, 1 succeeded"]
    assert app.tabs[2].get("vega_lite_chart")
    assert "3 made" in app.tabs[3].markdown[0].value
    assert not app.error
    assert keys(app) == {"resume", "run", "edit", "backfill", "delete", "cancel-bf_1"}


def test_a_fire_leads_to_its_own_tasks(twin: Twin):
    def selected() -> None:
        from dashboards.views import schedule
        from tests.support_answers import fire

        schedule.tasks_of(fire(tasks=1))

    app = logged_in("oli")
    twin.says("GET /tasks", {"items": [task(id="t_1", fire_id="sc_1@1", title="mine")], "next": None})
    links = drawn(selected, app).get("page_link")
    assert [link.proto.label for link in links] == ["mine · succeeded"]
    assert [given.get("fire") for _, path, given, _ in twin.asked if path == "/tasks"][-1] == "sc_1@1"


def test_an_analyst_sees_everything_and_no_buttons(twin: Twin):
    twin.says("GET /schedules", {"items": [schedule()]})
    twin.says("GET /freezes", {"items": [FREEZE]})
    twin.says("GET /schedules/daily", detail(schedule(), history=[fire()]))
    twin.says("GET /schedules/daily/backfills", {"items": [BACKFILL]})
    assert keys(page("oli")) == {"new", "freeze", "thaw-fz_1"}
    assert keys(page("oli", schedule="daily")) == {"pause", "run", "edit", "backfill", "delete", "cancel-bf_1"}
    for query in ({}, {"schedule": "daily"}, {"schedule": "daily", "edit": "yes"}, {"edit": "new"}):
        seen = page("lyn", **query)
        assert keys(seen) == set(), query
        assert not seen.error
    assert len(page("lyn").dataframe[0].value) == 1
    assert "Only operators and administrators" in texts(page("lyn", edit="new"))


def test_the_page_is_in_the_navigation_of_staff_and_not_of_clients(twin: Twin, monkeypatch: pytest.MonkeyPatch):
    import streamlit as st

    seen: list[list[str]] = []
    navigation = st.navigation
    monkeypatch.setattr(st, "navigation", lambda pages, **more: seen.append([page.title for page in pages]) or navigation(pages, **more))
    for name in ("oli", "lyn", "cli"):
        logged_in(name)
        assert ("Schedules" in seen[-1]) == (name != "cli")
    assert seen[0] == [
        "Today",
        "Live",
        "Work",
        "Tasks",
        "Agents",
        "Routing",
        "Schedules",
        "My work",
        "Inbox",
    ]  # nobody is known yet: the address must stay


# --- over the real API ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(home=Path(tmp_path_factory.mktemp("home")))
    set_up(settings)
    journal = open_journal(settings)
    add_people(journal)
    with Server(settings) as server:
        server.ask("POST", "/schedules", json=definition("daily")).raise_for_status()
        os.environ["ARBITER_API_URL"] = server.url
        yield server
        del os.environ["ARBITER_API_URL"]
    journal.close()


def definition(name: str, cron: str = "0 9 * * *") -> dict[str, Any]:
    return {"name": name, "timing": {"cron": cron, "zone": "Europe/Berlin"}, "work": WORK}


def known(server: Server, name: str) -> dict[str, Any]:
    return server.ask("GET", f"/schedules/{name}").raise_for_status().json()["schedule"]


def test_pausing_and_resuming_change_the_ledger(server: Server):
    app = page(schedule="daily")
    app.text_input(key="pause-why").input("stocktaking").run()
    app.button(key="pause").click().run()
    assert not app.error
    assert (known(server, "daily")["state"], known(server, "daily")["why"]) == ("paused", "paused by user:oli: stocktaking")
    app.button(key="resume").click().run()
    assert known(server, "daily")["state"] == "active"


def test_run_now_makes_a_fire_that_is_shown(server: Server):
    app = page(schedule="daily")
    app.button(key="run").click().run()
    assert app.tabs[1].dataframe[0].value["cause"].tolist() == ["person"]
    assert not app.error


def test_the_preview_tells_what_a_timing_means_and_shows_the_error_of_one_that_is_wrong(server: Server):
    app = page(edit="new")
    assert "Nothing to show yet" in texts(app)
    app.selectbox(key="edit-zone").select("Europe/Berlin")
    app.text_input(key="edit-cron").input("0 9 * * 1-5").run()
    assert "at 09\\:00" in texts(app)
    assert len(app.dataframe[0].value) == 7
    app.text_input(key="edit-cron").input("30 2 28 3 *").run()
    assert "02\\:30 does not exist" in texts(app)
    app.text_input(key="edit-cron").input("0 0 31 2 *").run()
    assert "never" in app.error[0].value
    assert not app.dataframe


def test_work_that_is_no_json_cannot_be_saved(server: Server):
    app = page(edit="new")
    app.text_area(key="edit-work").input('{"title": ').run()
    assert "not JSON" in app.error[0].value
    assert app.button(key="save").disabled


def test_a_schedule_is_made_in_the_editor_and_a_refusal_keeps_what_was_written(server: Server):
    app = page(edit="new")
    app.text_input(key="edit-name").input("Not A Name")
    app.text_input(key="edit-cron").input("0 7 * * *")
    app.selectbox(key="edit-overlap").select("queue_one")
    app.text_area(key="edit-work").input(json.dumps(WORK)).run()
    app.button(key="save").click().run()
    assert "name" in app.error[0].value
    assert app.text_input(key="edit-cron").value == "0 7 * * *"
    app.text_input(key="edit-name").input("weekly").run()
    app.button(key="save").click().run()
    assert not app.error
    row = known(server, "weekly")
    assert (row["timing"]["cron"], row["overlap"], row["work"]["tasks"][0]["title"]) == ("0 7 * * *", "queue_one", WORK["title"])
    assert app.header[0].value == "weekly"


def test_editing_shows_how_fires_move_and_keeps_what_was_not_touched(server: Server):
    timing = {"cron": "0 9 * * *", "zone": "Asia/Tokyo", "calendar": {"holidays": "JP"}, "roll": "forward", "jitter_s": 30, "most": 9}
    made = {"name": "kept", "timing": timing, "work": WORK, "catch_up": "within", "within_s": 7200, "grace_s": 5}
    server.ask("POST", "/schedules", json=made).raise_for_status()
    before = known(server, "kept")
    app = page(schedule="kept", edit="yes")
    assert "They stay as they are" in texts(app)
    app.text_input(key="edit-cron").input("0 10 * * *").run()
    moved = app.dataframe[1].value
    assert {text.split()[4][:2] for text in moved["now"]} == {"09"}
    assert {text.split()[4][:2] for text in moved["after"]} == {"10"}
    app.button(key="save").click().run()
    assert not app.error
    after = known(server, "kept")
    assert after["timing"] == timing | {"cron": "0 10 * * *"}
    untouched = ("work", "catch_up", "within_s", "overlap", "grace_s")
    assert [after[name] for name in untouched] == [before[name] for name in untouched]


def test_an_interval_keeps_its_anchor_and_may_become_another_kind(server: Server):
    server.ask("POST", "/schedules", json=definition("often") | {"timing": {"every": "90m"}}).raise_for_status()
    anchor = known(server, "often")["timing"]["anchor"]
    app = page(schedule="often", edit="yes")
    app.text_input(key="edit-every").input("2h").run()
    app.button(key="save").click().run()
    assert known(server, "often")["timing"] == {"every": "2h", "zone": "UTC", "anchor": anchor}
    app = page(schedule="often", edit="yes")
    app.segmented_control(key="edit-kind").set_value("cron").run()
    app.text_input(key="edit-cron").input("0 8 * * *").run()
    app.button(key="save").click().run()
    assert known(server, "often")["timing"] == {"cron": "0 8 * * *", "zone": "UTC"}


def test_a_rule_of_several_lines_keeps_its_lines(server: Server):
    rule = "DTSTART:20260105T090000\nRRULE:FREQ=WEEKLY;BYDAY=MO\nEXDATE:20260112T090000"
    server.ask("POST", "/schedules", json=definition("lines") | {"timing": {"rrule": rule}}).raise_for_status()
    app = page(schedule="lines", edit="yes")
    assert app.text_area(key="edit-rrule").value == rule
    app.number_input(key="edit-grace").set_value(5).run()
    app.button(key="save").click().run()
    assert not app.error
    assert (known(server, "lines")["timing"], known(server, "lines")["grace_s"]) == ({"rrule": rule, "zone": "UTC"}, 5)


def test_an_address_that_names_no_schedule_is_refused_in_the_words_of_the_api(server: Server):
    for name in ("none", "daily/backfills", "../tasks", "calendar"):
        app = page(schedule=name)
        assert app.error, name
        assert not app.exception, name


def test_a_backfill_is_counted_first_and_then_begun_and_cancelled(server: Server):
    def asked() -> None:
        from dashboards import data, faces
        from dashboards.views import schedule

        with faces.guard():
            schedule.backfill(data.read("/schedules/daily")["schedule"])

    app = drawn(asked, logged_in("oli"))
    assert "7 fires" in app.markdown[0].value
    assert "Nothing has been done yet" in texts(app)
    assert server.ask("GET", "/schedules/daily/backfills").json()["items"] == []
    app.button(key="backfill-begin").click().run()
    (row,) = server.ask("GET", "/schedules/daily/backfills").json()["items"]
    assert (row["state"], row["which"], row["at_once"]) == ("running", "missing", 5)
    opened = page(schedule="daily")
    opened.button(key=f"cancel-{row['id']}").click().run()
    assert server.ask("GET", "/schedules/daily/backfills").json()["items"][0]["state"] == "cancelled"


def test_a_deleted_schedule_leads_back_to_the_list(server: Server):
    server.ask("POST", "/schedules", json=definition("gone")).raise_for_status()
    app = page(schedule="gone")
    app.button(key="delete").click().run()
    assert server.ask("GET", "/schedules/gone").status_code == 404
    assert app.title[0].value == "Schedules"
    assert "gone" not in app.dataframe[0].value["name"].tolist()
