"""Orders of Calder Coffee, an invented roaster that sells in US dollars and answers through a web API."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

PER_EURO = {"USD": "1.0840", "GBP": "0.8435", "NOK": "11.4620"}  # texts: a rate is no binary fraction
RATES = {"base": "EUR", "on": "2025-06-30", "rates": [{"currency": currency, "per_eur": rate} for currency, rate in PER_EURO.items()]}
_ROASTS = ("Harbour Blend", "Night Shift", "Guji Natural", "Decaf Dusk", "Cold Brew Sack")
_START = datetime(2025, 6, 1, 6, 0, tzinfo=UTC)


def invent_roasts(seed: int) -> list[dict[str, Any]]:
    """Return the orders of one month, oldest first."""
    random = Random(seed)
    minutes = sorted(random.randrange(30 * 24 * 60) for _ in range(110))
    return [_order(random, number, _START + timedelta(minutes=minute)) for number, minute in enumerate(minutes, start=5001)]


def _order(random: Random, number: int, at: datetime) -> dict[str, Any]:
    roast, bags = random.choice(_ROASTS), random.randrange(1, 25)
    return {
        "id": f"CC-{number}",
        "placed_at": at.isoformat().replace("+00:00", "Z"),
        "cafe": f"Café {random.choice('ABCDEFGH')}{random.randrange(1, 9)}",
        "roast": roast,
        "bags": bags,
        "currency": "USD",
        "total_cents": bags * (1150 + 175 * _ROASTS.index(roast)),
    }
