"""The protocol of the feed, over a real server and real sockets."""

import json
import random
import socket
import time
from collections.abc import Iterator

import pytest

from models.clock import SECOND
from store.home import open_journal
from store.schema import agents, tasks
from tasks.tokens import Tokens
from tasks.users import disable, enable, end_sessions, find_user
from tests import api_server
from tests.api_server import add_people, code_of, housed
from tests.factories import agent_row, task_row

pytestmark = pytest.mark.slow

ALL = ["agents", "alerts", "bids", "postings", "schedules", "system", "tasks", "users"]


class House(api_server.House):
    """Where tasks come."""

    def add_task(self, client="acme", **change):
        with self.journal.write("test") as tx:
            return tx.create(tasks, task_row(client=client, **change), "task.submitted", client=client)["id"]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed(House, heartbeat_s=0.5) as house:
        yield house


def say(line, timeout=20):
    """Return the next message that is no heartbeat."""
    while (message := json.loads(line.recv(timeout=timeout)))["type"] == "heartbeat":
        pass
    return message


def test_it_begins_after_the_number_that_the_client_says_and_goes_on_live(house):
    before = house.journal.head()
    old = house.add_task()
    with house.hear(after=before, epoch=house.journal.epoch) as line:
        ready = say(line)
        assert ready == {
            "type": "ready", "epoch": house.journal.epoch, "head": before + 1, "after": before, "behind": 1, "topics": ALL, "heartbeat_s": 0.5,
            "expires_at": ready["expires_at"],
        }  # fmt: skip
        first = say(line)
        assert (first["seq"], first["key"], first["kind"], first["entity"]) == (before + 1, old, "task.submitted", "tasks")
        new = house.add_task(title="späßig \U0001f600")
        second = say(line)
        assert (second["seq"], second["key"], second["patch"]["title"]) == (before + 2, new, "späßig \U0001f600")


@pytest.mark.parametrize("after", ["now", None])
def test_now_means_only_what_comes(house, after):
    house.add_task()
    with house.hear(after=after) as line:
        head = say(line)["head"]
        assert head == house.journal.head()
        new = house.add_task()
        assert say(line)["key"] == new


def test_what_is_read_after_a_ticket_and_the_feed_from_its_head_leave_no_gap(house):
    point = house.ask("POST", "/feed/ticket").json()
    new = house.add_task()
    with house.open() as line:
        line.send(json.dumps({"type": "auth", "ticket": point["ticket"], "after": point["head"], "epoch": point["epoch"]}))
        say(line)
        assert say(line)["key"] == new


def test_heartbeats_carry_the_head_and_move_the_cursor_of_who_sees_nothing(house):
    with house.hear(who="cleo") as line:
        say(line)
        house.add_task(client="acme")
        head, deadline = house.journal.head(), time.monotonic() + 20
        message = {"seq": 0}
        while message["seq"] < head:
            message = json.loads(line.recv(timeout=20))
            assert message["type"] == "heartbeat"
            assert time.monotonic() < deadline


def test_topics_are_the_ones_that_were_asked_for(house):
    before = house.journal.head()
    with house.hear(after=before, topics=["agents"]) as line:
        assert say(line)["topics"] == ["agents"]
        house.add_task()
        with house.journal.write("test") as tx:
            row = tx.create(agents, agent_row(), "agent.added")
        assert say(line)["key"] == row["id"]


def test_a_client_hears_of_its_own_tasks_an_agent_of_its_own_and_an_analyst_of_no_users(house):
    after = house.journal.head()
    mine, theirs = house.add_task("acme"), house.add_task("other")
    wanted = house.add_task("other", wanted_agent="scrape-1")
    end_sessions(house.journal, "oli", actor="test")
    last = house.add_task("acme", wanted_agent="scrape-1")
    expected = {"cli": [mine, last], "scrape-1": [wanted, last], "lyn": [mine, theirs, wanted, last], "ann": [mine, theirs, wanted, "oli", last]}
    for who, keys in expected.items():
        with house.hear(who=who, after=after) as line:
            say(line)
            assert [say(line)["key"] for _ in keys] == keys, who


# --- who may not


@pytest.mark.parametrize(("who", "topics"), [("cli", ["users"]), ("cli", ["tasks", "agents"]), ("lyn", ["system"]), ("ann", ["nonsense"])])
def test_a_topic_that_the_role_may_not_follow_is_refused(house, who, topics):
    assert code_of(house.hear(who=who, topics=topics)) == 4403


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:1", "null", "http://127.0.0.1", "", "\\"])
def test_a_page_of_another_origin_is_refused(house, origin):
    with house.open(origin=origin) as line:
        assert code_of(line) == 4403


def test_pages_of_the_server_and_of_the_dashboard_may_enter(house):
    (house.settings.run / "services.json").write_text('{"services": {"dashboard": {"url": "http://127.0.0.1:8601"}}}')
    for origin in (house.url, "http://127.0.0.1:8601", "http://localhost:8601"):
        with house.open(origin=origin) as line:
            line.send(json.dumps({"type": "auth", "ticket": house.ticket("ann")}))
            assert say(line)["type"] == "ready"
    with house.open(origin="http://localhost:8602") as line:
        assert code_of(line) == 4403


def test_a_ticket_opens_once(house):
    ticket = house.ticket("ann")
    for expected in ("ready", None):
        with house.open() as line:
            line.send(json.dumps({"type": "auth", "ticket": ticket}))
            if expected:
                assert say(line)["type"] == expected
            else:
                assert code_of(line) == 4401


def test_a_token_is_no_ticket(house):
    with house.open() as line:
        line.send(json.dumps({"type": "auth", "ticket": house.token("ann")}))
        assert code_of(line) == 4401


def test_a_connection_ends_with_its_token(house):
    tokens = Tokens(house.journal, house.settings)
    with house.journal.look() as view:
        token = tokens.issue(find_user(view, "ann"), lasts_us=3 * SECOND)
    ticket = tokens.ticket(tokens.verify(token.text)).text
    with house.open() as line:
        line.send(json.dumps({"type": "auth", "ticket": ticket}))
        assert say(line)["type"] == "ready"
        assert code_of(line) == 4401


@pytest.mark.parametrize("change", [disable, end_sessions])
def test_a_user_whose_rights_end_is_cut_off_at_once(house, change):
    with house.hear(who="lyn") as line:
        say(line)
        with house.hear(who="ann") as other:
            say(other)
            change(house.journal, "lyn", actor="test")
            assert code_of(line) == 4401
            assert say(other)["key"] == "lyn"  # nobody else is
    if change is disable:
        enable(house.journal, "lyn", actor="test")
    house.forget("lyn")


def test_silence_ends_after_five_seconds(house):
    with house.open() as line:
        assert code_of(line) == 4408


# --- where it cannot go on


def test_another_epoch_is_told(house):
    with house.hear(after=1, epoch="e_other") as line:
        assert say(line) == {"type": "wrong_epoch", "epoch": house.journal.epoch, "head": house.journal.head()}
        assert code_of(line) == 4409


def test_a_number_that_the_journal_does_not_reach_is_told(house):
    with house.hear(after=house.journal.head() + 1) as line:
        assert say(line)["type"] == "wrong_epoch"
        assert code_of(line) == 4409


def test_a_journal_that_begins_later_says_so(place):
    """What was archived is gone: never a part without a word."""
    journal = open_journal(place)
    add_people(journal)
    for _ in range(5):
        with journal.write("test") as tx:
            tx.create(tasks, task_row(), "task.submitted", client="acme")
    tail = journal.head() - 2
    connection = journal.engine.raw_connection()
    connection.cursor().execute(f"DELETE FROM journal WHERE seq < {tail}")  # noqa: S608 - an integer; archiving is not built yet
    connection.commit()
    connection.close()
    with House(place) as house:
        with house.hear(after=tail - 2) as line:
            assert say(line) == {"type": "too_old", "tail": tail}
            assert code_of(line) == 4409
        with house.hear(after=tail - 1) as line:
            say(line)
            assert [say(line)["seq"] for _ in range(3)] == [tail, tail + 1, tail + 2]
    journal.close()


# --- hostile bytes


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"type": "auth"}', '{"type": "auth", "ticket": 5}', '{"type": "auth", "ticket": "x", "after": true}',
     '{"type": "auth", "ticket": "x", "after": -1}', '{"type": "auth", "ticket": "x", "after": 1.0}',
     '{"type": "auth", "ticket": "x", "after": 1e99}',
     '{"type": "auth", "ticket": "x", "surprise": 1}', '{"type": "auth", "ticket": "x", "topics": []}', '{"type": "sub"}', "[" * 10_000, b"\x00\xff"],
)  # fmt: skip
def test_a_first_message_that_is_none_is_refused(house, text):
    with house.open() as line:
        line.send(text)
        assert code_of(line) == 4400


def test_a_client_speaks_once(house):
    with house.hear() as line:
        say(line)
        line.send('{"type": "auth"}')
        assert code_of(line) == 4400


def test_a_message_above_the_limit_is_refused(house):
    with house.open() as line:
        line.send("x" * 20_000)
        assert code_of(line) == 1009


def test_no_bytes_whatever_hurt_the_process_or_those_who_listen(house):
    seeded = random.Random(7)
    host, port = house.url.removeprefix("http://").split(":")
    lines = ("GET /feed HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    handshake = "\r\n".join((*lines, f"Sec-WebSocket-Key: {'A' * 22}==", "", ""))
    with house.hear() as listener:
        say(listener)
        for number in range(150):
            with socket.create_connection((host, int(port)), timeout=10) as line:
                if number % 3:
                    line.sendall(handshake.encode())
                line.sendall(seeded.randbytes(seeded.randrange(1, 400)))
        new = house.add_task()
        assert say(listener)["key"] == new
    assert house.ask("GET", "/healthz", None).status_code == 200
    for line in house.log.read_text().splitlines():
        assert line.isprintable()


def test_the_server_says_that_it_restarts_and_is_gone_soon(house):
    line = house.hear()
    say(line)
    assert house.stop() == -15
    assert code_of(line) == 1012
    house.start()
