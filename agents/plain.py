"""Cells of tables as JSON."""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


def plain(value: object, *, text_most: int | None = None) -> Any:  # noqa: PLR0911 - one case a type
    """Return a cell as JSON, texts cut to `text_most` characters.

    Times become ISO 8601, decimals floats, NaN and infinities null, bytes hexadecimal.
    """
    match value:
        case None | bool() | int():
            return value
        case float() | Decimal():
            return float(value) if math.isfinite(value) else None
        case str():
            return value if text_most is None or len(value) <= text_most else value[: text_most - 1] + "…"
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return plain(value.hex(), text_most=text_most)
        case dict():
            return {str(key): plain(item, text_most=text_most) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, text_most=text_most) for item in value]
        case UUID():
            return str(value)
    message = f"a cell of type {type(value).__name__} has no form in JSON"
    raise TypeError(message)
