"""Small programs that show how TCP connections come about, stall and end.

Each is run in the simulated world and on the kernel's TCP, with the same limits: two repetitions
of a SYN, four retransmissions.
"""

import asyncio

from tests.tcp.ends import End, Net, Option, Report, name_of
from tests.tcp.program import (
    LINGER_ZERO,
    MUCH,
    PROGRAMS,
    connected,
    keepalive,
    now,
    program,
    user_timeout,
)

__all__ = ["PROGRAMS"]


async def dial(net: Net, report: Report) -> None:
    """Dial and say what came of it, and when."""
    began = now()
    try:
        await net.dial(End(), ())
        report.say("connected after", now() - began)
    except OSError as error:
        report.say(f"{name_of(error)} after", now() - began)


# -- connecting


@program("Connecting to a port where nobody listens")
async def refused(net: Net, report: Report) -> None:
    await dial(net, report)


@program("Connecting into silence: SYN retries, then giving up")
async def unanswered(net: Net, report: Report) -> None:
    await net.listen(End)
    await net.silence()
    await dial(net, report)


@program("The first two SYNs are lost")
async def late_syn(net: Net, report: Report) -> None:
    await net.listen(End)
    await net.silence()
    asyncio.get_running_loop().call_later(1.5, lambda: asyncio.ensure_future(net.heal()))
    await dial(net, report)


@program("The answers to the first two SYNs are lost")
async def late_syn_ack(net: Net, report: Report) -> None:
    await net.listen(End)
    await net.silence("downstream")
    asyncio.get_running_loop().call_later(1.5, lambda: asyncio.ensure_future(net.heal()))
    await dial(net, report)


@program(
    "Connecting to a machine that is off",
    note="The last router's ARP finds nobody, and it says so; the simulated network has no"
    " routers that talk, as most of the Internet has none.",
)
async def powered_off(net: Net, report: Report) -> None:
    await net.cut_power(End())
    await dial(net, report)


# -- loss


@program("Data are lost for 2 s, then the path is back: they come late, no gap")
async def delayed(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.silence()
    began = now()
    for _ in range(10):
        ours.transport.write(b"x" * 100)
        await asyncio.sleep(0.15)
    await asyncio.sleep(0.5)
    await net.heal()
    await theirs.until_received(1001)
    report.say("1000 bytes arrive after", now() - began)


@program("Data are lost for good: retransmissions with back-off until the limit")
async def given_up(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.silence()
    began = now()
    ours.transport.write(b"x")
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)
    report.say(f"the other end is {theirs.ending}")


@program("Only the acknowledgements are lost (a partition one way)")
async def one_way(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.silence("downstream")
    began = now()
    ours.transport.write(b"x")
    await theirs.until_received(2)
    report.say("the data arrive after", now() - began)
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


@program("A FIN is lost for 2 s")
async def lost_fin(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.silence()
    began = now()
    ours.transport.close()
    await asyncio.sleep(2)
    await net.heal()
    await theirs.until("eof")
    report.say("end of file after", now() - began)


# -- half-open


@program("The peer loses power; the client is silent for 10 s")
async def half_open(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.cut_power(theirs)
    await asyncio.sleep(10)
    report.say(f"the connection is {ours.ending}")


@program("The peer loses power and is back; then the client writes")
async def after_reboot(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.cut_power(theirs)
    await net.boot()
    await asyncio.sleep(3)
    report.say(f"before, the connection is {ours.ending}")
    began = now()
    ours.transport.write(b"x")
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


@program("The same, and what the peer answers is lost for 2 s")
async def lost_reset(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.cut_power(theirs)
    await net.boot()
    await net.silence("downstream")
    began = now()
    ours.transport.write(b"x")
    await asyncio.sleep(2)
    await net.heal()
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


@program("The path is silent; nobody writes for 10 s")
async def idle(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.silence()
    await asyncio.sleep(10)
    report.say(f"the ends are {ours.ending} and {theirs.ending}")


# -- keep-alive and user timeout


@program("SO_KEEPALIVE (idle 2 s, 3 probes 1 s apart), the path is silent")
async def keepalive_into_silence(net: Net, report: Report) -> None:
    ours, _ = await connected(net, *keepalive(2, 1, 3))
    await net.silence()
    began = now()
    await ours.until("lost")
    report.say(f"{ours.ending} after", now() - began)


@program("The same, the peer was rebooted")
async def keepalive_after_reboot(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, *keepalive(2, 1, 3))
    await net.cut_power(theirs)
    await net.boot()
    began = now()
    await ours.until("lost")
    report.say(f"{ours.ending} after", now() - began)


@program("The same, the peer is there, idle for 10 s")
async def keepalive_answered(net: Net, report: Report) -> None:
    ours, _ = await connected(net, *keepalive(2, 1, 3))
    await asyncio.sleep(10)
    report.say(f"the connection is {ours.ending}")


@program("TCP_USER_TIMEOUT of 3 s, data are lost for good")
async def user_timeout_with_data(net: Net, report: Report) -> None:
    ours, _ = await connected(net, *user_timeout(3))
    await net.silence()
    began = now()
    ours.transport.write(b"x")
    await ours.until("lost")
    report.say(f"{ours.ending} after", now() - began)


@program("TCP_USER_TIMEOUT of 4 s and keep-alive (idle 2 s, 10 probes 1 s apart), silence")
async def user_timeout_with_keepalive(net: Net, report: Report) -> None:
    ours, _ = await connected(net, *keepalive(2, 1, 10), *user_timeout(4))
    await net.silence()
    began = now()
    await ours.until("lost")
    report.say(f"{ours.ending} after", now() - began)


@program("TCP_USER_TIMEOUT of 3 s, silence, nothing to send for 10 s")
async def user_timeout_idle(net: Net, report: Report) -> None:
    ours, _ = await connected(net, *user_timeout(3))
    await net.silence()
    await asyncio.sleep(10)
    report.say(f"the connection is {ours.ending}")


# -- endings


@program("Both ends close in order")
async def orderly(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    ours.transport.write(b"goodbye")
    ours.transport.close()
    await theirs.until("lost")
    await ours.until("lost")
    report.say(f"{theirs.received - 1} bytes, end of file, {ours.ending} and {theirs.ending}")


@program("Half-close: the client ends its direction, the server answers afterwards")
async def half_close(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, server=End(keep_open=True))
    ours.transport.write_eof()
    await theirs.until("eof")
    theirs.transport.write(b"answer")
    await ours.until_received(7)
    report.say(f"{ours.received - 1} bytes after the end of file")
    theirs.transport.close()
    await ours.until("lost")
    await theirs.until("lost")
    report.say(f"{ours.ending} and {theirs.ending}")


@program("Closing with bytes that were not read")
async def unread(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    ours.transport.pause_reading()
    theirs.transport.write(b"never read")
    await asyncio.sleep(0.5)
    ours.transport.close()
    await theirs.until("lost")
    report.say(f"the peer gets {theirs.ending}")


@program("Closing with SO_LINGER of 0 s")
async def lingering(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, LINGER_ZERO)
    ours.transport.close()
    await theirs.until("lost")
    report.say(f"the peer gets {theirs.ending}")


@program("Data for an end that is closed, from a client that has read the end of file")
async def late_data(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, client=End(keep_open=True))
    theirs.transport.close()
    await ours.until("eof")
    began = now()
    ours.transport.write(b"late")
    await asyncio.sleep(1)
    ours.transport.write(b"later")
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", ours.events[-1][1] - began)


# -- windows


@program(
    "A receiver that does not read: the writer is told to pause, nothing is lost",
    note="A simulated window has 256 KiB and no more; the kernel's buffers at both ends grow to"
    " megabytes before the writer is stopped.",
)
async def window(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, server=End(paused=True))
    await asyncio.sleep(0.1)
    ours.transport.write(bytes(MUCH))
    await ours.until("pause")
    await asyncio.sleep(1)
    taken = MUCH - ours.transport.get_write_buffer_size()
    report.say(f"{taken / 1024:.0f} KiB are taken")
    theirs.transport.resume_reading()
    await theirs.until_received(MUCH)
    await ours.until("resume")
    report.say("then all the rest")


async def shut_window(net: Net, *options: Option) -> tuple[End, End]:
    """A client that has more to say than its peer, who does not read, takes."""
    ours, theirs = await connected(net, *options, server=End(paused=True))
    await asyncio.sleep(0.1)
    ours.transport.write(bytes(MUCH))
    return ours, theirs


@program("The window is shut and the path goes silent: probes, then giving up")
async def shut_window_silence(net: Net, report: Report) -> None:
    ours, _ = await shut_window(net)
    await asyncio.sleep(0.1)
    began = now()
    await net.silence()
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


@program("The window is shut, the peer loses power and is back")
async def shut_window_reboot(net: Net, report: Report) -> None:
    ours, theirs = await shut_window(net)
    await asyncio.sleep(0.5)
    began = now()
    await net.cut_power(theirs)
    await net.boot()
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


@program("The window is shut, the path is fine, for 10 s")
async def shut_window_patience(net: Net, report: Report) -> None:
    ours, _ = await shut_window(net)
    await asyncio.sleep(10)
    report.say(f"the connection is {ours.ending}")


@program("TCP_USER_TIMEOUT of 3 s, the window is shut, the path is fine")
async def shut_window_user_timeout(net: Net, report: Report) -> None:
    ours, _ = await shut_window(net, *user_timeout(3))
    began = now()
    await ours.until("lost")
    report.say(f"the writer gets {ours.ending} after", now() - began)


# -- NAT and addresses


@program("A NAT forgets an idle connection after 2 s; after 4 s the server writes", nat=2)
async def nat_inwards(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await asyncio.sleep(4)
    began = now()
    theirs.transport.write(b"push")
    await theirs.until("lost")
    report.say(f"the server gets {theirs.ending} after", now() - began)
    report.say(f"the client has {ours.received - 1} bytes and is {ours.ending}")


@program("The same, after 4 s the client writes", nat=2)
async def nat_outwards(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await asyncio.sleep(4)
    began = now()
    ours.transport.write(b"x")
    await ours.until("lost")
    report.say(f"the client gets {ours.ending} after", now() - began)
    report.say(f"the server is {theirs.ending}")


@program("The same, the client sends keep-alives every second; after 4 s the server writes", nat=2)
async def nat_kept_alive(net: Net, report: Report) -> None:
    ours, theirs = await connected(net, *keepalive(1, 1, 3))
    await asyncio.sleep(4)
    theirs.transport.write(b"push")
    await ours.until_received(5)
    report.say(f"it arrives; the ends are {ours.ending} and {theirs.ending}")


@program("The client moves to another address, then writes and dials again")
async def moved(net: Net, report: Report) -> None:
    ours, theirs = await connected(net)
    await net.move()
    began = now()
    ours.transport.write(b"x")
    await net.dial(End(), ())
    report.say("a new connection works after", now() - began)
    await ours.until("lost")
    report.say(f"the old one gets {ours.ending} after", now() - began)
    report.say(f"its other end is {theirs.ending}")
