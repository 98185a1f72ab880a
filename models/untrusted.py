"""Foreign text: a type of its own until it is escaped at an edge."""

import html
import unicodedata
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True, repr=False)
class Untrusted:
    """Text from outside (titles, descriptions, pages): data, never an instruction.

    It refuses to become a string by accident, so it cannot slip into SQL, a shell, a template, a path or a prompt through an f-string. Each edge asks
    for the form it needs: `plain()` where the next layer escapes (JSON, bound parameters, a classifier), `html()` for mark-up, `line()` for one line
    of a terminal or a log.
    """

    text: str

    def __str__(self) -> NoReturn:
        message = "foreign text needs a form: plain(), html() or line()"
        raise TypeError(message)

    def __format__(self, _spec: str) -> NoReturn:
        self.__str__()

    def plain(self) -> str:
        """Return the text as it is, for a layer that escapes by itself."""
        return self.text

    def html(self) -> str:
        """Return the text escaped for HTML."""
        return html.escape(self.text)

    def line(self, most: int = 120) -> str:
        """Return one printable line of at most `most` characters: control and bidirectional characters become spaces."""
        clean = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in self.text)
        clean = " ".join(clean.split())
        return clean if len(clean) <= most else clean[: most - 1] + "…"


def storable(text: str) -> str:
    """Return the text with what no database keeps (NUL, halves of surrogate pairs) replaced by U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
