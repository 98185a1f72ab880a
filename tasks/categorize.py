"""The step that categorizes foreign texts with the weights that the product ships."""

import functools
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.categorizer import Categorizer, Prediction
from models.errors import Invalid, StoreError
from models.untrusted import Untrusted
from store.settings import PROJECT

WEIGHTS = PROJECT / "models" / "weights" / "categorizer.npz"


def categorize(texts: Sequence[tuple[Untrusted, Untrusted]], *, weights: Path = WEIGHTS) -> list[Prediction]:
    """Return a prediction for each pair of title and body. The caller decides what is sure enough.

    Raises `StoreError` when the weights are missing, damaged or of another version: then nobody guesses, and people choose.
    """
    return shipped(weights).predict([(title.plain(), body.plain()) for title, body in texts])


def shipped(weights: Path = WEIGHTS) -> Categorizer:
    """Return the categorizer as it was shipped; raises what `categorize` raises."""
    return _categorizer(weights, _written_at(weights))


def _written_at(weights: Path) -> int:
    try:
        return weights.stat().st_mtime_ns
    except OSError as error:
        message = f"the categorizer's weights are missing: {error}"
        raise StoreError(message) from error


@functools.lru_cache(maxsize=2)  # once per process and version of the file: loading takes longer than a hundred predictions
def _categorizer(weights: Path, _written_at: int) -> Categorizer:
    try:
        with weights.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # numbers and text only: loading runs no code
            return Categorizer.from_arrays({name: arrays[name] for name in arrays})
    except Invalid as error:
        message = f"{weights}: {error}"
        raise StoreError(message) from error
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        message = f"{weights} is damaged: {error}"
        raise StoreError(message) from error
