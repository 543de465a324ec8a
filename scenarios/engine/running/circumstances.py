"""What was going on where a run failed: for the person who has to find out why.

    last wire events of the connections involved, netstat of their hosts, values of variables

Involved are the host of whoever did the last step, and those of the last events of the trace. The
state is that of the end of the flow: of the failed step, or of the last one.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from scenarios.engine.running.context import Context
from scenarios.engine.running.results import RunResult, Section
from scenarios.engine.running.state import connections, hide_secrets, variables
from sim.net import digest
from sim.surface import Host
from sim.trace.recorder import Event
from sim.world import World

MAX_HOSTS: Final = 3
MAX_WIRE_EVENTS: Final = 12
MAX_CONNECTIONS: Final = 100
"""Of a host of which netstat is shown: a push service of a fleet has one for each phone."""

_REMEMBERED: Final = 200
_LAST: Final = 20
"""Events whose hosts are involved."""

_SAID: Final = {
    digest.CONNECT: "connects",
    digest.SEGMENT: "{} bytes",
    digest.OPAQUE: "{} bytes of TLS",
    digest.PLAINTEXT: "{} bytes to be encrypted",
    digest.FIN: "FIN",
    digest.RST: "RST",
    digest.REFUSED: "refused",
}


class LastEvents:
    """Listens to a trace and remembers its end."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=_REMEMBERED)

    def __call__(self, event: Event) -> None:
        self.events.append(event)


def circumstances(context: Context, result: RunResult, last: LastEvents) -> list[Section]:
    """What to show if the run has failed, or fails when it is judged; to be asked in the world."""
    hosts = _involved(context, result, last)
    sections = [Section("last wire events", _wire_events(context, hosts, last))]
    sections += connections(host for host in hosts if len(host.connections) <= MAX_CONNECTIONS)
    sections.append(variables(context))
    return hide_secrets(context.deployment, sections)


def _involved(context: Context, result: RunResult, last: LastEvents) -> list[Host]:
    """The hosts, the most closely involved first."""
    names = []
    if result.steps:
        actor = result.steps[-1].by
        names += [actor, f"{actor}-browser"]
    names += [event["host"] for event in list(last.events)[: -_LAST - 1 : -1]]
    known = context.deployment.world.hosts
    return [known[name] for name in dict.fromkeys(names) if name in known][:MAX_HOSTS]


def _wire_events(context: Context, hosts: list[Host], last: LastEvents) -> list[str]:
    """The last entries of the wire digest that are about connections of these hosts."""
    world = context.deployment.world
    if not isinstance(world, World):
        return []
    names = {host.address: host.name for host in world.hosts.values()}
    ends = _ends(hosts, last)
    lines: list[str] = []
    for event in reversed(world.network.digest.recent()):
        if event.connection in ends and len(lines) < MAX_WIRE_EVENTS:
            pair = [_named(end, names) for end in ends[event.connection]]
            here, there = reversed(pair) if event.direction else pair
            said = _SAID[event.kind].format(event.size)
            lines.append(
                f"{event.time / 1e9:12.6f} s  #{event.connection:<4} {here} -> {there}  {said}"
            )
    return lines[::-1]


def _ends(hosts: list[Host], last: LastEvents) -> dict[int, tuple[str, str]]:
    """Number of a connection of the hosts -> its ends (address:port), the dialling one first."""
    ends = {}
    addresses = [host.address for host in hosts]
    for event in last.events:
        if event["kind"] == "connection.opened":
            pair = event["client"], event["server"]
            if any(end.partition(":")[0] in addresses for end in pair):
                ends[event["connection"]] = pair
    for host in hosts:
        for number, transport in host.connections.items():
            here = "{}:{}".format(*transport.get_extra_info("sockname"))
            there = "{}:{}".format(*transport.get_extra_info("peername"))
            ends[number] = (there, here) if transport.direction else (here, there)
    return ends


def _named(end: str, names: Mapping[str, str]) -> str:
    """An end with the host's name for its address."""
    address, _, port = end.partition(":")
    return f"{names.get(address, address)}:{port}"
