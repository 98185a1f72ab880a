"""Runs the real `arbiter` command on a home, and finds the processes that it started."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 180  # until something must have happened; a busy machine needs a while


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`arbiter --home …`, with usual ports that nobody else has."""

    home: Path
    ports: dict[str, str] = field(default_factory=lambda: {name: str(unused_port()) for name in PORTS})

    def run(self, *arguments: str, text: str | None = None, patience_s: float = PATIENCE_S) -> Answer:
        """Run a command to its end."""
        done = subprocess.run(self._words(arguments), env=self._env(), input=text, capture_output=True, text=True, timeout=patience_s, check=False)
        return Answer(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *arguments: str, output: Path) -> "subprocess.Popen[bytes]":
        """Start a command; what it prints goes to a file."""
        with output.open("wb") as stream:
            return subprocess.Popen(self._words(arguments), env=self._env(), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)

    def processes(self) -> list[psutil.Process]:
        """Return all processes that work on this home."""
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]

    def _words(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "cli", *arguments]

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.ports, "ARBITER_HOME": str(self.home), "NO_COLOR": "1"}


PORTS = ("ARBITER_API__PORT", "ARBITER_PORTS__DASHBOARD", "ARBITER_PORTS__PREFECT", "ARBITER_PORTS__EXAMPLES")


def unused_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is true and return it."""
    ends = time.monotonic() + patience_s
    while True:
        found = happened()
        if found:
            return found
        assert time.monotonic() < ends, f"waited in vain: {what}"
        time.sleep(0.2)


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("ARBITER_HOME") if process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
