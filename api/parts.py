"""What the routes work with: made once for each process, handed to them by FastAPI."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Body, Depends
from starlette.requests import HTTPConnection

from api.hub import Hub
from api.metrics import Figures
from models.access import Viewer
from store.journal import Journal
from store.settings import Settings
from tasks.tokens import Session, Tokens
from tasks.users import Door


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One of each."""

    settings: Settings
    journal: Journal
    tokens: Tokens
    door: Door
    hub: Hub
    figures: Figures


def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


def _session(connection: HTTPConnection) -> Session:
    """Return the session that `api.auth` admitted."""
    session: Session = connection.state.session
    return session


def _viewer(connection: HTTPConnection) -> Viewer:
    return _session(connection).viewer


The = Annotated[Parts, Depends(_parts)]
Who = Annotated[Viewer, Depends(_viewer)]
Current = Annotated[Session, Depends(_session)]
Json = Annotated[dict[str, Any], Body()]  # a body whose fields are checked by whoever works with it
