"""The kind `analyse`: a table becomes a report with pictures."""

from typing import Literal

from pydantic import Field

from agents.contract import Agent, Control, Inputs, Job, Result
from agents.given import GivenFile, inside
from agents.process import Limits, in_child


class AnalyseInputs(Inputs):
    """Which table, and how to present it."""

    table: GivenFile = Field(description="a .csv, .json, .jsonl or .parquet file with one table")
    title: str = Field("Report", min_length=1, max_length=200, description="heading of the report; foreign text is escaped")
    note: str = Field("", max_length=5000, description="a paragraph below the heading, plain text")
    time: str | None = Field(None, min_length=1, description="column to draw the time series by; null: the first date column, if any")
    target: str | None = Field(
        None,
        min_length=1,
        description="numeric column of most interest (its series and its means by category are shown); null: the first numeric one that is no key",
    )
    formats: list[Literal["html", "pdf"]] = Field(
        default=["html", "pdf"], min_length=1, max_length=2, description="`report.html` (one file, nothing loaded) and `report.pdf`"
    )


class Analyse(Agent[AnalyseInputs]):
    """Reads a table, computes its profile, and writes a report with pictures as `report.html` and `report.pdf`.

    The value holds the main figures: rows, columns, duplicates, share of missing cells, those of the target and of its time, and what stands out.
    `config["memory_mb"]` (default 4096) is the memory limit.
    """

    kind = "analyse"
    Inputs = AnalyseInputs

    def perform(self, job: Job[AnalyseInputs], control: Control) -> Result:
        """Write the report, in a child process: an analysis keeps a core busy for seconds in which it could not be stopped."""
        inputs = job.inputs
        control.report(0.0, "reading the table")
        request = {
            "do": "analyse",
            "table": str(inside(job.folder, inputs.table)),
            "folder": str(job.folder),
            **inputs.model_dump(include={"title", "note", "time", "target", "formats"}),
        }
        value = in_child(request, folder=job.folder, control=control, limits=Limits.of(job.config, control, memory_mb=4096))
        return Result(value=value, artifacts=tuple(job.folder / f"report.{form}" for form in inputs.formats))
