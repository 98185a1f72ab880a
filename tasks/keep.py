"""Files that outlive an attempt: kept once, named by their hash."""

import hashlib
import mimetypes
import os
import tempfile
from pathlib import Path

from models.clock import new_id
from store.query import Row
from store.settings import Settings


def keep_file(settings: Settings, path: Path) -> tuple[str, int]:
    """Keep a file's content below `settings.files`, once; return its SHA-256 and size in bytes. Nothing is ever half there."""
    settings.files.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=settings.files, delete=False) as copy, path.open("rb") as source:
        while block := source.read(1 << 20):
            digest.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    target = path_of(settings, digest.hexdigest())
    target.parent.mkdir(exist_ok=True)
    size = Path(copy.name).stat().st_size
    Path(copy.name).chmod(0o640)
    Path(copy.name).replace(target)
    return digest.hexdigest(), size


def path_of(settings: Settings, sha256: str) -> Path:
    """Return where the content with this hash is kept."""
    return settings.files / sha256[:2] / sha256


def artifact_row(*, name: str, sha256: str, size: int, at: int, client: str | None, task_id: str | None = None, attempt_id: str | None = None) -> Row:
    """Return the ledger's row for a kept file; `client` is who may have it, null for the house alone."""
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if name.endswith(".parquet"):
        media_type = "application/vnd.apache.parquet"
    row = {"id": new_id("f", at), "task_id": task_id, "attempt_id": attempt_id, "client": client, "name": name, "sha256": sha256, "size": size}
    return row | {"media_type": media_type, "created_at": at}
