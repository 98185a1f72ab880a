"""The kind `analyse`: a table becomes a report with pictures."""

from typing import Literal

from pydantic import Field

from agents.contract import Agent, Inputs
from agents.given import GivenFile


class AnalyseInputs(Inputs):
    """Which table, and how to present it."""

    table: GivenFile = Field(description="a .csv, .json, .jsonl or .parquet file with one table")
    title: str = Field("Report", min_length=1, max_length=200, description="heading of the report; foreign text is escaped")
    note: str = Field("", max_length=5000, description="a paragraph below the heading, plain text")
    time: str | None = Field(None, min_length=1, description="column to draw the time series by; null: the first date column, if any")
    target: str | None = Field(None, min_length=1, description="numeric column of most interest (its series and its means by category are shown); null: the first numeric one that is no key")
    formats: list[Literal["html", "pdf"]] = Field(default=["html", "pdf"], min_length=1, max_length=2, description="`report.html` (one file, nothing loaded) and `report.pdf`")


class Analyse(Agent[AnalyseInputs]):
    """See the head of this file."""

    kind = "analyse"
    Inputs = AnalyseInputs
