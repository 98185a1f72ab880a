"""The hub of the feed: one tailer that reads the journal, and clients that are only a cursor.

The tailer wakes up when a writer rings (or a few times a second), reads what is new, and has each event encoded once into a ring. A client who has
everything so far is *live*: the tailer writes to it. A client who joins, or who does not take what it is sent, is *behind*: a task of its own writes
to it, from the journal and then from the ring, as fast as the client takes it, until it is live. Nothing is queued for a client, so that a slow one
costs its socket's buffer and delays nobody; one that takes nothing for some seconds is cut off, and resumes at its cursor when it returns.
"""

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum

from api.link import Link, frame
from api.metrics import Figures
from api.ring import EVENTS_MOST, Chunk, Item, Page, Ring, encode, reach
from models.access import Scope
from models.clock import now_us
from store.bell import Listener
from store.journal import Journal
from store.settings import Settings

POLL_S = 0.25  # how long an event may go unnoticed when nobody rings: writers on other machines cannot
READ_MOST = 500  # events in one read
BUSY_S = 0.005  # reads that follow each other faster than this are too many,
GATHER_S = 0.01  # so events are gathered for this long first
PAGES_KEPT = 16  # pages of old events, for clients who come back together
RETRY_S = 1.0  # after the database failed

_log = logging.getLogger("arbiter.feed")


class Close(IntEnum):
    """Why the server ends a connection."""

    FAILED = 1011  # the journal cannot be read
    RESTART = 1012  # the server goes; come back
    MISUNDERSTOOD = 4400  # what the client sent is not of the protocol
    UNAUTHORIZED = 4401  # the ticket is not valid, or the session has ended
    FORBIDDEN = 4403  # wrong origin, or a topic that the role may not follow
    SILENT = 4408  # no first message in time
    CANNOT_RESUME = 4409  # wrong epoch, or a cursor that the journal does not reach
    SLOW = 4008  # took nothing for too long; resume


class Client:
    """One connection: how far it is, what it may see, and until when."""

    __slots__ = ("chase", "cursor", "expires_at", "link", "scope", "user")

    def __init__(self, *, link: Link, scope: Scope, user: str, expires_at: int, cursor: int) -> None:
        self.link = link
        self.scope = scope
        self.user = user
        self.expires_at = expires_at  # of the token; microseconds
        self.cursor = cursor  # all events up to here were sent or were not for it
        self.chase: asyncio.Task[None] | None = None  # brings it up to date; null while it is live

    def take(self, chunk: Chunk) -> None:
        """Send what comes next."""
        self.cursor = chunk.cursor
        if chunk.frames:
            self.link.write(chunk.frames)


class Hub:
    """All clients of this process. Lives in the event loop; only reads of the journal happen in threads."""

    epoch: str
    _listener: Listener

    def __init__(self, journal: Journal, settings: Settings, figures: Figures, on_user: Callable[[str], None]) -> None:
        self.ring = Ring()
        self.trouble: str | None = None  # why the journal cannot be read at present
        self._journal = journal
        self._settings = settings
        self._figures = figures
        self._on_user = on_user  # told who changed, so that nothing older is remembered
        self._clients: set[Client] = set()
        self._live: dict[Scope, set[Client]] = {}
        self._pages: OrderedDict[int, asyncio.Task[Page]] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="feed")  # its own: a burst of requests must not delay the feed
        self._rung = asyncio.Event()
        self._moved = asyncio.Event()
        self._read_at = 0.0

    async def start(self) -> None:
        """Load the ring with the end of the journal and begin to tail."""
        head = await self.head()
        self.epoch = self._journal.epoch
        self.ring.begin(max(0, head - EVENTS_MOST, await self.tail() - 1))
        while await self._pump():
            pass
        self._listener = Listener(self._settings.run / "bells")
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._hear)
        self._tasks = [asyncio.create_task(self._tail()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End every connection and stop tailing."""
        for client in list(self._clients):
            client.link.end(Close.RESTART, "the server restarts")
            self.leave(client)
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()
        for task in [*self._tasks, *self._pages.values()]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._pages.values(), return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def head(self) -> int:
        """Return the last sequence number of the journal itself, which may be ahead of the ring."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._journal.head)

    async def tail(self) -> int:
        """Return the first sequence number that the journal still has."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._journal.tail)

    def join(self, client: Client) -> None:
        """Count a connection in: from now on changes of its user reach it. It gets nothing before `follow`."""
        self._clients.add(client)
        self._figures.clients.set(len(self._clients))

    def follow(self, client: Client) -> None:
        """Send a client everything after its cursor, and from then on what comes."""
        client.chase = asyncio.create_task(self._chase(client))

    def leave(self, client: Client) -> None:
        """Forget a connection."""
        self._clients.discard(client)
        self._rest(client)
        if client.chase is not None:
            client.chase.cancel()
        self._figures.clients.set(len(self._clients))

    # --- tailing

    def _hear(self) -> None:
        self._listener.drain()
        self._rung.set()

    async def _tail(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._rung.wait()
            if asyncio.get_running_loop().time() - self._read_at < BUSY_S:
                await asyncio.sleep(GATHER_S)
            self._rung.clear()
            await self._read_on()

    async def _read_on(self) -> None:
        try:
            while await self._pump():
                pass
            self.trouble = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the tail must go on; /readyz and the log tell
            self.trouble = f"the journal cannot be read: {type(error).__name__}"
            _log.exception("the journal cannot be read; trying again", extra={"event": "feed.tail_failed"})
            self._set_back([client for group in list(self._live.values()) for client in group if client.cursor != self.ring.head])
            await asyncio.sleep(RETRY_S)

    async def _pump(self) -> bool:
        """Take the next events from the journal and give them to all who are live; tell whether there may be more."""
        items = await asyncio.get_running_loop().run_in_executor(self._threads, self._read, self.ring.head)
        before = self.ring.head
        self.ring.add(items)
        self._read_at = asyncio.get_running_loop().time()
        self._figures.head.set(self.ring.head)
        for name in {item.user for item in items if item.user is not None}:
            self._user_changed(name)
        self._fan(before)
        self._moved.set()
        self._moved.clear()
        return len(items) == READ_MOST

    def _read(self, after: int) -> list[Item]:
        return [encode(event) for event in self._journal.events(after, READ_MOST)]

    def _user_changed(self, name: str) -> None:
        """End the connections of a user whose rights may have changed; with the rights that it has now it may come back."""
        self._on_user(name)
        self._end([client for client in self._clients if client.user == name], Close.UNAUTHORIZED, "your rights have changed: log in again")

    # --- sending

    def _fan(self, before: int) -> None:
        """Write what is new to everybody who had all before; what each class of viewers gets is joined once."""
        for scope, clients in list(self._live.items()):
            cursor = before
            while cursor < self.ring.head and clients:
                chunk = self.ring.chunk(scope, cursor)
                cursor = chunk.cursor
                for client in clients:
                    client.take(chunk)
                self._set_back([client for client in clients if client.link.is_full])

    def _set_back(self, behind: Iterable[Client]) -> None:
        for client in behind:
            self._rest(client)
            self.follow(client)

    def _rest(self, client: Client) -> None:
        """Take a client out of those that are live."""
        group = self._live.get(client.scope)
        if group is not None:
            group.discard(client)
            if not group:
                del self._live[client.scope]

    async def _chase(self, client: Client) -> None:
        """Bring a client up to date, at its own pace, and let it go live."""
        try:
            while client.link.is_open:
                async with asyncio.timeout(self._settings.api.lag_s):
                    await client.link.drained()
                if client.cursor == self.ring.head:
                    client.chase = None
                    client.link.write(_heartbeat(self.ring.head))  # it has all there is, though the last events may not have been for it
                    self._live.setdefault(client.scope, set()).add(client)  # nothing was awaited since the comparison: no event falls between
                    return
                await self._advance(client)
        except TimeoutError:
            self._figures.cut.inc()
            self._end([client], Close.SLOW, "you take nothing: come back and go on where you were")
        except Exception:  # noqa: BLE001 - whatever it is, the client must be told that it misses something
            _log.exception("a client of the feed cannot be served", extra={"event": "feed.chase_failed"})
            self._end([client], Close.FAILED, "the journal cannot be read: come back")

    async def _advance(self, client: Client) -> None:
        """Send a client the next chunk."""
        if client.cursor > self.ring.head:  # it has read further with another process than this one has
            self._rung.set()
            await self._moved.wait()
            return
        if self.ring.covers(client.cursor):
            client.take(self.ring.chunk(client.scope, client.cursor))
        else:
            client.take((await self._page(client.cursor)).chunk(client.scope))
            client.link.write(_heartbeat(client.cursor))  # a long way through events of others must not have to be gone again
        await asyncio.sleep(0)  # others have their turn

    async def _page(self, after: int) -> Page:
        """Return the next events after a cursor that the ring does not cover any more; read once for all who ask."""
        task = self._pages.get(after)
        if task is None:
            task = self._pages[after] = asyncio.create_task(self._read_page(after))
            while len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except Exception:
            self._pages.pop(after, None)
            raise

    async def _read_page(self, after: int) -> Page:
        items = await asyncio.get_running_loop().run_in_executor(self._threads, self._read, after)
        items = [item for item in items if item.seq <= self.ring.head]
        return Page(items[: reach(items, 0, len(items))])

    # --- watching

    async def _watch(self) -> None:
        """Send heartbeats, which carry the cursor of those who see few events, and end connections whose time is over."""
        beat_at = 0.0
        while True:
            await asyncio.sleep(min(1.0, self._settings.api.heartbeat_s))
            self._end([client for client in self._clients if client.expires_at <= now_us()], Close.UNAUTHORIZED, "the session has ended")
            if asyncio.get_running_loop().time() - beat_at >= self._settings.api.heartbeat_s:
                beat_at = asyncio.get_running_loop().time()
                self._beat()

    def _beat(self) -> None:
        beat = _heartbeat(self.ring.head)
        for clients in list(self._live.values()):
            for client in clients:
                client.link.write(beat)
            self._set_back([client for client in clients if client.link.is_full])

    def _end(self, clients: Iterable[Client], code: Close, reason: str) -> None:
        for client in clients:
            client.link.end(code, reason)
            self.leave(client)


def _heartbeat(seq: int) -> bytes:
    return frame(json.dumps({"type": "heartbeat", "seq": seq}).encode())
