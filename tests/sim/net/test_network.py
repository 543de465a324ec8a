"""Names, listening, dialling, and what a host that is off the network does to all of it."""

import asyncio
import errno
import socket
from typing import Any

import pytest

from sim.hosts import Host
from sim.net.links import LINKS, Link
from sim.net.retransmission import RETRANSMISSIONS
from sim.world import World


class Told(asyncio.Protocol):
    """Remembers what it was told and when."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.received = b""
        self.error: Any = "none yet"
        self.times: list[float] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.times.append(self.world.env.now)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.error = exc
        self.times.append(self.world.env.now)


def listen(world: World, host: Host, *, port: int = 80, address: str | None = None) -> list[Told]:
    """Listen on the host; the list fills with the protocols of accepted connections."""
    accepted: list[Told] = []

    def accept() -> Told:
        accepted.append(Told(world))
        return accepted[-1]

    task = host.start(lambda: world.loop.create_server(accept, address, port))
    world.run_until(world.env.now + 0.01)
    task.result()
    return accepted


def connect(world: World, host: Host, name: str = "site", port: int = 80) -> Told:
    told = Told(world)
    world.run(host.connect(name, port, lambda: told))
    return told


# -- names ------------------------------------------------------------------------------------


def test_a_host_is_known_by_its_name_its_address_and_its_aliases() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        world.network.alias("gateway.push.apple.com", site)
        accepted = listen(world, site)
        for name in ("site", "SITE", "site.", site.address, "Gateway.Push.Apple.com"):
            connect(world, phone, name)
        world.run_until(world.env.now + 1)
        assert len(accepted) == 5


def test_a_name_cannot_belong_to_two_hosts() -> None:
    with World(seed=1) as world:
        site, other = world.host("site"), world.host("other")
        world.network.alias("www", site)
        world.network.alias("www", site)
        with pytest.raises(ValueError, match="already belongs to site"):
            world.network.alias("WWW", other)
        with pytest.raises(ValueError, match="a host named 'site'"):
            world.host("site")


def test_an_unknown_name_is_a_gaierror_for_devices_and_for_asyncio() -> None:
    with World(seed=1) as world:
        phone = world.host("phone")
        with pytest.raises(socket.gaierror) as refused:
            world.run(phone.connect("nowhere", 80, asyncio.Protocol))
        assert refused.value.errno == socket.EAI_NONAME

        async def main() -> None:
            for attempt in (
                world.loop.getaddrinfo("nowhere", 80),
                world.loop.create_connection(asyncio.Protocol, "nowhere", 80),
                asyncio.open_connection("nowhere", 80),
            ):
                with pytest.raises(socket.gaierror, match="nowhere"):
                    await attempt
            with pytest.raises(socket.gaierror):
                await world.loop.getaddrinfo("phone", 80, family=socket.AF_INET6)

        world.run(main)


# -- listening --------------------------------------------------------------------------------


def test_a_port_can_be_taken_once_until_it_is_closed() -> None:
    with World(seed=1) as world:

        async def main() -> None:
            first = await world.loop.create_server(asyncio.Protocol, port=80)
            assert [sock.getsockname() for sock in first.sockets] == [("0.0.0.0", 80)]
            with pytest.raises(OSError, match="in use") as refused:
                await world.loop.create_server(asyncio.Protocol, "127.0.0.1", 80)
            assert refused.value.errno == errno.EADDRINUSE
            first.close()
            assert first.sockets == ()
            again = await world.loop.create_server(asyncio.Protocol, port=80)
            again.close()

        world.run(main)
        assert world.operator.listeners == {}


def test_the_address_of_another_host_cannot_be_listened_on() -> None:
    with World(seed=1) as world:
        other = world.host("other")

        async def main() -> None:
            with pytest.raises(OSError, match="operator") as refused:
                await world.loop.create_server(asyncio.Protocol, other.address, 80)
            assert refused.value.errno == errno.EADDRNOTAVAIL

        world.run(main)


def test_a_loopback_listener_is_not_there_for_others() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site, address="localhost")
        for host, name in ((phone, "site"), (site, "site"), (phone, "localhost")):
            with pytest.raises(ConnectionRefusedError):
                connect(world, host, name)
        for name in ("localhost", "127.0.0.1", "0.0.0.0"):
            connect(world, site, name)
        world.run_until(world.env.now + 1)
        assert len(accepted) == 3


def test_loopback_and_outside_may_have_different_listeners_on_one_port() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        inside = listen(world, site, address="127.0.0.1")
        outside = listen(world, site, address=site.address)
        connect(world, phone)
        connect(world, site)
        connect(world, site, "localhost")
        world.run_until(world.env.now + 1)
        assert (len(inside), len(outside)) == (1, 2)


def test_closing_a_listener_keeps_its_connections_and_wait_closed_waits_for_them() -> None:
    with World(seed=1) as world:
        accepted: list[Told] = []
        closed: list[float] = []
        site = world.host("site")

        async def serve() -> None:
            def accept() -> Told:
                accepted.append(Told(world))
                return accepted[-1]

            server = await world.loop.create_server(accept, port=80)
            await asyncio.sleep(5)
            server.close()
            await server.wait_closed()
            closed.append(world.env.now)

        site.start(serve)
        world.run_until(1)
        told = connect(world, world.host("phone"))
        world.run_until(10)
        assert closed == []
        told.transport.write(b"still here")
        world.run_until(11)
        assert accepted[0].received == b"still here"
        told.transport.close()
        world.run_until(12)
        assert closed == [pytest.approx(11, abs=0.01)]
        with pytest.raises(ConnectionRefusedError):
            connect(world, world.hosts["phone"])


# -- dialling ---------------------------------------------------------------------------------


def test_a_connection_takes_a_round_trip_and_a_refusal_too() -> None:
    with World(seed=1) as world:
        link = Link(latency=0.1)
        site, phone = world.host("site", link=link), world.host("phone", link=link)
        listen(world, site)
        began = world.env.now
        connect(world, phone)
        assert world.env.now == pytest.approx(began + 0.4)
        with pytest.raises(ConnectionRefusedError):
            connect(world, phone, port=81)
        assert world.env.now == pytest.approx(began + 0.8)


def test_latency_and_jitter_bound_when_bytes_arrive() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone", link=LINKS["cellular"])
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(5)
        for number in range(50):
            world.run_until(6 + number)
            told.transport.write(b"x")
        world.run_until(100)
        delays = [time - (6 + number) for number, time in enumerate(accepted[0].times)]
        assert len(set(delays)) == 50
        assert 0.0605 <= min(delays) < max(delays) <= 0.1005


def test_bytes_of_one_instant_arrive_together_and_never_before_earlier_ones() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone", link=Link(0.001, jitter=1))
        accepted = listen(world, site)
        told = connect(world, phone)
        told.transport.write(b"a")
        told.transport.write(b"b")
        world.run_until(50)
        assert len(accepted[0].times) == 1
        for number in range(100):
            world.env.call_later(number / 100, told.transport.write, bytes([number]))
        world.run_until(100)
        assert accepted[0].received[2:] == bytes(range(100))


@pytest.mark.parametrize("off", ["site", "phone"])
def test_a_dial_into_silence_times_out_after_seven_syns(off: str) -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        world.hosts[off].disconnect()
        began = world.env.now
        with pytest.raises(TimeoutError) as refused:
            connect(world, phone)
        assert refused.value.errno == errno.ETIMEDOUT
        assert world.env.now == pytest.approx(began + 127)
        assert accepted == []


def test_an_address_nobody_has_is_silence_as_well() -> None:
    with World(seed=1) as world, pytest.raises(TimeoutError):
        connect(world, world.host("phone"), "10.9.9.9")


@pytest.mark.parametrize(("back_after", "connected_after"), [(0.5, 1), (2, 3), (10, 15)])
def test_a_repeated_syn_connects_once_the_host_is_back(
    back_after: float, connected_after: float
) -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        listen(world, site)
        site.disconnect()
        world.env.call_later(back_after, site.reconnect)
        began = world.env.now
        connect(world, phone)
        assert world.env.now == pytest.approx(began + connected_after, abs=0.01)


@pytest.mark.parametrize("moment", [0.05, 0.15, 0.25])
def test_a_handshake_that_is_interrupted_goes_on_later(moment: float) -> None:
    """0.05: SYN under way; 0.15: its answer; 0.25: the last segment, the phone is connected."""
    with World(seed=1) as world:
        link = Link(latency=0.05)
        site, phone = world.host("site", link=link), world.host("phone", link=link)
        accepted = listen(world, site)
        began = world.env.now
        world.env.call_at(began + moment, phone.disconnect)
        world.env.call_at(began + 5, phone.reconnect)
        told = Told(world)
        event = phone.connect("site", 80, lambda: told)
        world.run_until(began + 4.9)
        assert accepted == []
        assert (told.transport is not None) == (moment == 0.25)
        world.run(event)
        told.transport.write(b"hello")
        world.run_until(began + 30)
        assert [one.received for one in accepted] == [b"hello"]


@pytest.mark.parametrize("back_after", [10, 1000])
def test_a_dial_that_was_given_up_is_never_heard_of_again(back_after: float) -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        site.disconnect()
        world.env.call_later(back_after, site.reconnect)

        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await world.loop.create_connection(asyncio.Protocol, "site", 80)

        phone.start(main)
        world.run_until(2000)
        assert accepted == []
        assert phone.connections == site.connections == {}


# -- off the network ----------------------------------------------------------------------------


@pytest.mark.parametrize("off", ["site", "phone"])
@pytest.mark.parametrize("writer", ["site", "phone"])
def test_nothing_passes_while_a_host_is_off_and_all_of_it_when_it_is_back(
    off: str, writer: str
) -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(2)
        ends = {"site": accepted[0], "phone": told}
        reader = ends["phone" if writer == "site" else "site"]
        world.hosts[off].disconnect()
        ends[writer].transport.write(b"one ")
        world.run_until(3)
        ends[writer].transport.write(b"two")
        world.run_until(10)
        assert reader.received == b""
        assert told.error == accepted[0].error == "none yet"
        world.hosts[off].reconnect()
        world.run_until(25)
        assert reader.received == b"one two"


def test_the_writer_gives_up_at_the_retry_limit_and_its_peer_learns_nothing() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(2)
        phone.disconnect()
        accepted[0].transport.write(b"lost")
        world.run_until(2 + 924)
        assert accepted[0].error == "none yet"
        world.run_until(2 + 925)
        assert isinstance(accepted[0].error, TimeoutError)
        assert accepted[0].error.errno == errno.ETIMEDOUT
        assert RETRANSMISSIONS == 15
        world.run_until(5000)
        phone.reconnect()
        world.run_until(6000)
        assert told.error == "none yet"
        told.transport.write(b"anybody there?")
        world.run_until(6010)
        assert isinstance(told.error, ConnectionResetError)


def test_an_idle_connection_survives_any_absence() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(2)
        phone.disconnect()
        world.run_until(100_000)
        phone.reconnect()
        told.transport.write(b"hello again")
        world.run_until(100_001)
        assert accepted[0].received == b"hello again"


def test_a_close_while_off_the_network_is_learned_of_later() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(2)
        phone.disconnect()
        told.transport.close()
        world.run_until(3)
        assert told.error is None
        assert accepted[0].error == "none yet"
        phone.reconnect()
        world.run_until(10)
        assert accepted[0].error is None


def test_a_reset_that_is_lost_is_not_sent_again() -> None:
    with World(seed=1) as world:
        site, phone = world.host("site"), world.host("phone")
        accepted = listen(world, site)
        told = connect(world, phone)
        world.run_until(2)
        told.transport.pause_reading()
        accepted[0].transport.write(b"unread")
        world.run_until(3)
        phone.disconnect()
        told.transport.abort()
        phone_back = 10
        world.run_until(phone_back)
        phone.reconnect()
        world.run_until(1000)
        assert accepted[0].error == "none yet"
        accepted[0].transport.write(b"hello?")
        world.run_until(1001)
        assert isinstance(accepted[0].error, ConnectionResetError)


def test_the_trace_tells_of_connections_unless_it_does_not_want_to() -> None:
    def kinds(*, wants_connections: bool) -> list[str]:
        with World(seed=1, wants_connections=wants_connections) as world:
            events = world.trace.keep()
            listen(world, world.host("site"))
            told = connect(world, world.host("phone"))
            told.transport.close()
            world.run_until(5)
            return [event["kind"] for event in events]

    assert kinds(wants_connections=True) == [
        "connection.opened",
        "connection.closed",
        "connection.closed",
    ]
    assert kinds(wants_connections=False) == []
