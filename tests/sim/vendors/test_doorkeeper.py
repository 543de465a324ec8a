"""Which connections count together."""

import pytest

from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.settings import PushSettings


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("2001:db8::1", "2001:db8::2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
    ],
)
def test_an_address_is_an_ipv4_address_or_a_64(one: str, other: str, together: bool) -> None:
    refused: list[str] = []
    settings = PushSettings(latency=0, connections_per_address=1)
    doorkeeper = Doorkeeper(lambda: settings, refused.append)
    assert doorkeeper.admits("first", (one, 1))
    assert doorkeeper.admits("second", (other, 2)) is not together
    assert len(refused) == together
    doorkeeper.leave("first")
    doorkeeper.leave("first")
    assert doorkeeper.admits("third", (one, 3))


def test_a_peer_without_an_address_is_let_in() -> None:
    settings = PushSettings(latency=0, connections_per_address=1)
    doorkeeper = Doorkeeper(lambda: settings, print)
    assert doorkeeper.admits("first", None)
    assert doorkeeper.admits("second", "")
