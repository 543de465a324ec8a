"""The network between all hosts of a world: names, addresses, and the loop's way in.

How a connection is established: `sim.net.dial`; what travels on it: `sim.net.stream`.

Simplifications: names resolve at once and never change; IPv4 only.
"""

import asyncio
import contextvars
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sim.kernel.context import current_host
from sim.kernel.environment import SimEnvironment
from sim.kernel.errors import EscapeError
from sim.kernel.loop import SimLoop
from sim.kernel.seeds import Seeds
from sim.net import digest
from sim.net.dial import Dial, Dialled
from sim.net.digest import WireDigest
from sim.net.keepalive import KeepAlives
from sim.net.listener import ANY_ADDRESS, SimServer
from sim.net.nat import NatGates
from sim.net.path import Path
from sim.net.probes import Probes
from sim.net.rules import Disowned, Drop, Final, RuleChain
from sim.net.shaping import ShapedLinks
from sim.net.shut_windows import ShutWindows
from sim.net.sockets import SimSocket
from sim.net.stream import SocketOptions
from sim.net.taps import Taps
from sim.net.tls_protocol import wrap_in_tls
from sim.net.transport import SimTransport
from sim.trace.recorder import Recorder

if TYPE_CHECKING:
    from sim.hosts import Host
    from sim.net.faults.names import DnsFailure

LOOPBACK = "127.0.0.1"


class Network:
    """See the module. One per world."""

    loop: SimLoop

    def __init__(self, environment: SimEnvironment, seeds: Seeds, trace: Recorder) -> None:
        self.environment = environment
        self.trace = trace
        self.digest = WireDigest()
        self.unobserved = True
        """No rule, tap or cost model is active, so segments need not be shown to any."""
        self.rules = RuleChain(self.reconsider)
        self.taps = Taps(self.reconsider)
        self.path = Path(self)
        probes = Probes(self, seeds.stream("net/probes"))
        self.keepalives = KeepAlives(self, probes)
        self.windows = ShutWindows(self, probes)
        self._disowned = Disowned()
        self._nats: NatGates | None = None
        self._had_rules = False
        self._shaped: ShapedLinks | None = None
        self.seeds = seeds
        self._rng = seeds.stream("net/latency")
        self._names: dict[str, Host] = {}
        self._addresses: dict[str, Host | None] = {}  # None: it was a host's once
        self._workloads = 0
        self._connections = 0
        self.name_faults: list[DnsFailure] = []
        """Asked before a name is looked up."""
        self.dials: dict[int, Dial] = {}
        """Connections that are being opened, by number."""
        self._option_lists: dict[SocketOptions, SocketOptions] = {}

    # -- names and addresses ----------------------------------------------------------------

    def add(self, host: "Host") -> str:
        """Give the host an address and its own name. Returns the address."""
        self.alias(host.name, host)
        return self.give_address(host)

    def give_address(self, host: "Host") -> str:
        """Give the host a new address, for the link that it has now."""
        number = len(self._addresses) + 1
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._addresses[address] = host
        if host.link.is_shaped and self._shaped is None:
            self._shaped = ShapedLinks(self.seeds.stream("net/links"))
            self.rules.add(self._shaped)
        return address

    def withdraw_address(self, host: "Host") -> None:
        """Nobody has the host's address any more; what is sent to or from it vanishes."""
        self._addresses[host.address] = None
        for end in list(host.connections.values()):
            if end.peer.host is not host:
                self.disown(end.number, Drop())
        for dial in list(self.dials.values()):
            if dial.source is host:
                self.disown(dial.number, Drop())

    def alias(self, name: str, host: "Host") -> None:
        """Another name for the host. `ValueError` if the name is taken by a different one."""
        if self._names.setdefault(name.lower(), host) is not host:
            raise ValueError(
                f"the name {name!r} already belongs to {self._names[name.lower()].name}"
            )

    @property
    def names(self) -> dict[str, list[str]]:
        """The names of each address; a host's own name is the first."""
        names: dict[str, list[str]] = {}
        for name, host in self._names.items():
            names.setdefault(host.address, []).append(name)
        return names

    def resolve(
        self, host: str | None, port: int | str | None, *, family: int = 0, type: int = 0
    ) -> list[Any]:
        """As `getaddrinfo`. Raises `socket.gaierror` (EAI_NONAME) for a name nobody has."""
        if family not in (0, socket.AF_INET):
            raise socket.gaierror(socket.EAI_ADDRFAMILY, "only IPv4 exists in this world")
        address = self._address_of(host, current_host.get(None))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 0)))]

    def hosts(self) -> list["Host"]:
        """All hosts, in the order in which they were made."""
        return [host for host in self._addresses.values() if host is not None]

    def _address_of(self, name: str | None, asker: "Host | None" = None) -> str:
        if name in (None, "", ANY_ADDRESS):
            return ANY_ADDRESS
        assert name is not None
        if name in ("localhost", LOOPBACK) or name in self._addresses:
            return LOOPBACK if name == "localhost" else name
        key = name.lower().rstrip(".")
        for fault in self.name_faults:
            fault.check(asker, key)
        found = self._names.get(key)
        if found is None and _is_ipv4(name):
            return name
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: name or service not known")
        return found.address

    def delay(self, source: "Host", target: "Host") -> float:
        """Seconds one segment takes from one host to another, drawn now."""
        if source is target:
            return 0.0
        return source.link.delay(self._rng) + target.link.delay(self._rng)

    def shared_options(self, options: SocketOptions) -> SocketOptions:
        """One copy of equal option lists: most connections of a world set the same two."""
        return self._option_lists.setdefault(options, options)

    def socket_of(self, transport: SimTransport) -> SimSocket:
        """The socket under a transport."""
        return SimSocket.of(transport)

    # -- rules ------------------------------------------------------------------------------

    def reconsider(self) -> None:
        """Whether segments have to be shown to somebody has perhaps changed."""
        self.unobserved = not (self.rules or self.taps or self._workloads)
        if bool(self.rules) != self._had_rules:
            self._had_rules = bool(self.rules)
            self.keepalives.consider_all()
            self.windows.consider_all()

    def count_workloads(self, change: int) -> None:
        """So many more hosts have a cost model."""
        self._workloads += change
        self.reconsider()

    def put_behind_nat(self, host: "Host", idle_timeout: float | None) -> None:
        """See `Host.set_nat`."""
        if self._nats is None:
            self._nats = NatGates()
            self.rules.add(self._nats, first=True)
        self._nats.set(host, idle_timeout, self.environment._now)

    def disown(self, connection: int, verdict: Final) -> None:
        """Do not carry this connection any more: `verdict` on whatever its ends send."""
        if not self._disowned:
            self.rules.add(self._disowned, first=True)
        self._disowned.disown(connection, verdict)

    # -- dialling ---------------------------------------------------------------------------

    def dial(self, source: "Host", name: str, port: int, done: Dialled) -> Dial:
        """Connect `source` to a name or address; `done` is called when it is decided, unless the
        attempt is abandoned before.

        Raises `socket.gaierror` at once for an unknown name.
        """
        address = self._address_of(name, source)
        if address == ANY_ADDRESS:
            address = LOOPBACK
        target = source if address == LOOPBACK else self._addresses.get(address)
        self._connections += 1
        number = self._connections
        self.digest.add(
            digest.CONNECT, self.environment._now, number, 0, f"{address}:{port}".encode()
        )
        dial = self.dials[number] = Dial(self, number, source, target, address, port, done)
        dial.send_syn()
        return dial

    def connection_ended(self, transport: SimTransport, how: str) -> None:
        """Bookkeeping when one end is gone."""
        host = transport.host
        host.connections.pop(transport.number, None)
        if self.trace.wants_connections:
            self.trace.emit("connection.closed", host.name, connection=transport.number, how=how)

    # -- the loop's network stack (see sim.kernel.loop.NetworkStack) --------------------------

    async def create_connection(
        self,
        loop: SimLoop,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        host: str | None = None,
        port: int | None = None,
        ssl: ssl.SSLContext | bool | None = None,
        sock: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        **_socket_options: Any,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """As `loop.create_connection`; a `sock` must have been connected by `sock_connect`."""
        if ssl is None:
            for name, value in (
                ("server_hostname", server_hostname),
                ("ssl_handshake_timeout", ssl_handshake_timeout),
                ("ssl_shutdown_timeout", ssl_shutdown_timeout),
            ):
                if value is not None:
                    raise ValueError(f"{name} is only meaningful with ssl")
        if sock is not None:
            transport = sock.transport
            if transport is None:
                raise ValueError("the socket is not connected")
            sock.detach()
        else:
            if host is None or port is None:
                raise ValueError("host and port, or a connected sock, are needed")
            transport = await self._dial_from_here(loop, host, port)
        source: Host = transport.host
        return await self.attach_client(
            transport,
            protocol_factory,
            tls=_context_of(ssl),
            server_hostname=server_hostname if server_hostname is not None else host,
            context=source.context,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )

    async def attach_client(
        self,
        transport: SimTransport,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None,
        server_hostname: str | None,
        context: contextvars.Context | None,
        handshake_timeout: float | None = None,
        shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Put a protocol on the dialling end, with the TLS handshake done if there is a context."""
        protocol = protocol_factory()
        if tls is None:
            transport.attach(protocol, context)
            return transport, protocol
        waiter = self.loop.create_future()
        tls_protocol = wrap_in_tls(
            self.loop,
            protocol,
            tls,
            waiter,
            server_hostname=server_hostname,
            handshake_timeout=handshake_timeout,
            shutdown_timeout=shutdown_timeout,
        )
        transport.attach(tls_protocol, context)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        app_transport: asyncio.BaseTransport = tls_protocol._app_transport
        return app_transport, protocol

    async def _dial_from_here(self, loop: SimLoop, name: str, port: int) -> SimTransport:
        future: asyncio.Future[SimTransport] = loop.create_future()

        def done(transport: SimTransport | None, error: OSError | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                assert transport is not None
                future.set_result(transport)

        dial = self.dial(_here(), name, port, done)
        try:
            return await future
        except asyncio.CancelledError:
            dial.abandon()
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().abort()  # connected and given up at one moment
            raise

    async def sock_connect(self, loop: SimLoop, sock: Any, address: Any) -> None:
        """As `loop.sock_connect`, for a `SimSocket`."""
        if not isinstance(sock, SimSocket):
            raise EscapeError("a real socket was given to a simulated world")
        sock.adopt(await self._dial_from_here(loop, address[0], address[1]))

    async def create_server(
        self,
        loop: SimLoop,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        ssl: ssl.SSLContext | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        sock: Any = None,
        **_socket_options: Any,
    ) -> SimServer:
        """As `loop.create_server`. `OSError`: EADDRINUSE for a taken port, EADDRNOTAVAIL for
        another host's address.
        """
        if sock is not None:
            raise EscapeError(
                "create_server(sock=...) is not possible in a simulated world; give host and port"
            )
        here = _here()
        names = [host] if host is None or isinstance(host, str) else list(host)
        number = port or here.ephemeral_port()
        addresses = []
        for name in names:
            address = self._address_of(name)
            if address not in (ANY_ADDRESS, LOOPBACK, here.address):
                raise OSError(
                    errno.EADDRNOTAVAIL,
                    f"{here.name} does not have the address {address} of {name!r}",
                )
            addresses.append((address, number))
        server = SimServer(
            here,
            protocol_factory,
            addresses,
            tls=ssl,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        server.bind()
        if start_serving:
            await server.start_serving()
        return server


def _is_ipv4(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _here() -> "Host":
    host: Host | None = current_host.get(None)
    if host is None:
        raise EscapeError("this code runs on no host; start it with Host.start()")
    return host


def _context_of(tls: ssl.SSLContext | bool | None) -> ssl.SSLContext | None:
    if tls is True:
        return ssl.create_default_context()
    return tls or None
