"""Fills a template with data. Runs in the child process of the kind `generate`, where an endless or greedy template harms nobody."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agents.contract import AgentError
from agents.plain import plain
from models.money import amount

OUTPUT_MOST: Final = 20_000_000  # characters of a document
_MARKDOWN: Final = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>#|~$"})


def render(request: dict[str, Any]) -> dict[str, Any]:
    """Write the document of a request `{template, data, values, format, target}` and return its size in characters."""
    from jinja2 import TemplateError  # noqa: PLC0415 - this module is also read for its constants
    from jinja2.exceptions import SecurityError, TemplateNotFound  # noqa: PLC0415

    names = {name: rows_of(Path(path)) for name, path in request["data"].items()}
    try:
        template = _environment(request["format"]).from_string(request["template"])
        return {"characters": _write(Path(request["target"]), template.generate({**names, **request["values"]}))}
    except SecurityError as error:
        message = f"the template reaches for more than its data: {error}"
        raise AgentError(message) from error
    except TemplateNotFound as error:
        message = f"the template includes {error.name}: there are no other templates, put all into one"
        raise AgentError(message) from error
    except TemplateError as error:
        place = f" (line {error.lineno})" if getattr(error, "lineno", None) else ""  # type: ignore[attr-defined] # of syntax errors
        message = f"the template is wrong: {error.message}{place}"
        raise AgentError(message) from error


def rows_of(path: Path) -> Any:
    """Return the content of a data file: JSON, or a list of rows. Raises `AgentError` that names a file which is broken or of another form."""
    readers: dict[str, Callable[[Path], Any]] = {".json": _json, ".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        message = f"the file {path.name} is of no known form: use {', '.join(readers)}"
        raise AgentError(message)
    try:
        return reader(path)
    except (ValueError, OSError, csv.Error) as error:  # pyarrow's errors are ValueError or OSError too
        message = f"the file {path.name} cannot be read: {error}"
        raise AgentError(message) from error


def _environment(form: str) -> Any:
    from jinja2 import DictLoader, StrictUndefined  # noqa: PLC0415 - see above
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(
        loader=DictLoader({}),  # there are no other templates to include
        undefined=StrictUndefined,
        autoescape=form == "html",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.loopcontrols"],
    )
    environment.filters |= {"money": money, "number": number, "md": markdown}
    return environment


def money(cents: int, currency: str) -> str:
    """Return an amount in minor units as text.

    >>> money(-1234567, "EUR")
    '-12,345.67 EUR'
    """
    return f"{amount(cents, currency)} {currency}"


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separators and so many decimal places.

    >>> number(1234.567, 1)
    '1,234.6'
    """
    return f"{value:,.{min(max(digits, 0), 20)}f}"


def markdown(value: object) -> str:
    """Return text as one line with the signs that mean something in Markdown made harmless, for values that come from outside."""
    return " ".join(str(value).translate(_MARKDOWN).split())


def _write(target: Path, chunks: Any) -> int:
    size = 0
    with target.open("w", encoding="utf-8") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > OUTPUT_MOST:
                message = f"the document is larger than the limit of {OUTPUT_MOST} characters"
                raise AgentError(message)
            file.write(chunk)
    return size


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8-sig"))


def _jsonl(path: Path) -> Any:
    return [json.loads(line) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _csv(path: Path) -> Any:
    from pyarrow import csv as arrow_csv  # noqa: PLC0415 - infers numbers and dates, which the standard library does not

    return _rows(arrow_csv.read_csv(path))


def _parquet(path: Path) -> Any:
    from pyarrow import parquet  # noqa: PLC0415 - heavy

    return _rows(parquet.read_table(path))


def _rows(table: Any) -> list[dict[str, Any]]:
    return [{name: plain(cell) for name, cell in row.items()} for row in table.to_pylist()]
