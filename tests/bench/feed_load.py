"""Many WebSocket connections in one process, as plain sockets: `python -m tests.bench.feed_load <port> <path> <seconds>`.

The first messages, one a connection, come as lines of standard input. Says "ready" when all are connected and were told something, and in the end
how many messages whose text has `"n":` came in the given time, and how late those of a few connections were, by the `"at_us":` in them.

With `--silent` the server is one that answers nothing to the first message. With `--each N` all connect at once, and what is said in the end is how
long it took until each had N such messages.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time

MARK = b'"n":'
SAMPLED = 20  # connections whose messages are looked into
_AT = re.compile(rb'"at_us":(\d+)')


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: "Load", first: str, *, sampled: bool) -> None:
        self.load, self.first, self.sampled = load, first.encode(), sampled
        self.open, self.rest, self.messages = False, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        lines = (f"GET {self.load.path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 13")
        transport.write("\r\n".join((*lines, "", "")).encode())

    def data_received(self, data: bytes) -> None:
        if not self.open:
            self.rest += data
            head, found, data = self.rest.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.open, self.rest = True, b""
            if self.first:
                self.transport.write(_masked(self.first))
            if not self.first or self.load.silent:
                self.load.ready()
        elif self.first and not self.load.silent:
            assert b'"type":"ready"' in data, data
            self.load.ready()
            self.first = b""
        joined = self.rest + data
        self._count(joined.count(MARK))
        if self.sampled:
            now = time.time_ns() // 1000
            self.load.late += [now - int(at) for at in _AT.findall(joined)]
        self.rest = b"" if joined.endswith(b"}") else joined[-(len(MARK) - 1) :]

    def _count(self, messages: int) -> None:
        self.load.messages += messages
        if self.messages < self.load.each <= self.messages + messages:
            self.load.served()
        self.messages += messages

    def connection_lost(self, _exc: Exception | None) -> None:
        self.load.lost += 1


class Load:
    """What all of them were told."""

    def __init__(self, path: str, wanted: int, *, silent: bool, each: int | None) -> None:
        self.path, self.wanted, self.silent, self.each = path, wanted, silent, each or 0
        self.complete, self.all_served = asyncio.Event(), asyncio.Event()
        self.messages = self.lost = self.connected = self.have_all = 0
        self.late: list[int] = []

    def ready(self) -> None:
        self.connected += 1
        if self.connected == self.wanted:
            self.complete.set()

    def served(self) -> None:
        self.have_all += 1
        if self.have_all == self.wanted:
            self.all_served.set()


def _masked(text: bytes) -> bytes:
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + text


async def connect(load: Load, port: int, firsts: list[str], together: int) -> None:
    """Open all connections, so many at a time."""
    loop = asyncio.get_running_loop()
    for begin in range(0, len(firsts), together):
        some = enumerate(firsts[begin : begin + together], begin)
        lines = [Line(load, first, sampled=number < SAMPLED) for number, first in some]
        await asyncio.gather(*(loop.create_connection(lambda line=line: line, "127.0.0.1", port) for line in lines))


async def main(given: argparse.Namespace, firsts: list[str]) -> None:
    load = Load(given.path, len(firsts), silent=given.silent, each=given.each)
    began = time.monotonic()
    await connect(load, given.port, firsts, len(firsts) if given.each is not None else 50)
    await load.complete.wait()
    connected_s = time.monotonic() - began
    if given.each:
        await load.all_served.wait()
    if given.each is not None:
        say({"connected_s": connected_s, "served_s": time.monotonic() - began, "lost": load.lost})
    load.messages, load.late = 0, []
    say("ready")
    await asyncio.sleep(given.seconds)
    late = sorted(load.late) or [0]
    say({"messages": load.messages, "lost": load.lost, "p50_ms": late[len(late) // 2] / 1000, "p99_ms": late[int(len(late) * 0.99)] / 1000})
    os._exit(0)  # thousands of sockets need not be closed one by one


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--each", type=int)
    asyncio.run(main(parser.parse_args(), sys.stdin.read().split("\n")))
