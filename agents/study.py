"""What the kind `analyse` does: a table is studied, and the study becomes a report. Runs in a child process."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agents.contract import AgentError, Control
from agents.duck import locked, read
from agents.findings import compact, findings
from agents.pictures import by_value, correlation, distribution, frequencies, over_time
from agents.profile import Column, Kind, Profile, by_category, periods, profile
from agents.report import Report, Section, write_html, write_pdf

if TYPE_CHECKING:
    import pandas as pd

ROWS_MOST: Final = 2_000_000
COLUMNS_MOST: Final = 200
SPLITS_MOST: Final = 4  # categories by which the target is shown
DRAWN_MOST: Final = 12  # pictures of a section


def analyse(request: dict[str, Any], report: Callable[[float | None, str], None]) -> dict[str, Any]:
    """Write the reports of a request `{table, folder, title, note, time, target, formats}` and return the main figures. Raises `AgentError`."""
    path, folder = Path(request["table"]), Path(request["folder"])
    frame = _frame(path, folder)
    report(0.2, f"profiling {len(frame):,} rows")
    study = _study(frame, wanted_target=request["target"], wanted_time=request["time"])
    report(0.5, "drawing")
    told = _report(study, title=request["title"], note=request["note"], source=path.name)
    for number, form in enumerate(request["formats"]):
        report(0.6 + 0.2 * number, f"writing report.{form}")
        _WRITERS[form](told, folder / f"report.{form}")
    return _value(study)


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


def _frame(path: Path, folder: Path) -> "pd.DataFrame":
    """Return the table. Raises `AgentError` when it is empty, too large or broken."""
    with locked(folder, Control(timeout_s=math.inf)) as connection:  # this process is killed when the attempt must stop
        table = read(connection, path)
        ((rows,),) = table.count("*").fetchall()
        if not rows or rows > ROWS_MOST or len(table.columns) > COLUMNS_MOST:
            found = f"{path.name} has {rows:,} rows and {len(table.columns)} columns"
            message = f"{found}; 1 to {ROWS_MOST:,} rows and at most {COLUMNS_MOST} columns can be analysed"
            raise AgentError(message)
        return table.df()


def _study(frame: "pd.DataFrame", *, wanted_target: str | None, wanted_time: str | None) -> _Study:
    table = profile(frame)
    target = _chosen(table, wanted_target, "number")
    time = _chosen(table, wanted_time, "time")
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


def _report(study: _Study, *, title: str, note: str, source: str) -> Report:
    table = study.table
    return Report(
        title=title,
        subtitle=f"{table.rows:,} rows · {len(table.columns)} columns · {source}",
        note=note,
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
