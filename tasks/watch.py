"""The dead-man's switch: a process of its own that writes an alert when what should fire does not, nobody gives out work, or a promise is in danger.

It trusts nothing that a shift says of itself: it compares the ledger with the clock.
"""

import threading

from sqlalchemy import BigInteger, bindparam, select

from models.clock import SECOND, iso
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import schedules
from store.settings import Promises
from tasks.alerts import open_alerts, raise_alert, resolve
from tasks.beats import living
from tasks.freezes import frozen
from tasks.promises import escalate, foresee

LOOK_S = 2.0
FORESEE_S = 30  # between looks at what will be missed
USUAL = Promises()
NO_SHIFT_S = 60  # that nobody may give out work before somebody is told: a house that starts needs a while
ADVICE = "nothing fires and no task starts: see `arbiter status` and `arbiter doctor`"

_LATE = Query(
    select(schedules)
    .where(schedules.c.wake_at + schedules.c.grace_s * SECOND < bindparam("now", type_=BigInteger), schedules.c.state == "active")
    .order_by(schedules.c.id),
)


class Watch:
    """Looks again and again; what it saw last time tells how long something has been amiss."""

    def __init__(self, journal: Journal, promises: Promises = USUAL) -> None:
        self._journal = journal
        self._promises = promises
        self._foreseen_at = 0
        self._fires_since = journal.clock()  # fires are expected since: not before this process began, nor during a freeze
        self._shift_at = journal.clock()  # when somebody was last seen to give out work

    def look(self) -> None:
        """Open alerts for what is amiss now, and close those for what is well again."""
        with self._journal.look() as view:
            now = self._journal.clock()
            if living(view, "lane:", now):
                self._shift_at = now
            if frozen(view, now):
                self._fires_since = now
            amiss = {name: words for name, words in map(self._words, view.rows(_LATE, now=now)) if words["since"] + words["grace_us"] < now}
            known = {row["name"] for row in open_alerts(view) if row["name"] == "dispatch" or row["name"].startswith("late:")}
        self._keep_promises(now)
        dead = now - self._shift_at > NO_SHIFT_S * SECOND
        if amiss.keys() | ({"dispatch"} if dead else set()) != known:
            with self._journal.write("watch") as tx:
                self._write(tx, amiss, dead=dead, known=known)

    def _keep_promises(self, now: int) -> None:
        escalate(self._journal, self._promises)
        if now - self._foreseen_at >= FORESEE_S * SECOND:
            self._foreseen_at = now
            foresee(self._journal)

    def _words(self, row: Row) -> tuple[str, Row]:
        return f"late:{row['id']}", row | {"since": max(row["wake_at"], self._fires_since), "grace_us": row["grace_s"] * SECOND}

    def _write(self, tx: Tx, amiss: dict[str, Row], *, dead: bool, known: set[str]) -> None:
        for name, row in amiss.items():
            title = f"{row['name']} has not fired: it was due at {iso(row['wake_at'])}"
            raise_alert(tx, name, severity="critical", title=title, advice=ADVICE, entity="schedules", entity_id=row["id"])
        if dead:
            raise_alert(tx, "dispatch", severity="critical", title=f"nobody gives out work since {iso(self._shift_at)}", advice=ADVICE)
        for name in known - amiss.keys() - ({"dispatch"} if dead else set()):
            resolve(tx, name)


def watch_forever(journal: Journal, promises: Promises, over: threading.Event) -> None:
    """Look until told to stop. An error ends it: whoever supervises this process shows the error and starts it again."""
    watch = Watch(journal, promises)
    while not over.wait(LOOK_S):
        watch.look()
