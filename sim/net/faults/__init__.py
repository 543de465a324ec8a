"""Faults of the network, named after Toxiproxy's toxics where it has a name.

A fault is a dataclass of parameters and a rule of the network (see `sim.net.rules`);
`world.faults` starts and ends it. Times are virtual seconds, sizes bytes, rates
bytes per second.
"""

from sim.net.faults.active import FaultHandle, Faults
from sim.net.faults.base import Direction, Fault, PathFault
from sim.net.faults.delays import Bandwidth, Jitter, Latency, Slicer, SlowClose
from sim.net.faults.endings import Down, LimitData, ResetPeer, Timeout
from sim.net.faults.losses import Loss, Partition
from sim.net.faults.names import DnsFailure

FAMILIES: dict[str, type[Fault]] = {
    fault.family: fault
    for fault in (
        Latency,
        Jitter,
        Bandwidth,
        Loss,
        Down,
        Partition,
        ResetPeer,
        Timeout,
        SlowClose,
        Slicer,
        LimitData,
        DnsFailure,
    )
}
"""Every fault by the name it has in a scenario."""

__all__ = [
    "FAMILIES",
    "Bandwidth",
    "Direction",
    "DnsFailure",
    "Down",
    "Fault",
    "FaultHandle",
    "Faults",
    "Jitter",
    "Latency",
    "LimitData",
    "Loss",
    "Partition",
    "PathFault",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Timeout",
]
