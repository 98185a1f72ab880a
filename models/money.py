"""Money: an integer of minor units and the ISO 4217 code of its currency. Here is how many of them make one of the currency."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from models.errors import Invalid

MOST_CENTS: Final = 10**12  # ten thousand million: more is a mistake, and sums must stay exact

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


def minor(text: str, currency: str) -> int:
    """Return an amount that a person wrote, such as `0.40`, in minor units. Raises `Invalid` for what is none, is negative, or has too many digits.

    >>> minor("12.5", "EUR"), minor("1200", "JPY")
    (1250, 1200)
    """
    try:
        units = Decimal(text).scaleb(digits(currency))
        if units == units.to_integral_value() and 0 <= units <= MOST_CENTS:
            return int(units)
    except InvalidOperation:
        pass
    message = f"{text!r} is no amount of {currency}: write it like {amount(1250, currency).replace(',', '')}, without a sign"
    raise Invalid(message)
