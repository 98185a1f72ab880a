"""The live feed: `/feed`, a WebSocket, and `/feed/events`, server-sent events, over the journal; it loses nothing and doubles nothing.

`models.protocol` says what is said, `docs/feed.md` how it is used. A client that comes back says the last `seq` that it has seen, of an event or of a
heartbeat: a heartbeat says that there is nothing more for it up to there. Where that cannot be continued it is told so, and begins with a snapshot.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ValidationError
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

router = APIRouter(route_class=GuardedRoute, tags=["feed"])


class _Refused(Exception):
    """The connection ends with this code; `said` is said before."""

    def __init__(self, code: Close, reason: str, said: BaseModel | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.said = said


@router.websocket("/feed")
async def feed(socket: WebSocket, the: The) -> None:
    """Serve one connection from its first message to its end."""
    await socket.accept()
    link = link_of(socket)
    try:
        await run_in_threadpool(_check_origin, socket, the.settings)
        auth = await _first_message(socket)
        client = await _enter(the, link, await _redeem(the, auth.ticket), auth)
    except _Refused as refused:
        _refuse(link, refused)
        return
    try:
        await _converse(the, socket, client)
    except _Refused as refused:
        _refuse(link, refused)
    finally:
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


def _check_origin(socket: WebSocket, settings: Settings) -> None:
    """Refuse pages of other sites. Programs send no origin, and browsers cannot leave it out."""
    origin = socket.headers.get("origin")
    if origin is not None and not is_ours(origin, socket.headers.get("host", ""), settings):
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
    after, head = (await the.hub.head(),) * 2 if auth.snapshot else await _place(the, auth)
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
    ready = Ready(
        epoch=the.hub.epoch, head=head, after=client.cursor, behind=max(0, head - client.cursor), topics=sorted(scope.topics),
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


async def _place(the: Parts, auth: Auth) -> tuple[int, int]:
    """Return the cursor to go on from, and the head of the journal; refuse a cursor that the journal does not reach any more, or not yet."""
    head = await the.hub.head()
    other = WrongEpoch(epoch=the.hub.epoch, head=head)
    if auth.epoch is not None and auth.epoch != the.hub.epoch:
        raise _Refused(Close.CANNOT_RESUME, "the stream is another one: read the state anew", other)
    if auth.after is None or auth.after == "now":
        return head, head
    if auth.after > head:
        raise _Refused(Close.CANNOT_RESUME, "the journal does not reach that far: read the state anew", other)
    if not the.hub.ring.covers(auth.after):
        tail = await the.hub.tail()
        if auth.after < tail - 1:
            raise _Refused(Close.CANNOT_RESUME, "the journal begins later: read the state anew", TooOld(tail=tail))
    return auth.after, head


async def _converse(the: Parts, socket: WebSocket, client: Client) -> None:
    """Answer what a client says, until it is gone. Receiving is also what lets pings be answered."""
    said_at: deque[float] = deque(maxlen=SAID_MOST)
    while (received := await socket.receive())["type"] != "websocket.disconnect":
        now = time.monotonic()
        if len(said_at) == SAID_MOST and now - said_at[0] < SAID_S:
            raise _Refused(Close.MISUNDERSTOOD, f"more than {SAID_MOST} messages in {SAID_S:.0f} seconds")
        said_at.append(now)
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
