"""Work that is done elsewhere: what workers and people fetch, and what they bring. Everybody here sees what the own agent was given, nothing else."""

import asyncio
import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import Field, StrictInt
from starlette.concurrency import run_in_threadpool

from api.answers import shown
from api.auth import GuardedRoute
from api.parts import The, Who
from api.routes.files import received
from models.errors import Unavailable
from tasks import outside, outside_ends
from tasks.work import Strict

router = APIRouter(route_class=GuardedRoute, prefix="/work", tags=["work elsewhere"])

WAIT_MOST_S = 30


class Free(Strict):
    """How many more attempts an agent takes, and how long it waits for the first."""

    most: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    wait_s: Annotated[float, Field(ge=0, le=WAIT_MOST_S)] = 0


@router.get("")
def given(the: The, viewer: Who) -> dict[str, Any]:
    """Return all that the viewer's agent works on, accepted or not; `agent` is null for somebody who does not work."""
    return outside.given(the.journal, the.settings, viewer.name)


@router.post("/claim")
async def claim(the: The, viewer: Who, request: Request, free: Free) -> dict[str, Any]:
    """Say that the agent is there; return what it was given since, at the latest when its waiting is over.

    `lease_s` is how soon the next sign of life must come, for the agent and for each of its attempts.
    """
    lease_s = the.settings.dispatch.worker_lease_s
    loop = asyncio.get_running_loop()
    ends = loop.time() + min(free.wait_s, lease_s / 2)  # who waits gives no sign of life meanwhile
    agent = (await run_in_threadpool(outside.agent_named, the.journal, viewer.name))["id"]
    with the.hub.calling.of(agent) as called:
        while not await request.is_disconnected():
            called.clear()
            found = await run_in_threadpool(outside.accept, the.journal, the.settings, viewer.name, most=free.most)
            left_s = ends - loop.time()
            if found or left_s <= 0:
                return {"items": found, "lease_s": lease_s}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await called.wait()
    return {"items": [], "lease_s": lease_s}


@router.post("/{attempt_id}/heartbeat")
def heartbeat(the: The, viewer: Who, attempt_id: str, said: outside.Held) -> dict[str, Any]:
    """Say that the attempt is worked on; `do` is `go_on`, `pause` or `stop`."""
    return outside.beat(the.journal, the.settings, viewer.name, attempt_id, said)


@router.post("/{attempt_id}/progress")
def progress(the: The, viewer: Who, attempt_id: str, said: outside.Progress) -> dict[str, Any]:
    """Say how far the work is; answered like a heartbeat."""
    return outside.progress(the.journal, the.settings, viewer.name, attempt_id, said)


@router.post("/{attempt_id}/result")
def result(the: The, viewer: Who, attempt_id: str, brought: outside_ends.Brought) -> dict[str, Any]:
    """Bring a result. The same again is answered as before; an answer that is not as it was asked for is refused, and the attempt goes on."""
    return outside_ends.bring(the.journal, viewer.name, attempt_id, brought)


@router.post("/{attempt_id}/fail")
def fail(the: The, viewer: Who, attempt_id: str, failure: outside_ends.Failure) -> dict[str, Any]:
    """Say that the work could not be done, or stopped where that was asked for."""
    return outside_ends.fail(the.journal, viewer.name, attempt_id, failure)


@router.post("/{attempt_id}/decline")
def decline(the: The, viewer: Who, attempt_id: str, refusal: outside_ends.Refusal) -> dict[str, Any]:
    """Give work back, to a colleague where `to` names one."""
    return outside_ends.decline(the.journal, viewer.name, attempt_id, refusal)


@router.post("/{attempt_id}/files", status_code=201)
async def hand_in(
    the: The, viewer: Who, request: Request, attempt_id: str, name: Annotated[str, Query(max_length=200)], fence: Annotated[int, Query(ge=1)]
) -> dict[str, Any]:  # fmt: skip
    """Keep the request's body as a file of this name; the result names its `id`."""
    async with received(the, request) as path:
        kept = await run_in_threadpool(outside_ends.hand_in, the.journal, the.settings, viewer.name, attempt_id, fence, path, name)
    return shown(kept, viewer)


@router.get("/{attempt_id}/inputs/{number}", response_class=FileResponse)
def input_file(the: The, viewer: Who, attempt_id: str, number: int) -> FileResponse:
    """Return a file that the attempt was given, always as a download."""
    path, name = outside.input_file(the.journal, the.settings, viewer.name, attempt_id, number)
    if not path.exists():
        message = f"the bytes of {name!r} are missing from {the.settings.files}"
        raise Unavailable(message)
    return FileResponse(path, media_type="application/octet-stream", filename=name)
