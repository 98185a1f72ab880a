"""The version of the categorizer that the house uses: the shipped one, number 0, or one that learned from labels, with the added categories."""

import functools
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select

from models.categorizer import Prediction
from models.errors import Invalid, StoreError
from models.house import House
from models.untrusted import Untrusted
from models.verdict import Verdict, runner_up, secondary
from store.journal import View
from store.query import Query, Row
from store.schema import categorizers
from tasks.categories import examples_of
from tasks.categorize import WEIGHTS, shipped

Added = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

_CHAMPION = Query(select(categorizers).where(categorizers.c.state == "champion").order_by(categorizers.c.number.desc()).limit(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """A version in use."""

    house: House
    number: int  # 0: as it was shipped
    sha256: str | None  # of its file; null: as it was shipped

    def predict(self, texts: Sequence[tuple[Untrusted, Untrusted]]) -> list[Prediction]:
        """Return a prediction for each pair of title and body."""
        return self.house.predict([(title.plain(), body.plain()) for title, body in texts])


def champion_row(view: View) -> Row | None:
    """Return the row of the version in use; null: it is the shipped one."""
    return view.one(_CHAMPION)


def champion(view: View, files: Path, *, weights: Path = WEIGHTS) -> Champion:
    """Return the version in use, its file being in the folder `files`.

    Raises `StoreError` when its file, or that of the shipped weights, is missing, damaged or of another version: then nobody guesses.
    """
    row = champion_row(view)
    added = tuple(examples_of(view).items())
    if row is None:
        return Champion(house=House(shipped(weights), dict(added)) if not added else _plain(weights, _stamp(weights), added), number=0, sha256=None)
    return version(row, files, added, weights=weights)


def version(row: Row, files: Path, added: Added, *, weights: Path = WEIGHTS) -> Champion:
    """Return a version by its row. Raises what `champion` raises."""
    path = files / row["sha256"][:2] / row["sha256"]
    return Champion(house=_learned(path, _stamp(path), row["sha256"], weights, _stamp(weights), added), number=row["number"], sha256=row["sha256"])


def facts_of(prediction: Prediction, verdict: Verdict, by: Champion) -> Row:
    """Return what the event of a prediction keeps, so that anybody can see later how it came about."""
    second, probability = runner_up(prediction)
    return {
        "guess": prediction.category,
        "confidence": round(prediction.confidence, 4),
        "verdict": str(verdict),
        "runner_up": second,
        "runner_up_confidence": round(probability, 4),
        "words": list(prediction.words),
        "secondary": secondary(prediction),
        "known": round(prediction.known, 4),
        "version": by.number,
    }


def secondary_json(prediction: Prediction) -> str | None:
    """Return the further categories as a task keeps them; null: none is likely."""
    found = secondary(prediction)
    return json.dumps(found, ensure_ascii=False) if found else None


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        message = f"the categorizer's weights are missing: {error}"
        raise StoreError(message) from error


@functools.lru_cache(maxsize=4)
def _plain(weights: Path, _written_at: int, added: Added) -> House:
    return House(shipped(weights), dict(added))


@functools.lru_cache(maxsize=4)  # once per process, version and set of categories
def _learned(path: Path, _written_at: int, sha256: str, weights: Path, _weights_written_at: int, added: Added) -> House:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            message = f"{path} is damaged: its content is not what was kept"
            raise StoreError(message)
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:  # numbers and text only: loading runs no code
            return House.from_arrays(shipped(weights), dict(added), {name: arrays[name] for name in arrays})
    except (Invalid, OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        message = f"{path} cannot be used: {error}"
        raise StoreError(message) from error
