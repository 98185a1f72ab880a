"""Shipping: keeps the lake at the head of the journal, beside the flows."""

import logging
import threading
from pathlib import Path

from store.journal import Journal
from store.segments import last_shipped, ship

LOOK_S = 0.5  # how often the head of the journal is looked at
REST_S = 1.0  # between two shipments: each makes a file

log = logging.getLogger(__name__)


def ship_forever(journal: Journal, lake: Path, stop: threading.Event) -> None:
    """Ship what is new until `stop` is set, and once more then.

    An error ends it: whoever supervises this process shows the error and starts it again.
    """
    ship(journal, lake)  # also checks that this is the lake of this journal
    shipped = last_shipped(lake)
    while not stop.wait(LOOK_S):
        head = journal.head()
        if head > shipped:
            n = ship(journal, lake)
            shipped = max(head, shipped)
            log.debug("shipped %d events, up to %d", n, head, extra={"event": "lake.shipped", "events": n, "seq": head})
            stop.wait(REST_S)
    ship(journal, lake)
