"""Signs of life: who holds a lane and which shifts are alive.

They are kept beside the ledger, not in it: that a process lived at half past three is not worth remembering, and after a restore nobody is alive. A
beat lapses after its time, or at once when its process, on this machine, is gone. Whoever works elsewhere has no process that could be looked at.
"""

import os
import socket
from dataclasses import dataclass

import psutil
from sqlalchemy import bindparam, delete, insert, select

from models.clock import SECOND
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import beats

_HOST = socket.gethostname()

_ALL = Query(select(beats))
_ONE = Query(select(beats).where(beats.c.name == bindparam("beat_name")))
_DELETE = Query(delete(beats).where(beats.c.name == bindparam("beat_name"), beats.c.holder == bindparam("beat_holder")))
_CLEAR = Query(delete(beats).where(beats.c.name == bindparam("beat_name")))
_INSERT = Query(insert(beats).values({column.name: bindparam(f"beat_{column.name}") for column in beats.c}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A sign of life, good until an instant."""

    name: str  # "shift:<id>" holds attempts, "work:<attempt>" one that is worked on elsewhere, "open:<id>" takes new ones, "lane:<n>" claims
    holder: str
    until: int
    here: bool = True  # whether this process gives it for itself; else for somebody who is elsewhere


def alive(row: Row, now: int) -> bool:
    """Tell whether a beat still counts."""
    return bool(row["until"] > now) and not (row["host"] == _HOST and _is_gone(row["pid"], row["born"]))


def give(tx: Tx, beat: Beat) -> bool:
    """Give a sign of life, unless the name is held by somebody else who is alive; tell whether it is ours."""
    held = tx.one(_ONE, beat_name=beat.name)
    if held is not None and held["holder"] != beat.holder and alive(held, tx.now):
        return False
    tx.run(_CLEAR, beat_name=beat.name)
    row = {
        "name": beat.name,
        "holder": beat.holder,
        "until": beat.until,
        "host": _HOST if beat.here else "",
        "pid": os.getpid() if beat.here else 0,
        "born": _born(os.getpid()) if beat.here else 0,
    }
    tx.run(_INSERT, **{f"beat_{name}": value for name, value in row.items()})
    return True


def holds(view: View, name: str, holder: str, now: int) -> bool:
    """Tell whether a holder has this name now."""
    row = view.one(_ONE, beat_name=name)
    return row is not None and row["holder"] == holder and row["until"] > now


def stop(tx: Tx, name: str, holder: str) -> None:
    """Give up a name."""
    tx.run(_DELETE, beat_name=name, beat_holder=holder)


def living(view: View, prefix: str, now: int) -> set[str]:
    """Return the names with a prefix whose holders are alive."""
    return {row["name"] for row in view.rows(_ALL) if row["name"].startswith(prefix) and alive(row, now)}


def bury(tx: Tx) -> None:
    """Forget beats that lapsed more than a minute ago."""
    for row in tx.rows(_ALL):
        if row["until"] < tx.now - 60 * SECOND:
            tx.run(_CLEAR, beat_name=row["name"])


def living_shifts(journal: Journal) -> set[str]:
    """Return the names of the dispatch shifts that claim or stand by; one that only finishes what it started is none of them."""
    with journal.look() as view:
        return living(view, "open:", journal.clock())


def _born(pid: int) -> int:
    return int(psutil.Process(pid).create_time() * 1000)


def _is_gone(pid: int, born: int) -> bool:
    try:
        return _born(pid) != born
    except psutil.NoSuchProcess:
        return True
