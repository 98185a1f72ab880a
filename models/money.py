"""Money: an integer of minor units and the ISO 4217 code of its currency. Here is how many of them make one of the currency."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_USUAL: Final = 2
_OTHERS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        0,
    )
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4),
)


def digits(currency: str | None) -> int:
    """Return how many digits the minor unit of a currency has: 2 for euros, 0 for yen, 3 for dinars; 2 when the currency is not known."""
    return _USUAL if currency is None else _OTHERS.get(currency, _USUAL)


def amount(minor: float, currency: str | None) -> str:
    """Return minor units as a number of the currency, without its name, exact and with thousands separators.

    >>> amount(-1234567, "EUR"), amount(1234567, "JPY")
    ('-12,345.67', '1,234,567')
    """
    places = digits(currency)
    return f"{Decimal(minor).scaleb(-places):,.{places}f}"
