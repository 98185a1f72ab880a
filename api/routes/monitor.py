"""The monitor: a page that holds no data; what it shows it asks of the other routes, as whoever logs in to it."""

import hashlib
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Header, Response

from api.auth import GuardedRoute
from clients import FILES, media_type, web
from models.errors import NotFound

router = APIRouter(route_class=GuardedRoute, tags=["monitor"])

_OURS = " ".join(f"{kind}-src 'self';" for kind in ("script", "style", "connect", "img"))
POLICY = f"default-src 'none'; {_OURS} base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/monitor", include_in_schema=False)
def page(known: Known = None) -> Response:
    """Return the page."""
    return _file("monitor.html", known)


@router.get("/monitor/{name}", include_in_schema=False)
def part(name: str, known: Known = None) -> Response:
    """Return one of its files; `feed.js` is the client for the pages of others too."""
    if name not in FILES:
        message = f"the monitor has no file {name!r}"
        raise NotFound(message)
    return _file(name, known)


def _file(name: str, known: str | None) -> Response:
    """Answer with a file; a browser asks each time and is told when nothing has changed, so that a new version is never mixed with an old one."""
    text, tag = _read(name)
    headers = {
        "ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }  # fmt: skip
    if known == tag:
        return Response(status_code=304, headers=headers)
    return Response(text, headers=headers, media_type=media_type(name))


@cache
def _read(name: str) -> tuple[bytes, str]:
    text = web(name).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:20]}"'
