"""Files: artifacts to download, and uploads that tasks to come will need."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from api.answers import shown
from api.auth import GuardedRoute
from api.parts import Parts, The, Who
from api.routes.work import seen_detail
from models.errors import NotFound, Unavailable
from tasks.read import artifact
from tasks.uploads import check_name, keep_upload

router = APIRouter(route_class=GuardedRoute, tags=["files"])

BLOCK = 1024 * 1024  # bytes kept in memory before they go to disk


@router.get("/artifacts/{artifact_id}", response_class=FileResponse)
def download(the: The, viewer: Who, artifact_id: str) -> FileResponse:
    """Return the bytes of an artifact, always as a download: what agents brought must not run in a page of this server."""
    row, path = artifact(the.journal, the.settings, artifact_id, client=viewer.client)
    if viewer.agent is not None:
        _check_assigned(the, viewer, row)
    if not path.exists():
        message = f"the bytes of artifact {artifact_id} are missing from {the.settings.files}"
        raise Unavailable(message)
    return FileResponse(path, media_type=row["media_type"], filename=row["name"], headers={"ETag": f'"{row["sha256"]}"'})


@router.post("/files", status_code=201)
async def upload(the: The, viewer: Who, request: Request, name: Annotated[str, Query(max_length=200)]) -> dict[str, Any]:
    """Keep the request's body, as it comes, as a file of this name; return the artifact, whose id the inputs of a task may name."""
    check_name(name)
    async with received(the, request) as path:
        kept = await run_in_threadpool(keep_upload, the.journal, the.settings, path, name, actor=viewer.actor, client=viewer.client)
    return shown(kept, viewer)


@asynccontextmanager
async def received(the: Parts, request: Request) -> AsyncIterator[Path]:
    """Give the request's body as a file, for as long as the block runs."""
    folder = the.settings.work
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as whole:
        gathered = bytearray()
        async for part in request.stream():
            gathered += part
            if len(gathered) >= BLOCK:
                await run_in_threadpool(whole.write, bytes(gathered))
                gathered.clear()
        whole.write(gathered)
        whole.flush()
        yield Path(whole.name)


def _check_assigned(the: The, viewer: Who, row: dict[str, Any]) -> None:
    """Raise `NotFound` for an artifact of a task that this agent has nothing to do with."""
    if row["task_id"] is None:
        message = f"there is no artifact {row['id']!r}"
        raise NotFound(message)
    seen_detail(the, viewer, row["task_id"])
