"""What the feed tells beside the journal: who looks, and that there are new figures."""

import asyncio
from collections.abc import Collection

from pydantic import BaseModel

from api.client import Client
from api.presence import Presence
from models.errors import ArbiterError
from models.protocol import Figures, Person, Viewers
from store.engine import DATABASE_ERRORS
from store.journal import Journal
from store.settings import Settings


class Aside:
    """Lives in the event loop of the hub; only the database is asked in threads."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        self._presence = Presence(journal)
        self._present: list[Person] = []
        self._published = settings.lake / "measured.json"
        self._published_at = 0  # when the KPIs were published last; nanoseconds

    async def tell(self, clients: Collection[Client], head: int) -> str | None:
        """Tell those who asked for it what changed; return what could not be done, null when all could."""
        trouble = None
        try:
            await asyncio.to_thread(self._presence.tell, frozenset((client.role, client.user) for client in clients))
            if any("presence" in client.scope.topics for client in clients):
                present = await asyncio.to_thread(self._presence.all)
                if present != self._present:
                    self._present = present
                    _say(clients, "presence", Viewers(viewers=present))
        except (ArbiterError, *DATABASE_ERRORS) as error:
            trouble = f"who looks cannot be written down: {type(error).__name__}"
        changed = self._published.stat().st_mtime_ns if self._published.exists() else 0
        if changed != self._published_at:
            self._published_at = changed
            _say(clients, "kpis", Figures(seq=head))
        return trouble

    def greet(self, client: Client) -> None:
        """Tell a client that follows presence who looks, as far as that is known."""
        if "presence" in client.scope.topics:
            client.link.say(Viewers(viewers=self._present))


def _say(clients: Collection[Client], topic: str, said: BaseModel) -> None:
    for client in clients:
        if topic in client.scope.topics and not client.link.is_full:
            client.link.say(said)
