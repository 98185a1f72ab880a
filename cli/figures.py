"""Commands about numbers: KPIs, and the shipping that they are computed from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.home import opened, told_to_stop
from cli.output import Screen, money, print_json, when
from cli.work import Json
from models.clock import now_us

if TYPE_CHECKING:
    from store.query import Row

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(kpis)
    app.command()(ship)


def kpis(
    window: Annotated[str, typer.Option(help="24h, 7d, 30d, 90d or all")] = "7d",
    client: Annotated[str | None, typer.Option(help="of this client's tasks only")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure first what has happened up to now.")] = False,
    as_json: Json = False,
) -> None:
    """Show the KPIs of a window against the equal window before it."""
    from tasks.measure import kpis

    with opened() as home:
        if fresh:
            refresh(home.journal, home.settings.lake)
        report = kpis(home.settings.lake, window=window, now=now_us(), client=client)
    if as_json:
        print_json(report)
    else:
        show_kpis(Screen(), report)


def ship() -> None:
    """Keep the lake at the head of the journal until told to stop. `arbiter up` runs this."""
    from tasks.ship import ship_forever

    with opened() as home:
        ship_forever(home.journal, home.settings.lake, told_to_stop())


def refresh(journal: Any, lake: Any) -> None:
    """Ship and measure what has happened up to now."""
    from store.segments import ship
    from tasks.measure import measure

    ship(journal, lake)
    measure(lake, now=now_us())


def show_kpis(screen: Screen, report: "Row") -> None:
    """Print the KPIs as a table, with how fresh they are."""
    rows = [
        {
            "KPI": f"{kpi['title']}{_in(kpi)}",
            "now": _value(kpi, kpi["value"]),
            "before": _value(kpi, kpi["previous"]),
            "change": _change(kpi["change"]),
            "note": kpi["why_null"] or "",
        }
        for kpi in report["kpis"]
    ]
    screen.table(rows, ("KPI", "now", "before", "change", "note"))
    if report["as_of"] is None:
        screen.mark("warn", "nothing has been measured yet: `arbiter kpis --fresh` does it now")
    else:
        window = report["window"]
        screen.mark("info", f"up to {when(report['as_of'])}, event {report['seq']}; window {when(window['from'])} to {when(window['to'])}")


def _in(kpi: "Row") -> str:
    """Return the currency of a figure about money that does not show it by itself."""
    return f", {kpi['currency']}" if kpi["currency"] and kpi["unit"] != "cents" else ""


def _value(kpi: "Row", value: float | None) -> str:
    if value is None:
        return "–"
    match kpi["unit"]:
        case "cents":
            return money(round(value), kpi["currency"])
        case "ratio":
            return f"{value:.1%}"
        case "us":
            return _duration(value)
        case "count":
            return f"{value:,.0f}"
        case other:
            return f"{value} {other}"


def _duration(us: float) -> str:
    if us < MINUTE_US:
        return f"{us / 1e6:.1f} s"
    return f"{us / MINUTE_US:.1f} min" if us < HOUR_US else f"{us / HOUR_US:.1f} h"


def _change(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:+.1%}"
