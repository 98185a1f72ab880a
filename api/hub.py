"""The hub of the feed: one tailer that reads the journal, and clients that are only a cursor.

The tailer wakes up when a writer rings (or a few times a second), reads what is new, and has each event encoded once into a ring. A client who has
everything so far is *live*: the tailer writes to it. A client who joins, or who does not take what it is sent, is *behind*: a task of its own writes
to it, from the journal and then from the ring, as fast as the client takes it, until it is live. Nothing is queued for a client, so that a slow one
costs its socket's buffer and delays nobody; one that takes nothing for some seconds is cut off, and resumes at its cursor when it returns.
"""

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from api.aside import Aside
from api.calling import Calling
from api.client import Client
from api.metrics import Figures
from api.ring import EVENTS_MOST, Item, Page, Ring, encode, reach
from api.wire import Form, message, shape
from models.clock import now_us
from models.protocol import Close, Heartbeat
from models.topics import Scope
from store.bell import Listener
from store.far_bell import FarListener
from store.journal import Journal
from store.settings import Settings

POLL_S = 0.25  # how long an event may go unnoticed when a ring is lost
READ_MOST = 500  # events in one read
FEW = 20  # events that are read without a thread, where that takes no longer than waking one
BUSY_S = 0.005  # reads that follow each other faster than this are too many,
GATHER_S = 0.01  # so events are gathered for this long first
PAGES_KEPT = 16  # pages of old events, for clients who come back together
RETRY_S = 1.0  # after the database failed

_log = logging.getLogger("arbiter.feed")


class Hub:
    """All clients of this process. Lives in the event loop; only reads of the journal happen in threads."""

    epoch: str
    _listener: Listener

    def __init__(self, journal: Journal, settings: Settings, figures: Figures, on_user: Callable[[str], None]) -> None:
        self.ring = Ring()
        self.calling = Calling()
        self.trouble: str | None = None  # why the journal cannot be read at present
        self._journal = journal
        self._settings = settings
        self._figures = figures
        self._on_user = on_user  # told who changed, so that nothing older is remembered
        self._clients: set[Client] = set()
        self._users: Counter[str] = Counter()
        self._live: dict[tuple[Scope, Form], set[Client]] = {}
        self.aside = Aside(journal, settings)
        self._pages: OrderedDict[int, asyncio.Task[Page]] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="feed")  # its own: a burst of requests must not delay the feed
        self._rung = asyncio.Event()
        self._moved = asyncio.Event()
        self._read_at = 0.0
        self._many = True  # whether the last read left some
        self._far: FarListener | None = None  # hears the commits of other machines, on a database that they share

    async def start(self) -> None:
        """Load the ring with the end of the journal and begin to tail."""
        head = await self.head()
        self.epoch = self._journal.epoch
        self.ring.begin(max(0, head - EVENTS_MOST, await self.tail() - 1))
        while await self._pump():
            pass
        self._listener = Listener(self._settings.run / "bells")
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener.fileno(), self._hear)
        if self._settings.shared_url is not None:
            self._far = FarListener(self._settings.shared_url, partial(loop.call_soon_threadsafe, self._rung.set))
        self._tasks = [asyncio.create_task(self._tail()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End every connection and stop tailing."""
        for client in list(self._clients):
            client.link.end(Close.RESTART, "the server restarts")
            self.leave(client)
        asyncio.get_running_loop().remove_reader(self._listener.fileno())
        self._listener.close()
        if self._far is not None:
            await asyncio.to_thread(self._far.close)
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

    def join(self, client: Client) -> bool:
        """Count a connection in: from now on changes of its user reach it. It gets nothing before `follow`. False: its user has too many."""
        if self._users[client.user] >= self._settings.api.connections_most:
            return False
        self._clients.add(client)
        self._users[client.user] += 1
        self._figures.clients.set(len(self._clients))
        return True

    def follow(self, client: Client) -> None:
        """Send a client everything after its cursor, and from then on what comes."""
        client.chase = asyncio.create_task(self._chase(client))

    def leave(self, client: Client) -> None:
        """Forget a connection."""
        if client in self._clients:
            self._clients.remove(client)
            self._users[client.user] -= 1
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
        before, loop = self.ring.head, asyncio.get_running_loop()
        if self._journal.backend == "sqlite" and not self._many:  # which a writer never makes wait
            items, most = self._read(before, FEW), FEW
        else:
            items, most = await loop.run_in_executor(self._threads, self._read, before, READ_MOST), READ_MOST
        self._many = len(items) == most
        self.ring.add(items)
        self._read_at = loop.time()
        self._figures.head.set(self.ring.head)
        for name in {item.user for item in items if item.user is not None}:
            self._user_changed(name)
        self.calling.ring(items)
        self._fan(before)
        self._moved.set()
        self._moved.clear()
        return self._many

    def _read(self, after: int, most: int) -> list[Item]:
        return [encode(event, self.epoch) for event in self._journal.events(after, most)]

    def _user_changed(self, name: str) -> None:
        """End the connections of a user whose rights may have changed; with the rights that it has now it may come back."""
        self._on_user(name)
        self._end([client for client in self._clients if client.user == name], Close.UNAUTHORIZED, "your rights have changed: log in again")

    # --- sending

    def _fan(self, before: int) -> None:
        """Write what is new to everybody who had all before; what each class of viewers gets is joined once."""
        for (scope, form), clients in list(self._live.items()):
            cursor = before
            while cursor < self.ring.head and clients:
                chunk = self.ring.chunk(scope, form, cursor)
                cursor, full = chunk.cursor, []
                for client in clients:
                    client.take(chunk)
                    if client.link.is_full:
                        full.append(client)
                self._set_back(full)

    def _set_back(self, behind: Iterable[Client]) -> None:
        for client in behind:
            client.pressed = client.link.is_full
            self._rest(client)
            self.follow(client)

    def _rest(self, client: Client) -> None:
        """Take a client out of those that are live."""
        group = self._live.get((client.scope, client.form))
        if group is not None:
            group.discard(client)
            if not group:
                del self._live[client.scope, client.form]

    async def _chase(self, client: Client) -> None:
        """Bring a client up to date, at its own pace, and let it go live."""
        try:
            while client.link.is_open:
                async with asyncio.timeout(self._settings.api.lag_s):
                    await client.link.drained()
                if client.cursor == self.ring.head:
                    client.chase, client.pressed = None, False
                    self.beat(client)  # it has all there is, though the last events may not have been for it
                    self._live.setdefault((client.scope, client.form), set()).add(
                        client
                    )  # nothing was awaited since the comparison: no event falls between
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
            client.take(self.ring.chunk(client.scope, client.form, client.cursor, pressed=client.pressed))
        else:
            client.take((await self._page(client.cursor)).chunk(client.scope, client.form))
            self.beat(client)  # a long way through events of others must not have to be gone again
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
        items = await asyncio.get_running_loop().run_in_executor(self._threads, self._read, after, READ_MOST)
        items = [item for item in items if item.seq <= self.ring.head]
        return Page(items[: reach(items, 0, len(items))])

    # --- watching

    async def _watch(self) -> None:
        """Send heartbeats, which carry the cursor of those who see few events, and end connections whose time is over."""
        beat_at = 0.0
        while True:
            await asyncio.sleep(min(1.0, self._settings.api.heartbeat_s))
            self.trouble = await self.aside.tell(self._clients, self.ring.head) or self.trouble
            self._end([client for client in self._clients if client.expires_at <= now_us()], Close.UNAUTHORIZED, "the session has ended")
            if asyncio.get_running_loop().time() - beat_at >= self._settings.api.heartbeat_s:
                beat_at = asyncio.get_running_loop().time()
                self._beat()

    def beat(self, client: Client) -> None:
        """Tell a client how far it is, and that the line works."""
        client.link.write(self._heartbeat(client.cursor, client.form))

    def _beat(self) -> None:
        for (_, form), clients in list(self._live.items()):
            beat = self._heartbeat(self.ring.head, form)
            for client in clients:
                client.link.write(beat)
            self._set_back([client for client in clients if client.link.is_full])

    def _heartbeat(self, seq: int, form: Form) -> bytes:
        return shape(message(Heartbeat(seq=seq)), form, name=f"{self.epoch}:{seq}")

    def _end(self, clients: Iterable[Client], code: Close, reason: str) -> None:
        for client in clients:
            client.link.end(code, reason)
            self.leave(client)
