"""Files that people hand in before they submit the task that needs them."""

from pathlib import Path

from models.errors import Invalid
from store.journal import Journal
from store.query import Row
from store.schema import artifacts
from store.settings import Settings
from tasks.keep import artifact_row, keep_file
from tasks.moves import public

NAME_MOST = 200  # characters


def keep_upload(journal: Journal, settings: Settings, path: Path, name: str, *, actor: str, client: str | None = None) -> Row:
    """Keep a file as an artifact of no task yet; return its row, a task's inputs may name its id. `client` is who may have it, null: the house."""
    check_name(name)
    sha256, size = keep_file(settings, path)
    with journal.write(actor) as tx:
        row = artifact_row(name=name, sha256=sha256, size=size, at=tx.now, client=client)
        tx.create(artifacts, row, "artifact.added", client=client, task_id=None)
    return public(row)


def check_name(name: str) -> None:
    """Raise `Invalid` for what is not the plain name of a file."""
    if not name.isprintable() or "/" in name or "\\" in name or name.startswith(".") or not 1 <= len(name) <= NAME_MOST or name != name.strip():
        message = f"a file needs a plain name of at most {NAME_MOST} characters, without folders: {name[:NAME_MOST]!r} is none"
        raise Invalid(message)
