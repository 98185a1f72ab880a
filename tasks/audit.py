"""An audit: what the journal of a business in virtual time says about the rules, worked out apart from the code that keeps them."""

import json
from collections import Counter

from sqlalchemy import select

from models.event import Event
from store.journal import Journal, fold
from store.query import Query, Row
from store.schema import BY_NAME

MOST = 20  # sentences
_CHUNK = 5_000  # events read at once

State = dict[tuple[str, str], Row]


def broken(journal: Journal) -> list[str]:
    """Return the rules that were broken, a sentence for each time, at most 20; empty when all is well.

    No agent has more attempts than places, nor one that it lacks the skill for, is not online for or rests from; every task ended; and the ledger is
    what its journal folds to.
    """
    state: State = {}
    running: Counter[tuple[str, str]] = Counter()  # agent and category → attempts
    found: list[str] = []
    after = 0
    while events := journal.events(after, most=_CHUNK):
        for event in events:
            if event.kind == "attempt.started":
                found += _at_start(event, state, running)
            fold([event], state)
            _count(event, state, running)
        after = events[-1].seq
    found += [f"{key} never ended: {row['why']}" for (entity, key), row in state.items() if entity == "tasks" and row["state"] != "done"]
    return (found + _differences(journal, state))[:MOST]


def _at_start(event: Event, state: State, running: Counter[tuple[str, str]]) -> list[str]:
    agent = state["agents", event.patch["agent_id"]]
    task = state["tasks", event.patch["task_id"]]
    name, category = agent["id"], task["category"]
    circuit = state.get(("circuits", f"{name}>{category}"))
    rests = (
        circuit is not None
        and circuit["state"] != "closed"
        and (event.at < circuit["probe_at"] or (circuit["state"] == "probing" and running[name, category] > 0))
    )
    rules = {
        "has no free place": sum(count for (one, _), count in running.items() if one == name) >= agent["capacity"],
        f"has no skill in {category}": category not in json.loads(agent["skills"]),
        f"is {agent['state']}": agent["state"] != "online",
        f"rests in {category}": rests,
    }
    return [f"{name} got {task['id']} and {words}" for words, wrong in rules.items() if wrong]


def _count(event: Event, state: State, running: Counter[tuple[str, str]]) -> None:
    if event.kind in {"attempt.started", "attempt.finished"}:
        attempt = state["attempts", event.key]
        category = state["tasks", attempt["task_id"]]["category"]
        running[attempt["agent_id"], category] += 1 if event.kind == "attempt.started" else -1


def _differences(journal: Journal, state: State) -> list[str]:
    """Return where the ledger is not what its journal folds to."""
    with journal.look() as view:
        rows = {(name, row["id"]): row for name, table in BY_NAME.items() for row in view.rows(Query(select(table)))}
    differing = [at for at in sorted(rows.keys() | state.keys()) if rows.get(at) != state.get(at)]
    return [f"the ledger and the journal differ in {name} {key}" for name, key in differing]
