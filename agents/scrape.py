"""The kind `scrape`: pages of a site become a table."""

from typing import Annotated, Literal

from pydantic import Field

from agents.contract import Agent, Inputs

Css = Annotated[str, Field(min_length=1, max_length=500)]


class Column(Inputs):
    """One column of the table: where its value stands in a row."""

    css: str = Field("", max_length=500, description="CSS selector below the row, first match; empty: the row element itself")
    attr: str | None = Field(None, min_length=1, description="attribute to take (href and src become absolute addresses); null: the text")
    type: Literal["text", "number", "integer"] = Field("text", description="number and integer drop currency signs and thousands separators: £1,234.50 is 1234.5")


class ScrapeInputs(Inputs):
    """Which pages, which rows on them, and which columns of a row."""

    start: list[str] = Field(min_length=1, max_length=1000, description="addresses (http or https) to begin with")
    rows: Css = Field(description="CSS selector of one row; a page may have none")
    fields: dict[str, Column] = Field(min_length=1, max_length=200, description="column name to column")
    follow: list[Css] = Field(default=[], max_length=20, description="CSS selectors of links to further pages (next, detail); only those of the same host and port are followed")
    max_pages: int = Field(100, ge=1, le=100_000, description="pages to read at most; the rest is left out and the value says so")
    delay_s: float = Field(0.0, ge=0, le=60, description="seconds of pause before each further page, out of politeness")


class Scrape(Agent[ScrapeInputs]):
    """See the head of this file."""

    kind = "scrape"
    Inputs = ScrapeInputs
