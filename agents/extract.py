"""What a page holds: rows, cells and links. Pure: text in, values out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urljoin, urlsplit

from agents.contract import AgentError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

Cell = str | float | int | None

_ADDRESSES: Final = frozenset({"href", "src", "action"})
_NUMBER: Final = re.compile(r"[-+−]?\s?\d[\d.,' \u00a0\u202f]*")
_LARGEST: Final = 2**63 - 1


class Wanted(Protocol):
    """Where the value of a column stands in a row."""

    @property
    def css(self) -> str: ...  # noqa: D102 - see agents.scrape.Column
    @property
    def attr(self) -> str | None: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """One page's rows and links; `unreadable` counts, by column, texts that were there and are no number."""

    rows: list[dict[str, Cell]]
    links: list[str]
    unreadable: dict[str, int]


def extract(text: str, url: str, *, rows: str, fields: Mapping[str, Wanted], follow: Sequence[str]) -> Extracted:
    """Return what the selectors find on a page. Raises `AgentError` for a selector that is none."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - only those who scrape need it

    tree = LexborHTMLParser(text)
    base = urljoin(url, _attribute(tree.css_first("base[href]"), "href") or "")
    unreadable = dict.fromkeys(fields, 0)
    found = [{name: _cell(row, column, base, name, unreadable) for name, column in fields.items()} for row in select(tree, rows)]
    links = [urljoin(base, href).split("#")[0] for css in follow for node in select(tree, css) if (href := _attribute(node, "href"))]
    return Extracted(rows=found, links=list(dict.fromkeys(links)), unreadable={name: count for name, count in unreadable.items() if count})


def select(node: "LexborHTMLParser | LexborNode", css: str) -> "list[LexborNode]":
    """Return the elements that a selector matches. Raises `AgentError` when it is malformed."""
    from selectolax.lexbor import SelectolaxError  # noqa: PLC0415 - see above

    try:
        return node.css(css)
    except SelectolaxError as error:
        message = f"{css!r} is no CSS selector: {error}"
        raise AgentError(message) from error


def same_site(one: str, other: str) -> bool:
    """Return whether two addresses have the same scheme, host and port."""
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def number(text: str) -> float | None:
    """Return the first number in a text, or null when it has none.

    Of a comma and a dot the last one is the decimal sign. A lone comma with three digits after it, or a sign that occurs twice, separates thousands;
    a lone dot is the decimal sign.

    >>> [number(text) for text in ("£1,234.50", "1.234,50 €", "12,5", "1,234", "-3", "1 234 567", "none")]
    [1234.5, 1234.5, 12.5, 1234.0, -3.0, 1234567.0, None]
    """
    match = _NUMBER.search(text)
    if not match:
        return None
    digits = re.sub(r"[\s'\u00a0\u202f]", "", match[0]).replace("−", "-").rstrip(".,")
    dot, comma = digits.rfind("."), digits.rfind(",")
    if dot >= 0 and comma >= 0:
        digits = digits.replace(",", "") if dot > comma else digits.replace(".", "").replace(",", ".")
    elif digits.count(",") == 1 and len(digits) - comma - 1 != 3:
        digits = digits.replace(",", ".")
    else:
        digits = digits.replace(",", "") if digits.count(".") < 2 else digits.replace(".", "")
    try:
        return float(digits)
    except ValueError:  # such as 1.2,3.4: signs without a sense
        return None


def _cell(row: "LexborNode", column: Wanted, base: str, name: str, unreadable: dict[str, int]) -> Cell:
    node = row if not column.css else next(iter(select(row, column.css)), None)
    text = _text(node, column.attr, base)
    if text is None or column.type == "text":
        return text
    value = number(text)
    if value is None or (column.type == "integer" and (not value.is_integer() or abs(value) > _LARGEST)):
        unreadable[name] += 1
        return None
    return int(value) if column.type == "integer" else value


def _text(node: "LexborNode | None", attr: str | None, base: str) -> str | None:
    if node is None:
        return None
    if attr is None:
        return " ".join(node.text(separator=" ").split())
    value = _attribute(node, attr)
    return urljoin(base, value) if value is not None and attr in _ADDRESSES else value


def _attribute(node: "LexborNode | None", name: str) -> str | None:
    """Return an attribute; one without a value (`disabled`) is the empty text, a missing one null."""
    if node is None or name not in node.attributes:
        return None
    return (node.attributes[name] or "").strip()
