"""Steps of ingesting: what a marketplace sent becomes postings, each with a category and how sure that is.

A drop folder is the simplest door: whatever fetches or exports puts a file into `<home>/inbox/<source>/`, under another name first and renamed when
it is complete (names that begin with a dot or end in `.part` are left alone). What was read moves to `done/`; what cannot be read moves to
`quarantine/` beside its reason, and nothing of it is used. A file that was read and not moved, because the process died, is read again and changes
nothing.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import bindparam, func, select

from models.categorizer import Prediction
from models.errors import StoreError, TooLarge, UserError
from models.marketplaces import parse
from models.posting import Posting
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import postings
from tasks.categorize import WEIGHTS, categorize
from tasks.champion import champion

logger = logging.getLogger("arbiter.ingest")

PAYLOAD_MOST = 20_000_000  # bytes
SUFFIXES = {".json", ".xml", ".html"}
_OLD_MOST = 200  # characters of an old text that an event repeats
_TEXTS = {"title", "body"}

_BY_ID = Query(select(postings).where(postings.c.id == bindparam("id")))
_ONE_AT_A_TIME = Query(select(func.pg_advisory_xact_lock(0x504F5354)))  # "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """How many postings a payload held."""

    seen: int = 0  # for the first time
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of one file."""

    source: str
    name: str
    ingested: Ingested | None  # null: it was put into quarantine
    reason: str | None  # why


def ingest(journal: Journal, source: str, payload: bytes, *, actor: str, files: Path | None = None, weights: Path = WEIGHTS) -> Ingested:
    """Record the postings of one payload; the same payload again changes nothing.

    A new one is an event `posting.seen`, one that differs `posting.changed`, with the old values of what changed in its facts. All happens or
    nothing: raises `SchemaDrift` for a payload of another form, `NotFound` for a source without a parser, and `TooLarge`. `files` is the folder with
    the versions of the categorizer, null: the shipped one is used. When it cannot be used, postings have no category; the next time that they are met
    they get one.
    """
    if len(payload) > PAYLOAD_MOST:
        message = f"a payload has at most {PAYLOAD_MOST} bytes, this one has {len(payload)}"
        raise TooLarge(message)
    found = parse(source, payload)
    sha256 = hashlib.sha256(payload).hexdigest()
    with journal.look() as view:
        news = [posting for posting in found if _is_news(view, posting)]
        if not news:
            return Ingested(unchanged=len(found))
        predictions = _predictions(view, news, files, weights)
    with journal.write(actor) as tx:
        if journal.backend == "postgresql":
            tx.rows(_ONE_AT_A_TIME)  # two that both saw nothing would create the same posting twice
        counts = [_record(tx, posting, prediction, sha256) for posting, prediction in zip(news, predictions, strict=True)]
    seen, changed = counts.count("seen"), counts.count("changed")
    return Ingested(seen=seen, changed=changed, unchanged=len(found) - seen - changed)


def _is_news(view: View, posting: Posting) -> bool:
    row = view.one(_BY_ID, id=posting.id)
    return row is None or row["category"] is None or bool(_difference(row, posting))


def _predictions(view: View, news: Sequence[Posting], files: Path | None, weights: Path) -> list[Prediction | None]:
    texts = [(posting.title, posting.body) for posting in news]
    try:
        return [*(categorize(texts, weights=weights) if files is None else champion(view, files, weights=weights).predict(texts))]
    except StoreError:
        logger.exception("the categorizer cannot be used: %d postings have no category", len(news), extra={"event": "posting.uncategorized"})
        return [None for _ in news]


def _record(tx: Tx, posting: Posting, prediction: Prediction | None, sha256: str) -> str:
    row = tx.one(_BY_ID, id=posting.id)
    judged = {"category": prediction.category, "confidence": prediction.confidence} if prediction else {"category": None, "confidence": None}
    if row is None:
        rest = {"id": posting.id, "source": posting.source, "raw_sha256": sha256, "seen_at": tx.now, "task_id": None}
        tx.create(postings, _columns(posting) | judged | rest, "posting.seen", source=posting.source)
        return "seen"
    patch = _difference(row, posting)
    if row["category"] is None or _TEXTS & patch.keys():
        patch |= {name: value for name, value in judged.items() if row[name] != value}
    if not patch:
        return "unchanged"
    before = {name: _short(row[name]) for name in patch}
    tx.change(postings, posting.id, patch | {"raw_sha256": sha256}, "posting.changed", source=posting.source, before=before)
    return "changed"


def _difference(row: Row, posting: Posting) -> Row:
    return {name: value for name, value in _columns(posting).items() if row[name] != value}


def _columns(posting: Posting) -> Row:
    """Return the columns that say what the marketplace said."""
    return {
        "url": posting.url,
        "title": posting.title.plain(),
        "body": posting.body.plain(),
        "client": posting.client,
        "budget_min_cents": posting.budget_min_cents,
        "budget_max_cents": posting.budget_max_cents,
        "currency": posting.currency,
        "basis": posting.basis.value,
        "state": posting.state.value,
        "flags": json.dumps([flag.value for flag in posting.flags]),
        "posted_at": posting.posted_at,
    }


def _short(value: object) -> object:
    return value[:_OLD_MOST] if isinstance(value, str) else value


def ingest_folder(journal: Journal, folder: Path, *, actor: str, files: Path | None = None) -> list[Handled]:
    """Ingest every complete file of a drop folder, and tell what became of each."""
    return [ingest_file(journal, path, actor=actor, files=files) for path in waiting_files(folder)]


def waiting_files(folder: Path) -> list[Path]:
    """Return the complete files below `<folder>/<source>/`, oldest first; none when there is no such folder."""
    files = [path for path in folder.glob("*/*") if path.suffix in SUFFIXES and not path.name.startswith(".") and not path.is_dir()]
    return sorted(files, key=lambda path: (path.lstat().st_mtime_ns, path))


def ingest_file(journal: Journal, path: Path, *, actor: str, files: Path | None = None) -> Handled:
    """Ingest one file and move it to `done/` or, with the reason beside it, to `quarantine/`; its name there begins with the hash of the content."""
    source, payload = path.parent.name, b""
    try:
        payload = _read(path)
        ingested = ingest(journal, source, payload, actor=actor, files=files)
    except UserError as error:
        kept = _place(path, "quarantine", payload)
        kept.with_name(f"{kept.name}.reason.txt").write_text(f"{error}\n", encoding="utf-8")
        _move(path, kept)
        logger.warning("%s was put into quarantine: %s", kept, error, extra={"event": "posting.quarantined", "source": source})
        return Handled(source=source, name=path.name, ingested=None, reason=str(error))
    _move(path, _place(path, "done", payload))
    return Handled(source=source, name=path.name, ingested=ingested, reason=None)


def totals(handled: Sequence[Handled]) -> dict[str, int]:
    """Add up what became of many files."""
    read = [one.ingested for one in handled if one.ingested]
    return {
        "files": len(handled),
        "quarantined": len(handled) - len(read),
        "seen": sum(one.seen for one in read),
        "changed": sum(one.changed for one in read),
        "unchanged": sum(one.unchanged for one in read),
    }


def _read(path: Path) -> bytes:
    if path.is_symlink():
        message = f"{path.name} is a link: a drop folder takes files only"
        raise UserError(message)
    try:
        size = path.stat().st_size
        payload = path.read_bytes() if size <= PAYLOAD_MOST else b""
    except OSError as error:
        message = f"{path.name} cannot be read: {error}"
        raise UserError(message) from error
    if size > PAYLOAD_MOST:
        message = f"a file has at most {PAYLOAD_MOST} bytes, {path.name} has {size}"
        raise TooLarge(message)
    return payload


def _place(path: Path, folder: str, payload: bytes) -> Path:
    place = path.parent / folder / f"{hashlib.sha256(payload).hexdigest()[:16]}-{path.name}"
    place.parent.mkdir(exist_ok=True)
    return place


def _move(path: Path, place: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process read it too, and was faster: reading twice changes nothing
        path.replace(place)
