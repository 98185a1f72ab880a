"""Parsers of what marketplaces send: pure functions from a payload to postings, one file a source."""

from collections.abc import Callable

from models.errors import NotFound
from models.marketplaces import freelancer, himalayas, hn, jobposting, remoteok, remotive, upwork, wwr
from models.posting import Posting

PARSERS: dict[str, Callable[[bytes], list[Posting]]] = {
    module.SOURCE: module.parse for module in (freelancer, himalayas, hn, jobposting, remoteok, remotive, upwork, wwr)
}


def parse(source: str, payload: bytes) -> list[Posting]:
    """Return the postings of a payload, each id once (the first counts).

    Raises `NotFound` for a source without a parser and `SchemaDrift` for a payload of another form; then nothing of it is used.
    """
    if source not in PARSERS:
        message = f"there is no parser for the source {source!r}; there are {', '.join(PARSERS)}"
        raise NotFound(message)
    postings: dict[str, Posting] = {}
    for found in PARSERS[source](payload):
        postings.setdefault(found.id, found)
    return list(postings.values())
