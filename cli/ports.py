"""Ports: the usual one, or a free one when it is taken."""

import contextlib
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def free_port(usual: int, taken: Collection[int] = (), host: str = LOOPBACK) -> int:
    """Return the usual port when nobody listens there and it is not given away already, else a free one."""
    if usual not in taken and _can_bind(host, usual):
        return usual
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def is_listening(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a server that just ended do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return not is_listening(port, host)
