"""The API as a real process, and people who use it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from store.home import open_journal, set_up
from store.journal import Journal
from store.schema import agents
from store.settings import Dispatch, Settings
from tasks.users import add_user
from tests.factories import agent_row

PROJECT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"
NAMES = {"admin": "ann", "operator": "oli", "analyst": "lyn", "client": "cli", "agent": "scrape-1"}


def add_people(journal: Journal) -> None:
    """Add a user of each role, and `cleo`, who belongs to another client."""
    with journal.write("test") as tx:
        tx.create(agents, agent_row(id="scrape-1"), "agent.added")
    for role, name in NAMES.items():
        add_user(journal, name, role, PASSWORD, actor="test", client="acme" if role == "client" else None)
    add_user(journal, "cleo", "client", PASSWORD, actor="test", client="other")


class Server:
    """`python -m api` for one home. It keeps its port when it is started again."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        url = settings.database.url
        database = {"ARBITER_DATABASE__URL": url.get_secret_value()} if url else {}
        api = {f"ARBITER_API__{name.upper()}": str(value) for name, value in options.items()}
        set_here = settings.dispatch.model_dump(exclude_unset=True)
        dispatch = {f"ARBITER_DISPATCH__{name.upper()}": str(value) for name, value in set_here.items()}
        self.env = os.environ | {"ARBITER_HOME": str(settings.home)} | database | api | dispatch
        self._tokens: dict[str, str] = {}
        self.log = settings.home / "api.log"
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process and wait until it says where it is; its socket takes connections from then on."""
        port = self.url.rpartition(":")[2] or "0"
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "api", "--port", port]
            self.process = subprocess.Popen(command, cwd=PROJECT, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True)
        said = self.process.stdout.readline()
        assert said, self.log.read_text()
        self.url = said.split()[1]

    def kill(self) -> None:
        """End the process without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=30)
            self.process = None

    def stop(self, timeout_s: float = 30) -> int:
        """End the process in order and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=timeout_s)
        code, self.process = self.process.returncode, None
        return code

    def token(self, name: str) -> str:
        """Return a token of a user, which lasts for the test."""
        if name not in self._tokens:
            answer = httpx.post(f"{self.url}/token", json={"name": name, "password": PASSWORD}, trust_env=False, timeout=30)
            self._tokens[name] = answer.raise_for_status().json()["access_token"]
        return self._tokens[name]

    def forget(self, name: str) -> None:
        """Log in anew at the next request of a user."""
        self._tokens.pop(name, None)

    def ask(self, method: str, path: str, who: str | None = "ann", **options: Any) -> httpx.Response:
        """Send a request as somebody, or as nobody."""
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {self.token(who)}"} if who else {})
        return httpx.request(method, self.url + path, headers=headers, trust_env=False, timeout=30, **options)

    def ticket(self, who: str) -> str:
        """Return a ticket for the feed."""
        return self.ask("POST", "/feed/ticket", who).raise_for_status().json()["ticket"]

    def open(self, **options: Any) -> ClientConnection:
        """Open a connection to the feed that has not said anything yet."""
        return connect("ws" + self.url.removeprefix("http") + "/feed", proxy=None, **options)

    def figure(self, name: str) -> float:
        """Return one of the figures for Prometheus."""
        lines = self.ask("GET", "/metrics", None).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0].partition("{")[0] == name)


class House(Server):
    """A server with its journal at hand."""

    journal: Journal
    settings: Settings

    def hear(self, who: str = "ann", *, compression: str | None = "deflate", **auth: Any) -> ClientConnection:
        """Open the feed as somebody and say the first message."""
        line = self.open(compression=compression)
        line.send(json.dumps({"type": "auth", "ticket": self.ticket(who)} | auth))
        return line


@contextlib.contextmanager
def housed(kind: type[House] = House, *, dispatch: Dispatch | None = None, **options: Any) -> Iterator[House]:
    """Serve a new home with people in it."""
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        settings = Settings(home=Path(folder), dispatch=dispatch or Dispatch())
        set_up(settings)
        journal = open_journal(settings)
        add_people(journal)
        with kind(settings, **options) as house:
            house.journal, house.settings = journal, settings
            yield house
        journal.close()


def ask(server: Server, method: str, path: str, expected: int = 200, who: str = "oli", **more: Any) -> Any:
    """Return what a request is answered, which must have this status."""
    answer = server.ask(method, path, who, **more)
    assert answer.status_code == expected, answer.text
    return answer.json()


def code_of(line: ClientConnection) -> int | None:
    """Read a connection to the feed to its end and return the code of the close."""
    try:
        while True:
            line.recv(timeout=20)
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None
    finally:
        line.close()
