"""The page *Inbox* over the real API: notices, rules, and channels that lead to a real server."""

import os
from collections.abc import Iterator
from datetime import datetime, time

import pytest
from streamlit.testing.v1 import AppTest

from tasks.alerts import raise_alert
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.notify import Notifier
from tasks.perform import Ended, record_end
from tasks.router import Router
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work
from tests.api_server import House, housed
from tests.pages import drawn, logged_in, texts, view
from tests.scheduling import WORK
from tests.support_api import Twin, serve

pytestmark = pytest.mark.slow

HOSTILE = "it *burns* ![x](https://evil.example/x.png) <b>now</b>"
SHOWN = "it \\*burns\\* \\!\\[x\\]\\(https\\:\u2060\\/\\/evil\\.example\\/x\\.png\\) \\<b\\>now\\<\\/b\\>"


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    """A house in which two alerts were opened and a task of each client was done."""
    with housed() as house:
        journal, settings = house.journal, house.settings
        hire_built_in(journal, settings, actor="test")
        notifier = Notifier(journal, settings)
        for client, title in (("acme", "A letter to *acme*"), ("other", "A secret")):
            submit(journal, read_work(WORK | {"client": client, "title": title}), settings=settings, actor="test", source="test")
        with journal.write("test") as tx:
            give(tx, Beat(name="lane:0", holder="s", until=tx.now + 60_000_000))
            raise_alert(tx, "fire", severity="critical", title=HOSTILE, advice="take water: `arbiter status`")
            raise_alert(tx, "smoke", severity="warning", title="it smokes", advice="open a window")
        for one in claim(journal, shift_id="s", lane="lane:0", free=2, router=Router(journal)):
            record_end(journal, one, Ended(state="succeeded"))
        house.notifier = notifier
        notify(house)
        os.environ["ARBITER_API_URL"] = house.url
        yield house
        del os.environ["ARBITER_API_URL"]
        notifier.close()


def notify(server: House) -> None:
    """Let the notifier do what is to be done now."""
    for _ in range(50):
        before = server.journal.head()
        server.notifier.look()
        server.notifier.rest()
        if server.journal.head() == before:
            return


def page(name: str = "oli") -> AppTest:
    app = view("inbox", logged_in(name))
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    assert not app.error, texts(app)
    return app


def items(server: House, path: str, who: str = "oli") -> list:
    return server.ask("GET", path, who).json()["items"]


def notice_of(server: House, word: str, who: str = "ann") -> dict:
    return next(notice for notice in items(server, "/inbox", who) if word in notice["title"])


def rule() -> None:
    from dashboards import faces
    from dashboards.views import inbox_rules

    with faces.guard():
        inbox_rules.form()


def another_rule() -> None:
    from dashboards import data, faces
    from dashboards.views import inbox_rules

    with faces.guard():
        inbox_rules.form(data.read("/notify/rules")["items"][0])


def channel() -> None:
    from dashboards import faces
    from dashboards.views import inbox_channels

    with faces.guard():
        inbox_channels.new()


def test_notices_are_shown_as_text_whatever_they_say_and_counted_in_the_navigation(server, monkeypatch):
    import streamlit as st

    seen: list[list[str]] = []
    navigation = st.navigation
    monkeypatch.setattr(st, "navigation", lambda pages, **more: seen.append([page.title for page in pages]) or navigation(pages, **more))
    app = page("ann")
    assert seen[0][-1] == "Inbox"
    assert seen[-1][-1] == "Inbox (2)"
    said = texts(app)
    assert f":blue[●] :red[:material/error:] **{SHOWN}**" in said
    assert "take water\\: `arbiter status`" in said
    assert "unread · critical · " in said
    assert "**2** unread" in said
    assert [tab.label for tab in app.tabs] == ["Notices", "Rules", "Channels"]


def test_a_client_sees_its_own_with_a_link_to_the_task_and_no_channels(server):
    app = page("cli")
    assert [tab.label for tab in app.tabs] == ["Notices", "Rules"]
    assert "Succeeded\\: A letter to \\*acme\\*" in texts(app)
    assert "secret" not in texts(app)
    assert "smokes" not in texts(app)
    (link,) = app.get("page_link")
    assert link.proto.label == "Open the task"
    assert f"task={notice_of(server, 'acme', 'cli')['entity_id']}" in link.proto.query_string
    assert not [button for button in app.button if button.key.startswith("give-")], "only operators assign"


def test_an_analyst_sees_no_channels_and_how_notices_get_there(server):
    app = page("lyn")
    assert [tab.label for tab in app.tabs] == ["Notices", "Rules"]
    assert "Nothing is open." in texts(app)
    assert "Notices get here by rules" in texts(app)
    assert "You have no rules of your own." in texts(app)


def test_a_notice_is_acknowledged_put_away_and_read(server):
    fire, smoke = notice_of(server, "burns"), notice_of(server, "smokes")
    app = press(page("ann"), f"ack-{fire['id']}")
    assert notice_of(server, "burns")["state"] == "acknowledged"
    assert SHOWN not in texts(app), "only open ones are shown"
    app = press(app, f"morning-{smoke['id']}")
    (away,) = items(server, "/inbox?state=snoozed", "ann")
    until = datetime.fromisoformat(away["snoozed_until_at"])
    assert (until.hour, until.minute) == (9, 0)
    assert "Nothing is open." in texts(app)
    app.segmented_control(key="filter").set_value("snoozed").run()
    assert "put away until" in texts(app)
    app.segmented_control(key="filter").set_value("all").run()
    assert SHOWN in texts(app)
    assert " · acknowledged" in texts(app)
    app = press(app, "read")
    assert "**0** unread" in texts(app)
    assert "read" not in {button.key for button in app.button}


def test_a_notice_is_given_to_somebody_and_a_wrong_name_is_refused(server):
    smoke = notice_of(server, "smokes", "oli")
    app = page()
    app.text_input(key=f"to-{smoke['id']}").input("cli").run()
    app.button(key=f"give-{smoke['id']}").click().run()
    assert "cannot take care of it" in texts(app)
    app.text_input(key=f"to-{smoke['id']}").input("lyn").run()
    app = press(app, f"give-{smoke['id']}")
    assert "lyn takes care of it" in texts(app)
    assert "oli gives you\\: it smokes" in texts(page("lyn"))


def test_somebody_makes_a_rule_mutes_it_and_deletes_it(server):
    app = drawn(rule, logged_in("lyn"))
    app.button(key="rule-make").click().run()
    assert app.error, "a rule without a name is refused in the words of the API"
    app.text_input(key="rule-name").input("My *nights*")
    app.multiselect(key="rule-events").set_value(["task.failed", "alert.*"])
    app.time_input(key="rule-quiet-from").set_value(time(22))
    app.time_input(key="rule-quiet-until").set_value(time(7))
    app.selectbox(key="rule-digest").set_value(3600)
    press(app, "rule-make")
    (made,) = items(server, "/notify/rules", "lyn")
    assert (made["to"], made["quiet_from"], made["digest_s"], made["zone"]) == (["user:lyn"], "22:00", 3600, "UTC")
    app = page("lyn")
    assert "**My \\*nights\\***" in texts(app)
    assert "Tells **lyn** of `task.failed` and `alert.*`, in the inbox; gathers messages 1 h long; is quiet from 22:00 until 07:00 (UTC)." in texts(
        app
    )
    app = press(app, f"mute-hour-{made['id']}")
    assert "Its channels are muted until" in texts(app)
    assert items(server, "/notify/rules", "lyn")[0]["muted_until_at"] is not None
    app = press(app, f"unmute-{made['id']}")
    assert items(server, "/notify/rules", "lyn")[0]["muted_until_at"] is None
    app = drawn(another_rule, logged_in("lyn"))
    app.text_input(key=f"rule-{made['id']}-name").input("My days")
    app.time_input(key=f"rule-{made['id']}-quiet-from").set_value(time(21))
    app.number_input(key=f"rule-{made['id']}-flap-most").set_value(9)
    press(app, f"rule-{made['id']}-make")
    (changed,) = items(server, "/notify/rules", "lyn")
    assert changed == made | {"name": "My days", "quiet_from": "21:00", "flap_most": 9, "since_at": changed["since_at"]}
    app = page("lyn")
    press(app, f"remove-{made['id']}")
    assert items(server, "/notify/rules", "lyn") == []


def test_an_operator_adds_a_channel_tests_it_and_sends_again_what_died(server):
    with serve(Twin()) as twin:
        twin.says("POST /hook", {}, 422)
        app = drawn(channel, logged_in("oli"))
        app.text_input(key="channel-name").input("my *hook*")
        app.text_input(key="channel-url").input(twin.url + "/hook")
        app = press(app, "channel-add")
        assert app.session_state["channel-secret"][1].startswith("whsec_")
        (made,) = items(server, "/channels")
        app = page()
        assert "**my \\*hook\\***" in texts(app)
        assert "never reached yet" in texts(app)
        app.button(key=f"test-{made['id']}").click().run()
        assert "422" in app.error[0].value
        (dead,) = items(server, "/deliveries?state=dead")
        app = page()
        log = app.dataframe[0].value
        assert (list(log["state"]), list(log["tries"]), list(log["error"])) == (["✗ dead"], [1], ["the receiver answered 422"])
        app = press(app, f"pause-{made['id']}")
        app = press(app, f"replay-{dead['id']}")
        assert list(app.dataframe[0].value["why"]) == ["its channel is paused"]
        twin.says("POST /hook", {})
        press(app, f"resume-{made['id']}")
        notify(server)
        assert [row["state"] for row in items(server, "/deliveries")] == ["sent"]
        app = press(page(), f"test-{made['id']}")
        assert [one.value for one in app.success] == ["The test was sent."]
        assert len(twin.asked) == 3
        press(app, f"remove-{made['id']}")
        assert items(server, "/channels") == []


def test_the_secret_of_a_new_webhook_is_shown_until_somebody_has_it(server):
    app = AppTest.from_function(channels, default_timeout=60)
    outer = logged_in("oli")
    for key in ("login", "session", "pages"):
        app.session_state[key] = outer.session_state[key]
    app.session_state["channel-secret"] = ("hook", "whsec_x")
    app.run()
    assert app.code[0].value == "whsec_x"
    press(app, "secret-kept")
    assert not app.code


def channels() -> None:
    from dashboards.views import inbox_channels

    inbox_channels.show()


def test_a_wrong_address_is_refused_in_the_words_of_the_api(server):
    app = drawn(channel, logged_in("oli"))
    app.text_input(key="channel-name").input("nowhere")
    app.text_input(key="channel-url").input("gopher-pigeon")
    app.button(key="channel-add").click().run()
    assert app.error
    assert "gopher" not in texts(app)


def test_a_calendar_link_is_shown_once_and_made_useless(server):
    app = press(page("cli"), "calendar-link")
    link = app.code[0].value
    path = link.removeprefix(server.url)
    assert server.ask("GET", path, None).status_code == 200
    app = press(app, "calendar-revoke")
    assert not app.code
    assert server.ask("GET", path, None).status_code == 404
