"""Is this process alive, is the house ready, what are the figures, and what does the API look like."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.asyncapi import describe
from api.auth import GuardedRoute
from api.parts import The
from tasks.health import Check, Health

router = APIRouter(route_class=GuardedRoute, tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Tell that this process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(the: The, request: Request) -> JSONResponse:
    """Tell whether the house can work, with a verdict for each part: 200 when all are well, else 503."""
    health: Health = request.app.state.health
    feed = Check(name="feed", ok=the.hub.trouble is None, detail=the.hub.trouble or f"has read to {the.hub.ring.head}")
    checks = [*health.checks(), feed]
    well = all(check.ok for check in checks)
    return JSONResponse({"status": "ready" if well else "not ready", "checks": [asdict(check) for check in checks]}, 200 if well else 503)


@router.get("/metrics")
def metrics(the: The) -> Response:
    """Return the figures for Prometheus."""
    return Response(the.figures.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/openapi.json", include_in_schema=False)
async def description(request: Request) -> dict[str, Any]:
    """Return the description of this API. There is no page that shows it, because the usual one loads scripts from elsewhere."""
    found: dict[str, Any] = request.app.openapi()
    return found


@router.get("/asyncapi.json", include_in_schema=False)
async def description_of_the_feed() -> dict[str, Any]:
    """Return the description of the live feed, in AsyncAPI 3."""
    return describe()
