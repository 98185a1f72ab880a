"""The notifier: a small process that reads the journal, tells people what their rules ask for, and hands messages to the post.

Notices, messages and the cursor are written in one transaction, so every event is looked at exactly once, whatever dies. What the notifier writes
itself is nothing that it tells about.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, bindparam, select

from models.clock import SECOND, new_id
from models.event import Event
from models.happening import OWN, Happening, Severity, needs_row, read
from models.notifying import Past, Person, Rule, Verdict, audience, decide, group_key, wants
from store.bell import Listener
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import agents, alerts, attempts, channels, deliveries, notices, readers, tasks, users
from store.settings import Settings
from tasks.beats import Beat, give, holds, stop
from tasks.notices import close, is_open, tell, wake
from tasks.notify_rules import READER, ensure_notifying, rules_of
from tasks.post import ACTOR, Post, changes_of, enqueue
from tasks.sending import Address, Letter, send

LOOK_S = 1.0  # how long an event may go unnoticed when nobody rings
GATHER_S = 0.05  # between two looks, however often it rings
BEAT, BEAT_S, RENEW_S = "notify", 10, 3
READ_MOST = 500
SAVE_EVERY = 500  # events that concern nobody before the cursor is written: each write is an event too

_CURSOR = Query(select(readers.c.seq).where(readers.c.id == READER))
_PEOPLE = Query(select(users.c.id, users.c.role, users.c.client).where(users.c.state == "active").order_by(users.c.id))
_PAST = Query(
    select(deliveries)
    .where(
        deliveries.c.rule_id == bindparam("rule_id"), deliveries.c.channel_id == bindparam("channel_id"),
        deliveries.c.group_key == bindparam("group"),
    )
    .order_by(deliveries.c.id.desc())
    .limit(20),
)  # fmt: skip
_ESCALATING = Query(
    select(notices).where(notices.c.escalate_at <= bindparam("now", type_=BigInteger), notices.c.state == "open").order_by(notices.c.id),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A happening, and the rules that want it with whom each of them tells."""

    happening: Happening
    by: Sequence[tuple[Rule, Sequence[str]]]


class Notifier:
    """One look after the other. Several may run in a home: the one that holds the lease works, the others stand by."""

    def __init__(self, journal: Journal, settings: Settings, *, by: Callable[[Address, Letter], None] = send, dashboard: str | None = None) -> None:
        ensure_notifying(journal, actor=ACTOR)
        self._journal = journal
        self._dashboard = dashboard
        self._post = Post(journal, settings, by=by)
        self._holder = new_id("nf", journal.clock())
        self._beat_at: int | None = None
        self._saved = self._position = -1  # cursor as it is written, and as far as was read

    def look(self) -> bool:
        """Do what is to be done now; tell whether this process is the one that does it."""
        if not self._leads():
            return False
        self._read()
        wake(self._journal, actor=ACTOR)
        self._escalate()
        self._post.record()
        self._post.dispatch(self._may)
        return True

    def rest(self, timeout_s: float = 30) -> None:
        """Wait for messages that are on their way."""
        self._post.rest(timeout_s)

    def close(self) -> None:
        """Let another process go on at once."""
        with self._journal.write(ACTOR) as tx:
            stop(tx, BEAT, self._holder)
        self._beat_at = None
        self._post.close()

    def _leads(self) -> bool:
        now = self._journal.clock()
        if self._beat_at is not None and now - self._beat_at < RENEW_S * SECOND:
            return True
        with self._journal.write(ACTOR) as tx:
            held = give(tx, Beat(name=BEAT, holder=self._holder, until=tx.now + BEAT_S * SECOND))
        self._beat_at = now if held else None
        return held

    def _may(self, tx: Tx) -> bool:
        return holds(tx, BEAT, self._holder, tx.now)

    # --- what happened

    def _read(self) -> None:
        with self._journal.look() as view:
            saved = _cursor(view)
        if saved != self._saved:  # the first look, or somebody else went on meanwhile
            self._saved = self._position = saved
        while events := self._journal.events(self._position, READ_MOST):
            with self._journal.look() as view:
                tellings = _tellings(view, events)
            if tellings or events[-1].seq - self._saved >= SAVE_EVERY:
                self._write(tellings, events[-1].seq)
            self._position = events[-1].seq

    def _write(self, tellings: Sequence[Telling], seq: int) -> None:
        with self._journal.write(ACTOR) as tx:
            if not self._may(tx) or _cursor(tx) != self._saved:
                return  # another process has the lease: what these events mean is its to say
            for telling in tellings:
                self._tell(tx, telling)
            tx.change(readers, READER, {"seq": seq}, "reader.advanced")
        self._saved = seq

    def _tell(self, tx: Tx, telling: Telling) -> None:
        happening = telling.happening
        for group in sorted(happening.closes):
            close(tx, group)
        told: set[str] = set()
        for rule, names in telling.by:
            escalate_at = None if rule.escalate_s is None or happening.resolves else tx.now + rule.escalate_s * SECOND
            for name in names:
                if name not in told:  # two rules that want the same make one line
                    told.add(name)
                    tell(tx, name, rule.id, happening, escalate_at=escalate_at)
            self._deliver(tx, rule, happening, rule.channels)

    def _deliver(self, tx: Tx, rule: Rule, happening: Happening, to: Sequence[str]) -> None:
        for channel_id in to:
            itself = happening.entity == "channels" and happening.entity_id == channel_id  # that a channel is down is not told through it
            if itself or tx.get(channels, channel_id)["state"] == "deleted":
                continue
            group = group_key(rule, happening)
            past = tx.rows(_PAST, rule_id=rule.id, channel_id=channel_id, group=group)
            held = next((row for row in past if row["state"] == "waiting" and row["tries"] == 0), None)
            decision = decide(rule, happening, Past(changes=changes_of(past), held_since=held["created_at"] if held else None), tx.now)
            if decision.verdict is not Verdict.SUPPRESS:
                enqueue(tx, rule.id, channel_id, group, happening, decision, held=held, link=self._link(happening))

    def _link(self, happening: Happening) -> str | None:
        return f"{self._dashboard}/tasks?task={happening.entity_id}" if self._dashboard and happening.entity == "tasks" else None

    # --- what nobody acknowledged

    def _escalate(self) -> None:
        with self._journal.look() as view:
            if not view.rows(_ESCALATING, now=self._journal.clock()):
                return
        with self._journal.write(ACTOR) as tx:
            if not self._may(tx):
                return
            rules, people = {rule.id: rule for rule in rules_of(tx)}, _people(tx)
            once: dict[tuple[str, str], Row] = {}
            for row in tx.rows(_ESCALATING, now=tx.now):
                once.setdefault((row["rule_id"], row["group_key"]), row)
                tx.change(notices, row["id"], {"escalate_at": None}, "notice.escalated", user=row["user_id"])
            for (rule_id, _), row in once.items():
                if rule_id in rules:
                    self._tell_further(tx, rules[rule_id], row, people)

    def _tell_further(self, tx: Tx, rule: Rule, row: Row, people: Sequence[Person]) -> None:
        happening = Happening(
            kind=row["kind"], seq=row["seq"], at=tx.now, severity=Severity.CRITICAL, title=f"Nobody acknowledged: {row['title']}"[:200],
            text=row["text"], entity=row["entity"], entity_id=row["entity_id"], group=row["group_key"],
        )  # fmt: skip
        for name in audience(rule.escalate_to, happening, people):
            tell(tx, name, rule.id, happening)
        self._deliver(tx, replace(rule, quiet_from=None, digest_s=None, digest_at=None), happening, rule.escalate_channels)


def notify_forever(journal: Journal, settings: Settings, over: threading.Event, *, dashboard: str | None = None) -> None:
    """Look until told to stop. An error ends it: whoever supervises this process shows the error and starts it again."""
    listener = Listener(settings.run / "bells")
    notifier = Notifier(journal, settings, dashboard=dashboard)
    try:
        while not over.wait(GATHER_S):
            notifier.look()
            listener.wait(LOOK_S)
        notifier.rest(3)
    finally:
        notifier.close()
        listener.close()


def _tellings(view: View, events: Sequence[Event]) -> list[Telling]:
    """Return what events mean to anybody, in their order; those that concern nobody are left out."""
    rules, people = rules_of(view), _people(view)
    found = []
    for event in events:
        happening = None if event.entity in OWN else read(event, _row(view, event))
        if happening is None:
            continue
        by = [(rule, audience(rule.to, happening, people)) for rule in rules if wants(rule, happening)]
        by = [(rule, names) for rule, names in by if names or rule.channels]
        if by or any(is_open(view, group) for group in happening.closes):
            found.append(Telling(happening=happening, by=by))
    return found


def _row(view: View, event: Event) -> Row | None:
    if not needs_row(event):
        return None
    if event.entity != "attempts":
        return view.get(alerts if event.entity == "alerts" else tasks, event.key)
    attempt = view.get(attempts, event.key)
    return view.get(tasks, attempt["task_id"]) | {"assignee": view.get(agents, attempt["agent_id"])["user_id"]}


def _people(view: View) -> list[Person]:
    return [Person(name=row["id"], role=row["role"], client=row["client"]) for row in view.rows(_PEOPLE)]


def _cursor(view: View) -> int:
    row = view.one(_CURSOR)
    return row["seq"] if row else 0
