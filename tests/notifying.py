"""What tests of notifications share: a house with people, a clock that is turned, and receivers that a test turns off and on."""

from typing import Any

from models.clock import SECOND
from models.errors import Undelivered
from store.query import Row
from tasks.alerts import raise_alert, resolve
from tasks.channels import add_channel
from tasks.notices import list_inbox
from tasks.notify import Notifier
from tasks.notify_rules import add_rule
from tasks.post import list_deliveries
from tasks.users import add_user
from tests.api_server import NAMES, PASSWORD
from tests.scheduling import Clockwork


class House(Clockwork):
    """A house with a user of each role and a notifier."""

    def __init__(self, journal, settings, now: str = "2026-05-04T09:59:00", **options: Any) -> None:
        super().__init__(journal, settings, now)
        for role, name in NAMES.items():  # Clockwork has hired the agent already
            add_user(journal, name, role, PASSWORD, actor="test", client="acme" if role == "client" else None)
        add_user(journal, "cleo", "client", PASSWORD, actor="test", client="other")
        self.notifier = Notifier(journal, settings, **options)

    def later(self, seconds: float = 0) -> "House":
        """Turn the clock and let everything happen that is due."""
        self.now += round(seconds * SECOND)
        for _ in range(50):
            before = self.journal.head()
            assert self.notifier.look()
            self.notifier.rest()
            if self.journal.head() == before:
                return self
        message = "the notifier never comes to rest"
        raise AssertionError(message)

    def channel(self, url: str, name: str = "hook", **more: Any) -> Row:
        return add_channel(self.journal, self.settings, {"name": name, "url": url} | more, actor="user:ann")

    def rule(self, *channels: Row, **more: Any) -> Row:
        self.now += 1
        data = {"name": "r", "to": ["user:oli"], "events": ["alert.*"], "channels": [channel["id"] for channel in channels]} | more
        return add_rule(self.journal, data, viewer=None, actor="user:ann")

    def alert(self, name: str = "a", severity: str = "warning", title: str = "it burns") -> None:
        with self.journal.write("test") as tx:
            raise_alert(tx, name, severity=severity, title=title, advice="take water")

    def well(self, name: str = "a") -> None:
        with self.journal.write("test") as tx:
            resolve(tx, name)

    def inbox(self, user: str = "oli", **filters: Any) -> list[Row]:
        return list_inbox(self.journal, user, **filters)["items"]

    def deliveries(self, state: str | None = None) -> list[Row]:
        """Return messages, oldest first."""
        return list_deliveries(self.journal, state=state)[::-1]


class Receiver:
    """A channel's other end in memory: it keeps what arrives, and is down while a test says so."""

    def __init__(self) -> None:
        self.letters: list[Any] = []
        self.down: set[str] = set()  # addresses
        self.tried = 0

    def __call__(self, address, letter) -> None:
        self.tried += 1
        if address.url in self.down:
            message = "the receiver answered 503"
            raise Undelivered(message)
        self.letters.append(letter)

    @property
    def titles(self) -> list[str]:
        return [letter.title for letter in self.letters]
