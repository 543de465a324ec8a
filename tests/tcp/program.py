"""What a program is, the limits it is run with, and how most of them begin."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.tcp.ends import Body, End, Net, Option

SYN_RETRIES = 2
"""tcp_syn_retries: 1 + 2 + 4 s."""

RETRANSMISSIONS = 4
"""tcp_retries2: 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s."""

LINGER_ZERO: Option = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
MUCH = 24 * 1024 * 1024


@dataclass(frozen=True)
class Program:
    """`nat`: seconds after which a NAT in front of the client forgets an idle connection. `note`
    explains a difference between the two worlds; without one there must be none.
    """

    title: str
    body: Body
    nat: float | None = None
    note: str = ""


PROGRAMS: list[Program] = []


def program(title: str, *, nat: float | None = None, note: str = "") -> Callable[[Body], Body]:
    def add(body: Body) -> Body:
        PROGRAMS.append(Program(title, body, nat, note))
        return body

    return add


def keepalive(idle: int, interval: int, count: int) -> tuple[Option, ...]:
    return (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count),
    )


def user_timeout(seconds: float) -> tuple[Option, ...]:
    return ((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)),)


def now() -> float:
    return asyncio.get_running_loop().time()


async def connected(
    net: Net,
    *options: Option,
    client: End | None = None,
    server: End | None = None,
) -> tuple[End, End]:
    """Both ends of a connection over which a byte went each way."""
    ours, theirs = client or End(), server or End()
    await net.listen(lambda: theirs)
    await net.dial(ours, options)
    await theirs.until("made")
    if not theirs._paused:
        ours.transport.write(b"?")
        await theirs.until_received(1)
        theirs.transport.write(b"!")
        await ours.until_received(1)
    return ours, theirs
