"""Many WebSocket connections in one process, as plain sockets: `python -m tests.bench.feed_load <port> <path> <seconds>`.

The first messages, one a connection, come as lines of standard input. Says "ready" when all are connected and were told something, and in the end
how many messages whose text has `"n":` came in the given time, and how late those of a few connections were, by the `"at_us":` in them.
"""

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
        self.open, self.rest = False, b""

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
            else:
                self.load.ready()
        elif self.first:
            self.load.ready()
            self.first = b""
        joined = self.rest + data
        self.load.messages += joined.count(MARK)
        if self.sampled:
            now = time.time_ns() // 1000
            self.load.late += [now - int(at) for at in _AT.findall(joined)]
        self.rest = b"" if joined.endswith(b"}") else joined[-(len(MARK) - 1) :]

    def connection_lost(self, _exc: Exception | None) -> None:
        self.load.lost += 1


class Load:
    """What all of them were told."""

    def __init__(self, path: str, wanted: int) -> None:
        self.path, self.wanted = path, wanted
        self.complete = asyncio.Event()
        self.messages = self.lost = self.connected = 0
        self.late: list[int] = []

    def ready(self) -> None:
        self.connected += 1
        if self.connected == self.wanted:
            self.complete.set()


def _masked(text: bytes) -> bytes:
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + text


async def main(port: int, path: str, seconds: float, firsts: list[str]) -> None:
    load = Load(path, len(firsts))
    loop = asyncio.get_running_loop()
    for begin in range(0, len(firsts), 50):
        some = firsts[begin : begin + 50]
        await asyncio.gather(
            *(
                loop.create_connection(lambda n=n, first=first: Line(load, first, sampled=n < SAMPLED), "127.0.0.1", port)
                for n, first in enumerate(some, begin)
            )
        )
    await load.complete.wait()
    load.messages, load.late = 0, []
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(seconds)
    late = sorted(load.late) or [0]
    told = {"messages": load.messages, "lost": load.lost, "p50_ms": late[len(late) // 2] / 1000, "p99_ms": late[int(len(late) * 0.99)] / 1000}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # thousands of sockets need not be closed one by one


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.stdin.read().split("\n")))
