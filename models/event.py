"""An event: one fact that happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the journal.

    `patch` holds the new values of the ledger columns that changed, the whole row when it was created; replaying patches in `seq` order rebuilds the
    ledger. `facts` holds what readers need and the ledger does not keep.
    """

    seq: int  # position in the journal: grows, never re-used, may leap
    at: int  # microseconds since 1970, UTC
    kind: str  # what happened, for example `task.finished`
    entity: str  # ledger table
    key: str  # primary key of the row
    actor: str  # who did it: `user:ann`, `shift:s_01…`, `cli:root`
    patch: Mapping[str, Any]
    facts: Mapping[str, Any]
