"""TCP's handshake over the scenario's network, before a real connection is opened for it.

As in `sim.net.dial`: SYN and its answer take the path, rules are asked about each, and what is
lost makes the SYN come again after 1, 3, 7, ... s until `TimeoutError` (ETIMEDOUT) after 127 s. A
port on which nobody listens refuses; the trace tells of it.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Final

from sim.live.ends import SocketEnd
from sim.live.wire import Wire
from sim.net.rules import Close, Drop, Kind, Reset

SYN_RETRIES: Final = 6
"""Repetitions of an unanswered SYN (Linux, tcp_syn_retries)."""


async def open_connection(wire: Wire, given_up: Callable[[], bool] = lambda: False) -> SocketEnd:
    """The real connection to the server, when the dialling end is connected: after a round trip.
    OSError if it is not, or if it has `given_up` meanwhile.
    """
    await _shake_hands(wire, given_up)
    address = wire.server.listeners[wire.port]
    try:
        _, far = await asyncio.get_running_loop().create_connection(SocketEnd, *address)
    except ConnectionRefusedError:  # its process has ended
        raise _refusal(wire) from None
    return far


async def _shake_hands(wire: Wire, given_up: Callable[[], bool]) -> None:
    for attempt in range(SYN_RETRIES + 1):
        next_attempt = wire.env.now + 2.0**attempt
        if await _attempt(wire):
            return
        await asyncio.sleep(max(next_attempt - wire.env.now, 0.0))
        if given_up():
            break
    raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")


def _refusal(wire: Wire) -> ConnectionRefusedError:
    where = f"{wire.server.name}:{wire.port}"
    wire.client.trace.emit(
        "connection.refused", wire.client.name, connection=wire.number, server=where
    )
    return ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({where})")


async def _attempt(wire: Wire) -> bool:
    """One SYN and its answer; False if either was lost. ConnectionRefusedError if it is refused."""
    there = await _segment(wire, 0, Kind.SYN)
    if there is Kind.SYN:
        listens = wire.port in wire.server.listeners
        there = await _segment(wire, 1, Kind.SYN_ACK if listens else Kind.RST)
    if there is Kind.RST:
        raise _refusal(wire)
    return there is Kind.SYN_ACK


async def _segment(wire: Wire, direction: int, kind: Kind) -> Kind | None:
    """What arrives of it, in its time: itself, RST from somebody in the middle, or nothing."""
    delay = wire.delay()
    judgement = wire.judge(direction, kind)
    if judgement is not None:
        if isinstance(judgement.final, Drop):
            return None
        if isinstance(judgement.final, Reset | Close):
            kind = Kind.RST
        else:
            delay += judgement.extra
    await asyncio.sleep(delay)
    return kind if wire.passable else None
