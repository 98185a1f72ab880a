"""Charts of a profile. Pure: values in, Altair charts out; foreign text stands in the data of a chart, never in an expression."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agents.profile import Column, Figures

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

INK: Final = "#6b7588"  # reads on white and on dark
FAINT: Final = "#8892a433"
MAIN: Final = "#4c6fff"
ACCENT: Final = "#f59f3b"
FONT: Final = "Inter, 'Segoe UI', 'Liberation Sans', 'DejaVu Sans', sans-serif"
WIDE: Final = 860
HALF: Final = 400
SMOOTHED_LEAST: Final = 8  # periods from which a moving mean says something
_LABEL_MOST: Final = 22  # characters of a category's name in a chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart with its words."""

    title: str
    words: str  # one sentence below the title: what the marks mean
    chart: "alt.Chart | alt.LayerChart"
    wide: bool = False


def over_time(series: "pd.DataFrame", period: str, time: str, target: str | None) -> Picture:
    """Return bars of the target's sum (or of rows) by period, with the moving mean of four."""
    import altair as alt  # noqa: PLC0415 - heavy, paid by those who analyse

    measure = "sum" if target else "rows"
    smooth = series[measure].rolling(4, min_periods=4).mean()
    data = [
        {"start": f"{start:%Y-%m-%dT00:00:00}", "y": float(y), "smooth": None if math.isnan(s) else float(s), "whole": bool(whole)}
        for start, y, s, whole in zip(series["start"], series[measure], smooth, series["whole"], strict=True)
    ]
    base = alt.Chart(_data(data)).encode(
        x=alt.X("start:O", title=None, axis=_time_axis([f"{start:%Y-%m-%dT00:00:00}" for start in series["start"]], period))
    )
    bars = base.mark_bar(color=MAIN, cornerRadiusTopLeft=2, cornerRadiusTopRight=2, width={"band": 0.8}).encode(
        y=alt.Y("y:Q", title=None), opacity=alt.condition("datum.whole", alt.value(0.85), alt.value(0.35))
    )
    line = base.mark_line(color=ACCENT, strokeWidth=2.5, interpolate="monotone").encode(y="smooth:Q")
    smoothed = len(data) >= SMOOTHED_LEAST
    words = f"{'Sum of ' + target if target else 'Rows'} by {period} of {time}"
    words += f"; the line is the mean of four {period}s" if smoothed else ""
    words += f"; a pale {period} is not covered whole." if not series["whole"].all() else "."
    chart = bars + line if smoothed else bars
    return Picture(title=f"{target or 'Rows'} over time", words=words, chart=_styled(chart.properties(width=WIDE, height=250)), wide=True)


def by_value(split: "pd.DataFrame", category: str, target: str | None, *, most: int = 10) -> Picture:
    """Return bars of the target's sum (or of rows) by value of a category, the largest ones, with the mean told at each."""
    measure = "sum" if target else "rows"
    shown = split.head(most)
    data = [
        {
            "label": _cut(str(row["value"])),
            "y": float(row[measure]),
            "note": f"{_short(float(row[measure]))}" + (f"  ·  mean {_short(float(row['mean']))}" if target else ""),
        }
        for _, row in shown.iterrows()
    ]
    rest = f", the first {most} of {len(split)}" if len(split) > most else ""
    words = f"{'Sum of ' + target if target else 'Rows'} by {category}{rest}."
    return Picture(title=f"{target or 'Rows'} by {category}", words=words, chart=_bars(data))


def distribution(column: Column, figures: Figures) -> Picture:
    """Return the histogram of a numeric column with its median."""
    import altair as alt  # noqa: PLC0415 - see above

    data = [{"from": low, "to": high, "rows": rows} for low, high, rows in figures.bins]
    bars = (
        alt.Chart(_data(data))
        .mark_bar(color=MAIN, opacity=0.85)
        .encode(
            x=alt.X("from:Q", title=None, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False, tickCount=6)),
            x2="to:Q",
            y=alt.Y("rows:Q", title=None),
            y2=alt.Y2(datum=0),
        )
    )
    median = alt.Chart(_data([{"at": figures.median}])).mark_rule(color=ACCENT, strokeWidth=2).encode(x="at:Q")
    words = f"Rows by value; half of them are below {_short(figures.median)} (the line)."
    return Picture(title=column.name, words=words, chart=_styled((bars + median).properties(width=HALF, height=170)))


def frequencies(column: Column, rows: int) -> Picture:
    """Return the most frequent values of a category."""
    data = [{"label": _cut(value), "y": float(count), "note": f"{count:,}  ·  {count / rows:.0%}"} for value, count in column.top]
    more = f"the first {len(column.top)} of {column.distinct}" if column.distinct > len(column.top) else f"all {column.distinct}"
    return Picture(title=column.name, words=f"Rows by value, {more}.", chart=_bars(data))


def correlation(pairs: Sequence[tuple[str, str, float]]) -> Picture:
    """Return the heat map of Pearson's r of each pair."""
    import altair as alt  # noqa: PLC0415 - see above

    names = list(dict.fromkeys(name for a, b, _ in pairs for name in (a, b)))
    both = [*pairs, *((b, a, r) for a, b, r in pairs), *((name, name, 1.0) for name in names)]
    data = [{"a": _cut(a), "b": _cut(b), "r": r, "text": f"{r:.2f}".replace("-", "−"), "strong": abs(r) > 0.55} for a, b, r in both]
    order = [_cut(name) for name in names]
    base = alt.Chart(_data(data)).encode(
        x=alt.X("a:N", sort=order, title=None, axis=alt.Axis(orient="top", labelAngle=-30, domain=False, ticks=False, grid=False)),
        y=alt.Y("b:N", sort=order, title=None, axis=alt.Axis(domain=False, ticks=False, grid=False)),
    )
    scale = alt.Scale(domain=[-1, 0, 1], range=[ACCENT, "#f3f5fa", MAIN])
    cells = base.mark_rect(cornerRadius=4, stroke="#ffffff", strokeWidth=2).encode(color=alt.Color("r:Q", scale=scale, legend=None))
    texts = base.mark_text(fontSize=12).encode(text="text:N", color=alt.condition("datum.strong", alt.value("#ffffff"), alt.value("#3a4358")))
    side = 46 * len(names)
    chart = _styled((cells + texts).properties(width=max(side, 260), height=max(int(side * 0.7), 150)))
    return Picture(
        title="What moves together", words="Pearson's r: 1 together, 0 not at all, −1 against each other.", chart=chart, wide=len(names) > 6
    )


def svg(picture: Picture) -> str:
    """Return the picture as SVG."""
    import vl_convert  # noqa: PLC0415 - see above

    return str(vl_convert.vegalite_to_svg(picture.chart.to_dict()))


def png(picture: Picture) -> bytes:
    """Return the picture as PNG, sharp in print."""
    import vl_convert  # noqa: PLC0415 - see above

    return bytes(vl_convert.vegalite_to_png(picture.chart.to_dict(), scale=2.5))


def _time_axis(starts: list[str], period: str) -> Any:
    """Label about ten of the periods, by a format that tells them apart; the labels are made by Vega from the time, not from text."""
    import altair as alt  # noqa: PLC0415 - see above

    form = {"day": "%-d %b %Y", "week": "%-d %b %Y", "month": "%b %Y", "quarter": "%b %Y", "year": "%Y"}[period]
    return alt.Axis(values=starts[:: max(1, -(-len(starts) // 10))], labelExpr=f"timeFormat(toDate(datum.value), '{form}')", labelAngle=0, grid=False)


def _bars(data: list[dict[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415 - see above

    order = [row["label"] for row in data]
    names = min(150, max(60, 7 * max(map(len, order)) + 10))  # pixels; with the bars always the same width, so that all charts have one scale
    base = alt.Chart(_data(data)).encode(
        y=alt.Y(
            "label:N",
            sort=order,
            title=None,
            axis=alt.Axis(domain=False, ticks=False, grid=False, labelLimit=names - 10, minExtent=names, maxExtent=names),
        )
    )
    room = max((row["y"] for row in data), default=1) * 1.45 or 1  # the notes stand to the right of the bars
    low = min(0.0, *(row["y"] for row in data))
    bars = base.mark_bar(color=MAIN, opacity=0.85, cornerRadiusEnd=3).encode(
        x=alt.X("y:Q", title=None, axis=None, scale=alt.Scale(domain=[low, room], nice=False))
    )
    notes = base.mark_text(align="left", dx=6, color=INK, fontSize=11).encode(x="y:Q", text="note:N")
    return _styled((bars + notes).properties(width=HALF - names, height=alt.Step(26)))


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415 - see above

    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def _styled(chart: Any) -> Any:
    return (
        chart.configure(font=FONT, background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            gridColor=FAINT,
            domainColor=FAINT,
            tickColor=FAINT,
            labelFontSize=11,
            titleFontSize=11,
            labelPadding=6,
            tickCount=5,
        )
    )


def _cut(text: str) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= _LABEL_MOST else clean[: _LABEL_MOST - 1] + "…"


def _short(value: float) -> str:
    """Return a number in three figures.

    >>> [_short(x) for x in (1234567.0, 34567.0, 123.4, 0.5)]
    ['1.23M', '34.6k', '123', '0.5']
    """
    for size, mark in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1000 if mark == 'k' else size):.3g}{mark}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
