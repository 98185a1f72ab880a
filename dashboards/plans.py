"""Charts of work that belongs together: a group over time, and what every agent did and does. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import altair as alt

from dashboards import wording
from dashboards.charts import COLOURS, QUIET, lanes_height, time_axis

Row = Mapping[str, Any]

EXPECTED: Final = "expected"  # a bar that is a forecast
STATES: Final = COLOURS | {"expired": "#b5488a", "waiting": QUIET, "ready": QUIET, "review": QUIET, "paused": QUIET, EXPECTED: "#9db7d5"}


def schedule_of(tasks: Sequence[Row], critical: Sequence[str], *, now: datetime, zone: str) -> alt.LayerChart | None:
    """Draw the tasks of a group over time: what was done, and as paler bars what is expected; ● marks the critical path. Null: nothing has a time."""
    bars = [bar for task in tasks for bar in _bars(task, critical, now)]
    return _lanes(bars, zone, "task") if bars else None


def fleet(attempts: Sequence[Row], *, now: datetime, zone: str) -> alt.LayerChart:
    """Draw what every agent worked on over time; attempts that go on end now."""
    bars = [
        _bar(
            attempt["agent_id"],
            attempt["title"],
            attempt["state"],
            wording.instant(attempt["started_at"]),
            wording.instant(attempt["finished_at"]) or now,
        )
        for attempt in attempts
    ]
    return _lanes(sorted(bars, key=lambda bar: str(bar["lane"])), zone, "agent")


def _bars(task: Row, critical: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    lane = ("● " if task["id"] in critical else "") + (task["ref"] or task["title"])[:40]
    start, end = wording.instant(task["started_at"]), wording.instant(task["finished_at"])
    expected = wording.instant(task["expected_end_at"])
    bars = []
    if start is not None:
        bars.append(_bar(lane, task["title"], wording.standing(task), start, end or now.astimezone(UTC)))
    begins = now.astimezone(UTC) if start is not None else wording.instant(task["expected_start_at"])
    if end is None and expected is not None and begins is not None and expected > begins:
        bars.append(_bar(lane, task["title"], EXPECTED, begins, expected))
    return bars


def _bar(lane: str, title: str, state: str, start: datetime | None, end: datetime) -> dict[str, Any]:
    if start is None:
        message = "a bar has a start"
        raise ValueError(message)
    end = max(end.astimezone(UTC), start)
    took = wording.span((end - start).total_seconds() * 1_000_000)
    return {"lane": lane, "title": title, "state": state, "start": start.timestamp() * 1000, "end": end.timestamp() * 1000, "took": took}


def _lanes(bars: Sequence[Row], zone: str, what: str) -> alt.LayerChart:
    axis, scale = time_axis(zone)
    order = list(dict.fromkeys(bar["lane"] for bar in bars))
    present = [state for state in STATES if any(bar["state"] == state for bar in bars)]
    base = alt.Chart(alt.Data(values=list(bars)))  # type: ignore[no-untyped-call] # Altair's data class has no types
    colours = alt.Scale(domain=present, range=[STATES[state] for state in present])
    body = base.mark_bar(cornerRadius=3, height={"band": 0.6}).encode(
        x=alt.X("start:T", axis=axis, scale=scale),
        x2="end:T",
        y=alt.Y("lane:N", title=None, sort=order, axis=alt.Axis(labelLimit=220, ticks=False, domain=False)),
        color=alt.Color("state:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
        tooltip=[alt.Tooltip("lane:N", title=what), alt.Tooltip("title:N", title="title"), alt.Tooltip("state:N"), alt.Tooltip("took:N")],
    )
    return alt.LayerChart(layer=[body]).properties(height=lanes_height(len(order)))
