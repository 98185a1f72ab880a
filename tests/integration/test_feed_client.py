"""The Python client of the feed, the command that uses it, and the description of the protocol."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing

import jsonschema
import pytest

from clients.feed import CannotResume, Feed
from models.errors import Forbidden, Unauthorized
from models.protocol import Happened, Ready, Snapshot
from store.schema import tasks
from tests.api_server import PASSWORD, House, housed
from tests.command import Command
from tests.factories import task_row

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed(heartbeat_s=0.5) as house:
        yield house


def add_tasks(house, count):
    with house.journal.write("test") as tx:
        for _ in range(count):
            tx.create(tasks, task_row(client="acme"), "task.submitted", client="acme")


def follow(house, until, *, meanwhile=None, **options):
    """Return what a client is told until it is told enough; `meanwhile` is done once it is connected."""

    async def listen():
        told = []
        async with asyncio.timeout(60), aclosing(aiter(Feed(house.url, **{"name": "ann", "password": PASSWORD} | options))) as messages:
            async for one in messages:
                told.append(one)
                if isinstance(one, Ready) and meanwhile and len(told) == 1:
                    await asyncio.to_thread(meanwhile)
                if until(told):
                    break
        return told

    return asyncio.run(listen())


def events(told):
    return [one.seq for one in told if isinstance(one, Happened)]


def test_it_is_told_everything_once_through_kills_of_the_server(house):
    before = house.journal.head()

    def trouble():
        for _ in range(3):
            add_tasks(house, 40)
            house.kill()
            add_tasks(house, 40)
            house.start()
        add_tasks(house, 1)

    told = follow(house, lambda told: len(events(told)) >= 241, meanwhile=trouble, topics=["tasks"], after=before)
    assert events(told) == [event.seq for event in house.journal.events(before, 1000)]
    assert len([one for one in told if isinstance(one, Ready)]) > 1


def test_where_it_cannot_go_on_it_says_so_or_is_told_the_state(house):
    with pytest.raises(CannotResume, match="another one"):
        follow(house, events, after=5, epoch="e_other")
    told = follow(house, lambda told: len(told) == 3, after=5, epoch="e_other", snapshot=True)
    assert [type(one).__name__ for one in told] == ["WrongEpoch", "Ready", "Snapshot"]
    assert isinstance(told[2], Snapshot)
    assert told[2].seq == house.journal.head()


def test_what_cannot_come_right_is_raised(house):
    with pytest.raises(Unauthorized, match="wrong"):
        follow(house, events, password="guess")
    with pytest.raises(Forbidden, match="analyst"):
        follow(house, events, name="lyn", topics=["users"])


def test_the_command_prints_what_happens(house, monkeypatch):
    monkeypatch.setenv("ARBITER_PASSWORD", PASSWORD)
    before = house.journal.head()
    add_tasks(house, 2)
    said = Command(home=house.settings.home).run(
        "follow", "--name", "ann", "--url", house.url, "--after", str(before), "--count", "2", "--json", "--client", "acme"
    )
    messages = [json.loads(line) for line in said.out.splitlines()]
    assert [one["seq"] for one in messages if one["type"] == "event"] == [before + 1, before + 2]


def test_the_description_fits_what_is_said_and_told(house):
    document = house.ask("GET", "/asyncapi.json", None).json()
    assert document["asyncapi"].startswith("3.")
    named = document["channels"]["feed"]["messages"]
    assert {ref["$ref"].rpartition("/")[2] for ref in named.values()} == document["components"]["messages"].keys()
    sides = {side: [ref["$ref"].rpartition("/")[2] for ref in document["operations"][side]["messages"]] for side in ("say", "tell")}
    assert sorted(sides["say"] + sides["tell"]) == sorted(named)
    valid = {
        side: jsonschema.Draft202012Validator(
            {"oneOf": [document["components"]["messages"][name]["payload"] for name in names], "components": document["components"]}
        )
        for side, names in sides.items()
    }
    first = {
        "type": "auth",
        "ticket": house.ticket("ann"),
        "snapshot": True,
        "topics": ["tasks", "presence", "agents"],
        "filters": {"client": "acme"},
    }
    valid["say"].validate(first)
    assert not valid["say"].is_valid(first | {"surprise": 1})
    heard = set()
    with house.open() as line:
        line.send(json.dumps(first))
        while heard < {"ready", "snapshot", "event", "heartbeat", "viewers"}:
            told = json.loads(line.recv(timeout=20))
            valid["tell"].validate(told)
            heard.add(told["type"])
            if told["type"] == "snapshot":
                add_tasks(house, 1)
