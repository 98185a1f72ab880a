"""How rows of the ledger look outside: instants become ISO 8601 text, everything else stays as it is."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.clock import iso


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its instants (`at` and fields that end in `_at`) as text; what is inside inputs, results and patches is left alone."""
    return {name: iso(value) if _is_instant(name) and isinstance(value, int) else value for name, value in row.items()}


def shown_all(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as they look outside."""
    return [shown(row) for row in rows]


def _is_instant(name: str) -> bool:
    return name == "at" or name.endswith("_at")
