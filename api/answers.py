"""How rows of the ledger look outside: instants become ISO 8601 text, what the house alone may know is left out for clients and agents."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.access import HOUSE_PARTS, Viewer, for_client
from models.clock import iso


def shown(row: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    """Return a row with its instants (`at` and fields that end in `_at`) as text; what is inside inputs, results and patches is left alone."""
    seen = row if _of_the_house(viewer) else for_client(row)
    return {name: iso(value) if _is_instant(name) and isinstance(value, int) else value for name, value in seen.items()}


def shown_all(rows: Iterable[Mapping[str, Any]], viewer: Viewer) -> list[dict[str, Any]]:
    """Return rows as they look outside."""
    return [shown(row, viewer) for row in rows]


def shown_detail(detail: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    """Return a task with its parts (`tasks.read.task_detail`) as it looks outside."""
    if _of_the_house(viewer):
        seen = detail
    else:
        events = [event | {"patch": for_client(event["patch"]), "facts": for_client(event["facts"])} for event in detail["events"]]
        seen = {name: part for name, part in detail.items() if name not in HOUSE_PARTS} | {"events": events}
    return {name: shown(part, viewer) if name == "task" else shown_all(part, viewer) for name, part in seen.items()}


def _of_the_house(viewer: Viewer) -> bool:
    return viewer.client is None and viewer.agent is None


def _is_instant(name: str) -> bool:
    return name == "at" or name.endswith("_at")
