"""A reader that has seen an event never later meets an older one, also while four processes write."""

import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from store import schema
from store.engine import connect
from store.home import open_journal
from store.settings import PROJECT, Database, Settings
from tests.factories import agent_row

WRITERS, EACH = 4, 150


def write(place: Settings, writer: str) -> None:
    journal = open_journal(place)
    for number in range(EACH):
        with journal.write(f"writer:{writer}") as tx:
            tx.create(schema.agents, agent_row(id=f"{writer}-{number}"), "agent.added")
            tx.change(schema.agents, f"{writer}-{number}", {"capacity": 2}, "agent.changed")
            if number % 3 == 0:
                time.sleep(0.002)  # other writers overtake between the change and the commit
    journal.close()


def start(place: Settings, writer: int) -> "subprocess.Popen[bytes]":
    url = place.database.url.get_secret_value() if place.database.url else ""
    return subprocess.Popen([sys.executable, "-m", "tests.integration.test_late_arrivals", str(place.home), url, str(writer)], cwd=PROJECT)


def test_a_tailing_reader_meets_every_event_once_and_in_order(place, journal):
    """It reads as fast as it can while 4 processes commit; what it saw is what the journal holds in the end."""
    processes = [start(place, writer) for writer in range(WRITERS)]
    seen: list[int] = []
    while any(process.poll() is None for process in processes) or journal.head() > (seen[-1] if seen else 0):
        seen += [event.seq for event in journal.events(seen[-1] if seen else 0, 50)]
    assert [process.returncode for process in processes] == [0] * WRITERS
    final = [event.seq for event in journal.events(0, 10**6)]
    assert len(final) == WRITERS * EACH * 2
    assert seen == final


def test_without_the_lock_postgresql_does_deliver_late(new_database):
    """The reason for the lock: two plain transactions whose numbers and commits are in different orders."""
    engine = connect(new_database().replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as setup:
        setup.execute(text("CREATE TABLE plain (seq bigserial PRIMARY KEY)"))
    with engine.connect() as first, engine.connect() as second, engine.connect() as reader:
        first.execute(text("INSERT INTO plain DEFAULT VALUES"))
        second.execute(text("INSERT INTO plain DEFAULT VALUES"))
        second.commit()
        seen = list(reader.execute(text("SELECT seq FROM plain")).scalars())
        first.commit()
        reader.commit()
        late = list(reader.execute(text("SELECT seq FROM plain ORDER BY seq")).scalars())
    engine.dispose()
    assert (seen, late) == ([2], [1, 2])


if __name__ == "__main__":
    home, url, writer = sys.argv[1:]
    write(Settings(home=Path(home), database=Database(url=url or None)), writer)
