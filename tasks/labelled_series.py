"""Series with labelled anomalies, read from two files and checked."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import Invalid

_COLUMNS = ("file", "timestamp", "value")
_LEAST = 20  # points of a series


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One series: its values in order, nan where one is missing, and the first and last place of each anomaly."""

    name: str
    values: NDArray[np.float64]
    bucket: timedelta  # the usual time from point to point
    windows: tuple[tuple[int, int], ...]


def read_labelled(data: Path, labels: Path) -> list[Labelled]:
    """Return the series of a Parquet file (columns file, timestamp, value; rows in order), with the windows that the JSON file gives each by name.

    A window is a pair of timestamps that occur in the series. Labels of other series are ignored. Raises `Invalid` with what is wrong.
    """
    frame, windows = _frame(data), _windows(labels)
    return [_series(str(name), rows, windows, labels) for name, rows in frame.groupby("file", sort=True)]


def _frame(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"{path} is not a Parquet file of series: {error}"
        raise Invalid(message) from error
    missing = [column for column in _COLUMNS if column not in frame.columns]
    if missing or frame.empty:
        message = f"{path} needs rows with the columns {', '.join(_COLUMNS)}; missing: {', '.join(missing) or 'rows'}"
        raise Invalid(message)
    if not pd.api.types.is_numeric_dtype(frame["value"]) or not pd.api.types.is_datetime64_any_dtype(frame["timestamp"]):
        message = f"{path}: `value` has to hold numbers and `timestamp` times, not {frame['value'].dtype} and {frame['timestamp'].dtype}"
        raise Invalid(message)
    if frame[["file", "timestamp"]].isna().any(axis=None):
        message = f"{path}: every row needs a file and a timestamp"
        raise Invalid(message)
    return frame


def _windows(path: Path) -> dict[str, Any]:
    try:
        windows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} is not a JSON file of windows: {error}"
        raise Invalid(message) from error
    if not isinstance(windows, dict):
        message = f"{path} has to hold an object: the windows of each series by its name"
        raise Invalid(message)
    return windows


def _series(name: str, rows: pd.DataFrame, windows: dict[str, Any], labels: Path) -> Labelled:
    if name not in windows:
        message = f"{labels} says nothing about {name}: a series without anomalies needs an empty list"
        raise Invalid(message)
    if len(rows) < _LEAST:
        message = f"{name} has {len(rows)} points; at least {_LEAST} are needed"
        raise Invalid(message)
    step = rows["timestamp"].diff().median()
    if step <= timedelta(0):
        message = f"the timestamps of {name} do not ascend"
        raise Invalid(message)
    stamps = rows["timestamp"].dt.tz_localize(None)
    places = {stamp: place for place, stamp in reversed(list(enumerate(stamps)))}  # of a timestamp that comes twice, the first
    values = rows["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    return Labelled(name=name, values=values, bucket=step.to_pytimedelta(), windows=_placed(name, windows[name], places))


def _placed(name: str, windows: Any, places: dict[Any, int]) -> tuple[tuple[int, int], ...]:
    try:
        placed = [(places[pd.Timestamp(first)], places[pd.Timestamp(last)]) for first, last in windows]
    except (KeyError, TypeError, ValueError) as error:
        message = f"a window of {name} is no pair of timestamps of the series: {error}"
        raise Invalid(message) from error
    flat = [place for window in placed for place in window]
    if flat != sorted(flat) or len({first for first, _ in placed}) < len(placed):
        message = f"the windows of {name} have to ascend and not to overlap"
        raise Invalid(message)
    return tuple(placed)
