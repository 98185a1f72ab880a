"""One connection to the feed."""

import asyncio
from typing import Protocol

from pydantic import BaseModel

from api.ring import Chunk
from api.wire import Form
from models.topics import Scope


class Line(Protocol):
    """What takes finished messages: a WebSocket or a stream of server-sent events."""

    @property
    def form(self) -> Form: ...  # noqa: D102
    @property
    def is_open(self) -> bool: ...  # noqa: D102
    @property
    def is_full(self) -> bool: ...  # noqa: D102
    def say(self, said: BaseModel, /) -> None: ...  # noqa: D102
    def write(self, messages: bytes, /) -> None: ...  # noqa: D102
    async def drained(self) -> None: ...  # noqa: D102
    def end(self, code: int, reason: str, /) -> None: ...  # noqa: D102


class Client:
    """How far a connection is, what it may see and wants, and until when."""

    __slots__ = ("chase", "cursor", "expires_at", "form", "link", "pressed", "role", "scope", "user")

    def __init__(self, *, link: Line, scope: Scope, user: str, role: str, expires_at: int, cursor: int) -> None:
        self.link = link
        self.form = link.form
        self.scope = scope
        self.user = user
        self.role = role
        self.expires_at = expires_at  # of the token; microseconds
        self.cursor = cursor  # all events up to here were sent or were not for it
        self.pressed = False  # it did not take what it was sent: until it is live again it gets no progress that is overtaken
        self.chase: asyncio.Task[None] | None = None  # brings it up to date; null while it is live

    def take(self, chunk: Chunk) -> None:
        """Send what comes next."""
        self.cursor = chunk.cursor
        if chunk.frames:
            self.link.write(chunk.frames)
