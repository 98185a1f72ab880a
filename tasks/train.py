"""Steps of learning from labels of the house: train a challenger, compare it with the version in use, and use it only where it is better.

The labels of tasks are taken in the order in which they were given. The oldest three quarters train, the newest quarter scores both versions; the
challenger is used when its macro-F1 is better and zero lies below the interval of the difference (paired bootstrap, 95 %). What is used then has
learned from all labels, as the scored one did from three quarters. What people called none of the known categories, and labels of categories that
were retired since, are left out.

People label mostly what the categorizer was not sure about. Measured with the labels of texts that it was less than 0.6 sure about and of half of
its other mistakes (169, 107 and 193 labels of the first 600, 500 and 600 texts of three marketplaces), scored by all later texts: accuracy rose
from 0.797 to 0.913, from 0.854 to 0.901 and from 0.865 to 0.946; macro-F1 went from 0.462 to 0.472, from 0.662 down to 0.642, and from 0.360 to
0.413. To add texts that it was sure about, as if confirmed, changed little.
"""

import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, select

from models.categorizer import Document
from models.clock import new_id
from models.errors import StoreError
from models.house import House
from models.scoring import accuracy, by_category, calibration_error, crossed, difference_interval, macro_f1, macro_f1_interval
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import categorizers
from store.settings import Settings
from tasks.alerts import resolve
from tasks.categorize import WEIGHTS
from tasks.categorize_waiting import BROKEN, raise_broken
from tasks.categorizers import public, retire
from tasks.champion import Champion, champion, champion_row
from tasks.keep import keep_file
from tasks.labels import valid_labels

HELD_BACK = 0.25  # of the labels, the newest

_LATEST = Query(select(func.max(categorizers.c.number).label("number"), func.max(categorizers.c.trained_at).label("at")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What there is to learn from."""

    documents: tuple[Document, ...]  # oldest label first
    labels: tuple[str, ...]
    new: int  # labels that are newer than the latest version


def check(journal: Journal, settings: Settings, *, actor: str, weights: Path = WEIGHTS) -> bool:
    """Tell whether the version in use can be used; open an alert when it cannot, and close it when it can."""
    trouble = ""
    with journal.look() as view:
        try:
            champion(view, settings.files, weights=weights)
        except StoreError as error:
            trouble = str(error)
    with journal.write(actor) as tx:
        if trouble:
            raise_broken(tx, trouble)
        else:
            resolve(tx, BROKEN)
    return not trouble


def lesson(journal: Journal, categories: Sequence[str]) -> Lesson:
    """Return the valid labels of tasks in these categories."""
    with journal.look() as view:
        rows = [row for row in valid_labels(view) if row["task_id"] is not None and row["category"] in categories]
        latest = view.one(_LATEST)
    since = (latest["at"] if latest else None) or 0
    return Lesson(
        documents=tuple((row["title"], row["body"]) for row in rows),
        labels=tuple(row["category"] for row in rows),
        new=sum(row["at"] > since for row in rows),
    )


def train(journal: Journal, settings: Settings, *, actor: str, force: bool = False, weights: Path = WEIGHTS) -> Row | None:
    """Train a challenger and use it when it is better; return its row with its card.

    Null when there are fewer than `learn.labels_least` labels, or fewer than `learn.labels_new` since the latest version, `force` aside. Raises
    `StoreError` when the version in use cannot be used.
    """
    with journal.look() as view:
        used = champion(view, settings.files, weights=weights)
    found = lesson(journal, used.house.categories)
    if len(found.labels) < settings.learn.labels_least or (found.new < settings.learn.labels_new and not force):
        return None
    untaught = used.house.untaught()
    cut = len(found.labels) - max(1, int(len(found.labels) * HELD_BACK))
    scored = untaught.fit(found.documents[:cut], found.labels[:cut])
    card = report_card(found, cut, scored, used)
    challenger = untaught.fit(found.documents, found.labels)
    sha256 = _keep(settings, challenger)
    with journal.write(actor) as tx:
        return _record(tx, card, sha256, len(found.labels), used)


def report_card(found: Lesson, cut: int, scored: House, used: Champion) -> dict[str, Any]:
    """Return how the challenger does on the labels that were held back, and how the version in use does on the same."""
    categories, documents, labels = scored.categories, found.documents[cut:], found.labels[cut:]
    said, rival = scored.predict(documents), used.house.predict(documents)
    answers, others = [one.category for one in said], [one.category for one in rival]
    table, other = crossed(labels, answers, categories), crossed(labels, others, categories)
    low, high = difference_interval(labels, answers, others, categories)
    right = [answer == label for answer, label in zip(answers, labels, strict=True)]
    return {
        "trained_on": cut,
        "scored_on": len(labels),
        "macro_f1": macro_f1(table),
        "macro_f1_interval": list(macro_f1_interval(table)),
        "accuracy": accuracy(table),
        "calibration_error": calibration_error([one.confidence for one in said], right),
        "per_class": {name: asdict(score) for name, score in by_category(table, categories).items()},
        "versus": {
            "version": used.number,
            "macro_f1": macro_f1(other),
            "accuracy": accuracy(other),
            "difference": macro_f1(table) - macro_f1(other),
            "difference_interval": [low, high],
        },
    }


def _keep(settings: Settings, house: House) -> str:
    """Keep the file of a version among the artifacts, numbers and JSON only; return its SHA-256."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = house.to_arrays()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with tempfile.NamedTemporaryFile() as file:
        file.write(buffer.getvalue())
        file.flush()
        return keep_file(settings, Path(file.name))[0]


def _record(tx: Tx, card: dict[str, Any], sha256: str, labels: int, used: Champion) -> Row:
    """Write the version, and use it when it is better than the one that it was compared with, which must still be in use."""
    latest = tx.one(_LATEST)
    number = ((latest["number"] if latest else None) or 0) + 1
    low, high = card["versus"]["difference_interval"]
    current = champion_row(tx)
    same = (current["number"] if current else 0) == used.number
    better = low > 0 and same
    rival = f"{card['versus']['macro_f1']:.3f} of version {used.number}"
    compared = f"macro-F1 {card['macro_f1']:.3f} against {rival}, difference {low:+.3f} to {high:+.3f}"
    why = compared if same else f"{compared}; another version came into use meanwhile"
    row: Row = {
        "id": new_id("cz", tx.now), "number": number, "sha256": sha256, "state": "rejected", "labels": labels,
        "card": json.dumps({"version": number} | card), "why": why, "trained_at": tx.now, "promoted_at": None,
    }  # fmt: skip
    tx.create(categorizers, row, "categorizer.trained", number=number)
    if not better:
        tx.change(categorizers, row["id"], {}, "categorizer.rejected", number=number, why=why)
        return public(row)
    if current is not None:
        retire(tx, current, f"version {number} is better: {compared}")
    patch = {"state": "champion", "promoted_at": tx.now}
    tx.change(categorizers, row["id"], patch, "categorizer.promoted", number=number)
    return public(row | patch)
