"""References in a task's inputs: to what other tasks made, to uploads, and to files of the configured folders.

    {"$artifact": {"task": "<ref or id>", "name": "items.parquet"}}    {"$artifact": "<id>"}    {"$file": "books.csv"}

They may stand wherever a path may. They are checked when the task is submitted, and replaced by real files just before each attempt.
"""

import contextlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import bindparam, select

from agents.contract import AgentError
from models.errors import Invalid
from store.journal import Journal, View
from store.query import Query
from store.schema import artifacts
from store.settings import Settings
from tasks.keep import path_of

_OF_TASK = Query(
    select(artifacts)
    .where(artifacts.c.task_id == bindparam("task_id"), artifacts.c.name == bindparam("name"))
    .order_by(artifacts.c.created_at.desc(), artifacts.c.id.desc())
    .limit(1),
)
_BY_ID = Query(select(artifacts).where(artifacts.c.id == bindparam("artifact_id")))


def rewrite(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return the inputs with each reference replaced by `change(name, what)`."""
    if isinstance(value, dict):
        if len(value) == 1 and (name := next(iter(value))) in {"$artifact", "$file"}:
            return change(name, value[name])
        return {key: rewrite(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [rewrite(inner, change) for inner in value]
    return value


def check(view: View, settings: Settings, inputs: Any, *, ids: dict[str, str], needs: set[str], owners: set[str | None]) -> Any:
    """Check all references of a new task; return its inputs with the names of its group replaced by ids.

    Args:
        view: the ledger.
        settings: for the folders that files may be named from.
        inputs: as submitted.
        ids: ids of the tasks that are submitted together, by their `ref`.
        needs: ids of the tasks that it waits for: only their artifacts will exist when it starts.
        owners: whose uploads may be used; null is the house.

    """

    def checked(name: str, what: Any) -> Any:
        if name == "$file":
            _find_file(settings, what)
            return {name: what}
        if isinstance(what, str):
            _find_upload(view, what, owners)
            return {name: what}
        return {name: _of_needed(what, ids, needs)}

    return rewrite(inputs, checked)


def resolve(journal: Journal, settings: Settings, inputs: Any, folder: Path) -> Any:
    """Lay every file that the inputs refer to below `folder / "inputs"`; return the inputs with paths in place of references."""
    numbers = itertools.count(1)

    def path_for(name: str) -> Path:
        return folder / "inputs" / str(next(numbers)) / name  # a folder each: two files may have one name

    def laid(name: str, what: Any) -> str:
        with journal.look() as view:
            source, plain = find(view, settings, name, what)
        target = path_for(plain)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)  # a copy of its own: an agent that changes it changes nothing else
        return str(target)

    return rewrite(inputs, laid)


def find(view: View, settings: Settings, name: str, what: Any) -> tuple[Path, str]:
    """Return where the bytes of a reference are, and the plain name of the file. Raises `Invalid` or `AgentError` when it is not there."""
    if name == "$file":
        source = _find_file(settings, what)
        return source, source.name
    row = view.one(_BY_ID, artifact_id=what) if isinstance(what, str) else view.one(_OF_TASK, task_id=what["task"], name=what["name"])
    if row is None:
        message = f"task {what['task']} made no artifact {what['name']!r}" if isinstance(what, dict) else f"there is no artifact {what}"
        raise AgentError(message)
    return path_of(settings, row["sha256"]), PurePosixPath(row["name"]).name


def _of_needed(what: Any, ids: dict[str, str], needs: set[str]) -> dict[str, str]:
    if not isinstance(what, dict) or what.keys() != {"task", "name"} or not all(isinstance(part, str) for part in what.values()):
        message = '"$artifact" takes {"task": …, "name": …} or the id of an upload'
        raise Invalid(message)
    task_id = ids.get(what["task"], what["task"])
    if task_id not in needs:
        message = f"the inputs use an artifact of {what['task']}, which is not among the tasks that this one needs: add it to `needs`"
        raise Invalid(message)
    return {"task": task_id, "name": what["name"]}


def _find_upload(view: View, artifact_id: str, owners: set[str | None]) -> None:
    row = view.one(_BY_ID, artifact_id=artifact_id)
    if row is None or row["client"] not in owners:
        message = f"there is no artifact {artifact_id!r}: upload the file first"
        raise Invalid(message)


def _find_file(settings: Settings, name: Any) -> Path:
    if not isinstance(name, str) or not name:
        message = '"$file" takes the name of a file'
        raise Invalid(message)
    for root in settings.input_roots:
        base = root.resolve()
        with contextlib.suppress(ValueError, OSError):  # a name that no file can have
            path = (base / name).resolve()
            if path.is_relative_to(base) and path.is_file():
                return path
    message = f"there is no file {name!r} below the folders that `input_roots` names"
    raise Invalid(message)
