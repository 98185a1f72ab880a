"""Hacker News: `https://hn.algolia.com/api/v1/items/<id>`, a monthly thread with its comments.

"Freelancer? Seeking freelancer?" offers paid work in comments that begin with SEEKING FREELANCER; the others seek work themselves. In "Who is
hiring?" every first-level comment is an offer. Traps: a deleted comment has null as author and text; the first line `A | B | C` is so by custom only,
so nothing is read out of it. The search answer (`hits`) lists threads, and holds no posting.
"""

from models.marketplaces.fields import Fields, plain_text, read_object
from models.posting import Posting, posting

SOURCE = "hn"
_OFFER = "seeking freelancer"


def parse(payload: bytes) -> list[Posting]:
    """Return the offers of one thread; raises `SchemaDrift`."""
    answer = read_object(SOURCE, payload)
    if "hits" in answer.value:
        answer.objects("hits")
        return []
    title = answer.need("title", str).lower()
    if _OFFER not in title and "hiring" not in title:
        answer.drift("sent a thread that offers no work")
    return [found for comment in answer.objects("children") if (found := _posting(comment, _OFFER if _OFFER in title else ""))]


def _posting(comment: Fields, begins: str) -> Posting | None:
    text = plain_text(comment.maybe("text", str))
    if not text or not text.lower().lstrip("[*(").startswith(begins):
        return None
    number = comment.need("id", int)
    return posting(
        source=SOURCE,
        source_id=str(number),
        title=text.splitlines()[0],
        body=text,
        url=f"https://news.ycombinator.com/item?id={number}",
        posted_at=comment.seconds("created_at_i"),
    )
