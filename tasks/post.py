"""The post: brings what waits to its channels. Each channel has a thread while something is on its way, so one that is dead delays nobody.

A try is noted before it begins and again when it ended. A process that dies between the two leaves a message that is tried again, with the same id,
so that a receiver can drop the double: every message arrives at least once, and where the process lives exactly once.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from typing import Any

from sqlalchemy import BigInteger, bindparam, or_, select

from models.clock import new_id
from models.errors import Gone, IllegalMove, Invalid, Undelivered
from models.happening import RANK, Happening
from models.notifying import Decision, backoff, gives_up, next_to_try, summary
from store.bell import Bell
from store.journal import Journal, Tx
from store.query import Query, Row
from store.schema import channels, deliveries
from store.settings import Settings
from tasks.alerts import raise_alert, resolve
from tasks.channels import load
from tasks.sending import Address, Letter, send

ITEMS_MOST = 50  # of one message; it counts all
TELL_AFTER = 3  # failures in a row until an alert says that a channel is down
ACTOR = "notify"
MINUTE = 60_000_000
STATES = ("waiting", "sent", "dead")

_CHANNELS = Query(
    select(channels)
    .where(channels.c.state == "active", or_(channels.c.next_at.is_(None), channels.c.next_at <= bindparam("now", type_=BigInteger)))
    .order_by(channels.c.id),
)
_DUE = Query(
    select(deliveries)
    .where(
        deliveries.c.state == "waiting", deliveries.c.channel_id == bindparam("channel_id"),
        deliveries.c.next_at <= bindparam("now", type_=BigInteger),
    )
    .order_by(deliveries.c.id)
    .limit(30),
)  # fmt: skip
_LIST = Query(
    select(*deliveries.c, channels.c.name.label("channel"))
    .join(channels, channels.c.id == deliveries.c.channel_id)
    .where(or_(bindparam("state", type_=deliveries.c.state.type).is_(None), deliveries.c.state == bindparam("state", type_=deliveries.c.state.type)))
    .order_by(deliveries.c.id.desc())
    .limit(bindparam("most")),
)


class Post:
    """What is on its way. Only the thread that made it reads and writes the ledger; the others send."""

    def __init__(self, journal: Journal, settings: Settings, *, by: Callable[[Address, Letter], None] = send) -> None:
        self._journal = journal
        self._settings = settings
        self._send = by
        self._bell = Bell(settings.run / "bells")
        self._away: dict[str, tuple[Row, Future[None]]] = {}  # by channel

    def dispatch(self, may: Callable[[Tx], bool]) -> None:
        """Send the next message of every channel that is free, as long as `may` says so within the transaction that notes it."""
        now = self._journal.clock()
        with self._journal.look() as view:
            free = [row for row in view.rows(_CHANNELS, now=now) if row["id"] not in self._away]
            picked = [(row, next_to_try(due, row["failures"])) for row in free if (due := view.rows(_DUE, channel_id=row["id"], now=now))]
        if not picked:
            return
        with self._journal.write(ACTOR) as tx:
            if not may(tx):
                return
            going = [(channel, tx.get(deliveries, one["id"])) for channel, one in picked]
            going = [(channel, one) for channel, one in going if one["state"] == "waiting"]
            for _, one in going:
                tx.change(deliveries, one["id"], {"tries": one["tries"] + 1, "why": ""}, "delivery.tried")
        for channel, one in going:
            self._start(channel, one, now)

    def record(self) -> None:
        """Note what came of those that have ended."""
        for channel_id, (one, future) in list(self._away.items()):
            if future.done():
                del self._away[channel_id]
                with self._journal.write(ACTOR) as tx:
                    _record(tx, channel_id, one["id"], future.exception())

    def rest(self, timeout_s: float) -> None:
        """Wait for what is on its way and note what came of it."""
        wait([future for _, future in self._away.values()], timeout_s)
        self.record()

    def close(self) -> None:
        """Give the doorbell back."""
        self._bell.close()

    def _start(self, channel: Row, one: Row, now: int) -> None:
        letter = Letter(id=one["id"], severity=one["severity"], title=one["title"], items=json.loads(one["items"]), count=one["count"], at=now)
        future: Future[None] = Future()
        future.add_done_callback(lambda _: self._bell.ring())
        self._away[channel["id"]] = (one, future)
        threading.Thread(target=self._bring, args=(channel, letter, future), name=f"post-{channel['name']}", daemon=True).start()

    def _bring(self, channel: Row, letter: Letter, future: "Future[None]") -> None:
        try:
            self._send(load(self._settings, channel), letter)
        except Exception as error:  # noqa: BLE001 - whatever a service's code raises is noted as the failure of this channel, and no other waits
            future.set_exception(error)
        else:
            future.set_result(None)


def enqueue(
    tx: Tx, rule_id: str, channel_id: str, group: str, happening: Happening, decision: Decision, *, held: Row | None, link: str | None
) -> None:  # fmt: skip
    """Write a message, or add to the one about the same thing that was not tried yet."""
    item: Row = {
        "kind": happening.kind, "title": happening.title, "text": happening.text, "severity": str(happening.severity), "at": happening.at,
        "entity": happening.entity, "entity_id": happening.entity_id, **({"link": link} if link else {}),
    }  # fmt: skip
    before = json.loads(held["items"]) if held else []
    items, count = [*before, item][-ITEMS_MOST:], (held["count"] if held else 0) + 1
    severity = max(item["severity"], held["severity"] if held else "info", key=RANK.__getitem__)
    words = {"severity": severity, "title": summary(items, count), "items": json.dumps(items, ensure_ascii=False), "count": count}
    words |= {"why": decision.why, "next_at": decision.until}
    if held is not None:
        tx.change(deliveries, held["id"], words, "delivery.grew")
        return
    row = words | {
        "id": new_id("dl", tx.now), "channel_id": channel_id, "rule_id": rule_id, "group_key": group, "state": "waiting", "tries": 0,
        "failed_at": None, "error": None, "created_at": tx.now, "sent_at": None,
    }  # fmt: skip
    tx.create(deliveries, row, "delivery.made")


def list_deliveries(journal: Journal, *, state: str | None = None, most: int = 100) -> list[Row]:
    """Return messages, newest first, with the names of their channels."""
    if state is not None and state not in STATES:
        message = f"the state of a message is one of {', '.join(STATES)}"
        raise Invalid(message)
    with journal.look() as view:
        return [row | {"items": json.loads(row["items"])} for row in view.rows(_LIST, state=state, most=most)]


def replay(journal: Journal, delivery_id: str, *, actor: str) -> Row:
    """Let a dead message be tried again."""
    with journal.write(actor) as tx:
        row = tx.get(deliveries, delivery_id)
        if row["state"] != "dead":
            message = f"this message is {row['state']}: only a dead one can be sent again"
            raise IllegalMove(message)
        if tx.get(channels, row["channel_id"])["state"] == "deleted":
            message = "its channel was removed"
            raise IllegalMove(message)
        patch = {"state": "waiting", "tries": 1, "next_at": tx.now, "failed_at": None}  # not 0: it must stay as it was when it was tried
        tx.change(deliveries, delivery_id, patch, "delivery.replayed")
        return row | patch | {"items": json.loads(row["items"])}


def changes_of(past: Iterable[Row]) -> Sequence[int]:
    """Return the instants of what a rule told about one thing."""
    return [item["at"] for row in past for item in json.loads(row["items"])]


def _record(tx: Tx, channel_id: str, delivery_id: str, error: BaseException | None) -> None:
    one, channel = tx.get(deliveries, delivery_id), tx.get(channels, channel_id)
    if error is None:
        if one["state"] != "sent":
            tx.change(deliveries, delivery_id, {"state": "sent", "sent_at": tx.now, "error": None}, "delivery.sent")
        _reached(tx, channel)
        return
    said = str(error) if isinstance(error, Undelivered) else f"{type(error).__name__}: {error}"[:300]
    if one["state"] != "waiting":
        return
    failed_at = one["failed_at"] or tx.now
    final = isinstance(error, Undelivered) and error.final and not isinstance(error, Gone)
    dead = final or gives_up(tries=one["tries"], failed_at=failed_at, reached_at=channel["reached_at"], now=tx.now)
    patch: dict[str, Any] = {"error": said, "failed_at": failed_at} | ({"state": "dead"} if dead else {})
    tx.change(deliveries, delivery_id, patch, "delivery.dead" if dead else "delivery.failed")
    if not final and channel["state"] == "active":
        _failed(tx, channel, said, gone=isinstance(error, Gone))


def _reached(tx: Tx, channel: Row) -> None:
    if channel["failures"] or channel["reached_at"] is None or tx.now - channel["reached_at"] > MINUTE:
        tx.change(channels, channel["id"], {"failures": 0, "next_at": None, "reached_at": tx.now, "reason": ""}, "channel.reached")
        resolve(tx, f"channel:{channel['id']}")


def _failed(tx: Tx, channel: Row, said: str, *, gone: bool) -> None:
    failures = channel["failures"] + 1
    patch: dict[str, Any] = {"failures": failures, "next_at": tx.now + backoff(failures), "reason": said}
    tx.change(channels, channel["id"], patch | ({"state": "paused"} if gone else {}), "channel.failed")
    if failures == TELL_AFTER or gone:
        raise_alert(
            tx, f"channel:{channel['id']}", severity="warning", title=f"the channel {channel['name']} does not take messages: {said}",
            advice="they wait; see its address and `arbiter channel test`", entity="channels", entity_id=channel["id"],
        )  # fmt: skip
