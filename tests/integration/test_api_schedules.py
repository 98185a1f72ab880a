"""Schedules through the API, over real HTTP."""

from collections.abc import Iterator

import pytest

from tests.api_server import House, ask, housed

pytestmark = pytest.mark.slow

WORK = {
    "title": "a letter of ${fire.date}",
    "category": "Content Generation",
    "kind": "generate",
    "inputs": {"template": "Dear {{ x }}", "values": {"x": 1}},
}
DAILY = {"name": "daily", "timing": {"cron": "0 9 * * *", "zone": "Europe/Berlin"}, "work": WORK}
WINDOW = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-08T00:00:00Z"}


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    with housed() as house:
        yield house


def test_a_schedule_is_made_shown_changed_and_deleted(server):
    made = ask(server, "POST", "/schedules", 201, json=DAILY)
    assert (made["state"], made["timing"]["zone"], made["next_at"][-1]) == ("active", "Europe/Berlin", "Z")
    assert "wake_at" not in made
    assert [row["name"] for row in ask(server, "GET", "/schedules", who="lyn")["items"]] == ["daily"]
    assert len(ask(server, "GET", "/schedules/daily", who="lyn")["next"]) == 5
    later = DAILY | {"timing": {"cron": "0 10 * * *", "zone": "Europe/Berlin"}}
    moved = ask(server, "POST", "/schedules/daily/changes", json=later)
    assert [moved["before"][0]["local"][11:16], moved["after"][0]["local"][11:16]] == ["09:00", "10:00"]
    assert ask(server, "PUT", "/schedules/daily", json=later)["version"] == 2
    assert ask(server, "POST", "/schedules/daily/pause", json={"why": "stocktaking"})["why"] == "paused by user:oli: stocktaking"
    assert ask(server, "POST", "/schedules/daily/pause")["state"] == "paused"
    assert ask(server, "POST", "/schedules/daily/resume")["state"] == "active"
    run = ask(server, "POST", "/schedules/daily/run", 202)
    assert run["verdict"] == "made"
    assert run["tasks"][0]["title"].startswith("a letter of 20")
    (fire,) = ask(server, "GET", "/schedules/daily")["history"]
    assert (fire["cause"], fire["tasks"]) == ("person", 1)
    assert ask(server, "GET", "/schedules/calendar?days=2")["items"][0]["schedule"] == "daily"
    assert ask(server, "DELETE", "/schedules/daily")["state"] == "deleted"
    assert ask(server, "GET", "/schedules/daily", 404)["code"] == "not-found"


def test_a_preview_describes_and_lists(server):
    found = ask(server, "POST", "/schedules/preview?start=2026-03-07T00:00:00Z&most=2", who="lyn", json=DAILY["timing"])
    assert "09:00" in found["describes"]
    assert [one["at"] for one in found["fires"]] == ["2026-03-07T08:00:00Z", "2026-03-08T08:00:00Z"]
    wrong = ask(server, "POST", "/schedules/preview", 422, json={"cron": "0 0 31 2 *"})
    assert "never" in wrong["detail"]


def test_a_backfill_is_estimated_made_and_cancelled(server):
    ask(server, "POST", "/schedules", 201, json=DAILY | {"name": "nightly"})
    head = server.journal.head()
    assert ask(server, "POST", "/schedules/nightly/backfills?dry_run=yes", 202, json=WINDOW)["fires"] == 7
    assert server.journal.head() == head
    row = ask(server, "POST", "/schedules/nightly/backfills", 202, json=WINDOW)
    assert [one["id"] for one in ask(server, "GET", "/schedules/nightly/backfills")["items"]] == [row["id"]]
    assert ask(server, "POST", f"/backfills/{row['id']}/cancel")["state"] == "cancelled"
    future = ask(server, "POST", "/schedules/nightly/backfills", 422, json=WINDOW | {"end": "2999-01-01T00:00:00Z"})
    assert "not past yet" in future["detail"]


def test_a_freeze_is_set_and_ended(server):
    row = ask(server, "POST", "/freezes", 201, json={"why": "moving house"})
    assert [one["lasts"] for one in ask(server, "GET", "/freezes", who="lyn")["items"]] == [True]
    assert ask(server, "POST", f"/freezes/{row['id']}/end")["state"] == "ended"
    assert ask(server, "GET", "/alerts", who="lyn") == {"items": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/schedules", {"name": "daily"}, 422),
        ("POST", "/schedules", DAILY | {"timing": {"cron": "61 * * * *"}}, 422),
        ("PUT", "/schedules/weekly", DAILY, 404),
        ("POST", "/schedules/weekly/run", None, 404),
        ("GET", "/schedules/weekly", None, 404),
        ("GET", "/schedules/calendar?days=9999", None, 422),
        ("POST", "/schedules/preview?start=2026-03-07T00:00:00", {"every": "1h"}, 422),
        ("POST", "/freezes", {"why": ""}, 422),
        ("POST", "/freezes/fz_none/end", None, 404),
        ("POST", "/backfills/bf_none/cancel", None, 404),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(server, method, path, body, status):
    head = server.journal.head()
    ask(server, method, path, status, json=body)
    assert server.journal.head() == head
