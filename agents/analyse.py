"""The kind `analyse`: a table becomes a report with pictures."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.duck import locked, read
from agents.findings import compact, findings
from agents.given import GivenFile, inside
from agents.pictures import by_value, correlation, distribution, frequencies, over_time
from agents.profile import Column, Kind, Profile, by_category, periods, profile
from agents.report import Report, Section, write_html, write_pdf

if TYPE_CHECKING:
    import pandas as pd

ROWS_MOST: Final = 2_000_000
COLUMNS_MOST: Final = 200
SPLITS_MOST: Final = 4  # categories by which the target is shown
DRAWN_MOST: Final = 12  # pictures of a section


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
    """

    kind = "analyse"
    Inputs = AnalyseInputs

    def perform(self, job: Job[AnalyseInputs], control: Control) -> Result:
        """Write the report."""
        inputs = job.inputs
        control.report(0.0, "reading the table")
        frame = _frame(job, control)
        control.report(0.2, f"profiling {len(frame):,} rows")
        study = _study(frame, inputs)
        control.report(0.5, "drawing")
        report = _report(study, inputs)
        artifacts = []
        for number, form in enumerate(inputs.formats):
            control.report(0.6 + 0.2 * number, f"writing report.{form}")
            artifacts.append(job.folder / f"report.{form}")
            _WRITERS[form](report, artifacts[-1], control)
        control.report(1.0, "done")
        return Result(value=_value(study), artifacts=tuple(artifacts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Study:
    """Everything that was computed, before it is put into words and pictures."""

    table: Profile
    target: Column | None
    time: Column | None
    period: str
    series: "pd.DataFrame | None"
    splits: "dict[str, pd.DataFrame]"
    findings: list[str]


def _frame(job: Job[AnalyseInputs], control: Control) -> "pd.DataFrame":
    """Return the table. Raises `AgentError` when it is empty, too large or broken."""
    path = inside(job.folder, job.inputs.table)
    with locked(job.folder, control) as connection:
        table = read(connection, path)
        ((rows,),) = table.count("*").fetchall()
        if not rows or rows > ROWS_MOST or len(table.columns) > COLUMNS_MOST:
            found = f"{path.name} has {rows:,} rows and {len(table.columns)} columns"
            message = f"{found}; 1 to {ROWS_MOST:,} rows and at most {COLUMNS_MOST} columns can be analysed"
            raise AgentError(message)
        return table.df()


def _study(frame: "pd.DataFrame", inputs: AnalyseInputs) -> _Study:
    table = profile(frame)
    target = _chosen(table, inputs.target, "number")
    time = _chosen(table, inputs.time, "time") or (next((c for c in table.columns if c.name == inputs.time), None) if inputs.time else None)
    name = target.name if target else None
    period, series = periods(frame, time.name, name) if time else ("", None)
    groups = [column.name for column in table.of("category", "yes/no") if column.distinct > 1][:SPLITS_MOST]
    splits = {group: by_category(frame, group, name) for group in groups}
    told = findings(table, target, period, series, splits)
    return _Study(table=table, target=target, time=time, period=period, series=series, splits=splits, findings=told)


def _chosen(table: Profile, name: str | None, kind: Kind) -> Column | None:
    """Return the named column, or the first of the kind. Raises `AgentError` for a name that the table does not have, or a target without numbers."""
    if name is None:
        return next(iter(table.of(kind)), None)
    column = next((column for column in table.columns if column.name == name), None)
    if column is None:
        message = f"the table has no column {name}: it has {', '.join(column.name for column in table.columns)}"
        raise AgentError(message)
    if kind == "number" and not column.figures:
        message = f"the column {name} holds no numbers, so it cannot be the target"
        raise AgentError(message)
    return column


def _report(study: _Study, inputs: AnalyseInputs) -> Report:
    table = study.table
    return Report(
        title=inputs.title,
        subtitle=f"{table.rows:,} rows · {len(table.columns)} columns · {inputs.table.name}",
        note=inputs.note,
        figures=_figures(study),
        findings=study.findings,
        sections=[section for section in _sections(study) if section.pictures],
        columns=table.columns,
        rows=table.rows,
        footer="Every number is computed from the rows of the table. Means and sums leave missing values out.",
    )


def _figures(study: _Study) -> list[tuple[str, str]]:
    """Return names and values of the tiles on top."""
    table, target, time = study.table, study.target, study.time
    tiles = [
        ("rows", f"{table.rows:,}"),
        ("columns", f"{len(table.columns)}"),
        ("cells missing", f"{table.missing_share:.1%}"),
        ("repeated rows", f"{table.duplicates:,}"),
    ]
    if target and target.figures:
        tiles += [
            (f"{target.name}, sum", compact(target.figures.total)),
            (f"{target.name}, mean", compact(target.figures.mean)),
            (f"{target.name}, median", compact(target.figures.median)),
        ]
    if time and time.first and time.last:
        days = (date.fromisoformat(time.last) - date.fromisoformat(time.first)).days + 1
        tiles.append((f"{time.first} – {time.last}", f"{days:,} days"))
    return tiles


def _sections(study: _Study) -> list[Section]:
    target, table = study.target, study.table
    name = target.name if target else None
    course = [over_time(study.series, study.period, study.time.name, name)] if study.series is not None and study.time else []
    parts = [by_value(split, group, name) for group, split in study.splits.items()] if target else []
    numbers = [distribution(column, column.figures) for column in table.of("number")[:DRAWN_MOST] if column.figures]
    words = [frequencies(column, table.rows) for column in table.of("category", "text", "yes/no")[:DRAWN_MOST] if column.distinct > 1]
    related = [correlation(table.correlations)] if len(table.correlations) >= 3 else []
    return [
        Section(title="Over time", pictures=course),
        Section(title=f"{name} by category", pictures=parts),
        Section(title="How the numbers are spread", pictures=numbers),
        Section(title="How often each value occurs", pictures=words),
        Section(title="Relations", pictures=related),
    ]


def _value(study: _Study) -> dict[str, Any]:
    table, target, time = study.table, study.target, study.time
    figures = target.figures if target else None
    return {
        "rows": table.rows,
        "columns": len(table.columns),
        "duplicates": table.duplicates,
        "missing_share": round(table.missing_share, 6),
        "target": {"column": target.name, "sum": figures.total, "mean": figures.mean, "median": figures.median, "missing": target.missing}
        if target and figures
        else None,
        "time": {"column": time.name, "from": time.first, "to": time.last, "period": study.period} if time else None,
        "findings": study.findings,
    }


_WRITERS: Final = {"html": write_html, "pdf": write_pdf}
