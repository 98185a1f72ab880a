"""The last events, each encoded and framed once and shared by all who may see it."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.wire import Form, compact, frame, shape, text_of
from models.access import for_client
from models.clock import iso
from models.event import Event
from models.topics import Audience, Scope, concerns

EVENTS_MOST = 8192
BYTES_MOST = 32 * 1024 * 1024
BLOCK = 256  # chunks end where a multiple of so many events ends, so that clients who are behind soon share them
CHUNK_BYTES = 128 * 1024  # of frames in one write, unless a single event is larger
KEPT = 64  # chunks that are kept joined
PROGRESS = "attempt.progressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An event as it goes over the wire."""

    seq: int
    audience: Audience
    frame: bytes
    client_frame: bytes  # the same without what the house alone may know
    user: str | None = None  # whose rights it may have changed
    progress_of: str | None = None  # of which attempt it tells the progress; one that is behind may be told only the last
    name: str = ""  # where a server-sent event leaves the reader
    shapes: dict[tuple[Form, bool], bytes] = field(default_factory=dict)  # in other forms, made when they are first asked for

    def shaped(self, form: Form, *, lean: bool) -> bytes:
        """Return it as a kind of line takes it; `lean` without what the house alone may know."""
        framed = self.client_frame if lean else self.frame
        if form is Form.FRAME:
            return framed
        if (form, lean) not in self.shapes:
            self.shapes[form, lean] = shape(text_of(framed), form, name=self.name)
        return self.shapes[form, lean]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one class of viewers gets in one write: frames, maybe none, and how far they reach."""

    frames: bytes
    cursor: int


def encode(event: Event, epoch: str) -> Item:
    """Encode an event of a stream. Its `at` is ISO 8601 text; `patch` and `facts` are the journal's own, with instants in microseconds."""
    patch, facts = for_client(event.patch), for_client(event.facts)
    full = _frame(event, event.patch, event.facts)
    lean = full if (len(patch), len(facts)) == (len(event.patch), len(event.facts)) else _frame(event, patch, facts)
    return Item(
        seq=event.seq,
        audience=Audience.of(event.entity, event.key, event.actor, event.patch, event.facts),
        frame=full,
        client_frame=lean,
        user=event.key if event.entity == "users" else None,
        progress_of=event.key if event.kind == PROGRESS else None,
        name=f"{epoch}:{event.seq}",
    )


def _frame(event: Event, patch: Mapping[str, Any], facts: Mapping[str, Any]) -> bytes:
    body = {
        "type": "event", "seq": event.seq, "at": iso(event.at), "kind": event.kind, "entity": event.entity, "key": event.key, "actor": event.actor,
        "patch": dict(patch), "facts": dict(facts),
    }  # fmt: skip
    return frame(compact(body))


def join(items: Iterable[Item], scope: Scope, form: Form) -> bytes:
    """Return what viewers of a scope may see and want, in a form."""
    lean = scope.client is not None or scope.agent is not None
    return b"".join([item.shaped(form, lean=lean) for item in items if concerns(item.audience, scope)])


def reach(items: Sequence[Item], start: int, stop: int) -> int:
    """Return where a chunk that begins at `start` ends, at `stop` or before, so that it stays small; it has at least one item."""
    size = 0
    for place in range(start, stop):
        size += len(items[place].frame)
        if size > CHUNK_BYTES and place > start:
            return place
    return stop


@dataclass(slots=True)
class Page:
    """Events older than the ring, read once for all who are that far behind."""

    items: Sequence[Item]
    joined: dict[tuple[Scope, Form], bytes] = field(default_factory=dict)

    def chunk(self, scope: Scope, form: Form) -> Chunk:
        """Return what viewers of a scope get of it."""
        if (scope, form) not in self.joined:
            self.joined[scope, form] = join(self.items, scope, form)
        return Chunk(frames=self.joined[scope, form], cursor=self.items[-1].seq)


class Ring:
    """Holds all events after `floor` up to `head`; the oldest go when there are too many, or too large ones."""

    def __init__(self, *, events_most: int = EVENTS_MOST, bytes_most: int = BYTES_MOST) -> None:
        self._events_most = events_most
        self._bytes_most = bytes_most
        self._items: list[Item] = []
        self._seqs: list[int] = []
        self._dropped = 0  # events that went; the place of the first item in the whole stream
        self._size = 0
        self._joined: OrderedDict[tuple[Scope, Form, int, int], Chunk] = OrderedDict()
        self._latest: dict[str, int] = {}  # the last word on the progress of each attempt
        self.floor = 0
        self.head = 0

    def begin(self, floor: int) -> None:
        """Set where an empty ring begins."""
        self.floor = self.head = floor

    def covers(self, cursor: int) -> bool:
        """Tell whether everything after a cursor is here."""
        return cursor >= self.floor

    def add(self, items: Sequence[Item]) -> None:
        """Take the next events of the journal."""
        self._items += items
        self._latest |= {item.progress_of: item.seq for item in items if item.progress_of is not None}
        self._seqs += [item.seq for item in items]
        self._size += sum(len(item.frame) for item in items)
        self.head = self._seqs[-1] if self._seqs else self.head
        self._trim()

    def chunk(self, scope: Scope, form: Form, cursor: int, *, pressed: bool = False) -> Chunk:
        """Return what comes next for viewers of a scope after a cursor that the ring covers; who is pressed gets no progress that is overtaken."""
        start = bisect_right(self._seqs, cursor)
        if start == len(self._seqs):
            return Chunk(frames=b"", cursor=self.head)
        block_end = ((self._dropped + start) // BLOCK + 1) * BLOCK - self._dropped
        end = reach(self._items, start, min(block_end, len(self._items)))
        if pressed:
            fresh = (item for item in self._items[start:end] if item.progress_of is None or self._latest[item.progress_of] == item.seq)
            return Chunk(frames=join(fresh, scope, form), cursor=self._seqs[end - 1])
        key = (scope, form, self._dropped + start, self._dropped + end)
        if key not in self._joined:
            self._joined[key] = Chunk(frames=join(self._items[start:end], scope, form), cursor=self._seqs[end - 1])
            while len(self._joined) > KEPT:
                self._joined.popitem(last=False)
        self._joined.move_to_end(key)
        return self._joined[key]

    def _trim(self) -> None:
        drop, size = 0, self._size
        while drop < len(self._items) - 1 and (len(self._items) - drop > self._events_most or size > self._bytes_most):
            size -= len(self._items[drop].frame)
            drop += 1
        if drop:
            self.floor = self._seqs[drop - 1]
            for item in self._items[:drop]:
                if item.progress_of is not None and self._latest[item.progress_of] == item.seq:
                    del self._latest[item.progress_of]
            del self._items[:drop], self._seqs[:drop]
            self._dropped += drop
            self._size = size
