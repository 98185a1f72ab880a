"""The gate: who may use a route is decided before anything of the request's body is read.

Every route is a `GuardedRoute`, and has a rule in `models.access.RULES`; `refuse_unguarded` keeps an app from starting where that is not so.
"""

import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from models.access import RULES
from models.errors import Forbidden, Unauthorized
from tasks.tokens import Session, Tokens

UPLOADS = frozenset({"POST /files", "POST /work/{attempt_id}/files"})  # routes whose body is a file

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route that lets nobody in but whom its rule names, and no larger body than its limit."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's own handling."""
        handle = super().get_route_handler()
        name = route_name(self.methods or set(), self.path)

        async def guarded(request: Request) -> Response:
            parts = request.app.state.parts
            request.state.session = await _admit(request, name, parts.tokens)
            most = parts.settings.api.upload_most if name in UPLOADS else parts.settings.api.body_most
            return await handle(Request(request.scope, _limited(request, most)))

        return guarded


def route_name(methods: set[str], path: str) -> str:
    """Return how the table of rules names a route: `GET /tasks`."""
    return f"{'|'.join(sorted(methods))} {path}"


def routes_of(app: FastAPI) -> dict[str, object]:
    """Return all routes of an app by name."""
    return {route_name(set(one.methods or ()), one.path or ""): one.original_route for one in iter_route_contexts(app.routes)}


def refuse_unguarded(app: FastAPI) -> None:
    """Raise for an app with a route that has no rule, or that would not ask for it."""
    for name, route in routes_of(app).items():
        if name not in RULES or not isinstance(route, GuardedRoute):
            message = f"the route {name!r} has no rule in models/access.py, or is no GuardedRoute"
            raise RuntimeError(message)


async def _admit(request: Request, name: str, tokens: Tokens) -> Session | None:
    """Return the session of a request that may go on, null where none is needed; raise `Unauthorized` or `Forbidden`."""
    rule = RULES.get(name)
    if rule is None:
        raise Forbidden
    if rule.anonymous or (rule.local and "authorization" not in request.headers and is_local(request)):
        return None
    session = await run_in_threadpool(tokens.verify, _bearer(request))  # a signature takes a third of a millisecond, and the ledger may be asked
    if session.viewer.role not in rule.roles:
        message = f"the role {session.viewer.role} may not use {name}"
        raise Forbidden(message)
    return session


def _bearer(request: Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        message = "send the header `Authorization: Bearer <token>`; POST /token gives one"
        raise Unauthorized(message)
    return text.strip()


def is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine and through no proxy, which would make everybody look local."""
    if request.client is None or {"forwarded", "x-forwarded-for", "via"} & set(request.headers):
        return False
    return ipaddress.ip_address(request.client.host).is_loopback


def _limited(request: Request, most: int) -> Receive:
    """Return the request's receiver; it refuses a body of more than `most` bytes at once where its length is told, else when they came."""
    said = request.headers.get("content-length", "0")
    seen = int(said) if said.isdigit() and int(said) > most else 0

    async def receive() -> Message:
        nonlocal seen
        message = {"type": "http.request", "body": b""} if seen > most else await request.receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"the body is larger than {most} bytes")
        return message

    return receive
