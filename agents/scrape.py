"""The kind `scrape`: pages of a site become a table."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.extract import Cell, Extracted, extract, same_site
from models.untrusted import Untrusted

if TYPE_CHECKING:
    from agents.fetch import Web
    from store.settings import Fetch

GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
LISTED_MOST: Final = 20  # dead links named in the value

Address = Annotated[str, Field(pattern=r"^https?://[^\s/]+", max_length=2000)]
Css = Annotated[str, Field(min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Column(Inputs):
    """One column of the table: where its value stands in a row."""

    css: str = Field("", max_length=500, description="CSS selector below the row, first match; empty: the row element itself")
    attr: str | None = Field(None, min_length=1, description="attribute to take (href and src become absolute addresses); null: the text")
    type: Literal["text", "number", "integer"] = Field(
        "text", description="number and integer drop currency signs and thousands separators: £1,234.50 is 1234.5"
    )


class ScrapeInputs(Inputs):
    """Which pages, which rows on them, and which columns of a row."""

    start: list[Address] = Field(min_length=1, max_length=1000, description="addresses (http or https) to begin with")
    rows: Css = Field(description="CSS selector of one row; a page may have none")
    fields: dict[Name, Column] = Field(min_length=1, max_length=200, description="column name to column")
    follow: list[Css] = Field(
        default=[],
        max_length=20,
        description="CSS selectors of links to further pages (next, detail); only those of the same host and port are followed",
    )
    max_pages: int = Field(100, ge=1, le=100_000, description="pages to read at most; the rest is left out and the value says so")
    delay_s: float = Field(0.0, ge=0, le=60, description="seconds of pause before each further page, out of politeness")


class Scrape(Agent[ScrapeInputs]):
    """Reads pages, following links within their site, and writes the rows that it finds to `items.parquet` and `items.csv`.

    A page that is not there (404, 410) fails the task when it is a start, and is told as a dead link when it was linked; any other error
    fails the attempt.
    No row at all is an error: then the selector or the page is not what the client thought.
    """

    kind = "scrape"
    Inputs = ScrapeInputs

    def __init__(self, fetch: "Fetch") -> None:
        self._fetch = fetch

    def perform(self, job: Job[ScrapeInputs], control: Control) -> Result:
        """Read the pages and write the table."""
        from agents.fetch import Web  # noqa: PLC0415 - httpx, only for those who fetch

        with Web(self._fetch, control) as web:
            found = _crawl(job.inputs, web, control)
        if not found.rows:
            message = f"no row: the selector {job.inputs.rows!r} matches nothing on {found.pages} pages"
            raise AgentError(message)
        control.report(0.99, "writing the table")
        artifacts = _write(job.folder, job.inputs, found.rows)
        return Result(value=_value(job.inputs, found), artifacts=artifacts)


@dataclass(slots=True, kw_only=True)
class _Found:
    """What the pages read so far have brought."""

    rows: list[dict[str, Cell]] = field(default_factory=list)
    pages: int = 0
    dead: list[str] = field(default_factory=list)
    left_out: int = 0  # links known and not read, because of `max_pages`
    unreadable: Counter[str] = field(default_factory=Counter)


def _crawl(inputs: ScrapeInputs, web: "Web", control: Control) -> _Found:
    """Read the start pages and what they link to, each once, breadth first."""
    found = _Found()
    known = dict.fromkeys(inputs.start)
    queue = deque(known)
    while queue and found.pages + len(found.dead) < inputs.max_pages:
        url = queue.popleft()
        seen = found.pages + len(found.dead)
        control.report(seen / min(len(known), inputs.max_pages), f"page {seen + 1}: {Untrusted(url).line()}")
        if seen:
            _pause(inputs.delay_s, control)
        page = _page(inputs, web, url)
        if page is None:
            found.dead.append(url)
            continue
        found.pages += 1
        found.rows += page.rows
        found.unreadable.update(page.unreadable)
        fresh = [link for link in page.links if link not in known]
        known |= dict.fromkeys(fresh)
        queue.extend(fresh)
    found.left_out = len(queue)
    return found


def _page(inputs: ScrapeInputs, web: "Web", url: str) -> Extracted | None:
    """Return what a page holds, with the links that may be followed; null for a dead link."""
    answer = web.get(url)
    if answer.status in GONE and url not in inputs.start:
        return None
    answer.demand()
    page = extract(answer.text, answer.url, rows=inputs.rows, fields=inputs.fields, follow=inputs.follow)
    return replace(page, links=[link for link in page.links if same_site(link, url)])


def _pause(seconds: float, control: Control) -> None:
    """Wait, unless the attempt must stop."""
    control.stopped.wait(min(seconds, control.remaining_s))
    control.check()


def _write(folder: Path, inputs: ScrapeInputs, rows: list[dict[str, Cell]]) -> tuple[Path, Path]:
    import pyarrow as pa  # noqa: PLC0415 - heavy, only for those who write tables
    from pyarrow import csv, parquet  # noqa: PLC0415

    types = {"text": pa.string(), "number": pa.float64(), "integer": pa.int64()}
    schema = pa.schema([(name, types[column.type]) for name, column in inputs.fields.items()])
    table = pa.Table.from_pylist(rows, schema=schema)
    parquet.write_table(table, folder / "items.parquet", compression="zstd")
    csv.write_csv(table, folder / "items.csv")
    return folder / "items.parquet", folder / "items.csv"


def _value(inputs: ScrapeInputs, found: _Found) -> dict[str, Any]:
    missing = {name: sum(row[name] is None for row in found.rows) for name in inputs.fields}
    return {
        "pages": found.pages,
        "items": len(found.rows),
        "missing": missing,  # rows without a value, by field
        "unreadable": dict(found.unreadable),  # of these, rows with a text that is no number
        "dead_links": found.dead[:LISTED_MOST],
        "dead_link_count": len(found.dead),
        "left_out": found.left_out,
    }
