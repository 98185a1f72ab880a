"""Sending one message through one channel: a signed webhook, or one of the services that Apprise knows.

Foreign text in a message is one line without mark-up; what a receiver reads into it (mentions, links in angle brackets) is broken. Nothing here reads
or writes the ledger.
"""

import json
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import apprise
import httpx

from models import webhook
from models.clock import SECOND, iso
from models.errors import Gone, Invalid, Refused, Undelivered
from models.untrusted import Untrusted

TIMEOUT_S = 10
ITEMS_SHOWN = 30  # of a message with many
ERROR_MOST = 300  # characters
FINAL = {400, 413, 422}  # the receiver understood and does not want this message

_TYPES = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING, "critical": apprise.NotifyType.FAILURE}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """Where a channel leads, with its secrets: it has no form that can be printed."""

    kind: str  # apprise, webhook
    url: str
    secret: str | None = None  # of a webhook

    def shown(self) -> str:
        """Return as much as everybody may know: of a service only its name, because hosts and paths of some are keys."""
        parts = urlsplit(self.url)
        return parts.scheme if self.kind == "apprise" else f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message."""

    id: str  # the same at every try
    severity: str
    title: str
    items: Sequence[Mapping[str, Any]]  # kind, title, text, severity, at, entity, entity_id; oldest first
    count: int
    at: int  # when it is sent


def check(address: Address) -> None:
    """Raise `Invalid` for an address that cannot be one; it is not repeated, because it may hold secrets."""
    if address.kind == "webhook":
        try:
            parts = httpx.URL(address.url)
        except httpx.InvalidURL as error:
            message = "the address of the webhook cannot be read"
            raise Invalid(message) from error
        if parts.scheme not in {"http", "https"} or not parts.host:
            message = "the address of a webhook begins with https:// or http:// and a host"
            raise Invalid(message)
        webhook.key_of(address.secret or "")
    elif "://" not in address.url or _plugin(address.url) is None:
        message = "Apprise does not know this kind of address: see its list of services, for example mailto://user:password@host?to=ann@example.com"
        raise Invalid(message)


def send(address: Address, letter: Letter) -> None:
    """Send a message. Raises `Undelivered` (`Refused`, `Gone`) with a reason that holds no secret."""
    if address.kind == "webhook":
        _post(address, letter)
    else:
        _notify(address, letter)


def _post(address: Address, letter: Letter) -> None:
    body = json.dumps(_payload(letter), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json"} | webhook.headers(address.secret or "", letter.id, letter.at // SECOND, body)
    try:
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as http,
            http.stream("POST", address.url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"the receiver cannot be reached: {type(error).__name__}"
        raise Undelivered(message) from error
    if 200 <= status < 300:
        return
    kind = Gone if status == 410 else Refused if status in FINAL else Undelivered
    message = f"the receiver answered {status}" + ("; redirects are not followed" if 300 <= status < 400 else "")
    raise kind(message)


def _payload(letter: Letter) -> dict[str, Any]:
    """Return the body of a webhook. It holds nothing that another try would change."""
    items = [{**item, "at": iso(item["at"])} for item in letter.items]
    kind = items[-1]["kind"] if letter.count == 1 else "notices.gathered"
    data = {"severity": letter.severity, "title": letter.title, "count": letter.count, "items": items}
    return {"type": kind, "timestamp": items[-1]["at"], "data": data}


def _notify(address: Address, letter: Letter) -> None:
    plugin = _plugin(address.url)
    if plugin is None:
        message = "Apprise does not know this kind of address"
        raise Undelivered(message)
    plugin.notify_format = apprise.NotifyFormat.TEXT  # whatever a service would make of HTML or Markdown in a title
    service = apprise.Apprise(asset=_asset())
    service.add(plugin)
    with _Heard() as heard:
        arrived = service.notify(
            body=_body(letter), title=harmless(letter.title), notify_type=_TYPES[letter.severity], body_format=apprise.NotifyFormat.TEXT
        )
    if not arrived:
        raise Undelivered(_without_secrets(heard.last or "the service did not take it", address.url))


def _body(letter: Letter) -> str:
    lines = [line for item in letter.items[-ITEMS_SHOWN:] for line in _lines(item, alone=letter.count == 1)]
    shown = min(len(letter.items), ITEMS_SHOWN)
    more = [f"… and {letter.count - shown} before"] if letter.count > shown else []
    return "\n".join([*more, *lines])


def _lines(item: Mapping[str, Any], *, alone: bool) -> list[str]:
    said = [] if alone and item["text"] else [f"{(iso(item['at']) or '')[:19]}Z {harmless(item['title'])}"]
    return [*said, *([harmless(item["text"], 600)] if item["text"] else []), *([item["link"]] if item.get("link") else [])]


def harmless(text: str, most: int = 200) -> str:
    """Return foreign text as one line that mentions nobody and links nowhere in a chat."""
    line = Untrusted(text).line(most).replace("<", "(").replace(">", ")")
    return re.sub(r"@(?=\w)", "@\u2060", line)


def _plugin(url: str) -> Any:
    return apprise.Apprise.instantiate(url, asset=_asset())


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        storage_mode=apprise.PersistentStoreMode.MEMORY, app_id="Arbiter", app_desc="Arbiter", app_url="", async_mode=False, http_redirects=False,
        pgp_autogen=False, pem_autogen=False, secure_logging=True,
    )  # fmt: skip


class _Heard(logging.Handler):
    """Keeps the last thing that Apprise complains about in this thread: it tells causes in its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record of this thread."""
        if record.thread == self._thread:
            self.last = record.getMessage()

    def __enter__(self) -> Self:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)


def _without_secrets(text: str, url: str) -> str:
    """Return a complaint of a service without the parts of its address that may be keys: all but its host."""
    parts = urlsplit(url)
    secrets = [parts.password or "", parts.username or "", *parts.path.split("/"), *re.split("[&=]", parts.query)]
    for secret in sorted({one for part in secrets for one in (part, unquote(part)) if len(one) >= 5}, key=len, reverse=True):
        text = text.replace(secret, "…")
    return Untrusted(text).line(ERROR_MOST)
