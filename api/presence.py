"""Who looks now: each server of the house says of whom it has connections, as signs of life in the database that all of them share."""

from models.clock import SECOND, new_id
from models.protocol import Person
from store.journal import Journal
from tasks.beats import Beat, give, living, stop

GIVEN_S = 30.0  # a sign is given again after a third of this
_PREFIX = "viewer:"


class Presence:
    """The viewers of this server, and of all. Blocks; call it in a thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._id = new_id("v", journal.clock())
        self._told: frozenset[tuple[str, str]] = frozenset()  # role and name
        self._told_at = 0

    def tell(self, people: frozenset[tuple[str, str]]) -> None:
        """Say who looks through this server, by role and name; says nothing when that was said and is still believed."""
        now = self._journal.clock()
        if people == self._told and (not people or now - self._told_at < GIVEN_S / 3 * SECOND):
            return
        with self._journal.write("api") as tx:
            for role, name in self._told - people:
                stop(tx, self._name(role, name), self._id)
            for role, name in people:
                give(tx, Beat(name=self._name(role, name), holder=self._id, until=tx.now + round(GIVEN_S * SECOND)))
        self._told, self._told_at = people, now

    def all(self) -> list[Person]:
        """Return who looks through any server, by name."""
        with self._journal.look() as view:
            names = living(view, _PREFIX, self._journal.clock())
        found = {Person(role=role, name=name) for _, _, role, name in (text.split(":", 3) for text in names)}
        return sorted(found, key=lambda person: person.name)

    def _name(self, role: str, name: str) -> str:
        return f"{_PREFIX}{self._id}:{role}:{name}"
