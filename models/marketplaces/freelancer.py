"""Freelancer.com: `GET /api/projects/0.1/projects/active/`, a JSON object with `result.projects`.

Traps: the currency stands beside `budget`, not in it; `budget`, `currency` and `seo_url` may be missing; times are in seconds; an awarded or frozen
project may still be called active; the owner is a number, with `users` beside the projects.
"""

from models.marketplaces.fields import Fields, plain_text, read_object
from models.posting import Basis, Posting, PostingState, posting

SOURCE = "freelancer"
_ADDRESS = "https://www.freelancer.com/projects/"
_BASIS = {"fixed": Basis.FIXED, "hourly": Basis.HOURLY}
_AWARDED = {"work_in_progress", "complete"}


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one answer of the API; raises `SchemaDrift`, and `Invalid` when the answer is an error."""
    answer = read_object(SOURCE, payload)
    if answer.maybe("status", str) != "success":
        answer.failed(answer.value.get("message"))
    result = answer.inner("result")
    users = result.inner("users")
    return [_posting(project, users) for project in result.objects("projects")]


def _posting(project: Fields, users: Fields) -> Posting:
    number = project.need("id", int)
    amounts, currency = project.inner("budget"), project.inner("currency")
    return posting(
        source=SOURCE,
        source_id=str(number),
        title=project.need("title", str),
        body=plain_text(project.maybe("description", str) or project.maybe("preview_description", str)),
        url=f"{_ADDRESS}{project.maybe('seo_url', str) or number}",
        client=users.inner(str(project.maybe("owner_id", int))).maybe("username", str),
        budget=project.budget(amounts.value.get("minimum"), amounts.value.get("maximum"), currency.maybe("code", str)),
        basis=_BASIS.get(project.maybe("type", str) or "", Basis.UNKNOWN),
        state=_state(project),
        posted_at=project.seconds("time_submitted"),
    )


def _state(project: Fields) -> PostingState:
    status, detail = project.need("status", str), project.maybe("sub_status", str) or ""
    if project.maybe("deleted", bool):
        return PostingState.CLOSED
    if project.maybe("frontend_project_status", str) in _AWARDED or detail == "closed_awarded":
        return PostingState.FILLED
    if status == "frozen" or detail.startswith("frozen"):
        return PostingState.FROZEN
    return PostingState.OPEN if status == "active" else PostingState.CLOSED
