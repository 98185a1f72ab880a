"""The live feed: `/feed`, a WebSocket, and `/feed/events`, server-sent events, over the journal; it loses nothing and doubles nothing.

`models.protocol` says what is said, `docs/feed.md` how it is used. A client that comes back says the last `seq` that it has seen, of an event or of a
heartbeat: a heartbeat says that there is nothing more for it up to there. Where that cannot be continued it is told so, and begins with a snapshot.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ValidationError
from starlette import types
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.client import Client, Line
from api.link import link_of
from api.origins import is_ours
from api.parts import Current, Parts, The
from api.stream import Events, Stream
from models.access import Viewer, may_use
from models.clock import iso
from models.errors import Invalid, Unauthorized
from models.protocol import Alive, Auth, Close, Ready, Renewed, Snapshot, TooOld, Wish, WrongEpoch, read_said
from models.topics import ASKED_FOR, Filters, Scope, topics_of
from store.settings import Settings
from tasks.notices import list_inbox
from tasks.picture import picture
from tasks.tokens import Session

AUTH_S = 5.0  # how long a new connection may be silent
SAID_MOST, SAID_S = 20, 10.0  # messages of a client in so many seconds

_log = logging.getLogger("arbiter.feed")

router = APIRouter(route_class=GuardedRoute, tags=["feed"])


class _Refused(Exception):
    """The connection ends with this code; `said` is said before."""

    def __init__(self, code: Close, reason: str, said: BaseModel | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.said = said


class WithFeed:
    """An application and, before it, the feed: the layers of the application would hold nine kilobytes for as long as a connection lasts."""

    def __init__(self, app: types.ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:  # noqa: D102 - ASGI's own interface
        if scope["type"] == "websocket" and scope["path"] == "/feed":
            await _feed(self._parts, WebSocket(scope, receive, send))
        else:
            await self._app(scope, receive, send)


async def _feed(the: Parts, socket: WebSocket) -> None:
    """Serve one connection from its first message to its end."""
    await socket.accept()
    link, client = link_of(socket), None
    try:
        await _check_origin(socket, the.settings)
        auth = await _first_message(socket)
        client = await _enter(the, link, await _redeem(the, auth.ticket), auth)
        await _converse(the, socket, client)
    except _Refused as refused:
        _refuse(link, refused)
    except Exception:  # noqa: BLE001 - whatever it is, the client must be told to come back, and the log tells the rest
        _log.exception("a connection to the feed failed", extra={"event": "feed.failed"})
        link.end(Close.FAILED, "the server failed: come back")
    finally:
        if client is not None:
            the.hub.leave(client)


@router.get("/feed/events", response_class=Response)
async def events(
    the: The,
    session: Current,
    request: Request,
    topics: Annotated[str | None, Query(max_length=500)] = None,
    after: Annotated[str, Query(max_length=200)] = "now",
    filters: Annotated[str | None, Query(max_length=2000)] = None,
    snapshot: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """Send the feed as server-sent events; the data of each is a message as `/feed` sends them.

    `topics` are names with commas between them, `after` is a sequence number or "now", `filters` JSON. The id of an event is `<epoch>:<seq>`; who
    comes back with it as `Last-Event-ID` misses nothing. The last event, of type `close`, holds the code and the reason.
    """
    stream = Stream()
    auth = _read_query(topics, request.headers.get("last-event-id") or after, filters, snapshot=snapshot)
    try:
        client: Client | None = await _enter(the, stream, session, auth)
    except _Refused as refused:
        _refuse(stream, refused)
        client = None
    return Events(stream, lag_s=the.settings.api.lag_s, leave=lambda: the.hub.leave(client) if client else None)


def _read_query(topics: str | None, after: str, filters: str | None, *, snapshot: bool) -> Auth:
    """Return the question of an address as the first message of a WebSocket."""
    epoch, _, seq = after.rpartition(":")
    said: dict[str, Any] = {"type": "auth", "ticket": "", "after": int(seq) if seq.isascii() and seq.isdigit() else seq, "epoch": epoch or None}
    said |= {"snapshot": snapshot, "topics": None if topics is None else topics.split(",")}
    try:
        return Auth.model_validate(said | {"filters": None if filters is None else json.loads(filters)})
    except ValueError as error:
        message = f"this is no question to the feed: {error}"
        raise Invalid(message) from error


def _refuse(line: Line, refused: _Refused) -> None:
    if refused.said is not None:
        line.say(refused.said)
    line.end(refused.code, refused.reason)


async def _check_origin(socket: WebSocket, settings: Settings) -> None:
    """Refuse pages of other sites. Programs send no origin, and browsers cannot leave it out."""
    origin = socket.headers.get("origin")
    if origin is not None and not await run_in_threadpool(is_ours, origin, socket.headers.get("host", ""), settings):
        raise _Refused(Close.FORBIDDEN, "pages of this origin may not open the feed")


async def _first_message(socket: WebSocket) -> Auth:
    try:
        async with asyncio.timeout(AUTH_S):
            said = _understood(await socket.receive())
    except TimeoutError as error:
        raise _Refused(Close.SILENT, "no first message came") from error
    if not isinstance(said, Auth):
        raise _Refused(Close.MISUNDERSTOOD, "the first message must be of type auth")
    return said


def _understood(received: Mapping[str, Any]) -> Auth | Alive:
    try:
        return read_said.validate_json(received.get("text") or "")
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"not of the protocol: {'.'.join(str(part) for part in first['loc'])} {first['msg']}"
        raise _Refused(Close.MISUNDERSTOOD, reason.encode()[:120].decode(errors="ignore")) from error


async def _enter(the: Parts, line: Line, session: Session, auth: Auth) -> Client:
    """Check what it may see and where it goes on; then let it follow."""
    if not may_use(session.viewer.role, "WS /feed"):
        raise _Refused(Close.FORBIDDEN, f"the role {session.viewer.role} may not follow the feed")
    scope = _scope(session.viewer, auth)
    after = the.hub.ring.head if auth.snapshot else await _place(the, auth)
    viewer = session.viewer
    client = Client(link=line, scope=scope, user=viewer.name, role=viewer.role, expires_at=session.expires_at, cursor=after)
    if not the.hub.join(client):  # before the last look at the user: a change after it ends the connection, one before it is seen
        raise _Refused(Close.TOO_MANY, f"{session.viewer.name} has {the.settings.api.connections_most} connections, and may have no more")
    try:
        await run_in_threadpool(the.tokens.check, session)
        seen = await run_in_threadpool(_snapshot, the, scope, session.viewer) if auth.snapshot else None
    except BaseException as error:
        the.hub.leave(client)
        if isinstance(error, Unauthorized):
            raise _Refused(Close.UNAUTHORIZED, str(error)) from error
        raise
    client.cursor = after if seen is None else seen.seq
    head = max(the.hub.ring.head, client.cursor)
    ready = Ready(
        epoch=the.hub.epoch, head=head, after=client.cursor, behind=head - client.cursor, topics=sorted(scope.topics),
        heartbeat_s=the.settings.api.heartbeat_s, expires_at=iso(session.expires_at),
    )  # fmt: skip
    line.say(ready)
    if seen is not None:
        line.say(seen)
    the.hub.aside.greet(client)
    the.hub.follow(client)
    return client


def _snapshot(the: Parts, scope: Scope, viewer: Viewer) -> Snapshot:
    seen = picture(the.journal, scope)
    rows = {name: shown_all(seen[name], viewer) for name in ("tasks", "attempts", "agents", "alerts")}
    unread = list_inbox(the.journal, viewer.name, most=1)["unread"] if "inbox" in scope.topics else None
    return Snapshot(**shown(seen, viewer) | rows, inbox=None if unread is None else {"unread": unread})


async def _redeem(the: Parts, ticket: str) -> Session:
    try:
        return await run_in_threadpool(the.tokens.redeem, ticket)
    except Unauthorized as error:
        raise _Refused(Close.UNAUTHORIZED, str(error)[:100]) from error


def _scope(viewer: Viewer, auth: Auth) -> Scope:
    allowed = topics_of(viewer.role)
    wanted = allowed - ASKED_FOR if auth.topics is None else frozenset(auth.topics)
    if not wanted <= allowed:
        raise _Refused(Close.FORBIDDEN, f"the role {viewer.role} may follow: {', '.join(sorted(allowed))}")
    return Scope.of(viewer, wanted, Filters(**(auth.filters or Wish()).model_dump()))


async def _place(the: Parts, auth: Auth) -> int:
    """Return the cursor to go on from; refuse one that the journal does not reach any more, or not yet."""
    ring = the.hub.ring
    if auth.epoch is not None and auth.epoch != the.hub.epoch:
        raise _Refused(Close.CANNOT_RESUME, "the stream is another one: read the state anew", WrongEpoch(epoch=the.hub.epoch, head=ring.head))
    if auth.after is None or auth.after == "now":
        return ring.head
    if auth.after > ring.head and auth.after > (head := await the.hub.head()):  # another process may have read further
        raise _Refused(Close.CANNOT_RESUME, "the journal does not reach that far: read the state anew", WrongEpoch(epoch=the.hub.epoch, head=head))
    if not ring.covers(auth.after) and auth.after < (tail := await the.hub.tail()) - 1:
        raise _Refused(Close.CANNOT_RESUME, "the journal begins later: read the state anew", TooOld(tail=tail))
    return auth.after


async def _converse(the: Parts, socket: WebSocket, client: Client) -> None:
    """Answer what a client says, until it is gone. Receiving is also what lets pings be answered."""
    left, seen_at = float(SAID_MOST), time.monotonic()  # a bucket of messages that fills again with time
    while (received := await socket.receive())["type"] != "websocket.disconnect":
        left = min(SAID_MOST, left + (time.monotonic() - seen_at) * SAID_MOST / SAID_S) - 1
        seen_at = time.monotonic()
        if left < 0:
            raise _Refused(Close.MISUNDERSTOOD, f"more than {SAID_MOST} messages in {SAID_S:.0f} seconds")
        match _understood(received):
            case Auth() as auth:
                await _renew(the, client, auth)
            case Alive():
                the.hub.beat(client)


async def _renew(the: Parts, client: Client, auth: Auth) -> None:
    """Let a connection last longer. What it follows stays as it is: whoever wants something else opens another."""
    session = await _redeem(the, auth.ticket)
    if session.viewer.name != client.user:
        raise _Refused(Close.FORBIDDEN, "the ticket is somebody else's")
    client.expires_at = max(client.expires_at, session.expires_at)
    client.link.say(Renewed(expires_at=iso(client.expires_at)))
