"""schema.org `JobPosting` as JSON-LD in any web page: what a site says when it has no feed.

Traps: several scripts in one page, some broken and not ours; one object, a list, or `@graph`; `@type` a text or a list; a salary as one number or as
bounds; an identifier that is unique within its organisation only.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from models.clock import to_us
from models.errors import SchemaDrift
from models.marketplaces.fields import Fields, plain_text, read_json
from models.posting import Basis, Budget, Flag, Posting, posting

SOURCE = "jobposting"
_BASIS = {"HOUR": Basis.HOURLY, "YEAR": Basis.SALARY}
_SCRIPT, _SCRIPT_END = re.compile(r"<script\b", re.IGNORECASE), re.compile("</script", re.IGNORECASE)
_DEPTH_MOST = 5  # of lists and graphs around a posting


def parse(payload: bytes) -> list[Posting]:
    """Return the postings that a page describes; raises `SchemaDrift` when it describes none."""
    found, broken = [], 0
    for script in _scripts(payload.decode(errors="replace")):
        try:
            found += list(_postings(read_json(SOURCE, script.encode())))
        except SchemaDrift:  # a script that is no JSON may be anything; it matters only if nothing else is found
            broken += 1
    if not found:
        Fields(SOURCE, {}).drift(f"found no JobPosting in the page ({broken} of its JSON-LD scripts are broken)")
    return [_posting(item) for item in found]


def _scripts(page: str) -> Iterator[str]:
    """Yield the JSON-LD scripts of a page, in one pass over it: a page may be huge, or nested without end."""
    for chunk in _SCRIPT.split(page)[1:]:
        head, _, rest = chunk.partition(">")
        if "application/ld+json" in head.lower():
            yield _SCRIPT_END.split(rest, maxsplit=1)[0]


def _postings(value: Any, depth: int = 0) -> Iterator[Fields]:
    if isinstance(value, list) and depth < _DEPTH_MOST:
        for item in value:
            yield from _postings(item, depth + 1)
    if isinstance(value, dict):
        types = value.get("@type")
        if types == "JobPosting" or (isinstance(types, list) and "JobPosting" in types):
            yield Fields(SOURCE, value, "JobPosting")
        yield from _postings(value.get("@graph"), depth + 1)


def _posting(job: Fields) -> Posting:
    client = _client(job)
    date = job.moment("datePosted")
    budget, basis = _salary(job)
    url = job.value.get("url")
    return posting(
        source=SOURCE,
        source_id=_key(job, client),
        title=job.need("title", str),
        body=plain_text(job.maybe("description", str)),
        url=url if isinstance(url, str) else None,
        client=client,
        budget=budget,
        basis=basis,
        posted_at=None if date is None else to_us(date if date.tzinfo else date.replace(tzinfo=UTC)),
        flags=[Flag.ZONE_ASSUMED] if date and not date.tzinfo else [],
    )


def _client(job: Fields) -> str | None:
    organisation = job.value.get("hiringOrganization")
    return organisation if isinstance(organisation, str) else job.inner("hiringOrganization").maybe("name", str)


def _key(job: Fields, client: str | None) -> str:
    """Its identifier within the organisation, else its address, else a fingerprint of title, client and day."""
    identifier = job.value.get("identifier")
    value = identifier.get("value") if isinstance(identifier, dict) else identifier
    if isinstance(value, str | int) and value != "":
        return f"{client or 'unknown'}/{value}"
    if isinstance(job.value.get("url"), str):
        return str(job.value["url"])
    return hashlib.sha256("\n".join((job.need("title", str), client or "", job.maybe("datePosted", str) or "")).encode()).hexdigest()[:32]


def _salary(job: Fields) -> tuple[Budget, Basis]:
    salary = job.inner("baseSalary")
    value = salary.value.get("value")
    if not isinstance(value, dict):
        return job.budget(value, value, salary.value.get("currency")), Basis.UNKNOWN
    single = value.get("value")
    budget = job.budget(value.get("minValue", single), value.get("maxValue", single), salary.value.get("currency"))
    return budget, _BASIS.get(str(value.get("unitText")).upper(), Basis.UNKNOWN) if budget.currency else Basis.UNKNOWN
