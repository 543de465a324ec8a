"""The table of a host's sockets."""

import asyncio

from sim.net.netstat import netstat
from sim.world import World
from tests.sim.net.exchange import Exchange


def test_it_shows_who_listens_who_talks_and_who_waits() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world, keep_open=True)
        exchange.dial()
        exchange.client.transport.pause_reading()
        exchange.server.transport.write(b"not read")
        exchange.wait(1)
        exchange.server.transport.write_eof()
        exchange.wait(1)
        exchange.server_host.disconnect()
        exchange.client.transport.write(b"does not arrive")
        exchange.client_host.connect("server", 80, asyncio.Protocol).defused = True
        exchange.wait(0.5)
        assert netstat(exchange.client_host) == (
            "Proto Recv-Q Send-Q Local Address  Foreign Address State      Timer\n"
            "tcp        0      1 10.0.0.1:49153 10.0.0.2:80     SYN_SENT   on (0.50)\n"
            "tcp        8     15 10.0.0.1:49152 10.0.0.2:80     CLOSE_WAIT on (0.15/2)\n"
        )
        assert netstat(exchange.server_host) == (
            "Proto Recv-Q Send-Q Local Address Foreign Address State     Timer\n"
            "tcp        0      0 0.0.0.0:80    0.0.0.0:*       LISTEN\n"
            "tcp        0      8 10.0.0.2:80   10.0.0.1:49152  FIN_WAIT2\n"
        )


def test_it_says_when_nobody_is_at_the_other_end() -> None:
    with World(seed=1) as world:
        exchange = Exchange(world)
        exchange.dial()
        exchange.server_host.crash()
        exchange.server_host.boot()
        assert "ESTABLISHED half-open" in netstat(exchange.client_host)
        assert netstat(exchange.server_host).count("\n") == 1
