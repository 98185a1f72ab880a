"""The live feed: `/feed`, a WebSocket over the journal that loses nothing and doubles nothing.

All messages are JSON texts. The client speaks once:

    {"type": "auth", "ticket": "…", "after": 17, "epoch": "e_…", "topics": ["tasks"]}

`ticket` comes from `POST /feed/ticket`. `after` is the last sequence number that it has seen, or "now" (null means the same); `epoch` names the
stream that this number is of, null for "whichever"; `topics` are those that it wants, null for all that its role may follow. The server answers

    {"type": "ready", "epoch": "e_…", "head": 20, "after": 17, "topics": ["tasks"], "heartbeat_s": 15, "expires_at": "…"}
    {"type": "event", "seq": 18, "at": "…", "kind": "…", "entity": "…", "key": "…", "actor": "…", "patch": {…}, "facts": {…}}
    {"type": "heartbeat", "seq": 20}

with every event after `after` that it may see, in order, each once. Whoever comes back says the last `seq` that it has seen, of an event or of a
heartbeat: a heartbeat says that there is nothing more for it up to there. Where that cannot be continued, the server says
`{"type": "too_old", "tail": n}` or `{"type": "wrong_epoch", "epoch": "e_…", "head": n}` and closes with 4409: read the state anew, begin at "now".
How a connection ends is told by its code, see `api.hub.Close`.
"""

import asyncio
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket

from api.hub import Client, Close
from api.link import Link, frame, link_of
from api.origins import is_ours
from api.parts import Parts, The
from models.access import Scope, may_use, topics_of
from models.clock import iso
from models.errors import Unauthorized
from store.settings import Settings
from tasks.tokens import Session

AUTH_S = 5.0  # how long a new connection may be silent
SEQ_MOST = 2**63 - 1

router = APIRouter()


class Auth(BaseModel):
    """The one message of a client."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["auth"]
    ticket: Annotated[str, Field(max_length=4096)]
    after: Annotated[StrictInt, Field(ge=0, le=SEQ_MOST)] | Literal["now"] | None = "now"
    epoch: Annotated[str, Field(max_length=100)] | None = None
    topics: Annotated[list[str], Field(min_length=1, max_length=50)] | None = None


class _Refused(Exception):
    """The connection ends with this code; `message` is said before."""

    def __init__(self, code: Close, reason: str, message: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.message = message


@router.websocket("/feed")
async def feed(socket: WebSocket, the: The) -> None:
    """Serve one connection from its first message to its end."""
    await socket.accept()
    link = link_of(socket)
    try:
        await run_in_threadpool(_check_origin, socket, the.settings)
        auth = await _first_message(socket)
        client = await _enter(the, link, auth)
    except _Refused as refused:
        if refused.message is not None:
            link.write(_text(refused.message))
        link.end(refused.code, refused.reason)
        return
    try:
        await _until_it_ends(socket, link)
    finally:
        the.hub.leave(client)


def _check_origin(socket: WebSocket, settings: Settings) -> None:
    """Refuse pages of other sites. Programs send no origin, and browsers cannot leave it out."""
    origin = socket.headers.get("origin")
    if origin is not None and not is_ours(origin, socket.headers.get("host", ""), settings):
        raise _Refused(Close.FORBIDDEN, "pages of this origin may not open the feed")


async def _first_message(socket: WebSocket) -> Auth:
    try:
        async with asyncio.timeout(AUTH_S):
            message = await socket.receive()
    except TimeoutError as error:
        raise _Refused(Close.SILENT, "no first message came") from error
    try:
        return Auth.model_validate_json(message.get("text") or "")
    except ValidationError as error:
        raise _Refused(Close.MISUNDERSTOOD, "the first message must be of type auth, see api/feed.py") from error


async def _enter(the: Parts, link: Link, auth: Auth) -> Client:
    """Check who it is, what it may see and where it goes on; then let it follow."""
    session = await _redeem(the, auth.ticket)
    scope = _scope(session, auth)
    after, head = await _place(the, auth)
    client = Client(link=link, scope=scope, user=session.viewer.name, expires_at=session.expires_at, cursor=after)
    the.hub.join(client)  # before the last look at the user: a change after it ends the connection, one before it is seen
    try:
        await run_in_threadpool(the.tokens.check, session)
    except BaseException as error:
        the.hub.leave(client)
        if isinstance(error, Unauthorized):
            raise _Refused(Close.UNAUTHORIZED, str(error)) from error
        raise
    ready = {
        "type": "ready", "epoch": the.hub.epoch, "head": head, "after": after, "topics": sorted(scope.topics),
        "heartbeat_s": the.settings.api.heartbeat_s, "expires_at": iso(session.expires_at),
    }  # fmt: skip
    link.write(_text(ready))
    the.hub.follow(client)
    return client


async def _redeem(the: Parts, ticket: str) -> Session:
    try:
        session = await run_in_threadpool(the.tokens.redeem, ticket)
    except Unauthorized as error:
        raise _Refused(Close.UNAUTHORIZED, str(error)[:100]) from error
    if not may_use(session.viewer.role, "WS /feed"):
        raise _Refused(Close.FORBIDDEN, f"the role {session.viewer.role} may not follow the feed")
    return session


def _scope(session: Session, auth: Auth) -> Scope:
    allowed = topics_of(session.viewer.role)
    wanted = allowed if auth.topics is None else frozenset(auth.topics)
    if not wanted <= allowed:
        raise _Refused(Close.FORBIDDEN, f"the role {session.viewer.role} may follow: {', '.join(sorted(allowed))}")
    return Scope.of(session.viewer, wanted)


async def _place(the: Parts, auth: Auth) -> tuple[int, int]:
    """Return the cursor to go on from, and the head of the journal; refuse a cursor that the journal does not reach any more, or not yet."""
    head = await the.hub.head()
    other = {"type": "wrong_epoch", "epoch": the.hub.epoch, "head": head}
    if auth.epoch is not None and auth.epoch != the.hub.epoch:
        raise _Refused(Close.CANNOT_RESUME, "the stream is another one: read the state anew", other)
    if auth.after is None or auth.after == "now":
        return head, head
    if auth.after > head:
        raise _Refused(Close.CANNOT_RESUME, "the journal does not reach that far: read the state anew", other)
    if not the.hub.ring.covers(auth.after):
        tail = await the.hub.tail()
        if auth.after < tail - 1:
            raise _Refused(Close.CANNOT_RESUME, "the journal begins later: read the state anew", {"type": "too_old", "tail": tail})
    return auth.after, head


async def _until_it_ends(socket: WebSocket, link: Link) -> None:
    """Wait for the end. Receiving is also what lets pings be answered. A client has nothing more to say."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        link.end(Close.MISUNDERSTOOD, "a client speaks once")


def _text(message: dict[str, Any]) -> bytes:
    return frame(json.dumps(message).encode())
