"""We Work Remotely: `https://weworkremotely.com/categories/….rss`, an RSS feed.

Traps: the title is "Company: Role", split at the first colon, if there is one; the body is HTML, escaped; items may lack `pubDate` and `guid`.
A document type, and with it every entity, is refused before anything is parsed: a feed needs none, and they can blow up or read files.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

from models.clock import to_us
from models.errors import SchemaDrift
from models.marketplaces.fields import Fields, plain_text
from models.posting import Flag, Posting, posting

SOURCE = "wwr"
_PROLOG = re.compile(r"\ufeff?(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)  # all that may stand before the root but a document type


def parse(payload: bytes) -> list[Posting]:
    """Return the postings of one feed; raises `SchemaDrift`."""
    return [_posting(item, f"item {number}") for number, item in enumerate(_root(payload).iterfind("./channel/item"), start=1)]


def _root(payload: bytes) -> ET.Element:
    feed = Fields(SOURCE, {})
    try:
        text = payload.decode()
        start = _PROLOG.match(text).end()  # type: ignore[union-attr] # it also matches nothing
        if text.startswith("<!", start):
            feed.drift("sent a document type, which a feed has no need of and which is never read")
        root = ET.fromstring(text[start:])  # noqa: S314 - the prolog is gone, so nothing can define an entity
    except (UnicodeDecodeError, ET.ParseError, RecursionError) as error:
        message = f"{SOURCE} sent no XML in UTF-8 ({error}): look at the payload, and adapt models/marketplaces/{SOURCE}.py"
        raise SchemaDrift(message) from error
    if root.tag != "rss" or root.find("channel") is None:
        feed.drift(f"sent <{root.tag[:40]}> where <rss> with a <channel> belongs")
    return root


def _posting(item: ET.Element, where: str) -> Posting:
    texts = {child.tag: (child.text or "").strip() for child in item if child.text}
    fields = Fields(SOURCE, texts, where)
    company, colon, role = fields.need("title", str).partition(":")
    posted_at, flags = _published(fields)
    return posting(
        source=SOURCE,
        source_id=texts.get("guid") or fields.need("link", str),
        title=role.strip() if colon and role.strip() else texts["title"],
        body=plain_text(texts.get("description")),
        url=texts.get("link"),
        client=company.strip() if colon and role.strip() else None,
        posted_at=posted_at,
        flags=flags,
    )


def _published(fields: Fields) -> tuple[int | None, list[Flag]]:
    text = fields.maybe("pubDate", str)
    if text is None:
        return None, []
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        fields.drift(f"has {text[:40]!r} as the pubDate of {fields.where}, which is no time")
    if moment.tzinfo is None:  # none at all, or "-0000"
        return to_us(moment.replace(tzinfo=UTC)), [Flag.ZONE_ASSUMED]
    return to_us(moment), []
