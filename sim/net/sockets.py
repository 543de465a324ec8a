"""What `socket.socket` means inside a world: just enough of a socket for code that makes one by
hand.

aiohttp's connector (through aiohappyeyeballs) opens a socket, gives it to `loop.sock_connect()`
and then to `loop.create_connection(sock=...)`. Blocking use is refused: it would wait in real
time.
"""

import socket
from typing import TYPE_CHECKING, Any, NoReturn

from sim.kernel.context import current_host
from sim.kernel.errors import EscapeError
from sim.net.tcp_info import TCP_INFO, tcp_info

if TYPE_CHECKING:
    from sim.net.stream import SocketOptions
    from sim.net.transport import SimTransport


class SimSocket:
    """A stream socket of the host whose code makes it."""

    __slots__ = ("__weakref__", "_options", "family", "proto", "transport", "type")

    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        if current_host.get(None) is None:
            raise EscapeError(
                "a socket was opened inside a simulated world by code that runs on no host; "
                "start it with Host.start()"
            )
        if type not in (-1, socket.SOCK_STREAM) or fileno is not None:
            raise EscapeError("only stream sockets exist in a simulated world")
        self.family = socket.AF_INET if family == -1 else family
        self.type = socket.SOCK_STREAM
        self.proto = 0 if proto == -1 else proto
        self.transport: SimTransport | None = None
        self._options: SocketOptions = ()

    @classmethod
    def of(cls, transport: "SimTransport") -> "SimSocket":
        """The socket under a transport, for code that sets options on it."""
        view = cls.__new__(cls)
        view.family = socket.AF_INET
        view.type = socket.SOCK_STREAM
        view.proto = socket.IPPROTO_TCP
        view.transport = transport
        view._options = transport.options
        return view

    def setsockopt(self, level: int, option: int, value: Any, *_length: Any) -> None:
        """Remember an option; it goes over to the connection."""
        others = tuple(entry for entry in self._options if entry[:2] != (level, option))
        self._options = (*others, (level, option, value))
        if self.transport is not None:
            self.transport.options = self._options

    def getsockopt(self, level: int, option: int, *length: Any) -> Any:
        """The value set before, else 0; TCP_INFO as `tcp_info` has it."""
        if (level, option) == (socket.IPPROTO_TCP, TCP_INFO):
            return tcp_info(self._connected(), *length)
        for its_level, name, value in self._options:
            if (its_level, name) == (level, option):
                return value
        return 0

    def adopt(self, transport: "SimTransport") -> None:
        """Take over an established connection, with the options set so far."""
        self.transport = transport
        transport.options = self._options

    def getpeername(self) -> Any:
        """(address, port) of the other end. `OSError` when not connected."""
        return self._connected().get_extra_info("peername")

    def getsockname(self) -> Any:
        """(address, port) of this end; ('0.0.0.0', 0) before it is connected."""
        if self.transport is None:
            return ("0.0.0.0", 0)
        return self.transport.get_extra_info("sockname")

    def _connected(self) -> "SimTransport":
        if self.transport is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self.transport

    def setblocking(self, flag: bool) -> None:
        """Non-blocking is the only mode there is; asking for the other is refused."""
        if flag:
            self._refuse_blocking()

    def settimeout(self, value: float | None) -> None:
        """Accepts 0 (non-blocking) only."""
        if value != 0:
            self._refuse_blocking()

    def gettimeout(self) -> float:
        """0.0: non-blocking."""
        return 0.0

    def fileno(self) -> int:
        """-1: there is no file descriptor."""
        return -1

    def shutdown(self, how: int) -> None:
        """Ends the sending direction."""
        if how != socket.SHUT_RD:
            self._connected().write_eof()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.transport is not None:
            self.transport.close()

    def detach(self) -> int:
        """Let go of the connection without closing it."""
        self.transport = None
        return -1

    def __enter__(self) -> "SimSocket":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name in {"connect", "recv", "send", "sendall", "accept", "listen", "bind", "makefile"}:
            self._refuse_blocking()
        raise AttributeError(name)

    def _refuse_blocking(self) -> NoReturn:
        raise EscapeError(
            "blocking use of a socket inside a simulated world would wait in real time; "
            "use asyncio's streams, transports or loop.sock_connect()"
        )
