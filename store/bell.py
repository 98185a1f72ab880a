"""A doorbell: who committed rings, who tails the journal wakes up.

One Unix datagram socket a listener in `<home>/run/bells`. It carries no data and may be lost: every listener also looks by itself a few times a
second. Processes on other machines are reached by that look alone.
"""

import contextlib
import os
import select
import socket
from pathlib import Path

PATH_MOST = 107  # bytes of a socket's path, less than the system's 108 with the closing NUL
NAME_MOST = 20  # of them the name of a doorbell, at most


def excess(folder: Path) -> int:
    """Return by how many bytes the path of a folder is too long for doorbells in it; 0 when it is not."""
    return max(0, len(os.fsencode(folder)) + 1 + NAME_MOST - PATH_MOST)


class Bell:
    """The ringing side. Never blocks, never fails: a listener that is gone is forgotten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        self._listed_at = -1
        self._listeners: list[str] = []

    def ring(self) -> None:
        """Wake all listeners of this machine."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except OSError:  # nobody listens
            return
        if changed != self._listed_at:
            self._listeners, self._listed_at = [str(path) for path in self._folder.iterdir()], changed
        for path in self._listeners:
            try:
                self._socket.sendto(b"!", path)
            except BlockingIOError:  # it has rings enough waiting
                continue
            except OSError:  # its process is gone; whatever it is, what was committed stays committed
                with contextlib.suppress(OSError):
                    Path(path).unlink()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


class Listener:
    """The listening side."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}-{id(self):x}"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        self._socket.bind(str(self._path))

    def fileno(self) -> int:
        """Return the socket's descriptor, for an event loop."""
        return self._socket.fileno()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until somebody rings or the time is over; tell which."""
        rung = bool(select.select([self._socket], [], [], timeout_s)[0])
        self.drain()
        return rung

    def drain(self) -> None:
        """Forget all rings so far."""
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(1):
                pass

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
