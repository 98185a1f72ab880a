"""Himalayas: `https://himalayas.app/jobs/api`, a JSON object with `jobs`.

Traps: the description may be empty beside an excerpt; pay and currency are null together; the key is the address in `guid`.
"""

from models.marketplaces.fields import Fields, plain_text, read_object
from models.posting import Basis, Posting, posting

SOURCE = "himalayas"
_BASIS = {"annual": Basis.SALARY, "hourly": Basis.HOURLY}  # other periods (monthly, weekly) have no basis of their own


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one answer of the API; raises `SchemaDrift`."""
    return [_posting(job) for job in read_object(SOURCE, payload).objects("jobs")]


def _posting(job: Fields) -> Posting:
    pay = job.budget(job.value.get("minSalary"), job.value.get("maxSalary"), job.value.get("currency"))
    return posting(
        source=SOURCE,
        source_id=job.need("guid", str),
        title=job.need("title", str),
        body=plain_text(job.maybe("description", str) or job.maybe("excerpt", str)),
        url=job.maybe("applicationLink", str),
        client=job.maybe("companyName", str),
        budget=pay,
        basis=_BASIS.get(job.maybe("salaryPeriod", str) or "", Basis.UNKNOWN) if pay.currency else Basis.UNKNOWN,
        posted_at=job.seconds("pubDate"),
    )
