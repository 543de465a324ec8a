"""Addresses of peers, and the networks that settings name."""

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(value: Any) -> tuple[IpNetwork, ...]:
    """Addresses and networks as texts; blank lines mean nothing, as in the text area of a block
    list."""
    if isinstance(value, str):
        value = value.splitlines()
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of addresses and networks")
    lines = [line.strip() if isinstance(line, str) else line for line in value]
    return tuple(_network(line) for line in lines if line != "")


def _network(line: Any) -> IpNetwork:
    if isinstance(line, IpNetwork):
        return line
    if not isinstance(line, str):
        raise ValueError("addresses and networks are texts")
    try:
        return ipaddress.ip_network(line)
    except ValueError:
        raise ValueError("not an address or network such as 10.0.0.0/8") from None


def _texts(networks: tuple[IpNetwork, ...]) -> list[str]:
    return [str(network) for network in networks]


Networks = Annotated[
    tuple[IpNetwork, ...],
    PlainValidator(_networks),
    PlainSerializer(_texts, when_used="json"),
]


def parse_address(text: str) -> IpAddress | None:
    """An address from text; an IPv4-mapped IPv6 address counts as IPv4. None if it is neither."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def in_networks(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    """Whether one of the networks holds the address; versions never match each other."""
    return any(address in network for network in networks)


def household(address: IpAddress) -> IpAddress | IpNetwork:
    """The addresses that count as one peer: an IPv4 address, or the /64 of an IPv6 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return ipaddress.IPv6Network((address, 64), strict=False)
