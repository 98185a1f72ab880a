"""What a follower of the feed may wish for: a part of it, a snapshot first, a longer life; and server-sent events, which carry the same."""

import contextlib
import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from models.happening import Happening, Severity
from models.protocol import read_told
from store.schema import attempts, tasks
from tasks.alerts import raise_alert
from tasks.notices import tell
from tests import api_server
from tests.api_server import code_of, housed
from tests.factories import attempt_row, task_row

pytestmark = pytest.mark.slow


class House(api_server.House):
    """Where tasks come, and server-sent events go."""

    def add_task(self, **change):
        row = task_row(**change)
        with self.journal.write("user:oli") as tx:
            tx.create(tasks, row, "task.submitted", client=row["client"], category=row["category"])
        return row["id"]

    @contextlib.contextmanager
    def stream(self, query="", who="ann", headers=None):
        """Yield an iterator of (id, type, message) of server-sent events."""
        head = {"Authorization": f"Bearer {self.token(who)}"} | (headers or {})
        with httpx.stream("GET", f"{self.url}/feed/events{query}", headers=head, trust_env=False, timeout=30) as answer:
            yield answer, sent(answer.iter_lines()) if answer.status_code == 200 else None


def sent(lines):
    fields = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields.get("id"), fields.get("event", "message"), json.loads(fields["data"])
            fields = {}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed(House, heartbeat_s=0.5, connections_most=4) as house:
        yield house


def heard(line, *types):
    """Return the next message that is of one of these types, or that is no heartbeat; each is of the protocol."""
    while True:
        told = read_told.validate_json(line.recv(timeout=20))
        if told.type in types or (not types and told.type != "heartbeat"):
            return told


@pytest.mark.parametrize("compression", ["deflate", None])
def test_filters_hold_on_the_wire_with_compression_and_without(house, compression):
    wish = {"client": "acme", "category": "Data Processing"}
    with house.hear(filters=wish, compression=compression) as line:
        heard(line)
        house.add_task(client="other", category="Data Processing")
        house.add_task(client="acme", category="Content Generation")
        right = house.add_task(client="acme", category="Data Processing", description="ü" * 3000)
        event = heard(line)
        assert (event.key, event.patch["description"]) == (right, "ü" * 3000)
        assert (line.protocol.extensions != []) is (compression == "deflate")


def test_one_task_is_followed_through_all_that_happens_to_it(house):
    chosen, other = house.add_task(), house.add_task()
    with house.hear(filters={"task": chosen}) as line:
        heard(line)
        with house.journal.write("agent:scrape-1") as tx:
            for task_id in (other, chosen):
                tx.create(attempts, attempt_row(task_id, "scrape-1"), "attempt.started", client="acme", task_id=task_id, agent_id="scrape-1")
        assert heard(line).facts["task_id"] == chosen


def test_a_snapshot_tells_how_things_are_and_what_follows_comes_after_it(house):
    running = house.add_task(state="running", client="acme", title="now")
    house.add_task(state="done", outcome="succeeded", client="acme")
    with house.journal.write("agent:scrape-1") as tx:
        tx.create(attempts, attempt_row(running, "scrape-1"), "attempt.started", client="acme", task_id=running, agent_id="scrape-1")
        raise_alert(tx, "a", severity="warning", title="look", advice="here")
    with house.hear(snapshot=True) as line:
        ready, seen = heard(line), heard(line)
        head = house.journal.head()
        assert (ready.after, ready.behind, seen.type, seen.seq) == (head, 0, "snapshot", head)
        assert (seen.tasks[0]["id"], seen.tasks[0]["title"], "inputs" in seen.tasks[0]) == (running, "now", False)
        assert {task["state"] for task in seen.tasks} == {"running", "waiting"}
        assert seen.complete
        assert seen.counts == {state: count for state, count in house.ask("GET", "/tasks/counts").json().items() if count}
        assert [row["task_id"] for row in seen.attempts if row["task_id"] == running] == [running]
        assert [row["title"] for row in seen.alerts] == ["look"]
        assert {row["id"] for row in seen.agents} == {"scrape-1"}
        new = house.add_task()
        assert (heard(line).key, new) == (new, new)


def test_a_snapshot_keeps_to_role_and_filters(house):
    mine, foreign = house.add_task(client="acme"), house.add_task(client="other", wanted_agent="scrape-1")
    with house.hear("cli", snapshot=True) as line:
        heard(line)
        seen = heard(line)
    assert mine in {task["id"] for task in seen.tasks}
    assert {task["client"] for task in seen.tasks} == {"acme"}
    assert (seen.agents, seen.alerts, [row for row in seen.tasks if "cost_cents" in row]) == ([], [], [])
    with house.hear("scrape-1", snapshot=True) as line:
        heard(line)
        seen = heard(line)
    assert foreign in {task["id"] for task in seen.tasks}
    assert mine not in {task["id"] for task in seen.tasks}
    with house.hear(snapshot=True, filters={"client": "other"}) as line:
        heard(line)
        assert {task["client"] for task in heard(line).tasks} == {"other"}


def test_a_connection_is_renewed_in_place_with_a_ticket_of_the_same_person(house):
    with house.hear() as line:
        ready = heard(line)
        house.forget("ann")
        line.send(json.dumps({"type": "auth", "ticket": house.ticket("ann")}))
        renewed = heard(line, "renewed")
        assert renewed.expires_at >= ready.expires_at
        line.send(json.dumps({"type": "auth", "ticket": house.ticket("oli")}))
        assert code_of(line) == 4403


def test_a_sign_of_life_is_answered_and_a_flood_ends_the_connection(house):
    with house.hear() as line:
        heard(line)
        line.send('{"type": "heartbeat"}')
        assert heard(line, "heartbeat").seq == house.journal.head()
        for _ in range(30):
            with contextlib.suppress(ConnectionClosed):
                line.send('{"type": "heartbeat"}')
        assert code_of(line) == 4400


def test_a_user_has_only_so_many_connections_and_another_still_gets_in(house):
    with contextlib.ExitStack() as lines:
        for _ in range(4):
            heard(lines.enter_context(house.hear("lyn")))
        assert code_of(lines.enter_context(house.hear("lyn"))) == 4429
        assert heard(lines.enter_context(house.hear("oli"))).type == "ready"


def test_those_who_look_are_told_of_each_other(house):
    with house.hear("oli", topics=["presence"]) as line:
        heard(line)
        with house.hear("cli"):
            while {"name": "cli", "role": "client"} not in (told := heard(line, "viewers").model_dump()["viewers"]):
                pass
        assert {"name": "oli", "role": "operator"} in told
        while {"name": "cli", "role": "client"} in heard(line, "viewers").model_dump()["viewers"]:
            pass
    with house.hear("cli", topics=["presence"]) as line:
        assert code_of(line) == 4403


def test_new_figures_are_told_to_who_asked(house):
    with house.hear(topics=["kpis"]) as line:
        heard(line)
        house.settings.lake.mkdir(parents=True, exist_ok=True)
        (house.settings.lake / "measured.json").write_text("{}")
        assert heard(line, "kpis").seq >= 0
    (house.settings.lake / "measured.json").unlink()


def test_server_sent_events_carry_the_same_and_go_on_where_the_reader_was(house):
    with house.stream() as (answer, messages):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert next(messages)[2]["type"] == "ready"
        key = house.add_task(title="line\nbreak")
        place, _, event = next(one for one in messages if one[2]["type"] == "event")
        assert (place, event["key"], event["patch"]["title"]) == (f"{house.journal.epoch}:{event['seq']}", key, "line\nbreak")
    missed = [house.add_task(), house.add_task()]
    with house.stream(headers={"Last-Event-ID": place}) as (_, messages):
        assert [next(one for one in messages if one[2]["type"] == "event")[2]["key"] for _ in missed] == missed


def test_server_sent_events_take_topics_filters_and_a_snapshot(house):
    key = house.add_task(client="other")
    with house.stream('?topics=tasks&snapshot=true&filters={"client":"other"}') as (_, messages):
        assert next(messages)[2]["topics"] == ["tasks"]
        assert key in {task["id"] for task in next(messages)[2]["tasks"]}


@pytest.mark.parametrize(
    ("query", "who", "status", "code"),
    [
        ("?after=nonsense", "ann", 422, None),
        ("?filters={", "ann", 422, None),
        ('?filters={"x":1}', "ann", 422, None),
        ("?topics=users", "lyn", 200, 4403),
        ("?after=e_other:3", "ann", 200, 4409),
        ("?after=999999999", "ann", 200, 4409),
    ],
)
def test_a_stream_that_cannot_be_given_says_why(house, query, who, status, code):
    with house.stream(query, who) as (answer, messages):
        assert answer.status_code == status
        if code is not None:
            *_, (_, kind, last) = messages
            assert (kind, last["code"]) == ("close", code)


def test_a_stream_ends_when_the_session_does(house):
    with house.stream(who="cleo") as (_, messages):
        assert next(messages)[2]["type"] == "ready"
        from tasks.users import end_sessions

        end_sessions(house.journal, "cleo", actor="test")
        *_, (_, kind, last) = messages
        assert (kind, last["code"]) == ("close", 4401)
    house.forget("cleo")


def test_nobody_reads_the_stream_without_logging_in(house):
    assert httpx.get(f"{house.url}/feed/events", trust_env=False).status_code == 401


def test_everybody_hears_of_the_own_inbox_and_of_no_other(house):
    def tell_of(user):
        about = {"entity": "alerts", "entity_id": "al_1", "title": "look", "text": "", "group": f"g-{user}"}
        with house.journal.write("notify") as tx:
            tell(tx, user, None, Happening(seq=1, at=tx.now, kind="alert.opened", severity=Severity.WARNING, **about))

    with house.hear("lyn", topics=["inbox"], snapshot=True) as line:
        heard(line)
        assert heard(line).inbox == {"unread": 0}
        tell_of("oli")
        tell_of("lyn")
        assert heard(line).facts["user"] == "lyn"
