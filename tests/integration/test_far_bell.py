"""The doorbell between machines that share a PostgreSQL ledger."""

import threading

import psycopg
import pytest

from store.bell import Bell
from store.far_bell import FarBell, FarListener
from store.home import open_journal, set_up
from store.schema import tasks
from store.settings import Database, Settings
from tests.factories import task_row

PATIENCE_S = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def url(new_database):
    return new_database()


def test_a_commit_is_heard_by_a_machine_that_shares_nothing_but_the_database(url, folder):
    settings = Settings(home=folder / "here", database=Database(url=url))
    set_up(settings)
    heard = threading.Semaphore(0)
    elsewhere = FarListener(url, heard.release)
    assert heard.acquire(timeout=PATIENCE_S), "it looks once when it begins"
    journal = open_journal(settings)
    with journal.write("test") as tx:
        tx.create(tasks, task_row(), "task.submitted", client="acme")
    assert heard.acquire(timeout=PATIENCE_S)
    journal.close()
    elsewhere.close()


def test_a_broken_connection_is_opened_again_and_what_was_missed_is_looked_for(url, folder):
    heard = threading.Semaphore(0)
    bell, listener = FarBell(Bell(folder / "bells"), url), FarListener(url, heard.release)
    assert heard.acquire(timeout=PATIENCE_S)
    bell.ring()
    assert heard.acquire(timeout=PATIENCE_S)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
    assert heard.acquire(timeout=PATIENCE_S), "it looks once when it begins again"
    for _ in range(60):  # the first rings find the connection broken, and are lost
        bell.ring()
        if heard.acquire(timeout=1):
            break
    else:
        pytest.fail("nothing was heard any more")
    bell.close()
    listener.close()


def test_a_database_that_is_away_delays_nobody(folder):
    bell = FarBell(Bell(folder / "bells"), "postgresql://127.0.0.1:1/nothing")
    bell.ring()
    bell.close()
