"""Channels, rules and deliveries. What is secret about a channel is never answered, but the key of a new webhook, once."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import Json, The, Who
from models.access import OPERATORS
from tasks import channels, notify_rules, post

router = APIRouter(route_class=GuardedRoute, tags=["notifications"])


@router.get("/channels")
def list_channels(the: The, viewer: Who) -> dict[str, Any]:
    """Return the channels: an operator all, everybody else their own."""
    mine = None if viewer.role in OPERATORS else viewer.name
    return {"items": shown_all(channels.list_channels(the.journal, user=mine), viewer)}


@router.post("/channels", status_code=201)
def add_channel(the: The, viewer: Who, wanted: Json) -> dict[str, Any]:
    """Add a channel: a webhook, or an address of Apprise. The answer holds the `secret` that signs a webhook, this once."""
    return shown(channels.add_channel(the.journal, the.settings, wanted, actor=viewer.actor), viewer)


@router.patch("/channels/{channel_id}")
def change_channel(the: The, viewer: Who, channel_id: str, wanted: Json) -> dict[str, Any]:
    """Rename a channel, pause it, let it go on, or lead it elsewhere."""
    return shown(channels.change_channel(the.journal, the.settings, channel_id, wanted, actor=viewer.actor), viewer)


@router.delete("/channels/{channel_id}")
def remove_channel(the: The, viewer: Who, channel_id: str) -> dict[str, Any]:
    """Delete a channel and its address; what waits for it is dead."""
    return shown(channels.remove_channel(the.journal, the.settings, channel_id, actor=viewer.actor), viewer)


@router.post("/channels/{channel_id}/test")
def test_channel(the: The, viewer: Who, channel_id: str) -> dict[str, Any]:
    """Send a test message now; `state` tells whether it was sent, `error` why not."""
    return shown(channels.send_test(the.journal, the.settings, channel_id, actor=viewer.actor), viewer)


@router.get("/notify/rules")
def list_rules(the: The, viewer: Who) -> dict[str, Any]:
    """Return the rules: an operator sees all, everybody else their own."""
    return {"items": shown_all(notify_rules.list_rules(the.journal, viewer=viewer), viewer)}


@router.post("/notify/rules", status_code=201)
def add_rule(the: The, viewer: Who, wanted: Json) -> dict[str, Any]:
    """Add a rule. Who is no operator makes rules that tell themselves."""
    return shown(notify_rules.add_rule(the.journal, wanted, viewer=viewer, actor=viewer.actor), viewer)


@router.put("/notify/rules/{rule_id}")
def replace_rule(the: The, viewer: Who, rule_id: str, wanted: Json) -> dict[str, Any]:
    """Put another definition in the place of a rule's."""
    return shown(notify_rules.replace_rule(the.journal, rule_id, wanted, viewer=viewer, actor=viewer.actor), viewer)


@router.delete("/notify/rules/{rule_id}")
def remove_rule(the: The, viewer: Who, rule_id: str) -> dict[str, Any]:
    """Delete a rule; what it made stays."""
    return shown(notify_rules.remove_rule(the.journal, rule_id, viewer=viewer, actor=viewer.actor), viewer)


@router.post("/notify/rules/{rule_id}/mute")
def mute_rule(the: The, viewer: Who, rule_id: str, wanted: Json) -> dict[str, Any]:
    """Send nothing through a rule's channels until an instant: `{"until": instant or null}`. The inbox goes on."""
    return shown(notify_rules.mute_rule(the.journal, rule_id, wanted, viewer=viewer, actor=viewer.actor), viewer)


@router.get("/deliveries")
def list_deliveries(
    the: The, viewer: Who, state: Annotated[str | None, Query(max_length=20)] = None, most: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:  # fmt: skip
    """Return messages, newest first: what waits, what was sent, what is dead and why."""
    return {"items": shown_all(post.list_deliveries(the.journal, state=state, most=most), viewer)}


@router.post("/deliveries/{delivery_id}/replay")
def replay(the: The, viewer: Who, delivery_id: str) -> dict[str, Any]:
    """Let a dead message be tried again."""
    return shown(post.replay(the.journal, delivery_id, actor=viewer.actor), viewer)
