"""The home that a command works on, and who works."""

import contextlib
import getpass
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import StoreError

if TYPE_CHECKING:
    from store.journal import Journal
    from store.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An open home."""

    settings: "Settings"
    journal: "Journal"
    actor: str  # who gives the command


def settings() -> "Settings":
    """Build the settings; raises `Invalid` that names what is wrong in `arbiter.toml` or the environment."""
    from pydantic import ValidationError

    from models.errors import Invalid
    from store.settings import load

    try:
        return load()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        file = f"{os.environ.get('ARBITER_HOME', '.arbiter')}/arbiter.toml"
        message = f"the settings cannot be used: {wrong}; they come from {file} and from ARBITER_… variables"
        raise Invalid(message) from error


@contextlib.contextmanager
def opened() -> Iterator[Home]:
    """Open the home; raises `StoreError` when none was set up there."""
    from store.home import open_journal

    found = settings()
    if found.database.url is None and not (found.home / "ledger.db").exists():
        message = f"there is no Arbiter in {found.home}: run `arbiter up` or `arbiter demo` first, or name another home with --home"
        raise StoreError(message)
    journal = open_journal(found)
    try:
        yield Home(settings=found, journal=journal, actor=actor())
    finally:
        journal.close()


def told_to_stop() -> threading.Event:
    """Return what is set once this process is told to stop."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    return told


def actor() -> str:
    """Return who gives the command, as events name it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return f"cli:{os.getuid()}"
