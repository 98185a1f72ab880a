"""The ring of the feed: what is sent in chunks is exactly what a viewer may see, in order, each once."""

import io
import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame

from api.ring import BLOCK, CHUNK_BYTES, Page, Ring, encode, reach
from api.wire import Form, frame
from models.event import Event
from models.topics import Scope

ALL = Scope(topics=frozenset({"tasks", "agents"}))
ACME = Scope(topics=frozenset({"tasks"}), client="acme")
CLIENTS = ["acme", "other", None]
ENTITIES = ["tasks", "agents", "users"]


def event(seq, client="acme", entity="tasks", size=0):
    patch, facts = {"why": "x" * size}, {"client": client}
    return Event(seq=seq, at=seq, kind="task.changed", entity=entity, key=f"t_{seq}", actor="test", patch=patch, facts=facts)


def messages(frames):
    """Read unmasked text frames, by the book."""
    found = []
    while frames:
        assert frames[0] == 0x81
        size, start = frames[1], 2
        if size == 126:
            size, start = int.from_bytes(frames[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(frames[2:10], "big"), 10
        found.append(json.loads(frames[start : start + size]))
        frames = frames[start + size :]
    return found


def drain(ring, scope, cursor):
    """Return the seqs that a client gets from a cursor to the head, in chunks."""
    got = []
    while cursor < ring.head:
        chunk = ring.chunk(scope, Form.FRAME, cursor)
        assert chunk.cursor > cursor
        got += [message["seq"] for message in messages(chunk.frames)]
        cursor = chunk.cursor
    return got


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_a_frame_tells_its_length(size):
    text = b'"' + b"x" * size + b'"'
    assert messages(frame(text)) == ["x" * size]


def test_an_event_goes_out_with_its_instant_as_text_and_its_patch_as_it_is():
    shown = messages(encode(event(5), "e").frame)[0]
    assert shown == {
        "type": "event", "seq": 5, "at": "1970-01-01T00:00:00.000005Z", "kind": "task.changed", "entity": "tasks", "key": "t_5", "actor": "test",
        "patch": {"why": ""}, "facts": {"client": "acme"},
    }  # fmt: skip


@given(
    steps=st.lists(st.tuples(st.integers(1, 5), st.sampled_from(CLIENTS), st.sampled_from(ENTITIES)), max_size=80),
    cuts=st.lists(st.integers(0, 80), max_size=5),
    cursor=st.integers(0, 300),
)
def test_every_viewer_gets_what_it_may_see_in_order_each_once(steps, cuts, cursor):
    events, seq = [], 0
    for step, client, entity in steps:
        seq += step  # sequence numbers leap
        events.append(event(seq, client, entity))
    ring = Ring(events_most=1000)
    for start, stop in itertools.pairwise([0, *sorted(cuts), len(events)]):
        ring.add([encode(item, "e") for item in events[start:stop]])
    after = [item for item in events if item.seq > cursor]
    assert drain(ring, ALL, cursor) == [item.seq for item in after if item.entity != "users"]
    assert drain(ring, ACME, cursor) == [item.seq for item in after if item.entity == "tasks" and item.facts["client"] == "acme"]


def test_a_client_is_sent_its_events_without_what_they_cost_the_house_and_no_decisions():
    patch, facts = {"state": "done", "cost_cents": 7}, {"client": "acme", "cost_cents": 7, "price_cents": 9}
    finish = Event(seq=1, at=1, kind="task.finished", entity="tasks", key="t_1", actor="test", patch=patch, facts=facts)
    ring = Ring()
    ring.add([encode(finish, "e"), encode(event(2, entity="decisions"), "e")])
    (sent,) = messages(ring.chunk(ACME, Form.FRAME, 0).frames)
    assert (sent["patch"], sent["facts"]) == ({"state": "done"}, {"client": "acme", "price_cents": 9})
    assert [(message["seq"], message["facts"].get("cost_cents")) for message in messages(ring.chunk(ALL, Form.FRAME, 0).frames)] == [
        (1, 7),
        (2, None),
    ]


def test_the_ring_forgets_the_oldest_and_knows_what_it_covers():
    ring = Ring(events_most=10)
    ring.begin(3)
    assert ring.covers(3)
    assert not ring.covers(2)
    ring.add([encode(event(seq), "e") for seq in range(10, 35)])
    assert (ring.floor, ring.head) == (24, 34)
    assert ring.covers(24)
    assert not ring.covers(23)
    assert drain(ring, ALL, 24) == list(range(25, 35))


def test_the_ring_is_bounded_in_bytes_too_but_keeps_the_newest():
    ring = Ring(bytes_most=10_000)
    ring.add([encode(event(seq, size=4_000), "e") for seq in range(1, 100)])
    assert drain(ring, ALL, ring.floor) == [98, 99]
    ring.add([encode(event(100, size=50_000), "e")])
    assert drain(ring, ALL, ring.floor) == [100]


def test_chunks_are_small_and_shared():
    ring = Ring()
    ring.add([encode(event(seq, size=1_000), "e") for seq in range(1, 1001)])
    first = ring.chunk(ALL, Form.FRAME, 0)
    assert len(first.frames) <= CHUNK_BYTES
    assert ring.chunk(ALL, Form.FRAME, 0) is first
    assert ring.chunk(ALL, Form.FRAME, first.cursor - 1).cursor <= BLOCK


def test_who_has_everything_gets_nothing():
    ring = Ring()
    ring.add([encode(event(7), "e")])
    assert ring.chunk(ALL, Form.FRAME, 7).frames == b""
    assert ring.chunk(ALL, Form.FRAME, 7).cursor == 7


def test_a_page_is_joined_once_for_a_scope():
    page = Page([encode(event(seq, client), "e") for seq, client in ((1, "acme"), (2, "other"))])
    assert [message["seq"] for message in messages(page.chunk(ACME, Form.FRAME).frames)] == [1]
    assert page.chunk(ACME, Form.FRAME).cursor == 2
    assert page.chunk(ACME, Form.FRAME).frames is page.chunk(ACME, Form.FRAME).frames


def test_a_chunk_has_one_event_at_least():
    items = [encode(event(seq, size=CHUNK_BYTES * 2), "e") for seq in (1, 2)]
    assert reach(items, 0, 2) == 1
    assert reach(items, 1, 2) == 2


def test_who_is_pressed_is_told_only_the_last_progress_and_everything_else():
    ring = Ring()
    ring.begin(0)
    kinds = ["attempt.progressed", "task.changed", "attempt.progressed", "attempt.progressed", "task.changed"]
    keys = ["x_1", "t_1", "x_2", "x_1", "t_1"]
    rows = [replace(event(seq, entity="tasks"), kind=kind, key=key) for seq, (kind, key) in enumerate(zip(kinds, keys, strict=True), 1)]
    ring.add([encode(row, "e") for row in rows])
    assert [message["seq"] for message in messages(ring.chunk(ALL, Form.FRAME, 0, pressed=True).frames)] == [2, 3, 4, 5]
    assert [message["seq"] for message in messages(ring.chunk(ALL, Form.FRAME, 0).frames)] == [1, 2, 3, 4, 5]


def test_a_compressed_event_is_what_a_client_without_context_reads():
    item = encode(event(3, size=5_000), "e")
    packed = item.shaped(Form.DEFLATED, lean=False)
    assert packed[0] == 0xC1
    assert len(packed) < len(item.frame) / 10
    reader = PerMessageDeflate(remote_no_context_takeover=True, local_no_context_takeover=True, remote_max_window_bits=15, local_max_window_bits=15)
    parser = Frame.parse(_exactly(packed), mask=False, extensions=[reader])
    with pytest.raises(StopIteration) as done:
        next(parser)
    assert json.loads(done.value.value.data) == messages(item.frame)[0]
    assert item.shaped(Form.DEFLATED, lean=False) is packed


def test_an_event_as_a_server_sent_one_names_where_it_leaves_the_reader():
    item = encode(event(3), "e_1")
    name, data, *rest = item.shaped(Form.SSE, lean=True).decode().split("\n")
    assert (name, rest) == ("id: e_1:3", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == messages(item.client_frame)[0]


def _exactly(data):
    """Return what a frame parser reads from, once."""
    rest = io.BytesIO(data)

    def read(size):
        return rest.read(size)
        yield

    return read
