"""The command that measures the forecaster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Screen, print_json
from cli.work import Json

_COLUMNS = ("", "OWA", "MASE", "sMAPE", "within 80 %", "within 95 %", "MSIS", "CPU s")


def forecaster(
    data: Annotated[Path, typer.Option(help="Parquet file with dataset, series, t, part (train or test) and y.", show_default=False)],
    meta: Annotated[Path, typer.Option(help="JSON list: dataset, horizon, mase_lag and seasonal_period of each.", show_default=False)],
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Processes. Default: one for each processor.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Forecast series whose next values are known, and show how far off the forecaster and plain methods are."""
    from tasks.evaluate_forecaster import evaluate_forecaster

    report = evaluate_forecaster(data, meta, jobs=jobs)
    if as_json:
        print_json(report)
    else:
        show_forecaster(Screen(), report)


def show_forecaster(screen: Screen, report: Mapping[str, Any]) -> None:
    """Print a table for each data set."""
    for name, figures in report["datasets"].items():
        screen.heading(f"{name}, {figures['series']} series, {figures['horizon']} steps ahead")
        rows = [_row("forecaster", figures), _row("a series alone", figures["alone"])]
        screen.table([*rows, *(_row(one.replace("_", " "), found) for one, found in figures["baselines"].items())], _COLUMNS)
        screen.mark("info", f"a series alone: {figures['alone']['withheld']:.0%} withheld, its figures are of the others")
    screen.say()
    screen.mark("info", "OWA below 1 is better than Naive2; seconds are CPU time for each series, training included")


def _row(name: str, figures: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "": name,
        "OWA": _number(figures["owa"]),
        "MASE": _number(figures["mase"]),
        "sMAPE": _number(figures["smape"], 2),
        "within 80 %": _share(figures.get("coverage_80")),
        "within 95 %": _share(figures.get("coverage_95")),
        "MSIS": _number(figures.get("msis"), 2),
        "CPU s": _number(figures.get("seconds_per_series")),
    }


def _number(value: float | None, digits: int = 3) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"
