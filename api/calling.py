"""Who waits for news of an agent: requests that stay open until there is work. Lives in the event loop of the hub."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from api.ring import Item


class Calling:
    """Events that are set when something happens about an agent."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def of(self, agent: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something happens about an agent; whoever waits for it clears it."""
        called = asyncio.Event()
        self._waiting.setdefault(agent, set()).add(called)
        try:
            yield called
        finally:
            self._waiting[agent].discard(called)
            if not self._waiting[agent]:
                del self._waiting[agent]

    def ring(self, items: Iterable[Item]) -> None:
        """Wake up whoever waits for news of the agents that these events are about."""
        if self._waiting:
            for agent in {agent for item in items for agent in item.audience.agents & self._waiting.keys()}:
                for called in self._waiting[agent]:
                    called.set()
