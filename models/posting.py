"""A posting: what a marketplace offers, in one form for all sources."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from models.errors import Invalid
from models.untrusted import Untrusted, storable

TITLE_MOST = 300  # characters; a task's title has the same bound
BODY_MOST = 100_000
_LINE_MOST = 200
_URL_MOST = 2_000
_CENTS_MOST = 10**15  # a greater amount is a mistake of the source, and would not fit 64 bits for long


class Basis(StrEnum):
    """What a budget is paid for."""

    FIXED = "fixed"  # the whole work
    HOURLY = "hourly"  # an hour
    SALARY = "salary"  # a year
    UNKNOWN = "unknown"  # the source does not say


class PostingState(StrEnum):
    """Whether somebody can still offer."""

    OPEN = "open"  # yes
    FILLED = "filled"  # somebody else got it
    FROZEN = "frozen"  # the marketplace suspended it
    CLOSED = "closed"  # it was withdrawn or has ended


class Flag(StrEnum):
    """What is odd about a posting; an operator sees it beside the posting."""

    INSTRUCTION = "instruction"  # its text tells the reader what to write or to do
    HIDDEN_TEXT = "hidden_text"  # it holds characters that nobody sees
    TRUNCATED = "truncated"  # it was longer than is kept
    NO_CURRENCY = "no_currency"  # amounts without a currency: the budget is left out
    CURRENCY_ASSUMED = "currency_assumed"  # "$" alone was taken for US dollars
    ZONE_ASSUMED = "zone_assumed"  # its time had no zone and was taken for UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """The normal form. Null means that the source does not say."""

    source: str
    source_id: str  # unique within the source
    url: str | None  # http or https
    title: Untrusted
    body: Untrusted  # plain text
    client: str | None  # as the source names who pays; one printable line
    budget_min_cents: int | None  # minor units of `currency`
    budget_max_cents: int | None
    currency: str | None  # ISO 4217
    basis: Basis
    state: PostingState
    flags: tuple[Flag, ...]  # sorted
    posted_at: int | None  # microseconds, UTC

    @property
    def id(self) -> str:
        """Its key in the ledger."""
        return f"{self.source}:{self.source_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """From which to which amount, in minor units."""

    least: int | None = None
    most: int | None = None
    currency: str | None = None
    flags: tuple[Flag, ...] = ()


def posting(
    *,
    source: str,
    source_id: str,
    title: str,
    body: str,
    url: str | None = None,
    client: str | None = None,
    budget: Budget | None = None,
    basis: Basis = Basis.UNKNOWN,
    state: PostingState = PostingState.OPEN,
    posted_at: int | None = None,
    flags: Iterable[Flag] = (),
) -> Posting:
    """Build a posting from what a source gave: texts made storable and bounded, oddities flagged."""
    budget = budget or Budget()
    texts = storable(title), storable(body)
    kept = Untrusted(texts[0]).line(TITLE_MOST), texts[1].strip()[:BODY_MOST]
    odd = {*flags, *budget.flags, *_oddities(f"{texts[0]}\n{texts[1]}")}
    if len(texts[0].strip()) > TITLE_MOST or len(texts[1].strip()) > BODY_MOST:
        odd.add(Flag.TRUNCATED)
    return Posting(
        source=source,
        source_id=_short_id(source_id),
        url=_web_address(url),
        title=Untrusted(kept[0]),
        body=Untrusted(kept[1]),
        client=Untrusted(storable(client)).line(_LINE_MOST) or None if client else None,
        budget_min_cents=budget.least,
        budget_max_cents=budget.most,
        currency=budget.currency,
        basis=basis,
        state=state,
        flags=tuple(sorted(odd)),
        posted_at=posted_at,
    )


def budget(least: object, most: object, currency: object, *, flags: Iterable[Flag] = ()) -> Budget:
    """Return amounts as the source gives them (integers, decimals, texts such as "500.0"; 0 and null mean unknown) as a budget.

    Without a currency there is no budget, and a flag says so. Raises `Invalid` for what is no amount: a negative one, NaN, a binary float.
    """
    amounts = sorted(amount for amount in (_amount(least), _amount(most)) if amount)
    if not amounts:
        return Budget()
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return Budget(flags=(*flags, Flag.NO_CURRENCY))
    both = bool(_amount(least)) and bool(_amount(most))
    return Budget(
        least=_minor(amounts[0], currency) if both or _amount(least) else None,
        most=_minor(amounts[-1], currency) if both or _amount(most) else None,
        currency=currency,
        flags=tuple(flags),
    )


_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)  # of the minor unit in ISO 4217, where they are not 2


def _amount(value: object) -> Decimal:
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        message = f"an amount of money cannot be a {type(value).__name__}"
        raise Invalid(message)
    try:
        amount = Decimal(value)
    except ArithmeticError as error:
        message = f"{str(value)[:40]!r} is no amount of money"
        raise Invalid(message) from error
    if not amount.is_finite() or not 0 <= amount < _CENTS_MOST:
        message = f"{str(value)[:40]} is no amount of money that a posting can have"
        raise Invalid(message)
    return amount


def _minor(amount: Decimal, currency: str) -> int:
    return int((amount * 10 ** _DIGITS.get(currency, 2)).to_integral_value(ROUND_HALF_EVEN))


def _short_id(source_id: str) -> str:
    line = Untrusted(storable(source_id)).line(len(source_id) + 1)
    return line if len(line) <= _LINE_MOST else hashlib.sha256(line.encode()).hexdigest()


def _web_address(url: str | None) -> str | None:
    """Only http and https: a page may show the address as a link, and `javascript:` is one too."""
    clean = storable(url or "").strip()
    fits = len(clean) <= _URL_MOST and re.fullmatch(r"https?://[^\s\"'<>\\]+", clean, re.IGNORECASE)
    return clean if fits else None


_HIDDEN = re.compile("[\u200b\u200c\u2060\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")  # zero width, turned around, or invisible "tags"
_INSTRUCTIONS = re.compile(
    r"""\b(?:mention|include|use|write|type|add|put|say)\b[^.\n]{0,40}\b(?:the|this|following|secret|code)\s(?:word|phrase|codeword)\b
    | \bto\s(?:show|prove|confirm)\b[^.\n]{0,40}\bread\b
    | \b(?:start|begin)\syour\s(?:proposal|bid|application|reply|message|answer|cover\sletter)\swith\b
    | \b(?:ignore|disregard|forget)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules|guidelines)\b
    | \bif\syou(?:\sare|['\u2019]re)\san?\s(?:ai|llm|bot|language\smodel|automated)\b
    | \byou\sare\s(?:now\s)?(?:chatgpt|an?\s(?:ai|llm|language\smodel|helpful\sassistant))\b""",
    re.VERBOSE | re.IGNORECASE,
)


def _oddities(text: str) -> set[Flag]:
    odd = {Flag.HIDDEN_TEXT} if _HIDDEN.search(text) else set()
    visible = unicodedata.normalize("NFKC", _HIDDEN.sub("", text[:BODY_MOST]))
    return odd | {Flag.INSTRUCTION} if _INSTRUCTIONS.search(visible) else odd
