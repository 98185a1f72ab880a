"""Watching for drift: whether the texts of new tasks, and how often people correct the categorizer, are still as they were.

Inputs are compared as the categorizer saw them: how sure it was, and which share of their words it knew, in the newest tasks beside the first ones
that the version in use met. The texts that it learned from would be no measure: people label what it is not sure about. Outcomes are the corrections
among the newest tasks that it was sure about, against the error that its confidence in them admits.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from models.drift import INDEX_MOST, WINDOW_LEAST, WINDOW_MOST, shifted, stability_index, too_many
from store.journal import Journal, Tx, View
from store.query import Query, any_of
from store.schema import journal as journal_table
from tasks.alerts import raise_alert, resolve

INPUTS, OUTCOMES = "categorizer.inputs", "categorizer.outcomes"  # the alerts
SURE_LEAST = 20  # tasks that were taken without asking, before their corrections say something

_SAID = (
    select(journal_table.c.seq, journal_table.c.key, journal_table.c.kind, journal_table.c.facts)
    .where(any_of(journal_table.c.kind, "task.categorized", "task.questioned"), journal_table.c.seq > bindparam("after"))
    .limit(bindparam("most"))
)
_FIRST = Query(_SAID.order_by(journal_table.c.seq))
_NEWEST = Query(_SAID.order_by(journal_table.c.seq.desc()))
_CORRECTED = Query(
    select(journal_table.c.key, journal_table.c.facts)
    .where(journal_table.c.kind == "task.recategorized", journal_table.c.seq > bindparam("after"))
    .order_by(journal_table.c.seq.desc())
    .limit(bindparam("most")),
)
_PROMOTED = Query(
    select(journal_table.c.seq)
    .where(any_of(journal_table.c.kind, "categorizer.promoted", "categorizer.retired"))
    .order_by(journal_table.c.seq.desc())
    .limit(1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found; a figure is null where there is too little to say."""

    inputs: float | None  # the greater population stability index, of confidence and of known words
    looked_at: int  # tasks that the version in use was sure about
    corrections: int  # of those, corrected by people
    expected: float | None  # share of errors that its confidences admit
    drifted: tuple[str, ...]  # the alerts that it gives rise to


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    seq: int
    task_id: str
    sure: bool
    confidence: float
    known: float


def watch(journal: Journal, *, actor: str) -> Drift:
    """Look at the newest predictions of the version in use; open an alert where they drifted, and close it where they do not any more."""
    with journal.look() as view:
        found = look(view)
    advice = {
        INPUTS: "The categorizer meets other texts than before. Choose the category of some of them (`arbiter review`): it learns from that.",
        OUTCOMES: "It is wrong more often than it says. Raise `confidence_least`, so that people are asked more often, correct more tasks, or go "
        "back to another version with `arbiter categorizer rollback`.",
    }
    titles = {
        INPUTS: f"New tasks differ from the first ones of this version (index {found.inputs or 0:.2f}, {INDEX_MOST} is much)",
        OUTCOMES: f"People corrected {found.corrections} of {found.looked_at} categories that the categorizer was sure of",
    }
    with journal.write(actor) as tx:
        for name in (INPUTS, OUTCOMES):
            _tell(tx, name, titles[name], advice[name], drifted=name in found.drifted)
    return found


def look(view: View) -> Drift:
    """Return how the newest predictions of the version in use compare with its first ones, and with what people say."""
    last = view.one(_PROMOTED)
    after = last["seq"] if last else 0
    first, newest = (_said(view, query, after) for query in (_FIRST, _NEWEST))
    apart = [one for one in newest if one.seq > first[-1].seq] if first else []
    figures = [([getattr(one, name) for one in first], [getattr(one, name) for one in apart]) for name in ("confidence", "known")]
    enough = len(apart) >= WINDOW_LEAST
    sure = {one.task_id: one for one in newest if one.sure}
    corrected = {row["key"] for row in view.rows(_CORRECTED, after=after, most=10 * WINDOW_MOST) if _is_correction(json.loads(row["facts"]))}
    corrections = len(corrected & sure.keys())
    expected = sum(1 - one.confidence for one in sure.values()) / len(sure) if sure else None
    drifted = [INPUTS] if any(shifted(old, new) for old, new in figures) else []
    if expected is not None and len(sure) >= SURE_LEAST and too_many(corrections, len(sure), expected):
        drifted.append(OUTCOMES)
    return Drift(
        inputs=max(stability_index(old, new) for old, new in figures) if enough else None,
        looked_at=len(sure),
        corrections=corrections,
        expected=expected,
        drifted=tuple(drifted),
    )


def _said(view: View, query: Query, after: int) -> list[_Said]:
    """Return predictions of which the event keeps what is compared; older versions of the product kept less."""
    found = [(row, json.loads(row["facts"])) for row in view.rows(query, after=after, most=WINDOW_MOST)]
    return [
        _Said(seq=row["seq"], task_id=row["key"], sure=row["kind"] == "task.categorized", confidence=facts["confidence"], known=facts["known"])
        for row, facts in found
        if facts.get("guess") is not None and "known" in facts
    ]


def _is_correction(facts: dict[str, Any]) -> bool:
    return facts.get("guessed") is not None and facts["guessed"] != facts["category"]


def _tell(tx: Tx, name: str, title: str, advice: str, *, drifted: bool) -> None:
    if drifted:
        raise_alert(tx, name, severity="warning", title=title, advice=advice)
    else:
        resolve(tx, name)
