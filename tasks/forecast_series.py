"""Series to measure forecasters by: read from a Parquet file and the JSON file that describes its data sets."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import Invalid

Values = NDArray[np.float64]

_COLUMNS = ("dataset", "series", "t", "part", "y")
_PARTS = {"train", "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Series of one frequency: what was known of each, and what came after."""

    name: str
    horizon: int
    mase_lag: int  # of the differences that errors are measured in, and the period of Naive2's season
    period: int  # of the season, in values; 1: none
    known: tuple[Values, ...]
    actual: tuple[Values, ...]  # `horizon` values each


def read_series(data: Path, meta: Path) -> list[DataSet]:
    """Return the data sets in the order of `meta`; those that the data lack are left out.

    `data` has a row for each value: dataset, series, t (counts up by 1 within a series), part (train, then test) and y (finite). `meta` is a list of
    objects with dataset, horizon, mase_lag and seasonal_period. Raises `Invalid` with what is wrong with either.
    """
    described = _described(meta)
    frame = _frame(data)
    names = set(frame["dataset"])
    unknown = sorted(names - {one["dataset"] for one in described})
    if unknown:
        message = f"{meta} does not describe {', '.join(unknown)}, which {data} holds"
        raise Invalid(message)
    return [_data_set(frame[frame["dataset"] == one["dataset"]], one, data) for one in described if one["dataset"] in names]


def _described(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as JSON: {error}"
        raise Invalid(message) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) and isinstance(one.get("dataset"), str) for one in found):
        message = f"{path} has to be a list of objects that each name a dataset"
        raise Invalid(message)
    for one in found:
        for key in ("horizon", "mase_lag", "seasonal_period"):
            if type(one.get(key)) is not int or one[key] < 1:
                message = f"{path}: {key} of {one['dataset']} has to be a whole number above 0"
                raise Invalid(message)
    if len({one["dataset"] for one in found}) < len(found):
        message = f"{path} describes a dataset twice"
        raise Invalid(message)
    return found


def _frame(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        message = f"{path} cannot be read as Parquet: {error}"
        raise Invalid(message) from error
    missing = [column for column in _COLUMNS if column not in frame.columns]
    if missing or frame.empty:
        message = f"{path} holds no values" if not missing else f"{path} has no column {', '.join(missing)}"
        raise Invalid(message)
    frame = frame[list(_COLUMNS)]
    if (
        not all(pd.api.types.is_numeric_dtype(frame[column]) for column in ("t", "y"))
        or not np.isfinite(frame[["t", "y"]].to_numpy(dtype=float)).all()
    ):
        message = f"{path}: every t and y has to be a finite number"
        raise Invalid(message)
    if frame[["dataset", "series", "part"]].isna().any(axis=None) or set(frame["part"]) - _PARTS:
        message = f"{path}: every row needs a dataset, a series and a part, which is train or test"
        raise Invalid(message)
    return frame.sort_values(["dataset", "series", "t"], kind="stable")


def _data_set(frame: pd.DataFrame, described: dict[str, Any], path: Path) -> DataSet:
    known, actual = [], []
    for name, rows in frame.groupby("series", sort=True):
        times, values, is_test = rows["t"].to_numpy(), rows["y"].to_numpy(dtype=np.float64), (rows["part"] == "test").to_numpy()
        count = int(is_test.sum())
        reason = (
            "t does not count up by 1" if (np.diff(times) != 1).any()
            else f"the horizon is {described['horizon']}, but {count} values are to be foretold" if count != described["horizon"]
            else "a value to be foretold comes before a known one" if not is_test[-count:].all()
            else "nothing is known of it" if count == len(values)
            else None
        )  # fmt: skip
        if reason:
            message = f"{path}: series {name} of {described['dataset']}: {reason}"
            raise Invalid(message)
        known.append(values[:-count])
        actual.append(values[-count:])
    return DataSet(
        name=described["dataset"], horizon=described["horizon"], mase_lag=described["mase_lag"], period=described["seasonal_period"],
        known=tuple(known), actual=tuple(actual),
    )  # fmt: skip
