"""Nothing lost, nothing doubled: disconnects at random, a server that is killed, several writers, readers that do not read."""

import asyncio
import contextlib
import json
import random
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from models.access import Role, Viewer, for_client
from models.topics import Audience, Scope, concerns, topics_of
from store.home import open_journal
from store.schema import tasks
from tests.api_server import PROJECT, Server, add_people
from tests.factories import task_row

pytestmark = pytest.mark.slow

EVENTS = 1000  # of each writer
WRITERS = 3

WRITE = """
import random, sys, time
from store.home import open_journal
from store.schema import tasks
from store.settings import Database, Settings
from tests.factories import task_row

home, url, name, most = sys.argv[1:]
journal = open_journal(Settings(home=home, database=Database(url=url or None)))
chance = random.Random(name)
written = 0
while written < int(most):
    with journal.write(f"writer:{name}") as tx:
        for _ in range(chance.choice([1, 1, 1, 20])):
            row = task_row(id=f"t_{name}_{written}", client=chance.choice(["acme", "other"]), title="x" * chance.randrange(300))
            tx.create(tasks, row, "task.submitted", client=row["client"])
            written += 1
    time.sleep(chance.random() * 0.01)
journal.close()
"""


class Reader:
    """Somebody who follows the feed, is cut off at random, comes back where it was, and writes down all that it hears."""

    def __init__(self, server, role, *, seed, calm=False):
        self.server, self.role, self.calm = server, role, calm
        self.chance = random.Random(seed)
        self.seq = 0
        self.epoch = None
        self.log = []
        self.connections = 0

    async def follow(self, done):
        while not done(self.seq):
            with contextlib.suppress(OSError, httpx.HTTPError, ConnectionClosed, InvalidHandshake, InvalidMessage, TimeoutError, EOFError):
                await self._once(done)
            await asyncio.sleep(self.chance.random() * 0.1)

    async def _once(self, done):
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=5) as http:  # noqa: S501 - plain HTTP; loading certificates takes long
            answer = await http.post(f"{self.server.url}/feed/ticket", headers={"Authorization": f"Bearer {self.token}"})
        ticket = answer.raise_for_status().json()["ticket"]
        async with connect("ws" + self.server.url.removeprefix("http") + "/feed", proxy=None, open_timeout=5, close_timeout=0.2) as line:
            if not self.calm:
                asyncio.get_running_loop().call_later(self.chance.random(), line.transport.abort)
            await line.send(json.dumps({"type": "auth", "ticket": ticket, "after": self.seq, "epoch": self.epoch}))
            async for text in line:
                self._hear(json.loads(text))
                if done(self.seq):
                    return

    def _hear(self, message):
        if message["type"] == "ready":
            assert message["after"] == self.seq
            self.epoch, self.connections = message["epoch"], self.connections + 1
        elif message["type"] == "event":
            self.log.append(message)
            self.seq = message["seq"]
        else:
            assert message["type"] == "heartbeat", message
            assert message["seq"] >= self.seq
            self.seq = message["seq"]


def test_every_log_equals_the_journal_through_disconnects_and_kills(place):
    journal = open_journal(place)
    add_people(journal)
    with Server(place, heartbeat_s=0.2) as server:
        readers = [Reader(server, role, seed=number, calm=number == 0) for number, role in enumerate(["admin", *Role, *Role])]
        for reader in readers:
            reader.token = server.token({"admin": "ann", "operator": "oli", "analyst": "lyn", "client": "cli", "agent": "scrape-1"}[reader.role])
        asyncio.run(storm(place, journal, server, readers))
    for reader in readers:
        assert [message["seq"] for message in reader.log] == [event.seq for event in visible(journal, reader.role)], reader.role
        assert [(message["key"], message["kind"], message["patch"], message["facts"]) for message in reader.log] == [
            (event.key, event.kind, *shown(event, reader.role)) for event in visible(journal, reader.role)
        ]
    assert sum(reader.connections for reader in readers) > 3 * len(readers)
    assert readers[0].connections > 1  # only the kills cut it off
    journal.close()


async def storm(place, journal, server, readers):
    url = place.database.url.get_secret_value() if place.database.url else ""
    commands = [[sys.executable, "-c", WRITE, str(place.home), url, f"w{number}", str(EVENTS)] for number in range(WRITERS)]
    writers = [subprocess.Popen(command, cwd=PROJECT) for command in commands]  # noqa: ASYNC220 - starting one takes no time
    last = None

    def done(seq):
        return last is not None and seq >= last

    following = [asyncio.create_task(reader.follow(done)) for reader in readers]
    kills = 0
    while kills < 2 or any(writer.poll() is None for writer in writers):
        await asyncio.sleep(2)
        if kills < 2:
            kills += 1
            server.kill()
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    last = journal.head()
    await asyncio.wait_for(asyncio.gather(*following), 90)


def shown(event, role):
    """Return patch and facts as a role may see them: clients are not told what their tasks cost the house."""
    return (for_client(event.patch), for_client(event.facts)) if role == "client" else (event.patch, event.facts)


def visible(journal, role):
    viewer = Viewer(name="scrape-1", role=Role(role), client="acme" if role == "client" else None)
    scope = Scope.of(viewer, topics_of(viewer.role))
    return [
        event for event in journal.events(0, 100_000) if concerns(Audience.of(event.entity, event.key, event.actor, event.patch, event.facts), scope)
    ]


def test_a_reader_that_does_not_read_is_cut_off_delays_nobody_costs_little_and_resumes_whole(home):
    journal = open_journal(home)
    add_people(journal)
    with Server(home, lag_s=2, heartbeat_s=1) as server, stalled(server) as line:
        start, quick = journal.head(), Reader(server, "admin", seed=1, calm=True)
        quick.token, quick.seq = server.token("ann"), start
        memory = psutil.Process(server.process.pid).memory_info().rss
        goal = None

        async def run():
            nonlocal goal
            following = asyncio.create_task(quick.follow(lambda seq: goal is not None and seq >= goal))
            await asyncio.to_thread(write_much, journal)
            goal = journal.head()
            await asyncio.wait_for(following, 90)

        asyncio.run(run())
        assert [message["seq"] for message in quick.log] == list(range(start + 1, goal + 1))
        assert quick.connections == 1
        deadline = time.monotonic() + 60
        while server.figure("arbiter_feed_cut_total") < 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert psutil.Process(server.process.pid).memory_info().rss - memory < 120_000_000  # of 24 MB of events, shared by all
        heard = drain(line)
        assert heard < goal
        slow = Reader(server, "admin", seed=2, calm=True)
        slow.token, slow.seq = server.token("ann"), heard
        asyncio.run(asyncio.wait_for(slow.follow(lambda seq: seq >= goal), 60))
        assert [message["seq"] for message in slow.log] == list(range(heard + 1, goal + 1))
    journal.close()


def write_much(journal):
    for number in range(300):
        with journal.write("test") as tx:
            rows = [task_row(id=f"t_{number}_{place}", description="x" * 4000) for place in range(20)]
            tx.create_many(tasks, rows, "task.submitted", lambda row: {"client": row["client"]})


@contextlib.contextmanager
def stalled(server):
    """Open the feed, and then take nothing more from the socket."""
    host, port = server.url.removeprefix("http://").split(":")
    lines = ("GET /feed HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    text = json.dumps({"type": "auth", "ticket": server.ticket("ann"), "after": "now"}).encode()
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        line.sendall(("\r\n".join((*lines, f"Sec-WebSocket-Key: {'A' * 22}==", "", ""))).encode())
        assert line.recv(12) == b"HTTP/1.1 101"
        line.sendall(b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text)
        yield line


def drain(line):
    """Read what reached a stalled socket; return the last seq of it."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(1 << 20):
            data += part
    pieces = data.split(b'{"type":"event","seq":')
    return int(pieces[-2].partition(b",")[0])  # the last one may be cut


def test_clients_that_come_back_together_far_behind_the_ring_all_get_everything(place):
    journal = open_journal(place)
    add_people(journal)
    with journal.write("test") as tx:
        rows = [task_row(id=f"t_{number}", client="acme" if number % 3 else "other") for number in range(10_000)]
        tx.create_many(tasks, rows, "task.submitted", lambda row: {"client": row["client"]})
    goal = journal.head()
    with Server(place) as server:
        readers = [Reader(server, role, seed=number, calm=True) for number, role in enumerate(["admin", "client"] * 10)]
        for number, reader in enumerate(readers):
            reader.token, reader.seq = server.token("ann" if reader.role == "admin" else "cli"), number % 4 * 100
        starts = [reader.seq for reader in readers]

        async def run():
            await asyncio.wait_for(asyncio.gather(*(reader.follow(lambda seq: seq >= goal) for reader in readers)), 120)

        asyncio.run(run())
    for reader, start in zip(readers, starts, strict=True):
        expected = [event.seq for event in visible(journal, reader.role) if event.seq > start]
        assert [message["seq"] for message in reader.log] == expected
    journal.close()
