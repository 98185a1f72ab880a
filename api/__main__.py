"""`python -m api --port 8600`: serve the API of the home that `ARBITER_HOME` names."""

import argparse
import socket
import sys

import uvicorn
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.feed import WithFeed
from api.link import Link
from api.logs import configure
from models.errors import ArbiterError, StoreError, Unavailable
from store.home import open_journal
from store.journal import Journal
from store.migrate import differences
from store.settings import Settings, load

MESSAGE_MOST = 16 * 1024  # bytes of what a client of the feed may say


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    settings = load()
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the API and the live feed.")
    parser.add_argument("--host", default=settings.api.host)
    parser.add_argument("--port", type=int, default=settings.api.port, help="0 takes a free one")
    parser.add_argument("--access-log", action="store_true", help="log every request")
    given = parser.parse_args()
    configure("INFO" if given.access_log else "WARNING")
    try:
        serve(settings, given.host, given.port, access_log=given.access_log)
    except ArbiterError as error:
        print(f"the API cannot start: {error}", file=sys.stderr)  # noqa: T201 - for the person who started it
        return error.exit_code
    return 0


def serve(settings: Settings, host: str, port: int, *, access_log: bool = False) -> None:
    """Serve one home on one address."""
    with _bound(host, port) as listening:
        journal = open_journal(settings)
        _check(journal, settings)
        app = create_app(settings, journal)
        config = uvicorn.Config(
            WithFeed(app, app.state.parts),
            ws=Link,
            ws_max_size=MESSAGE_MOST,
            ws_per_message_deflate=False,  # the feed writes finished frames
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=access_log,
            proxy_headers=False,  # what a header says about the sender's address is not true
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        print(f"api http://{_named(host)}:{listening.getsockname()[1]}", flush=True)  # noqa: T201 - where it is, for who started it with port 0
        uvicorn.Server(config).run(sockets=[listening])
        journal.close()


def _check(journal: Journal, settings: Settings) -> None:
    """Raise for a home that cannot be served, before anybody is let in."""
    try:
        missing = differences(journal.engine)
    except OperationalError as error:
        message = f"the database of {settings.home} does not answer: {error.orig}"
        raise Unavailable(message) from error
    if missing:
        message = f"the ledger of {settings.home} is not of this version, or was not set up: run `arbiter up`"
        raise StoreError(message)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; raise `Unavailable` when that is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)  # who connects from now on is served as soon as the API is ready
    except OSError as error:
        listening.close()
        message = f"port {port} of {host} cannot be used: {error.strerror}"
        raise Unavailable(message) from error
    return listening


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main())
