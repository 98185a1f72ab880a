"""Is the house ready for work? One verdict for each part, with what to do."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from models.errors import ArbiterError
from store.journal import Journal
from store.migrate import differences
from store.settings import Settings
from tasks.beats import living_shifts

FREE_LEAST = 256 * 1024 * 1024  # bytes: below, SQLite and the files of attempts soon fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found about one part."""

    name: str
    ok: bool
    detail: str


class Health:
    """Checks a home again and again; that its schema is complete is remembered, because comparing takes long and it stays so."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._journal = journal
        self._settings = settings
        self._migrated = False

    def checks(self) -> list[Check]:
        """Look at every part; a look that fails is a finding."""
        looks = {"database": self._database, "migrations": self._migrations, "shift": self._shift, "disk": self._disk}
        return [self._checked(name, look) for name, look in looks.items()]

    def _checked(self, name: str, look: Callable[[], tuple[bool, str]]) -> Check:
        try:
            ok, detail = look()
        except ArbiterError as error:
            ok, detail = False, str(error)
        except Exception as error:  # noqa: BLE001 - each driver has its own errors, and the finding is the answer
            ok, detail = False, f"cannot be looked at: {type(error).__name__}"
        return Check(name=name, ok=ok, detail=detail)

    def _database(self) -> tuple[bool, str]:
        return True, f"the journal is at {self._journal.head()}"

    def _migrations(self) -> tuple[bool, str]:
        self._migrated = self._migrated or not differences(self._journal.engine)
        return self._migrated, "complete" if self._migrated else "the database is not of this version: run `arbiter up`"

    def _shift(self) -> tuple[bool, str]:
        alive = bool(living_shifts(self._journal))
        return alive, "at work" if alive else "no dispatch shift is alive, so no task starts: is the worker running? see `arbiter doctor`"

    def _disk(self) -> tuple[bool, str]:
        free = shutil.disk_usage(self._settings.home).free
        return free >= FREE_LEAST, f"{free // 1_000_000} MB free" + ("" if free >= FREE_LEAST else ": make room")
