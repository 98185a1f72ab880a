"""The command that measures the detector."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Screen, print_json
from cli.work import Json


def detector(
    data: Annotated[Path, typer.Option(help="Parquet file of series: file, timestamp, value.", show_default=False)],
    labels: Annotated[Path, typer.Option(help="JSON file: for each series, the first and last timestamp of each anomaly.", show_default=False)],
    jobs: Annotated[int, typer.Option(min=1, max=256, help="How many processes share the series.")] = 1,
    as_json: Json = False,
) -> None:
    """Let the detector and baselines meet series with labelled anomalies point by point, and score what they found."""
    from tasks.evaluate_detector import evaluate_detector

    report = evaluate_detector(data, labels, jobs=jobs)
    if as_json:
        print_json(report)
    else:
        show_detector(Screen(), report)


def show_detector(screen: Screen, report: Mapping[str, Any]) -> None:
    """Print the detector's scores above the baselines'."""
    screen.heading(f"{report['windows']} anomalies in {report['series']} series of {report['points']:,} points")
    rows = [_row(name, one) for name, one in {"detector": report, **report["baselines"]}.items()]
    screen.table(rows, tuple(rows[0]))
    screen.mark("info", f"p <= 0.001 comes {_number(report['false_alarm_ratio'], 2)} times as often as it should outside the anomalies")


def _row(name: str, scores: Mapping[str, Any]) -> dict[str, str]:
    return {
        "": name.replace("_", " "),
        "NAB": _number(scores["nab"]["standard"], 1),
        "low FP": _number(scores["nab"]["low_fp"], 1),
        "low FN": _number(scores["nab"]["low_fn"], 1),
        "precision": _number(scores["event"]["precision"], 2),
        "recall": _number(scores["event"]["recall"], 2),
        "F1": _number(scores["event"]["f1"], 2),
        "us/point": _number(scores["microseconds_per_point"], 1),
    }


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
