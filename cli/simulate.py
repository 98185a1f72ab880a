"""The command that lets policies serve an invented business."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Screen, print_json
from cli.work import Json
from models.money import amount

COLUMNS = ("policy", "utility", "95 %", "to ours", "its 95 %", "success", "cost", "wait", "wait p95", "late", "attempts")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(simulate)


def simulate(
    scenario: Annotated[Path | None, typer.Argument(help="JSON file of a scenario. Default: a built-in one.", show_default=False)] = None,
    tasks: Annotated[int, typer.Option(min=1, max=100_000, help="Tasks that come.")] = 1_000,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Worlds of tasks that each policy serves.")] = 3,
    load: Annotated[float | None, typer.Option(help="Another load than the scenario's.", show_default=False)] = None,
    policy: Annotated[Path | None, typer.Option(help="JSON file of our policy. Default: what the product begins with.", show_default=False)] = None,
    against: Annotated[list[str] | None, typer.Option(help="A baseline; may be given again. Default: all.", show_default=False)] = None,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Processes. Default: one a core.", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the scenario instead, to be changed.")] = False,
    as_json: Json = False,
) -> None:
    """Let the router and simple baselines serve an invented business in virtual time, and show what each earned. Touches no home."""
    from tasks.simulate import Contest, check_baselines, read_policy, read_scenario
    from tasks.simulate import simulate as let_serve

    wanted = read_scenario(scenario, load=load)
    if show:
        print_json(json.loads(wanted.model_dump_json(exclude_defaults=True)))
        return
    rivals, processes = check_baselines(against or []), jobs or os.cpu_count() or 1
    contest = Contest(scenario=wanted, policy=read_policy(policy), against=rivals, tasks=tasks, seeds=seeds, jobs=processes)
    report = let_serve(contest)
    if as_json:
        print_json(report)
    else:
        show_report(Screen(), report)
    if report["broken"]:
        raise typer.Exit(1)


def show_report(screen: Screen, report: dict[str, Any]) -> None:
    """Print a line for each policy, best first."""
    policies = sorted(report["policies"].items(), key=lambda item: -item[1]["utility"]["mean"])
    screen.table([_line(name, found, report["currency"]) for name, found in policies], COLUMNS)
    screen.say()
    screen.mark("warn", report["said"])
    size = f"{report['seeds']} worlds of {report['tasks']:,} tasks at a load of {report['load']:g}"
    screen.mark("info", f"means per task in {report['currency']} over {size}, with 95 % intervals; to ours: the difference, world by world")
    screen.mark("info", "utility: the price if it succeeded, less its cost and what waiting and being late cost by our policy")
    for words in report["broken"]:
        screen.mark("bad", words)


def _line(name: str, found: dict[str, Any], currency: str) -> dict[str, Any]:
    def spread(measure: str, which: str) -> str:
        low, high = found[measure][which]
        return f"{amount(round(low), currency)} to {amount(round(high), currency)}"

    def half(measure: str) -> float:
        low, high = found[measure]["interval"]
        return float(high - low) / 2

    return {
        "policy": name,
        "utility": amount(round(found["utility"]["mean"]), currency),
        "95 %": spread("utility", "interval"),
        "to ours": amount(round(found["utility"]["difference"]), currency),
        "its 95 %": spread("utility", "difference_interval"),
        "success": f"{found['success']['mean']:.1%} ±{half('success'):.1%}",
        "cost": f"{amount(round(found['cost']['mean']), currency)} ±{amount(round(half('cost')), currency)}",
        "wait": f"{found['wait_median']['mean']:.1f} ±{half('wait_median'):.1f} min",
        "wait p95": f"{found['wait_p95']['mean']:.0f} ±{half('wait_p95'):.0f} min",
        "late": f"{found['late']['mean']:.1%} ±{half('late'):.1%}",
        "attempts": f"{found['attempts']['mean']:.2f} ±{half('attempts'):.2f}",
    }
