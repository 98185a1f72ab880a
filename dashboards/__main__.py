"""`python -m dashboards --port N`: the pages, on this machine only.

Reads `ARBITER_API_URL` (where this server finds the API) and, when browsers find it elsewhere, `ARBITER_FEED_URL` (the feed as they see it).
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.sessions import SESSIONS, cookie_name

HERE = Path(__file__).resolve().parent

SAFE = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 1,  # MB; no page takes files
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",  # the log has the rest
}


async def keep_session(request: Request) -> Response:
    """Give the browser that brings a fresh code the cookie of its session.

    Only JSON is accepted, so that a form on a foreign page cannot post here; the cookie is out of reach of scripts and is sent to this site's own
    pages only.
    """
    if request.headers.get("content-type") != "application/json":
        return Response(status_code=415)
    body = await request.json()
    claimed = SESSIONS.claim(str(body.get("code"))) if isinstance(body, dict) else None
    if claimed is None:
        return Response(status_code=403)
    session, lasts_s = claimed
    response = Response(status_code=204)
    name, secure = cookie_name(request.url.port), request.url.scheme == "https"
    response.set_cookie(name, session, max_age=lasts_s, httponly=True, samesite="strict", secure=secure)
    return response


def main() -> None:
    """Serve the pages until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description="Serve the pages.")
    parser.add_argument("--port", type=int, default=8601)
    port: int = parser.parse_args().port
    if not os.environ.get("ARBITER_API_URL"):
        sys.exit("ARBITER_API_URL is not set: say where the API is, for example ARBITER_API_URL=http://127.0.0.1:8600")
    app = st.App(HERE / "app.py", routes=[Route("/session", keep_session, methods=["POST"])])
    app.run(config=SAFE | {"server.port": port} | theme())


def theme() -> dict[str, Any]:
    """Return `theme.toml` as Streamlit's settings, `{"theme.light.textColor": "#…", …}`."""
    return dict(_flat("theme", tomllib.loads((HERE / "theme.toml").read_text(encoding="utf-8"))["theme"]))


def _flat(prefix: str, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value


if __name__ == "__main__":
    main()
