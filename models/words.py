"""Text as words: what the keyword rules and the categorizer look at."""

import re
import unicodedata

MOST_CHARACTERS = 20_000  # a posting says what it wants at its beginning; a book pasted behind it costs time and dilutes
_SHORTEST, _LONGEST = 2, 24  # "a" says nothing, and what is longer is glued text

_PLACEHOLDER = re.compile(r"<(?:phone|email|e-mail|url|name)>")  # what contact data became where it was blanked out
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_WORD = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"[0-9]+$|.*[0-9]{4}")  # prices, dates, telephone and serial numbers


def words(text: str) -> list[str]:
    """Return the words of a text in order: Latin letters and digits, lower case, without accents; addresses and numbers are left out.

    Full-width forms, accents and hidden characters are undone first, so that nobody hides a word with them. Other alphabets give no words.

    >>> words("Scrape 3 shops, e-mail me: ann@example.org — données in n8n!")
    ['scrape', 'shops', 'mail', 'me', 'donnees', 'in', 'n8n']
    """
    plain = _PLACEHOLDER.sub(" ", _plain(text[:MOST_CHARACTERS]))
    if _is_address(plain):  # somewhere: most texts hold none, and need not be split for it
        plain = " ".join(chunk for chunk in plain.split() if not _is_address(chunk))
    found = _WORD.findall(plain)
    return [word for word in found if _SHORTEST <= len(word) <= _LONGEST and (word.isalpha() or not _NUMBER.match(word))]


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(_seen, unicodedata.normalize("NFKD", text)).lower()


def _seen(found: re.Match[str]) -> str:
    """Return a character that is not ASCII unless it is an accent or hidden."""
    return "" if unicodedata.category(found[0]).startswith(("M", "Cf")) else found[0]


def _is_address(text: str) -> bool:
    return "@" in text or "://" in text or "www." in text
