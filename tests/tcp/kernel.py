"""The programs' network made of the kernel's own TCP: three network namespaces,

    client 10.0.1.2 ---- 10.0.1.1 router 10.0.2.1 ---- 10.0.2.2 server

Needs root, iproute2 and nftables. The router drops what shall be silent, and is the NAT. One
process holds both ends, since a socket belongs to the namespace in which it was opened; a socket
that is closed in repair mode vanishes without a word, as in a power cut.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.tcp.ends import PORT, Direction, End, Option, Report
from tests.tcp.program import RETRANSMISSIONS, SYN_RETRIES, Program

CLIENT, SERVER = "10.0.1.2", "10.0.2.2"
MOVED = "10.0.1.3"
TCP_REPAIR = 19
CLONE_NEWNET = 0x40000000
TIME_LIMIT = 90.0
"""Seconds that a program may take."""

_libc = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """Why the kernel's side cannot be run here; empty if it can."""
    if os.geteuid() != 0:
        return "it takes root to make network namespaces"
    lacking = [name for name in ("ip", "nft") if shutil.which(name) is None]
    return f"{' and '.join(lacking)}: apt-get install iproute2 nftables" if lacking else ""


def _run(*command: str, text: str = "") -> None:
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")


class KernelNet:
    """See the module and `ends.Net`. Made and removed by `run`."""

    def __init__(self, number: int) -> None:
        stem = f"airbed-{os.getpid()}-{number}"
        self.client, self.router, self.server = (f"{stem}-{side}" for side in "crs")
        self._server_address = (SERVER, PORT)
        self._ends: list[End] = []
        self._listeners: list[asyncio.Server] = []

    # -- making and removing

    def make(self, nat: float | None) -> None:
        client, router, server = self.client, self.router, self.server
        for name in (client, router, server):
            _run("ip", "netns", "add", name)
        lines = [
            f"link add c0 netns {client} type veth peer name r0 netns {router}",
            f"link add s0 netns {server} type veth peer name r1 netns {router}",
        ]
        _run("ip", "-batch", "-", text="\n".join(lines))
        self._ip(client, f"addr add {CLIENT}/24 dev c0", "link set c0 up", "link set lo up")
        self._ip(server, f"addr add {SERVER}/24 dev s0", "link set s0 up", "link set lo up")
        self._ip(
            router,
            *("addr add 10.0.1.1/24 dev r0", "addr add 10.0.2.1/24 dev r1"),
            *("link set r0 up", "link set r1 up", "link set lo up"),
        )
        self._ip(client, "route add default via 10.0.1.1")
        self._ip(server, "route add default via 10.0.2.1")
        _set(router, ip_forward=1)
        for name in (client, server):
            _set(
                name,
                tcp_syn_retries=SYN_RETRIES,
                tcp_synack_retries=SYN_RETRIES,
                tcp_syn_linear_timeouts=0,
                tcp_retries2=RETRANSMISSIONS,
            )
        self._nft(
            "add table ip path",
            "add chain ip path way { type filter hook forward priority 0; }",
        )
        if nat is not None:
            self._make_nat(nat)

    def _make_nat(self, idle: float) -> None:
        self._nft(
            "add table ip home",
            "add chain ip home out { type nat hook postrouting priority 100; }",
            'add rule ip home out oifname "r1" masquerade',
            "add chain ip home way { type filter hook forward priority 10; }",
            'add rule ip home way iifname "r0" ct state invalid reject with tcp reset',
            "add chain ip home own { type filter hook input priority 10; }",
            'add rule ip home own iifname "r1" ip protocol tcp drop',
        )
        with inside(self.router):
            settings = Path("/proc/sys/net/netfilter")
            (settings / "nf_conntrack_tcp_timeout_established").write_text(str(int(idle)))
            (settings / "nf_conntrack_tcp_loose").write_text("0")

    def end_connections(self) -> None:
        for end in self._ends:
            if end.transport is not None:
                end.transport.abort()
        for listener in self._listeners:
            listener.close()

    def remove(self) -> None:
        for name in (self.client, self.router, self.server):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _ip(self, namespace: str, *lines: str) -> None:
        _run("ip", "-n", namespace, "-batch", "-", text="\n".join(lines))

    def _nft(self, *lines: str) -> None:
        _run("ip", "netns", "exec", self.router, "nft", "-f", "-", text="\n".join(lines))

    # -- what programs ask for

    async def listen(self, factory: Callable[[], End]) -> None:
        def made() -> End:
            end = factory()
            self._ends.append(end)
            return end

        with inside(self.server):
            sock = socket.create_server((SERVER, PORT))
        loop = asyncio.get_running_loop()
        self._listeners.append(await loop.create_server(made, sock=sock))

    async def dial(self, end: End, options: tuple[Option, ...]) -> None:
        with inside(self.client):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            for option in options:
                sock.setsockopt(*option)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, self._server_address)
        except OSError:
            sock.close()
            raise
        self._ends.append(end)
        await loop.create_connection(lambda: end, sock=sock)

    async def silence(self, direction: Direction = "both") -> None:
        sources = {"both": [CLIENT, SERVER], "upstream": [CLIENT], "downstream": [SERVER]}
        self._nft(*(f"add rule ip path way ip saddr {name} drop" for name in sources[direction]))

    async def heal(self) -> None:
        self._nft("flush chain ip path way")

    async def cut_power(self, end: End) -> None:
        for listener in self._listeners:
            listener.close()
        if end.transport is not None:
            sock = end.transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            end.transport.abort()
            await end.until("lost")
        self._ip(self.server, "link set s0 down")

    async def boot(self) -> None:
        self._ip(self.server, "link set s0 up", "route add default via 10.0.2.1")

    async def move(self) -> None:
        self._ip(
            self.client,
            f"addr add {MOVED}/24 dev c0",
            f"addr del {CLIENT}/24 dev c0",
            f"addr replace {MOVED}/24 dev c0",
            "route replace default via 10.0.1.1",
        )


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Within it this thread is in the namespace."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _set(namespace: str, **settings: int) -> None:
    with inside(namespace):
        for name, value in settings.items():
            path = Path("/proc/sys/net/ipv4") / name
            if path.exists():  # tcp_syn_linear_timeouts came with Linux 6.5
                path.write_text(str(value))


async def _run_one(net: KernelNet, program: Program) -> Report:
    report = Report()
    try:
        async with asyncio.timeout(TIME_LIMIT):
            await program.body(net, report)
    except TimeoutError:
        report.say(f"not finished after {TIME_LIMIT:.0f} s")
    except Exception as error:
        report.say(f"{type(error).__name__}: {error}")
    return report


async def _run_all(programs: Sequence[Program], nets: Sequence[KernelNet]) -> list[Report]:
    reports = await asyncio.gather(*map(_run_one, nets, programs))
    for net in nets:
        net.end_connections()
    await asyncio.sleep(0)
    return list(reports)


def run(programs: Sequence[Program]) -> list[Report]:
    """What the programs find on the kernel's TCP; they run side by side, each in a network of its
    own.
    """
    nets = [KernelNet(number) for number in range(len(programs))]
    try:
        for net, program in zip(nets, programs, strict=True):
            net.make(program.nat)
        return asyncio.run(_run_all(programs, nets))
    finally:
        for net in nets:
            net.remove()
