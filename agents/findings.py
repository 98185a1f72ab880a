"""What stands out in a table, in sentences: rules with a threshold each, no opinion. Pure."""

from typing import TYPE_CHECKING, Final

from agents.profile import Column, Profile

if TYPE_CHECKING:
    import pandas as pd

MISSING_LEAST: Final = 0.05  # share of missing values that is told
CORRELATION_LEAST: Final = 0.5
SKEWED: Final = 1.5  # mean over median, or the inverse


def findings(table: Profile, target: Column | None, period: str, series: "pd.DataFrame | None", splits: "dict[str, pd.DataFrame]") -> list[str]:
    """Return sentences about the target over time and by category, relations between columns, and defects of the data."""
    sentences = [*_series(target, period, series), *(_split(name, target, split, table.rows) for name, split in splits.items())]
    return [sentence for sentence in (*sentences, *_relations(table), *_shape(target), *_defects(table)) if sentence]


def compact(value: float) -> str:
    """Return a number as a person writes it.

    >>> [compact(x) for x in (1234567.0, 1234.5, 12.345, 0.01234, 5.0)]
    ['1,234,567', '1,234.5', '12.35', '0.0123', '5']
    """
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{int(value):,}"
    digits = 0 if size >= 10_000 else 1 if size >= 1000 else 2 if size >= 1 else 4
    return f"{value:,.{digits}f}" if size >= 0.001 else f"{value:.3g}"


def _series(target: Column | None, period: str, series: "pd.DataFrame | None") -> list[str]:
    if series is None or series["whole"].sum() < 3:
        return []
    series = series[series["whole"]]
    measure, what = ("sum", f"{target.name} (sum)") if target else ("rows", "rows")
    best, worst = series.loc[series[measure].idxmax()], series.loc[series[measure].idxmin()]
    first = f"The best {period} for {what} began on {best['start']:%d %B %Y} with {compact(float(best[measure]))}"
    return [f"{first}; the weakest on {worst['start']:%d %B %Y} with {compact(float(worst[measure]))}."]


def _split(name: str, target: Column | None, split: "pd.DataFrame", rows: int) -> str:
    measure = "sum" if target else "rows"
    total = float(split["sum"].sum()) if target else rows
    if len(split) < 2 or total <= 0 or float(split[measure].min()) < 0:  # shares of a sum with negative parts mean nothing
        return ""
    first = split.iloc[0]
    share, rows_share = float(first[measure]) / total, int(first["rows"]) / rows
    return f"By {name}, {first['value']} leads with {share:.0%} of " + (f"{target.name} ({rows_share:.0%} of the rows)." if target else "all rows.")


def _relations(table: Profile) -> list[str]:
    strong = sorted((pair for pair in table.correlations if abs(pair[2]) >= CORRELATION_LEAST), key=lambda pair: -abs(pair[2]))
    return [f"{a} and {b} {'rise together' if r > 0 else 'move against each other'} (r = {r:.2f})." for a, b, r in strong[:3]]


def _shape(target: Column | None) -> list[str]:
    if not target or not target.figures or min(target.figures.mean, target.figures.median) <= 0:
        return []
    figures = target.figures
    if figures.mean >= SKEWED * figures.median:
        return [f"Few large values carry {target.name}: its mean is {compact(figures.mean)}, its median {compact(figures.median)}."]
    return []


def _defects(table: Profile) -> list[str]:
    gaps = [f"{column.name} ({column.missing / table.rows:.0%})" for column in table.columns if column.missing >= MISSING_LEAST * table.rows]
    constant = [column.name for column in table.columns if column.distinct == 1 and table.rows > 1]
    return [
        f"Values are missing in {', '.join(gaps)}." if gaps else "",
        f"{table.duplicates:,} {'row repeats' if table.duplicates == 1 else 'rows repeat'} an earlier one in every column."
        if table.duplicates
        else "",
        f"The same value stands in every row of {', '.join(constant)}." if constant else "",
    ]
