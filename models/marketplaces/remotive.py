"""Remotive: `https://remotive.com/api/remote-jobs`, a JSON object with `jobs`.

Traps: the pay is free text ("$45/hour", "$120k - $150k", ""); times have no zone.
"""

import re
from datetime import UTC

from models.clock import to_us
from models.marketplaces.fields import Fields, plain_text, read_object
from models.posting import Basis, Budget, Flag, Posting, posting

SOURCE = "remotive"

_SIGN = r"(?:US\$|\$|€|£)"
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]{1,2})?"  # "1.234" may be a thousand or one: it does not match
_PAY = re.compile(
    rf"(?P<sign>{_SIGN})\s?(?P<least>{_NUMBER})(?P<least_k>[kK]?)(?:\s?[-–—]\s?{_SIGN}?\s?(?P<most>{_NUMBER})(?P<most_k>[kK]?))?"
    r"\s*(?P<per>(?:/|per\s|an?\s)\s?[a-zA-Z]+)?",
)
_CURRENCY = {"US$": "USD", "$": "USD", "€": "EUR", "£": "GBP"}


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one answer of the API; raises `SchemaDrift`."""
    return [_posting(job) for job in read_object(SOURCE, payload).objects("jobs")]


def _posting(job: Fields) -> Posting:
    money, basis = _pay(job)
    published = job.moment("publication_date")
    return posting(
        source=SOURCE,
        source_id=str(job.need("id", int)),
        title=job.need("title", str),
        body=plain_text(job.maybe("description", str)),
        url=job.maybe("url", str),
        client=job.maybe("company_name", str),
        budget=money,
        basis=basis,
        posted_at=None if published is None else to_us(published if published.tzinfo else published.replace(tzinfo=UTC)),
        flags=[Flag.ZONE_ASSUMED] if published and not published.tzinfo else [],
    )


def _pay(job: Fields) -> tuple[Budget, Basis]:
    """Read the pay where it is written plainly; anything else is unknown, not drift, because people type it."""
    found = _PAY.fullmatch((job.maybe("salary", str) or "").strip())
    if found is None or (found["most"] and found["least_k"] != found["most_k"]):  # "120 - 150k" may mean either
        return Budget(), Basis.UNKNOWN
    least, thousands = found["least"], bool(found["least_k"])
    flags = [Flag.CURRENCY_ASSUMED] if found["sign"] == "$" else []
    budget = job.budget(_digits(least, thousands), _digits(found["most"] or least, thousands), _CURRENCY[found["sign"]], *flags)
    return budget, _basis(found["per"] or "", thousands)


def _digits(number: str, thousands: bool) -> str:  # noqa: FBT001 - said beside the number
    return number.replace(",", "") + ("e3" if thousands else "")


def _basis(per: str, thousands: bool) -> Basis:  # noqa: FBT001 - the same
    unit = per.lower().removeprefix("/").split()[-1:]
    if unit in (["hour"], ["hr"], ["h"]):
        return Basis.HOURLY
    return Basis.SALARY if unit in (["year"], ["yr"], ["annum"]) or (thousands and not unit) else Basis.UNKNOWN
