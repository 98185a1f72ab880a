"""The command that measures the router."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Screen, print_json
from cli.work import Json

TITLES = {
    "0.65": "Load 0.65",
    "0.9": "Load 0.9",
    "outage": "Load 0.65, and the 3 best agents fail from half-way",
    "pass": "One pass, no limit of capacity",
}


def router(
    data: Annotated[Path, typer.Option(help="Parquet file of what agents, or models, did with tasks.")],
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many streams of tasks each policy serves.")] = 4,
    arrivals: Annotated[int | None, typer.Option(min=1, help="Tasks of a stream. Default: 4000, 6000 for models.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Let the router and others serve the same streams of tasks, and show what each earned."""
    from tasks.evaluate_router import evaluate_router

    report = evaluate_router(data, seeds=seeds, arrivals=arrivals)
    if as_json:
        print_json(report)
    else:
        show_router(Screen(), report)


def show_router(screen: Screen, report: dict[str, Any]) -> None:
    """Print a table for each load."""
    for load, policies in report["loads"].items():
        screen.heading(TITLES.get(load, load))
        rows = [
            {
                "policy": name,
                "utility": _number(one["utility"]),
                "95 %": _range(one["interval"]),
                "regret": _number(one["regret"]),
                "its 95 %": _range(one["regret_interval"]),
                "success": f"{one['success']:.0%}",
                "cost": _number(one["cost"]),
                "wait p95": f"{one['wait_p95']:.0f} min",
            }
            for name, one in sorted(policies.items(), key=lambda item: -item[1]["utility"])
        ]
        screen.table(rows, ("policy", "utility", "95 %", "regret", "its 95 %", "success", "cost", "wait p95"))
    screen.say()
    screen.mark("info", "per task, means over streams; regret is what known means of agents in categories earn more on the same streams")
    screen.mark("info", f"{report['assignments_per_second']:,} assignments a second on one core")


def _number(value: float) -> str:
    return f"{value:.3f}"


def _range(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
