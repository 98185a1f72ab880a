"""What a table holds, column by column. Pure: a frame in, frozen values out."""

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from agents.contract import AgentError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "text", "time", "yes/no", "key", "empty"]
# number: an amount or a count · category: few values, often repeated · text: many values · time: dates
# key: a name of the row, each value once · empty: only missing values

BINS: Final = 24
TOP: Final = 8
CORRELATED_MOST: Final = 12  # numeric columns that are compared with each other
_CATEGORY_MOST: Final = 50  # distinct values of a category; with more it is text
_PERIODS: Final = (
    ("day", "D", 62),
    ("week", "W-SUN", 550),
    ("month", "M", 2500),
    ("quarter", "Q", 7500),
    ("year", "Y", math.inf),
)  # name, pandas code, longest span in days


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A numeric column in numbers; infinities and missing values are left out."""

    least: float
    q25: float
    median: float
    q75: float
    most: float
    mean: float
    total: float
    deviation: float | None  # sample standard deviation; null for a single value
    bins: tuple[tuple[float, float, int], ...]  # from, to, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table."""

    name: str
    kind: Kind
    missing: int
    distinct: int
    figures: Figures | None = None  # of numbers
    top: tuple[tuple[str, int], ...] = ()  # most frequent values of categories and texts, with their rows
    first: str | None = None  # earliest and latest of times, ISO dates
    last: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The whole table."""

    rows: int
    duplicates: int  # rows that repeat an earlier one in every column
    columns: tuple[Column, ...]
    correlations: tuple[tuple[str, str, float], ...]  # Pearson's r of each pair of numeric columns; pairs without variation are left out

    def of(self, *kinds: Kind) -> list[Column]:
        """Return the columns of these kinds."""
        return [column for column in self.columns if column.kind in kinds]

    @property
    def missing_share(self) -> float:
        """Missing cells as a share of all cells."""
        return sum(column.missing for column in self.columns) / (self.rows * len(self.columns))


def profile(frame: "pd.DataFrame") -> Profile:
    """Return the profile of a table with at least one row."""
    columns = tuple(_column(name, frame[name]) for name in frame.columns)
    numeric = [column.name for column in columns if column.kind == "number"][:CORRELATED_MOST]
    return Profile(rows=len(frame), duplicates=int(frame.astype(str).duplicated().sum()), columns=columns, correlations=_correlations(frame[numeric]))


def periods(frame: "pd.DataFrame", time: str, target: str | None) -> "tuple[str, pd.DataFrame]":
    """Return the name of a fitting period, and by its start: rows, the target's sum and mean, and whether the data covers it whole.

    Periods without rows are there, with 0 rows; the first and the last are seldom whole.

    Raises `AgentError` when the column holds no times.
    """
    import pandas as pd  # noqa: PLC0415 - 2.4 s of CPU, paid by those who analyse

    moments = _moments(frame[time])
    span = (moments.max() - moments.min()).days
    name, code = next((name, code) for name, code, longest in _PERIODS if span <= longest)
    values = pd.to_numeric(frame[target], errors="coerce") if target else pd.Series(0.0, index=frame.index)
    grouped = values.groupby(moments.dt.to_period(code))
    table = pd.DataFrame({"rows": grouped.size(), "sum": grouped.sum(), "mean": grouped.mean()})
    whole = pd.period_range(moments.min(), moments.max(), freq=code)
    table = table.reindex(whole)
    table["rows"] = table["rows"].fillna(0).astype(int)
    table["sum"] = table["sum"].fillna(0.0)
    table.insert(0, "start", whole.start_time)
    table["whole"] = (whole.start_time >= moments.min().normalize()) & (whole.end_time.normalize() <= moments.max())
    return name, table.reset_index(drop=True)


def by_category(frame: "pd.DataFrame", category: str, target: str | None) -> "pd.DataFrame":
    """Return, by value of a category: rows, and the target's sum and mean; largest first."""
    import pandas as pd  # noqa: PLC0415 - see above

    values = pd.to_numeric(frame[target], errors="coerce") if target else pd.Series(0.0, index=frame.index)
    grouped = values.groupby(_words(frame[category]).where(frame[category].notna(), "(missing)"))
    table = pd.DataFrame({"rows": grouped.size(), "sum": grouped.sum(), "mean": grouped.mean()})
    return table.sort_values(["sum" if target else "rows", "rows"], ascending=False, kind="stable").rename_axis("value").reset_index()


def _moments(series: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as naive UTC times. Raises `AgentError` when most of it is none."""
    import pandas as pd  # noqa: PLC0415 - see above

    moments = pd.to_datetime(series, errors="coerce", utc=True, format="ISO8601" if series.dtype.kind != "M" else None).dt.tz_localize(None)
    if moments.notna().sum() < 0.5 * len(moments):
        message = f"the column {series.name} holds no times (ISO dates such as 2025-06-30)"
        raise AgentError(message)
    return moments


def _column(name: str, series: "pd.Series[Any]") -> Column:
    missing = int(series.isna().sum())
    texts = series.dropna()
    if texts.empty:
        return Column(name=name, kind="empty", missing=missing, distinct=0)
    if series.dtype.kind in "Ob":
        texts = _words(texts)  # lists and objects have no order and no hash
    distinct = int(texts.nunique())
    kind = _kind(series, distinct, len(texts), repeated=distinct < len(texts))
    if kind == "number":
        return Column(name=name, kind=kind, missing=missing, distinct=distinct, figures=_figures(texts))
    if kind == "time":
        moments = texts.map(_iso)
        return Column(name=name, kind=kind, missing=missing, distinct=distinct, first=moments.min(), last=moments.max())
    top = () if kind == "key" else tuple((str(value), int(count)) for value, count in texts.value_counts().head(TOP).items())
    return Column(name=name, kind=kind, missing=missing, distinct=distinct, top=top)


def _kind(series: "pd.Series[Any]", distinct: int, present: int, *, repeated: bool) -> Kind:
    """Return what a column is for. A whole number that is different in each row names the row, if its name says so; so does a short text."""
    import pandas as pd  # noqa: PLC0415 - see above

    if pd.api.types.is_bool_dtype(series):
        return "yes/no"
    if pd.api.types.is_numeric_dtype(series):
        named = series.name is not None and str(series.name).lower().endswith(("id", "key", "number", "no", "_nr"))
        return "key" if named and pd.api.types.is_integer_dtype(series) else "number"
    if pd.api.types.is_datetime64_any_dtype(series) or hasattr(series.dropna().iloc[0], "isoformat"):
        return "time"
    if not repeated and present > 1:
        return "key" if series.dropna().map(lambda value: len(str(value))).max() <= 40 else "text"
    return "category" if distinct <= _CATEGORY_MOST and distinct <= 0.5 * present + 2 else "text"


def _words(series: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return values as texts, for readers: truth is yes or no."""
    return series.map({True: "yes", False: "no"}) if series.dtype.kind == "b" else series.map(str)


def _iso(moment: Any) -> str:
    return str(moment.isoformat())[:10]


def _figures(series: "pd.Series[Any]") -> Figures | None:
    values = series.astype("float64")
    values = values[values.map(math.isfinite)]
    if values.empty:
        return None
    q = [float(x) for x in values.quantile([0, 0.25, 0.5, 0.75, 1])]
    deviation = float(values.std()) if len(values) > 1 else None
    return Figures(
        least=q[0],
        q25=q[1],
        median=q[2],
        q75=q[3],
        most=q[4],
        mean=float(values.mean()),
        total=float(values.sum()),
        deviation=deviation,
        bins=_bins(values),
    )


def _bins(values: "pd.Series[Any]") -> tuple[tuple[float, float, int], ...]:
    """Return a histogram: one bin a value for few whole numbers, else equal bins with round edges."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return ((low - 0.5, high + 0.5, len(values)),)
    if high - low <= BINS and bool((values == values.round()).all()):
        counts = values.value_counts()
        return tuple((x - 0.5, x + 0.5, int(counts.get(x, 0))) for x in (low + n for n in range(int(high - low) + 1)))
    step = _round_step((high - low) / BINS)
    start = math.floor(low / step)
    number = math.floor(high / step) - start + 1
    slots = (values / step).map(math.floor).clip(start, start + number - 1).value_counts()
    return tuple(((start + n) * step, (start + n + 1) * step, int(slots.get(start + n, 0))) for n in range(number))


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5 or 5 times a power of ten that is not below.

    >>> [_round_step(x) for x in (0.9, 1.1, 2.2, 30, 60)]
    [1.0, 2.0, 2.5, 50.0, 100.0]
    """
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


def _correlations(frame: "pd.DataFrame") -> tuple[tuple[str, str, float], ...]:
    matrix = frame.astype("float64").corr()
    pairs = ((a, b, float(matrix.loc[a, b])) for a, b in itertools.combinations(frame.columns, 2))
    return tuple((a, b, r) for a, b, r in pairs if math.isfinite(r))
