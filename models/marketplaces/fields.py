"""What the parsers share: reading fields of a payload that somebody else designed, and saying exactly what changed when it did."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from models.clock import SECOND, to_us
from models.errors import Invalid, SchemaDrift
from models.posting import Budget, Flag, budget

T = TypeVar("T")

_TAG = re.compile(r"/?[a-z][a-z0-9]*|!|\?")
_INVISIBLE = {"script", "style", "template", "noscript"}
_BLOCK = re.compile(r"/?(?:address|article|blockquote|br|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul)")
_LATEST_S = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a payload, where it stands, and whose payload it is. Every method raises `SchemaDrift` when the object has another form."""

    source: str
    value: Mapping[str, Any]
    where: str = "the top"

    def need(self, name: str, kind: type[T]) -> T:
        """Return a field that the source always fills."""
        found = self.maybe(name, kind)
        if found is None or found == "":
            self.drift(f"has no {name!r} at {self.where}")
        return found

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """Return a field that may be missing or null."""
        found = self.value.get(name)
        if found is None:
            return None
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            self.drift(f"has a {type(found).__name__} as {name!r} at {self.where} where a {kind.__name__} belongs")
        return found

    def inner(self, name: str) -> "Fields":
        """Return a nested object; an empty one when it is missing or null."""
        return Fields(self.source, self.maybe(name, dict) or {}, f"{self.where}.{name}")

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of nested objects, which must be there; it may be empty."""
        return objects_of(self.source, self.value.get(name), f"{self.where}.{name}")

    def seconds(self, name: str) -> int | None:
        """Return seconds since 1970 as an instant."""
        found = self.maybe(name, int)
        if found is not None and not 0 <= found <= _LATEST_S:
            self.drift(f"has the time {found} as {name!r} at {self.where}, which cannot be seconds")
        return None if found is None else found * SECOND

    def moment(self, name: str) -> datetime | None:
        """Return an ISO 8601 time as it stands, with or without a zone."""
        found = self.maybe(name, str)
        try:
            return datetime.fromisoformat(found) if found else None
        except ValueError:
            self.drift(f"has {found!r} as {name!r} at {self.where}, which is no time")

    def instant(self, name: str) -> int | None:
        """Return an ISO 8601 time with a zone as an instant."""
        found = self.moment(name)
        if found is not None and found.tzinfo is None:
            self.drift(f"has a time without a zone as {name!r} at {self.where}")
        return None if found is None else to_us(found)

    def budget(self, least: object, most: object, currency: object, *flags: Flag) -> Budget:
        """Return amounts of this object as a budget."""
        try:
            return budget(least, most, currency, flags=flags)
        except Invalid as error:
            self.drift(f"has a strange budget at {self.where} ({error})")

    def failed(self, reason: object) -> NoReturn:
        """Raise `Invalid`: the source says that it could not answer."""
        message = f"{self.source} answered with an error ({str(reason)[:200]}): fetch it again"
        raise Invalid(message)

    def drift(self, what: str) -> NoReturn:
        """Raise `SchemaDrift` with the sentence "<source> <what>"."""
        raise SchemaDrift(_sentence(self.source, what))


def read_json(source: str, payload: bytes) -> Any:
    """Return the JSON value; numbers with a point become `Decimal`, so that no amount of money is ever a binary float."""
    try:
        return json.loads(payload, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, no UTF-8, NaN; RecursionError: brackets without end
        raise SchemaDrift(_sentence(source, f"sent no JSON ({error})")) from error


def read_object(source: str, payload: bytes) -> Fields:
    """Return a payload that is one JSON object."""
    value = read_json(source, payload)
    if not isinstance(value, dict):
        raise SchemaDrift(_sentence(source, f"sent a {type(value).__name__} where an object belongs"))
    return Fields(source, value)


def objects_of(source: str, value: object, where: str) -> list[Fields]:
    """Return the objects of a list; raises `SchemaDrift` when it is none, or holds something else."""
    if not isinstance(value, list):
        raise SchemaDrift(_sentence(source, f"has no list at {where}"))
    strange = [number for number, item in enumerate(value) if not isinstance(item, dict)]
    if strange:
        raise SchemaDrift(_sentence(source, f"has something else than an object at {where}[{strange[0]}]"))
    return [Fields(source, item, f"{where}[{number}]") for number, item in enumerate(value)]


def _sentence(source: str, what: str) -> str:
    return f"{source} {what}: look at the payload, and adapt models/marketplaces/{source}.py"


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is no JSON"
    raise ValueError(message)


def plain_text(markup: str | None) -> str:
    """Return what a reader of this HTML would see, its paragraphs as lines; text without mark-up stays as it is, null becomes empty.

    One pass, so that its time grows with the length alone: full HTML parsers take minutes for a few hundred kilobytes that mean harm.
    """
    if not markup or ("<" not in markup and "&" not in markup):
        return markup or ""
    first, *chunks = markup.split("<")
    seen, hidden_by = [first], ""
    for chunk in chunks:
        tag, closed, text = chunk.partition(">")
        found = _TAG.match(tag.lower()) if closed else None
        name = found[0] if found else ""
        if hidden_by:
            hidden_by = "" if name == f"/{hidden_by}" else hidden_by
        elif name in _INVISIBLE:
            hidden_by = name
        if not hidden_by:
            seen += ["\n" if _BLOCK.fullmatch(name) else "", text if name else f"<{chunk}"]  # without a name it is no tag: "a < b"
    return "\n".join(line for line in (" ".join(line.split()) for line in html.unescape("".join(seen)).splitlines()) if line)
