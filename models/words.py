"""Text as words: what the keyword rules and the categorizer look at."""

import re
import unicodedata

MOST_CHARACTERS = 20_000  # a posting says what it wants at its beginning; a book pasted behind it costs time and dilutes
_SHORTEST, _LONGEST = 2, 24  # "a" says nothing, and what is longer is glued text

_PLACEHOLDER = re.compile(r"<(?:phone|email|e-mail|url|name)>")  # what contact data became where it was blanked out
_WORD = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"[0-9]+$|.*[0-9]{4}")  # prices, dates, telephone and serial numbers


def words(text: str) -> list[str]:
    """Return the words of a text in order: Latin letters and digits, lower case, without accents; addresses and numbers are left out.

    Full-width forms, accents and hidden characters are undone first, so that nobody hides a word with them. Other alphabets give no words.

    >>> words("Scrape 3 shops, e-mail me: ann@example.org — données in n8n!")
    ['scrape', 'shops', 'mail', 'me', 'donnees', 'in', 'n8n']
    """
    chunks = _PLACEHOLDER.sub(" ", _plain(text[:MOST_CHARACTERS])).split()
    found = _WORD.findall(" ".join(chunk for chunk in chunks if not _is_address(chunk)))
    return [word for word in found if _SHORTEST <= len(word) <= _LONGEST and (word.isalpha() or not _NUMBER.match(word))]


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if c.isascii() or not unicodedata.category(c).startswith(("M", "Cf"))).lower()


def _is_address(chunk: str) -> bool:
    return "@" in chunk or "://" in chunk or chunk.startswith("www.")
