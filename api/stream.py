"""A connection of server-sent events that takes finished messages, with the same face as a WebSocket's `api.link.Link`."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.link import HIGH, LAST_WORDS_S, LOW
from api.wire import Form, message, shape


class Stream:
    """What waits for a reader of server-sent events; bounded, because a reader who is behind is given no more."""

    form = Form.SSE

    def __init__(self) -> None:
        self.is_open = True
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._taken.set()

    @property
    def is_full(self) -> bool:
        """Whether the reader is behind."""
        return not self._taken.is_set()

    def say(self, said: BaseModel) -> None:
        """Send one message."""
        self.write(shape(message(said), self.form))

    def write(self, messages: bytes) -> None:
        """Send whole messages. Never waits; a closed connection takes nothing."""
        if self.is_open:
            self._waiting.append(messages)
            self._size += len(messages)
            self._filled.set()
            if self._size > HIGH:
                self._taken.clear()

    async def drained(self) -> None:
        """Wait until the reader has taken most of what was sent, or is gone."""
        await self._taken.wait()

    def end(self, code: int, reason: str) -> None:
        """Close, and say why in a last message: there are no codes here."""
        self.write(f'event: close\ndata: {{"code": {int(code)}, "reason": "{reason}"}}\n\n'.encode())
        self.is_open = False
        self._taken.set()
        self._filled.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield what is sent, until the end."""
        while True:
            while self._waiting:
                taken = self._waiting.popleft()
                yield taken
                self._size -= len(taken)  # it is with the server only when the next one is asked for
                if self._size < LOW:
                    self._taken.set()
            if not self.is_open:
                return
            self._filled.clear()
            await self._filled.wait()

    def gone(self) -> None:
        """Note that the reader is gone."""
        self.is_open = False
        self._taken.set()
        self._filled.set()


class Events(Response):
    """The answer that carries a stream, until either side ends it."""

    def __init__(self, stream: Stream, *, lag_s: float, leave: Callable[[], None]) -> None:
        """Send what comes; a reader that takes nothing for `lag_s` is given up. `leave` is called at the end, however it comes."""
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream
        self._lag_s = lag_s
        self._leave = leave

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it."""
        watch = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for taken in self._stream.messages():
                async with asyncio.timeout(self._lag_s + LAST_WORDS_S):
                    await send({"type": "http.response.body", "body": taken, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:  # the server closes what is not finished
            pass
        finally:
            watch.cancel()
            self._stream.gone()
            self._leave()

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.gone()
