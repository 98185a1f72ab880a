"""What the feed is compared with: `python -m tests.bench.feed_peers broadcast|tutorial <port> <rate> <size>` sends so many a second to all."""

import asyncio
import json
import sys
import time

BODY = "x"


def texts(rate: float, size: int):
    """Yield one message after the other, with the time to wait before it."""
    number, began = 0, time.monotonic()
    while True:
        number += 1
        yield max(0.0, began + number / rate - time.monotonic()), {"type": "event", "n": number, "at_us": time.time_ns() // 1000, "body": BODY * size}


def _up() -> None:
    sys.stdout.write("up\n")
    sys.stdout.flush()


async def broadcast(port: int, rate: float, size: int) -> None:
    """Serve with the library `websockets` alone."""
    from websockets.asyncio.server import broadcast as to_all
    from websockets.asyncio.server import serve

    lines = set()

    async def hold(line) -> None:
        lines.add(line)
        try:
            await line.wait_closed()
        finally:
            lines.discard(line)

    async with serve(hold, "127.0.0.1", port, compression=None):
        _up()
        for wait, message in texts(rate, size):
            await asyncio.sleep(wait)
            message["at_us"] = time.time_ns() // 1000
            to_all(lines, json.dumps(message, separators=(",", ":")))


async def tutorial(port: int, rate: float, size: int) -> None:
    """Serve as FastAPI's documentation shows it: a list of connections, and `send_json` for each."""
    import uvicorn
    from fastapi import FastAPI, WebSocket, WebSocketDisconnect

    app, lines = FastAPI(), []

    @app.websocket("/feed")
    async def feed(line: WebSocket) -> None:
        await line.accept()
        lines.append(line)
        try:
            while True:
                await line.receive_text()
        except WebSocketDisconnect:
            lines.remove(line)

    async def send() -> None:
        for wait, message in texts(rate, size):
            await asyncio.sleep(wait)
            message["at_us"] = time.time_ns() // 1000
            for line in lines:
                await line.send_json(message)

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws_per_message_deflate=False))
    sender = asyncio.create_task(send())
    _up()
    await server.serve()
    sender.cancel()


if __name__ == "__main__":
    which, port, rate, size = sys.argv[1:]
    asyncio.run({"broadcast": broadcast, "tutorial": tutorial}[which](int(port), float(rate), int(size)))
