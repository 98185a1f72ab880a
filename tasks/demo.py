"""The demonstration: loads the work of `examples/`, and compares what came of it with the right results.

Everything that it makes is labelled: tasks have the source `demo`, users the label `demo`.
"""

import contextlib
import fnmatch
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from sqlalchemy import bindparam, select

from agents import registry
from models.errors import Conflict, NotFound
from models.task import Reason, State
from store.journal import Journal, View
from store.query import Query, Row
from store.schema import agents, requests, tasks, users
from store.settings import PROJECT, Settings
from tasks import schedules
from tasks.fire import run_now
from tasks.keep import path_of
from tasks.read import task_detail
from tasks.staff import hire
from tasks.submit import submit
from tasks.terms import Terms
from tasks.users import add_user
from tasks.work import read_work

EXAMPLES: Final = PROJECT / "examples"
SOURCE: Final = "demo"
DIGITS: Final = 6  # of a fraction that are compared: below them is noise of binary fractions
USERS: Final = (("demo-operator", "operator", None), ("demo-analyst", "analyst", None), ("demo-client", "client", "Northwind Books"))

_REQUESTS = Query(select(requests.c.answer).where(requests.c.id.like(bindparam("key"))))
_SOURCE = Query(select(tasks.c.source).where(tasks.c.id == bindparam("task_id")))
_AGENT = Query(select(agents).where(agents.c.id == bindparam("agent_id")))
_USER = Query(select(users.c.id).where(users.c.id == bindparam("name")))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user that was made for the demonstration; the password is told once and kept only as a hash."""

    name: str
    role: str
    client: str | None
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the demonstration works on."""

    fresh: bool  # false: this home had the work already, and nothing was submitted
    group_id: str
    tasks: Mapping[str, str]  # ref → id
    left_out: Mapping[str, str]  # ref → why this machine cannot do it
    users: tuple[NewUser, ...]  # made just now; empty when they were there


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One figure or end of a task, compared."""

    name: str
    ref: str
    expected: Any
    found: Any  # null: there is none
    ok: bool


def load(journal: Journal, settings: Settings, *, examples_url: str, actor: str) -> Loaded:
    """Submit the work of `examples/` with agents that have their price, and make the demo users; what this home has already stays as it is.

    Args:
        journal: of a home that has been set up.
        settings: of that home.
        examples_url: where `examples.web` answers, without a slash at the end.
        actor: who loads it.

    """
    work = _placed(_read("work.json"), examples_url)
    left_out = _left_out(work, settings)
    answer = _answered(journal)
    fresh = answer is None
    if answer is None:
        _staff(journal, settings, actor)
        kept = read_work({"tasks": [task for task in work["tasks"] if task["ref"] not in left_out]})
        answer = submit(journal, kept, settings=settings, actor=actor, source=SOURCE, key=_key())
    known = {task["ref"]: task["id"] for task in answer["tasks"]}
    return Loaded(
        fresh=fresh,
        group_id=answer["group_id"],
        tasks=known,
        left_out={ref: why for ref, why in left_out.items() if ref not in known},
        users=tuple(_missing_users(journal, actor)),
    )


def load_schedules(journal: Journal, settings: Settings, *, actor: str) -> list[str]:
    """Make the schedules of `examples/` that this home lacks, and let each fire once, so that its history begins; return the names of those."""
    made = []
    for definition in _read("schedules.json"):
        with contextlib.suppress(Conflict):  # this home has it
            schedules.create(journal, definition, settings=settings, actor=actor)
            run_now(journal, settings, definition["name"], actor=actor)
            made.append(definition["name"])
    return made


def check(journal: Journal, settings: Settings) -> list[Checked]:
    """Compare how each loaded task ended and what it brought with `expected.json`. Raises `NotFound` when nothing was loaded."""
    answer = _answered(journal)
    if answer is None:
        message = "the demonstration's work is not in this home: run `arbiter demo`"
        raise NotFound(message)
    details = {task["ref"]: task_detail(journal, task["id"]) for task in answer["tasks"]}
    expected = _read("expected.json")
    ends = [_end(item, details[item["ref"]]["task"]) for item in expected["ends"] if item["ref"] in details]
    return ends + [_check(item, details[item["ref"]], settings) for item in expected["checks"] if item["ref"] in details]


def _staff(journal: Journal, settings: Settings, actor: str) -> None:
    """Bring the agents of `agents.json`: one that the house has gets a price if it has none, another is hired."""
    with journal.write(actor) as tx:
        for wanted in _read("agents.json"):
            terms = Terms(**wanted["terms"])
            known = tx.one(_AGENT, agent_id=wanted["id"])
            if known is None:
                lacking = registry.lacking(wanted["kind"], settings.fetch) or ""
                hire(tx, wanted["id"], kind=wanted["kind"], title=wanted["title"], terms=terms, lacking=lacking)
            elif not (known["price_cents"] or known["minute_cents"]):
                tx.change(agents, wanted["id"], terms.model_dump(), "agent.changed")


def at_rest(task: Row) -> bool:
    """Tell whether only a person moves this task on: it ended, is paused, or waits for a decision or an approval."""
    return task["state"] in {State.DONE, State.REVIEW, State.PAUSED} or (task["state"] == State.WAITING and task["reason"] == Reason.APPROVAL)


def _read(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_text(encoding="utf-8"))


def _key() -> str:
    return f"demo-{_read('expected.json')['version']}"


def _placed(value: Any, url: str) -> Any:
    """Return the work with the address of the examples in place of `{examples}`."""
    if isinstance(value, dict):
        return {key: _placed(item, url) for key, item in value.items()}
    if isinstance(value, list):
        return [_placed(item, url) for item in value]
    return value.replace("{examples}", url) if isinstance(value, str) else value


def _left_out(work: Row, settings: Settings) -> dict[str, str]:
    """Return the tasks for a sandbox on a machine without one. No other task needs them, so the rest is whole."""
    why = registry.make("shell", settings.fetch).unavailable()
    return {task["ref"]: why for task in work["tasks"] if task["kind"] == "shell" and why is not None}


def _answered(journal: Journal) -> Row | None:
    """Return the answer to the first loading of this version, whoever loaded it; null when it was not loaded."""
    with journal.look() as view:
        answers = (json.loads(row["answer"]) for row in view.rows(_REQUESTS, key=f"%:{_key()}"))
        return next((answer for answer in answers if _is_ours(view, answer)), None)


def _is_ours(view: View, answer: Row) -> bool:
    """Tell whether it was the demonstration that was answered, and not a visitor who used the same key for other work."""
    row = view.one(_SOURCE, task_id=answer["tasks"][0]["id"])
    return row is not None and row["source"] == SOURCE


def _missing_users(journal: Journal, actor: str) -> list[NewUser]:
    made = []
    for name, role, client in USERS:
        with journal.look() as view:
            if view.one(_USER, name=name) is not None:
                continue
        user = NewUser(name=name, role=role, client=client, password=secrets.token_urlsafe(12))
        add_user(journal, name, role, user.password, client=client, label="demo", actor=actor)
        made.append(user)
    return made


def _end(item: Row, task: Row) -> Checked:
    named = [name for name in ("state", "outcome", "reason") if name in item]
    expected, found = (" ".join(str(row[name]) for name in named) for row in (item, task))
    return Checked(name="how it ends", ref=item["ref"], expected=expected, found=found, ok=expected == found)


def _check(item: Row, detail: Row, settings: Settings) -> Checked:
    match item["measure"]:
        case "value":
            found = _at(detail["task"]["result"], item["path"])
        case "attempts":
            found = detail["task"]["attempts"]
        case "files":
            found = len({row["name"] for row in detail["artifacts"] if fnmatch.fnmatchcase(row["name"], item["artifact"])})
        case _:
            found = _of_artifact(item, detail, settings)
    return Checked(name=item["name"], ref=item["ref"], expected=item["expected"], found=found, ok=found == item["expected"])


def _at(value: Any, path: list[str]) -> Any:
    """Return the part of a result that a path leads to; null when there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return round(value, DIGITS) if isinstance(value, float) else value


def _of_artifact(item: Row, detail: Row, settings: Settings) -> Any:
    """Measure the newest artifact of that name; null when there is none."""
    named = [row for row in detail["artifacts"] if row["name"] == item["artifact"]]
    if not named:
        return None
    path = path_of(settings, named[-1]["sha256"])
    if item["measure"] == "text":
        return item["expected"] if item["expected"] in path.read_text(encoding="utf-8") else None
    table = _table(path, item["artifact"])
    if "column" in item and item["column"] not in table.column_names:
        return f"no column {item['column']}"
    return MEASURES[item["measure"]](table, item.get("column"))


def _table(path: Path, name: str) -> pa.Table:
    return pq.read_table(path) if name.endswith(".parquet") else pa_csv.read_csv(path)


def _sum(table: pa.Table, column: str | None) -> float | int | None:
    total = pc.sum(table[column]).as_py()
    return total if total is None or isinstance(total, int) else round(float(total), DIGITS)


MEASURES: Final[dict[str, Callable[[pa.Table, str | None], Any]]] = {
    "rows": lambda table, _column: table.num_rows,
    "sum": _sum,
    "missing": lambda table, column: table[column].null_count,
    "first": lambda table, column: table[column][0].as_py() if table.num_rows else None,
}
