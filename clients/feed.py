"""The live feed for Python programs.

    async for told in Feed("http://127.0.0.1:8600", name="ann", password="…", topics=["tasks"], after=17):
        if isinstance(told, Happened):
            print(told.seq, told.kind, told.key)

Goes on for as long as it is iterated: it logs in, comes back after whatever ended the connection, and goes on where it was, so that every event comes
in order and once. `seq` and `epoch` say where that is; a program that is started again gives them as `after` and `epoch`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from models.errors import Forbidden, StoreError, Unauthorized
from models.protocol import Auth, Close, Happened, Heartbeat, Ready, Snapshot, Told, TooOld, Wish, WrongEpoch, read_told

FIRST_S, MOST_S = 0.2, 10.0  # before it comes back: doubling, with full jitter
SILENT_AFTER = 2.5  # heartbeats
OPEN_S = 10.0
LIMIT = 64 * 1024 * 1024  # bytes of one message; snapshots are large

_STOP = {Close.MISUNDERSTOOD, Close.FORBIDDEN, Close.TOO_MANY}


class CannotResume(StoreError):
    """The journal does not reach back to where the program was, or is another one: read the state anew, or ask for snapshots."""


class Feed:
    """Follows the feed of one house."""

    def __init__(
        self, url: str, *, name: str, password: str, topics: Sequence[str] | None = None, filters: Wish | None = None,
        after: int | None = None, epoch: str | None = None, snapshot: bool = False,
    ) -> None:  # fmt: skip
        """Say what is wanted; nothing is opened yet.

        `after` null: from now on. `snapshot`: the state is told first, and again where the feed cannot go on.
        """
        self.seq = after  # of the last event or heartbeat; null before the first
        self.epoch = epoch
        self._url = url.rstrip("/")
        self._login = {"name": name, "password": password}
        self._topics = None if topics is None else list(topics)
        self._filters = filters
        self._snapshot = snapshot
        self._tries = 0

    async def __aiter__(self) -> AsyncGenerator[Told, None]:
        """Yield what the server tells, without heartbeats.

        Raises `Unauthorized` for a wrong password, `Forbidden` for what the role may not follow, `CannotResume` when events are missing and no
        snapshot was asked for. Everything else is tried again, without end.
        """
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=OPEN_S) as http:
            while True:
                try:
                    async with aclosing(self._connection(http)) as connection:
                        async for told in connection:
                            yield told
                except ConnectionClosed as closed:
                    self._judge(closed)
                except (OSError, TimeoutError, InvalidHandshake, httpx.TransportError, httpx.HTTPStatusError):
                    pass  # the server is away, or busy
                await asyncio.sleep(random.uniform(0, min(MOST_S, FIRST_S * 2**self._tries)))  # noqa: S311 - jitter
                self._tries = min(self._tries + 1, 10)

    async def _connection(self, http: httpx.AsyncClient) -> AsyncGenerator[Told, None]:
        auth = Auth(
            type="auth", ticket=await self._ticket(http), after="now" if self.seq is None else self.seq, epoch=self.epoch, topics=self._topics,
            filters=self._filters, snapshot=self._snapshot and self.seq is None,
        )  # fmt: skip
        address = f"ws{self._url.removeprefix('http')}/feed"
        async with connect(address, proxy=None, open_timeout=OPEN_S, max_size=LIMIT) as line:
            await line.send(auth.model_dump_json())
            patience = OPEN_S
            while True:
                told = read_told.validate_json(await _heard(line, patience))
                if isinstance(told, Ready):
                    patience, self._tries = told.heartbeat_s * SILENT_AFTER, 0
                if self._note(told):
                    yield told

    def _note(self, told: Told) -> bool:
        """Note how far it is; tell whether the program is told, too."""
        match told:
            case Ready():
                self.epoch = told.epoch
                self.seq = told.after if self.seq is None and not self._snapshot else self.seq
            case Snapshot() | Heartbeat():
                self.seq = told.seq
            case Happened() if self.seq is not None and told.seq <= self.seq:
                return False
            case Happened():
                self.seq = told.seq
            case TooOld() | WrongEpoch():
                if not self._snapshot:
                    message = "the feed cannot go on where it was: the journal begins later, or is another one"
                    raise CannotResume(message)
                self.seq = self.epoch = None
        return not isinstance(told, Heartbeat)

    async def _ticket(self, http: httpx.AsyncClient) -> str:
        answer = await http.post("/token", json=self._login)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Unauthorized(_detail(answer))
        token = answer.raise_for_status().json()["access_token"]
        answer = await http.post("/feed/ticket", headers={"Authorization": f"Bearer {token}"})
        return str(answer.raise_for_status().json()["ticket"])

    def _judge(self, closed: ConnectionClosed) -> None:
        """Raise where coming back would not help."""
        if closed.rcvd is not None and closed.rcvd.code in _STOP:
            raise Forbidden(closed.rcvd.reason) from closed


async def _heard(line: ClientConnection, patience_s: float) -> Any:
    async with asyncio.timeout(patience_s):
        return await line.recv()


def _detail(answer: httpx.Response) -> str:
    return str(answer.json().get("detail", answer.text))
