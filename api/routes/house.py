"""What the house has and how it does: agents, postings, KPIs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import The, Who
from models.access import HOUSE_KPIS, for_client
from models.errors import Forbidden
from tasks import measure, read, staff, stops
from tasks.hiring import hire_elsewhere
from tasks.moves import public
from tasks.terms import AgentChange, NewAgent

router = APIRouter(route_class=GuardedRoute, tags=["house"])

Window = Annotated[str, Query(max_length=20)]


@router.get("/agents")
def agents(the: The, viewer: Who) -> dict[str, Any]:
    """Return all agents with how many attempts they have running, succeeded and failed; an agent sees itself."""
    rows = read.list_agents(the.journal)
    return {"items": shown_all((row for row in rows if viewer.agent in {None, row["id"]}), viewer)}


@router.post("/agents", status_code=201)
def hire(the: The, viewer: Who, wanted: NewAgent) -> dict[str, Any]:
    """Hire somebody who works elsewhere: a worker or a person; `password` is that of the new account, shown this once, null where none was made."""
    row, password = hire_elsewhere(the.journal, wanted, actor=viewer.actor)
    return shown(public(row), viewer) | {"password": password}


@router.patch("/agents/{agent_id}")
def change_agent(the: The, viewer: Who, agent_id: str, wanted: AgentChange) -> dict[str, Any]:
    """Bring an agent online, let it rest, drain it or send it offline; change its terms."""
    return shown(public(staff.change_agent(the.journal, the.settings, agent_id, wanted, actor=viewer.actor)), viewer)


@router.post("/agents/{agent_id}/stop")
def stop_agent(the: The, viewer: Who, agent_id: str, wanted: stops.Stop) -> dict[str, Any]:
    """Send an agent offline at once and give what it works on to others; `stopped` tells how many attempts that were."""
    return shown(public(stops.stop_agent(the.journal, agent_id, wanted, actor=viewer.actor)), viewer)


@router.get("/postings")
def postings(
    the: The, viewer: Who, state: Annotated[str | None, Query(max_length=20)] = None, most: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:  # fmt: skip
    """Return postings, newest first."""
    return {"items": shown_all(read.list_postings(the.journal, state=state, most=most), viewer)}


@router.get("/kpis")
def kpis(the: The, viewer: Who, window: Window = "7d") -> dict[str, Any]:
    """Return all KPIs over a window, with the window before it. Instants are microseconds.

    A client's are of its own tasks, without cost and margin.
    """
    report = measure.kpis(the.settings.lake, window=window, now=the.journal.clock(), client=viewer.client)
    if viewer.client is not None:
        report["kpis"] = [kpi for kpi in report["kpis"] if kpi["id"] not in HOUSE_KPIS]
    return report


@router.get("/kpis/{kpi_id}/rows")
def kpi_rows(
    the: The,
    viewer: Who,
    kpi_id: str,
    window: Window = "7d",
    currency: Annotated[str | None, Query(max_length=3)] = None,
    most: Annotated[int, Query(ge=1, le=500)] = 500,
) -> dict[str, Any]:
    """Return the ends of tasks that a KPI counts in a window, newest first. Instants are microseconds."""
    if viewer.client is not None and kpi_id in HOUSE_KPIS:
        message = f"the KPI {kpi_id} is the house's own"
        raise Forbidden(message)
    found = measure.rows(the.settings.lake, kpi_id, window=window, now=the.journal.clock(), client=viewer.client, currency=currency, most=most)
    return found if viewer.client is None else found | {"items": [for_client(row) for row in found["items"]]}
