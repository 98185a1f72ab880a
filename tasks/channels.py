"""Channels: where messages go beside the inbox. What is secret about one is a file that only the house can read, not in the journal."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from sqlalchemy import bindparam, select

from models.clock import new_id
from models.errors import Conflict, IllegalMove, Invalid, StoreError, Undelivered
from models.webhook import new_secret
from store.journal import Journal, Tx, View
from store.query import Query, Row
from store.schema import channels, deliveries, users
from store.settings import Settings
from tasks.alerts import resolve
from tasks.sending import Address, Letter, check, send
from tasks.work import Name, Strict, read_form

_ALL = Query(select(channels).where(channels.c.state != "deleted").order_by(channels.c.name))
_NAMED = Query(select(channels).where(channels.c.name == bindparam("name"), channels.c.state != "deleted"))
_WAITING = Query(select(deliveries).where(deliveries.c.channel_id == bindparam("channel_id"), deliveries.c.state == "waiting"))

Url = Annotated[SecretStr, Field(min_length=3, max_length=2000)]


class NewChannel(Strict):
    """A channel as an operator gives it."""

    name: Name
    url: Url
    kind: Literal["apprise", "webhook"] | None = None  # null: a webhook when the address begins with http
    secret: Annotated[SecretStr, Field(max_length=200)] | None = None  # of a webhook; null: one is made
    user: Name | None = None  # whose it is; null: the house's


class ChannelChange(Strict):
    """What may be changed about a channel; null: as it is."""

    name: Name | None = None
    state: Literal["active", "paused"] | None = None
    url: Url | None = None
    secret: Annotated[SecretStr, Field(max_length=200)] | None = None


def add_channel(journal: Journal, settings: Settings, data: Any, *, actor: str) -> Row:
    """Add a channel; return its row, and for a webhook the `secret` that signs it, this once."""
    wanted = read_form(NewChannel, data, "channel")
    url = wanted.url.get_secret_value()
    kind = wanted.kind or ("webhook" if url.startswith(("http://", "https://")) else "apprise")
    given = wanted.secret.get_secret_value() if wanted.secret else None
    if kind == "apprise" and given:
        message = "only a webhook has a secret of its own: with Apprise it is part of the address"
        raise Invalid(message)
    address = Address(kind=kind, url=url, secret=(given or new_secret()) if kind == "webhook" else None)
    check(address)
    with journal.write(actor) as tx:
        _refuse_taken(tx, wanted.name)
        if wanted.user is not None:
            tx.get(users, wanted.user)
        row: Row = {
            "id": new_id("ch", tx.now), "name": wanted.name, "kind": kind, "address": address.shown(), "user_id": wanted.user, "state": "active",
            "reason": "", "failures": 0, "next_at": None, "reached_at": None, "created_at": tx.now,
        }  # fmt: skip
        tx.create(channels, row, "channel.added")
        _keep(settings, row["id"], address)  # before the commit: a row without its address would be worse than a file without a row
    return row | ({"secret": address.secret} if kind == "webhook" else {})


def change_channel(journal: Journal, settings: Settings, channel_id: str, data: Any, *, actor: str) -> Row:
    """Rename a channel, pause it, let it go on, or lead it elsewhere; return its row."""
    wanted = read_form(ChannelChange, data, "channel")
    with journal.write(actor) as tx:
        row = _existing(tx, channel_id)
        patch: Row = {}
        if wanted.name is not None and wanted.name != row["name"]:
            _refuse_taken(tx, wanted.name)
            patch["name"] = wanted.name
        if wanted.state is not None:
            patch |= {"state": wanted.state, "reason": "" if wanted.state == "active" else f"paused by {actor}", "failures": 0, "next_at": None}
        if wanted.url is not None or wanted.secret is not None:
            known = load(settings, row)
            url = wanted.url.get_secret_value() if wanted.url else known.url
            secret = wanted.secret.get_secret_value() if wanted.secret else known.secret
            address = Address(kind=row["kind"], url=url, secret=secret)
            check(address)
            _keep(settings, channel_id, address)
            patch |= {"address": address.shown(), "failures": 0, "next_at": None}
        if patch:
            tx.change(channels, channel_id, patch, "channel.changed")
        if wanted.state is not None:
            resolve(tx, f"channel:{channel_id}")
    return row | patch


def remove_channel(journal: Journal, settings: Settings, channel_id: str, *, actor: str) -> Row:
    """Delete a channel and its address; what waits for it is dead."""
    with journal.write(actor) as tx:
        row = _existing(tx, channel_id)
        for one in tx.rows(_WAITING, channel_id=channel_id):
            tx.change(deliveries, one["id"], {"state": "dead", "error": "the channel was removed"}, "delivery.dead")
        patch = {"state": "deleted", "reason": f"removed by {actor}"}
        tx.change(channels, channel_id, patch, "channel.removed")
        resolve(tx, f"channel:{channel_id}")
    _path(settings, channel_id).unlink(missing_ok=True)
    return row | patch


def list_channels(journal: Journal, *, user: str | None = None) -> list[Row]:
    """Return the channels, or those of one user."""
    with journal.look() as view:
        return [row for row in view.rows(_ALL) if user is None or row["user_id"] == user]


def send_test(journal: Journal, settings: Settings, channel_id: str, *, actor: str, by: Callable[[Address, Letter], None] = send) -> Row:
    """Send a test message now and note it among the deliveries; return that row, of which `state` is sent or dead."""
    with journal.look() as view:
        row = _existing(view, channel_id)
    now = journal.clock()
    item: Row = {"kind": "channel.tested", "title": f"A test of the channel {row['name']}", "text": f"sent by {actor}", "severity": "info", "at": now}
    item |= {"entity": "channels", "entity_id": channel_id}
    delivery_id, error = new_id("dl", now), None
    try:
        by(load(settings, row), Letter(id=delivery_id, severity="info", title=item["title"], items=[item], count=1, at=now))
    except (Undelivered, StoreError) as failed:
        error = str(failed)
    with journal.write(actor) as tx:
        sent = {
            "id": delivery_id, "channel_id": channel_id, "rule_id": None, "group_key": "test", "severity": "info", "title": item["title"],
            "items": json.dumps([item]), "count": 1, "state": "dead" if error else "sent", "why": "", "tries": 1, "next_at": now,
            "failed_at": now if error else None, "error": error, "created_at": now, "sent_at": None if error else tx.now,
        }  # fmt: skip
        return tx.create(deliveries, sent, "delivery.tested")


def load(settings: Settings, row: Row) -> Address:
    """Return where a channel leads. Raises `StoreError` when its file is not on this machine, or can be read by others."""
    path = _path(settings, row["id"])
    try:
        if path.stat().st_mode & 0o077:
            message = f"{path} can be read by others: run `chmod 600 {path}`, and change the channel's secret if somebody may have read it"
            raise StoreError(message)
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        message = "the address of this channel is not on this machine: give it again"
        raise StoreError(message) from error
    return Address(kind=row["kind"], url=found["url"], secret=found["secret"])


def _existing(view: View, channel_id: str) -> Row:
    row = view.get(channels, channel_id)
    if row["state"] == "deleted":
        message = "this channel was removed"
        raise IllegalMove(message)
    return row


def _refuse_taken(tx: Tx, name: str) -> None:
    if tx.one(_NAMED, name=name) is not None:
        message = f"there is a channel {name!r} already"
        raise Conflict(message)


def _path(settings: Settings, channel_id: str) -> Path:
    return settings.home / "keys" / "channels" / channel_id


def _keep(settings: Settings, channel_id: str, address: Address) -> None:
    path = _path(settings, channel_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as whole:  # made with mode 0600
        json.dump({"url": address.url, "secret": address.secret}, whole)
        whole.flush()
        os.fsync(whole.fileno())
    Path(whole.name).replace(path)
