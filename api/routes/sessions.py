"""Logging in, and tickets for the feed."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.auth import GuardedRoute
from api.parts import Current, Parts, The, Who
from models.access import rights_of
from models.clock import iso
from models.topics import topics_of
from tasks.tokens import Pass

router = APIRouter(route_class=GuardedRoute, tags=["sessions"])


class Credentials(BaseModel):
    """Who wants to log in."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=1000)]


@router.post("/token")
def log_in(the: The, request: Request, credentials: Credentials) -> dict[str, Any]:
    """Exchange a name and a password for a token."""
    address = request.client.host if request.client else ""
    user = the.door.check_password(credentials.name, credentials.password, address=address)
    return _granted(the.tokens.issue(user), user["id"], user["role"], user["client"])


@router.post("/token/renew")
def renew(the: The, session: Current) -> dict[str, Any]:
    """Exchange a token for a fresh one; possible until twelve hours after the password was given."""
    viewer = session.viewer
    return _granted(the.tokens.renew(session), viewer.name, viewer.role, viewer.client)


@router.get("/me")
def me(viewer: Who, session: Current) -> dict[str, Any]:
    """Tell who I am, which routes I may use, and which topics of the feed I may follow."""
    known = {"name": viewer.name, "role": viewer.role, "client": viewer.client, "expires_at": iso(session.expires_at)}
    return known | {"rights": rights_of(viewer.role), "topics": sorted(topics_of(viewer.role))}


@router.post("/feed/ticket")
def ticket(the: The, session: Current) -> dict[str, Any]:
    """Give a ticket that opens the feed once, within 30 seconds. What is read after it and what the feed sends after `head` leave no gap."""
    return _point(the) | _expiring("ticket", the.tokens.ticket(session))


def _granted(token: Pass, name: str, role: str, client: str | None) -> dict[str, Any]:
    return _expiring("access_token", token) | {"token_type": "Bearer", "name": name, "role": role, "client": client}


def _expiring(what: str, signed: Pass) -> dict[str, Any]:
    return {what: signed.text, "expires_at": iso(signed.expires_at)}


def _point(the: Parts) -> dict[str, Any]:
    return {"epoch": the.journal.epoch, "head": the.journal.head()}
