"""Upwork: the GraphQL query `marketplaceJobPostingsSearch`, read only: the marketplace forbids automatic offers.

Traps: money is text ("500.0"), and "0.0" means open or hourly; `freelancersToHire` 0 means filled; hourly bounds may be null; `ciphertext` makes the
address; an error comes with status 200 and `data` null; clients have no name.
"""

from models.marketplaces.fields import Fields, plain_text, read_object
from models.posting import Basis, Budget, Posting, PostingState, posting

SOURCE = "upwork"
_ADDRESS = "https://www.upwork.com/jobs/"


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one answer of the API; raises `SchemaDrift`, and `Invalid` when the answer is an error."""
    answer = read_object(SOURCE, payload)
    if answer.value.get("errors"):
        answer.failed("; ".join(str(error.value.get("message")) for error in answer.objects("errors")))
    search = answer.inner("data").inner("marketplaceJobPostingsSearch")
    return [_posting(edge.inner("node")) for edge in search.objects("edges")]


def _posting(node: Fields) -> Posting:
    budget, basis = _budget(node)
    cipher = node.maybe("ciphertext", str)
    return posting(
        source=SOURCE,
        source_id=node.need("id", str),
        title=node.need("title", str),
        body=plain_text(node.maybe("description", str)),
        url=f"{_ADDRESS}{cipher}" if cipher else None,
        budget=budget,
        basis=basis,
        state=PostingState.FILLED if node.maybe("freelancersToHire", int) == 0 else PostingState.OPEN,
        posted_at=node.instant("publishedDateTime") or node.instant("createdDateTime"),
    )


def _budget(node: Fields) -> tuple[Budget, Basis]:
    """Return the fixed amount, else the hourly bounds, else nothing: open to offers."""
    fixed = _money(node, "amount", "amount")
    hourly = _money(node, "hourlyBudgetMin", "hourlyBudgetMax")
    if fixed.currency:
        return fixed, Basis.FIXED
    return hourly, Basis.HOURLY if hourly.currency else Basis.UNKNOWN


def _money(node: Fields, least: str, most: str) -> Budget:
    low, high = node.inner(least), node.inner(most)
    return node.budget(low.maybe("rawValue", str), high.maybe("rawValue", str), low.value.get("currency") or high.value.get("currency"))
