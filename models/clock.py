"""Instants: integer microseconds since 1970 in UTC inside, aware datetimes at the edges."""

import secrets
import time
from datetime import UTC, datetime, timedelta

from models.errors import Invalid

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def now_us() -> int:
    """Return the present instant. Only edges call this; what decides takes the instant as an argument."""
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    """Return an aware datetime as an instant; a naive one is refused, because its zone would be a guess."""
    if moment.tzinfo is None:
        message = f"the time {moment.isoformat()} has no zone: add one, for example {moment.isoformat()}Z"
        raise Invalid(message)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(us: int) -> datetime:
    """Return an instant as an aware datetime in UTC, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=us)


def iso(us: int | None) -> str | None:
    """Return an instant as ISO 8601 in UTC with a `Z`; null stays null."""
    return None if us is None else to_datetime(us).isoformat().replace("+00:00", "Z")


def first_id(prefix: str, at: int) -> str:
    """Return the smallest identifier that `new_id` may make at an instant: those made later sort behind it."""
    return _written(prefix, at // 1000 << 80)


def new_id(prefix: str, at: int) -> str:
    """Return an identifier that sorts by time: `prefix_`, 48 bits of milliseconds and 80 random bits in Crockford's base 32 (a lower-case ULID)."""
    return _written(prefix, (at // 1000 << 80) | secrets.randbits(80))


def _written(prefix: str, number: int) -> str:
    return prefix + "_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
