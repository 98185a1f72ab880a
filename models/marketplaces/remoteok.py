"""RemoteOK: `https://remoteok.com/api`, a JSON list whose first element is the legal notice.

Traps: a filter that matches nothing leaves the notice alone; the title is `position`; a salary of 0 is unknown; salaries are US dollars a year.
"""

from models.marketplaces.fields import Fields, objects_of, read_json
from models.marketplaces.fields import plain_text as plain
from models.posting import Basis, Posting, posting

SOURCE = "remoteok"


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one answer of the API; raises `SchemaDrift`."""
    notice, *jobs = objects_of(SOURCE, read_json(SOURCE, payload), "the top") or [Fields(SOURCE, {})]
    if "legal" not in notice.value:
        notice.drift("sent a list that does not begin with its legal notice")
    return [_posting(job) for job in jobs]


def _posting(job: Fields) -> Posting:
    salary = job.budget(job.value.get("salary_min"), job.value.get("salary_max"), "USD")
    return posting(
        source=SOURCE,
        source_id=job.need("id", str),
        title=job.need("position", str),
        body=plain(job.maybe("description", str)),
        url=job.maybe("url", str),
        client=job.maybe("company", str),
        budget=salary,
        basis=Basis.SALARY if salary.currency else Basis.UNKNOWN,
        posted_at=job.seconds("epoch"),
    )
