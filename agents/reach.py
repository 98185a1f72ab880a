"""Which addresses an agent may connect to, and connections that go nowhere else.

A name is resolved once; unless its host and port are allowed by the settings, *every* address must be a public one; the connection then goes to an
address that was checked, so a name that changes its mind between check and connect gains nothing. TLS and the `Host` header keep the name.
"""

import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

import httpcore

from agents.contract import AgentError, Control
from agents.waiting import unblocked

Resolve = Callable[[str, int], list[str]]

CONNECT_S: Final = 10.0
_SLICE_S: Final = 1.0  # how long one try to connect may keep an attempt from noticing that it must stop
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")
_REFUSED: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2002::/16"))
)  # protocol assignments and 6to4, which Python calls global
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address stands in the last four bytes


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet.

    Not so are loopback, private, link-local, multicast and reserved ones, and those that hide one of them.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL_V6:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _REFUSED if network.version == ip.version)


def permitted(host: str, port: int, addresses: list[str], private_hosts: Collection[str]) -> list[str]:
    """Return the addresses when the host may be reached. Raises `AgentError` that names the address in the way and the setting that allows it."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if place.lower() in {allowed.lower() for allowed in private_hosts}:
        return addresses
    for address in addresses:
        if not is_public(address):
            message = f"{place} is refused: {address} is not a public address (an administrator can allow it in fetch.private_hosts)"
            raise AgentError(message)
    return addresses


def system_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a name as this machine resolves it. Raises `AgentError`, retryable, when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        message = f"the name {host} cannot be resolved: {error}"
        raise AgentError(message, retryable=True) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Pinned(httpcore.NetworkBackend):
    """Connects to checked addresses only, and cuts every connection when the attempt must stop."""

    def __init__(self, *, private_hosts: Collection[str], control: Control, resolve: Resolve) -> None:
        self._private_hosts = private_hosts
        self._control = control
        self._resolve = resolve
        self._plain = httpcore.SyncBackend()
        self._lines: set[socket.socket] = set()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the name that answers."""
        failure: Exception = httpcore.ConnectError("no address")
        for address in permitted(host, port, self._addresses(host, port), self._private_hosts):
            try:
                stream = self._connect(address, port, timeout or CONNECT_S, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                line = stream.get_extra_info("socket").dup()
                self._lines.add(line)
                return _Line(stream, line, self._lines)
        raise failure

    def cut(self) -> None:
        """End every open connection at once; whoever waits on one gets an error. May be called from another thread."""
        for line in tuple(self._lines):
            with contextlib.suppress(OSError):  # it was closed meanwhile, or never got through
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give back what is still open."""
        self.cut()
        while self._lines:
            self._lines.pop().close()

    def _addresses(self, host: str, port: int) -> list[str]:
        """Resolve the name; a resolver can take many seconds and cannot be interrupted."""
        return unblocked(self._control, lambda: self._resolve(host, port))

    def _connect(
        self, address: str, port: int, timeout: float, local: str | None, options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.NetworkStream:
        """Connect in short tries, so that a silent address does not keep the attempt from stopping."""
        waited = 0.0
        while True:
            self._control.check()
            try:
                return self._plain.connect_tcp(address, port, min(_SLICE_S, timeout), local, options)
            except httpcore.ConnectTimeout:
                waited += _SLICE_S
                if waited >= timeout:
                    raise


class _Line(httpcore.NetworkStream):
    """A connection with a second hold on its socket, by which another thread can end it in any phase, also in the TLS handshake."""

    def __init__(self, stream: httpcore.NetworkStream, line: socket.socket, lines: set[socket.socket]) -> None:
        self._stream = stream
        self._line = line
        self._lines = lines

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._lines.discard(self._line)
        self._line.close()
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:
        return _Line(self._stream.start_tls(ssl_context, server_hostname, timeout), self._line, self._lines)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
