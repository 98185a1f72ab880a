"""Charts: a value of the API in, an Altair chart out. Pure.

Every axis names its unit or its zone. Colours come from the theme or from `COLOURS`, which people with every common colour vision can tell apart;
none is the only sign of anything.
"""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import altair as alt

from dashboards import wording
from models.money import digits

COLOURS: Final = {  # state of an attempt → colour that reads on light and on dark
    "running": "#3a8fd0",
    "succeeded": "#1a9c7d",
    "failed": "#d4651f",
    "timeout": "#b5488a",
    "lost": "#d9a000",
    "cancelled": "#8490a0",
}

FIRES: Final = {"as usual": "#3a8fd0", "at an odd time": "#d4651f"}  # coming fires → colour

QUIET: Final = "#8490a0"  # grey that reads on light and on dark
HEIGHT: Final = 240  # px of a chart

Row = Mapping[str, Any]


CLOCK: Final = {  # how an axis of time names its ticks, by the smallest unit that they tell apart
    "year": "%Y", "quarter": "%b %Y", "month": "%b %Y", "week": "%-d %b", "date": "%-d %b", "day": "%-d %b", "hours": "%H:%M", "minutes": "%H:%M",
    "seconds": "%H:%M:%S", "milliseconds": "%H:%M:%S.%L",
}  # fmt: skip


def _values(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call] # Altair's data class has no types


def time_axis(zone: str, **options: Any) -> tuple[alt.Axis, alt.Scale]:
    """Return an axis and a scale of time for readers in a zone; the browser's own zone is what Vega draws, UTC is asked for by name."""
    scale: Any = alt.Scale(type="utc") if zone == "UTC" else alt.Scale(type="time")
    return alt.Axis(title=f"time ({zone})", format=CLOCK, grid=False, labelOverlap=True, **options), scale


def _milliseconds(value: int | str | None) -> float | None:
    moment = wording.instant(value)
    return None if moment is None else moment.timestamp() * 1000


def _scaled(value: float | None, unit: str, currency: str | None) -> tuple[float | None, str, str]:
    """Return a value in the unit that an axis shows, that unit's name, and the format of its ticks."""
    match unit:
        case "cents":
            factor, name, ticks = 1 / 10 ** digits(currency), currency or "money", "~s"
        case "us":
            factor, name, ticks = 1 / 1_000_000, "seconds", "~s"
        case "ratio":
            factor, name, ticks = 1.0, "share", "%"
        case _:
            factor, name, ticks = 1.0, "tasks" if unit == "count" else unit, "~s"
    return (None if value is None else value * factor), name, ticks


def course(kpi: Row, *, until: int, zone: str) -> alt.Chart:
    """Draw a KPI over the parts of its window, which ends at `until`; a part without a value is a gap, never a zero.

    Sums are bars, because they belong to the whole part; shares and times are points joined by a line.
    """
    unit = kpi["unit"]
    _, name, ticks = _scaled(0, unit, kpi["currency"])
    axis, scale = time_axis(zone, tickCount=8)
    chart: alt.Chart = alt.Chart(_values(_points(kpi, until)))
    sums = unit in ("cents", "count")
    marks = chart.mark_rect(cornerRadius=2) if sums else chart.mark_line(point=alt.OverlayMarkDef(size=36), invalid="break-paths-show-domains")
    tips = [alt.Tooltip(f"{end}:T", title=f"{end} ({zone})", format="%d %b %H:%M") for end in ("from", "to")]
    drawn = marks.encode(
        x=alt.X("from:T", axis=axis, scale=scale),
        y=alt.Y("value:Q", title=f"{kpi['title'].lower()} ({name})", axis=alt.Axis(format=ticks, tickCount=5), scale=alt.Scale(zero=True)),
        tooltip=[*tips, alt.Tooltip("reads:N", title=kpi["title"])],
    )
    chart = drawn.encode(x2="to:T", y2=alt.datum(0)) if sums else drawn
    return chart.properties(height=HEIGHT)


def _points(kpi: Row, until: int) -> list[dict[str, Any]]:
    starts = [point["from"] for point in kpi["series"]]
    gap = 0.06  # of a part, left blank between bars
    return [
        {
            "from": _milliseconds(start),
            "to": _milliseconds(end - round((end - start) * gap)),
            "value": _scaled(point["value"], kpi["unit"], kpi["currency"])[0],
            "reads": wording.quantity(point["value"], kpi["unit"], kpi["currency"]),
        }
        for point, start, end in zip(kpi["series"], starts, [*starts[1:], until], strict=True)
    ]


def gantt(attempts: Sequence[Row], *, now: datetime, zone: str) -> alt.LayerChart:
    """Draw the attempts of one task as bars over time; an attempt that goes on ends now."""
    bars = [_bar(attempt, now) for attempt in attempts]
    axis, scale = time_axis(zone)
    lanes = alt.Y("lane:N", title=None, sort=[bar["lane"] for bar in bars], axis=alt.Axis(labelLimit=180, ticks=False, domain=False))
    colours = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    present = {bar["state"] for bar in bars}
    base = alt.Chart(_values(bars))
    names = {"lane": "attempt", "state": "state", "took": "took", "error": "error"}
    tips = [alt.Tooltip(f"{field}:N", title=title) for field, title in names.items()]
    bodies = base.mark_bar(cornerRadius=4, height={"band": 0.6}).encode(
        x=alt.X("start:T", axis=axis, scale=scale),
        x2="end:T",
        y=lanes,
        color=alt.Color("state:N", scale=colours, legend=alt.Legend(title=None, orient="top", values=[s for s in COLOURS if s in present])),
        tooltip=tips,
    )
    labels = base.mark_text(align="left", dx=6, baseline="middle", color=QUIET).encode(x=alt.X("end:T", scale=scale), y=lanes, text="took:N")
    return alt.LayerChart(layer=[bodies, labels]).properties(height=lanes_height(len(bars)))


def lanes_height(lanes: int) -> int:
    """Return the pixels that a chart of so many lanes needs, with its axis and legend."""
    return 110 + 42 * lanes


def _bar(attempt: Row, now: datetime) -> dict[str, Any]:
    start = wording.instant(attempt["started_at"])
    end = wording.instant(attempt["finished_at"]) or now.astimezone(UTC)
    if start is None:
        message = "an attempt has a start"
        raise ValueError(message)
    return {
        "lane": f"{attempt['number']} · {attempt['agent_id']}",
        "state": attempt["state"],
        "start": start.timestamp() * 1000,
        "end": max(end, start).timestamp() * 1000,
        "took": wording.span((end - start).total_seconds() * 1_000_000),
        "error": attempt["error"] or "",
    }


def timetable(fires: Sequence[Row], *, zone: str, by: str) -> alt.Chart:
    """Draw coming fires as ticks: the hours of each day (`by` day), or the days of each schedule (`by` schedule)."""
    rows = [_tick(fire, zone) for fire in fires]  # in order of time
    lanes = _days(rows) if by == "day" else sorted({row["schedule"] for row in rows})
    if by == "day":
        hours = alt.Axis(
            title=f"time of day ({zone})", values=list(range(0, 25, 3)), labelExpr="format(datum.value, '02d') + ':00'", labelOverlap=True
        )
        across = alt.X("hour:Q", axis=hours, scale=alt.Scale(domain=[0, 24], nice=False))
    else:
        axis, scale = time_axis(zone, tickCount=8)
        across = alt.X("at:T", axis=axis, scale=scale)
    kinds = [kind for kind in FIRES if any(row["kind"] == kind for row in rows)]
    titles = {"schedule": "schedule", "when": f"time ({zone})", "local": "its own clock", "reason": "what is odd"}
    chart = alt.Chart(_values([row | {"date": None} for row in rows]))
    drawn: alt.Chart = chart.mark_tick(thickness=3, bandSize=18, opacity=0.85).encode(
        x=across,
        y=alt.Y(
            f"{by}:N",
            title=None,
            scale=alt.Scale(domain=lanes),
            axis=alt.Axis(labelLimit=130, labelOverlap=False, ticks=False, domain=False, grid=True),
        ),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[FIRES[kind] for kind in kinds]), legend=alt.Legend(title=None, orient="top")),
        tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()],
    )
    return drawn.properties(height=80 + 26 * len(lanes))


def _days(rows: Sequence[Row]) -> list[str]:
    """Return the days from the first fire to the last, those without any too."""
    first, last = rows[0]["date"], rows[-1]["date"]
    return [_day(first + timedelta(days=number)) for number in range((last - first).days + 1)]


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _tick(fire: Row, zone: str) -> dict[str, Any]:
    moment = wording.instant(fire["at"])
    if moment is None:
        message = "a coming fire has an instant"
        raise ValueError(message)
    seen = moment.astimezone(ZoneInfo(zone))
    return {
        "schedule": fire["schedule"],
        "at": moment.timestamp() * 1000,
        "date": seen.date(),
        "day": _day(seen.date()),
        "hour": seen.hour + seen.minute / 60 + seen.second / 3600,
        "when": wording.when(moment, zone),
        "local": fire["local"],
        "reason": fire["reason"] or "nothing",
        "kind": "at an odd time" if fire["reason"] else "as usual",
    }


def lateness(history: Sequence[Row], *, grace_s: int, zone: str) -> alt.LayerChart:
    """Draw how late fires of the clock were made, and the grace after which one counts as missed, when any came near to it."""
    rows = [
        {"due": _milliseconds(row["due_at"]), "late": row["late_s"], "reads": wording.span(row["late_s"] * 1_000_000), "verdict": row["verdict"]}
        for row in history
    ]
    axis, scale = time_axis(zone, tickCount=6)
    base = alt.Chart(_values(rows))
    tips = [alt.Tooltip("due:T", title=f"due ({zone})", format="%d %b %H:%M:%S"), alt.Tooltip("reads:N", title="late"), "verdict:N"]
    late = alt.Y("late:Q", title="late (seconds)", axis=alt.Axis(tickCount=5), scale=alt.Scale(zero=True))
    points = base.mark_line(point=alt.OverlayMarkDef(size=36)).encode(x=alt.X("due:T", axis=axis, scale=scale), y=late, tooltip=tips)
    layers = [points]
    if any(row["late"] > grace_s / 2 for row in rows):
        layers.append(base.mark_rule(strokeDash=[4, 4], color=COLOURS["failed"]).encode(y=alt.datum(grace_s)))
    return alt.LayerChart(layer=layers).properties(height=HEIGHT)


def intervals(skills: Mapping[str, Row]) -> alt.LayerChart:
    """Draw the expected success of an agent in each category as a point, and one deviation to either side of it as a bar."""
    rows = [
        {
            "skill": f"{name} ({skill['attempts']:,})", "success": skill["success"], "reads": f"{skill['success']:.0%} ± {skill['deviation']:.0%}",
            "low": max(0.0, skill["success"] - skill["deviation"]), "high": min(1.0, skill["success"] + skill["deviation"]),
        }
        for name, skill in skills.items()
    ]  # fmt: skip
    axis = alt.Axis(labelLimit=160, ticks=False, domain=False)
    base = alt.Chart(_values(rows)).encode(y=alt.Y("skill:N", title=None, axis=axis), tooltip=[alt.Tooltip("skill:N"), alt.Tooltip("reads:N")])
    share = alt.X("low:Q", title="expected success", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
    bars = base.mark_bar(height=10, cornerRadius=5, opacity=0.35, color=COLOURS["running"]).encode(x=share, x2="high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1, color=COLOURS["running"]).encode(x="success:Q")
    return alt.LayerChart(layer=[bars, points]).properties(height=80 + 26 * len(rows))


def curves(points: Sequence[Row], *, first: date, last: date) -> alt.LayerChart:
    """Draw the share of attempts that succeeded on each `date`, a line for each `line`; a day without attempts has no point."""
    rows = [{**one, "share": one["succeeded"] / one["attempts"]} for one in points]
    reads = {"line": "line", "date": "day (UTC)", "attempts": "attempts", "succeeded": "succeeded"}
    days = alt.Axis(format="%-d %b", grid=False, labelOverlap=True, tickCount=alt.TimeIntervalStep(interval="day", step=1))
    scale = alt.Scale(type="utc", domain=[day.isoformat() for day in (first, last)], padding=12)
    drawn = alt.Chart(_values(rows)).encode(
        x=alt.X("date:T", title="day (UTC)", axis=days, scale=scale),
        y=alt.Y("share:Q", title="succeeded", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("line:N", legend=alt.Legend(title=None, orient="top", columns=3, labelLimit=160)),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in reads.items()],
    )
    marks = drawn.mark_point(filled=True, opacity=1, size=70).encode(shape=alt.Shape("line:N", legend=None))  # the legend has the shapes too
    return alt.LayerChart(layer=[drawn.mark_line(), marks]).properties(height=HEIGHT)


def graph(nodes: Sequence[Row], edges: Sequence[Row], *, chosen: str, dark: bool, path: Sequence[str] = ()) -> str:
    """Return tasks and what they wait for as a graph in DOT; arrows point from the needed task to the one that waits, those along `path` are bold.

    Titles are foreign text: inside the quotes of DOT only the quote and the backslash mean something, so those are escaped.
    """
    lines = [_node(node, chosen) for node in nodes]
    bold = set(itertools.pairwise(path))
    for edge in edges:
        ends = (edge["needs_id"], edge["task_id"])
        width = ", penwidth=2.5" if ends in bold else ""
        lines.append(f"{_quoted(ends[0])} -> {_quoted(ends[1])} [label={_quoted(_condition(edge))}{width}];")
    return "digraph tasks {\n" + "\n".join([_ink(dark=dark), *lines]) + "\n}"


def _ink(*, dark: bool) -> str:
    ink, line, fill = ("#e3e9ef", "#4a5666", "#1a212b") if dark else ("#1c2733", "#aab4bf", "#f4f6f8")
    text = f'fontname="sans-serif", fontcolor="{ink}"'
    node = f'node [{text}, fontsize=11, shape=box, style="rounded,filled", color="{line}", fillcolor="{fill}", margin="0.16,0.09"];'
    return f'rankdir=LR; bgcolor="transparent"; nodesep=0.25; ranksep=0.5; {node} edge [{text}, fontsize=9, color="{line}", arrowsize=0.7];'


def _node(node: Row, chosen: str) -> str:
    state = wording.standing(node)
    pen = f', color="{COLOURS.get(state, QUIET)}", penwidth={2.5 if node["id"] == chosen else 1.3}'
    return f"{_quoted(node['id'])} [label={_quoted(_shortened(node['title']) + chr(10) + state)}{pen}];"


def _condition(edge: Row) -> str:
    names = {"success": "", "end": "after its end", "failure": "if it fails"}
    return names[edge["condition"]]


def _shortened(title: str, most: int = 34) -> str:
    clean = " ".join(title.split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
