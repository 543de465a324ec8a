"""The table of what a live host's connections do."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy

from sim.live.hosts import LiveHost
from sim.live.netstat import live_netstat

pytestmark = pytest.mark.live


def test_it_names_ends_by_the_scenarios_names_and_says_what_is_under_way(
    talk: Callable[..., Any], phone: LiveHost
) -> None:
    def story(client: Any) -> Generator[simpy.Event, Any, None]:
        client.transport.write(b"heard")
        yield from client.until(lambda: client.heard == b"HEARD")
        [number] = phone.connections
        assert live_netstat(phone).splitlines() == [
            "Number  Connection           State  Under way",
            f"#{number:<7}phone -> service:80  open   0 bytes",
        ]
        phone.disconnect()
        client.transport.write(b"not heard")
        assert live_netstat(phone).splitlines()[1].split()[-3:] == ["held", "9", "bytes"]

    talk(story)
    assert len(live_netstat(phone).splitlines()) <= 2
