"""A WebSocket connection that takes finished frames.

ASGI costs a message dict, a lock and a framing for each event and each client: 23 microseconds of CPU. An event that is framed once and then written
to the transports of all who may see it costs 12, and 0.8 where twenty are written together. So the feed reaches through to uvicorn's protocol, of
which this is a subclass; it must be the server's `ws` class.
"""

import logging
import zlib
from asyncio.transports import BaseTransport, Transport
from typing import Any, cast

from pydantic import BaseModel
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from api.wire import Form, message, shape
from models.errors import StoreError

HIGH = 256 * 1024  # bytes that wait for a client; above, it is behind
LOW = 64 * 1024  # below, it may have more
LAST_WORDS_S = 2.0  # how long a closing connection may take to send what waits

_EXTENSION = "arbiter.link"


class Link(WebSocketsSansIOProtocol):
    """uvicorn's protocol, opened for the feed."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Offer compression that keeps no context, so that one compressed event serves all connections."""
        super().__init__(*arguments, **more)
        self.is_full = False  # whether the client is behind
        offer = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
        self.conn = ServerProtocol(extensions=[offer], max_size=self.config.ws_max_size, logger=logging.getLogger("uvicorn.error"))

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what waits in memory."""
        super().connection_made(transport)
        cast("Transport", transport).set_write_buffer_limits(high=HIGH, low=LOW)

    def pause_writing(self) -> None:
        """Note that the client does not take what it is sent."""
        self.is_full = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it has taken most of it."""
        self.is_full = False
        super().resume_writing()

    async def run_asgi(self) -> None:
        """Show the application its connection."""
        self.scope.setdefault("extensions", {})[_EXTENSION] = {"link": self}
        await super().run_asgi()

    @property
    def is_open(self) -> bool:
        """Whether frames may be written."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def form(self) -> Form:
        """What was agreed on at the handshake."""
        agreed = [one for one in self.conn.extensions if isinstance(one, PerMessageDeflate)]
        return Form.DEFLATED if agreed and agreed[0].local_max_window_bits == zlib.MAX_WBITS else Form.FRAME

    def say(self, said: BaseModel) -> None:
        """Send one message."""
        self.write(shape(message(said), self.form))

    def write(self, frames: bytes) -> None:
        """Send whole frames. Never waits; a closed connection takes nothing."""
        if self.is_open:
            self.transport.write(frames)

    async def drained(self) -> None:
        """Wait until the client has taken most of what was sent, or is gone."""
        await self.writable.wait()

    def end(self, code: int, reason: str) -> None:
        """Close with a code. Never waits: a client that does not take the code either is cut off after a moment."""
        if not self.is_open:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(LAST_WORDS_S, self.transport.abort)
        if self.read_paused:  # the client's answer must be read
            self.read_paused = False
            self.transport.resume_reading()


def link_of(socket: WebSocket) -> Link:
    """Return the connection of an accepted socket."""
    extension = socket.scope.get("extensions", {}).get(_EXTENSION)
    if extension is None:
        message = "the feed needs the server that `python -m api` starts"
        raise StoreError(message)
    link: Link = extension["link"]
    return link
