"""Measure: journal → segments → cubes → KPIs.

`python -m flows.measure` measures the home of ARBITER_HOME once, with or without a Prefect server.
"""

import os
import time

os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")  # the default of 20 s is too short for a first start

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from models.clock import now_us
from store.cubes import aggregate, publish
from store.home import open_journal
from store.segments import ship
from store.settings import load
from tasks.measure import measure as confirm

_ship = task(name="ship", cache_policy=NO_CACHE, persist_result=False)(ship)
_aggregate = task(name="aggregate", cache_policy=NO_CACHE, persist_result=False)(aggregate)
_publish = task(name="publish", cache_policy=NO_CACHE, persist_result=False)(publish)


@flow(name="measure", persist_result=False)
def measure(keep_s: float = 0, every_s: float = 10) -> int:
    """Bring the KPIs up to date; return the last event in them.

    keep_s: go on for so many seconds, as a shift. every_s: how long to rest between two looks at the journal. When there is nothing new, a look only
    renews the time of measuring, so that readers can tell a quiet hour from a shift that died.
    """
    settings = load()
    journal = open_journal(settings)
    ends = time.monotonic() + keep_s
    done = -1
    try:
        while True:
            if journal.head() > done:
                _ship(journal, settings.lake)
                measured = _publish(settings.lake, _aggregate(settings.lake), now=now_us())
                done = measured.seq if measured else 0
            else:
                confirm(settings.lake, now=now_us())  # not worth three step runs
            if time.monotonic() + every_s > ends:
                return done
            time.sleep(every_s)
    finally:
        journal.close()


if __name__ == "__main__":
    measure()
