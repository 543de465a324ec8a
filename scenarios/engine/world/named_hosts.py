"""The machines of the servers and push services, with all the names under which they are known."""

from scenarios.engine.format.models import Network
from sim.net.links import LINKS, Link
from sim.surface import Host, World


class NamedHosts:
    """Makes hosts in a world. `network` is what the scenario says of every link."""

    def __init__(self, world: World, network: Network) -> None:
        self._world = world
        self._names: dict[str, tuple[str, ...]] = {}
        self.link: Link | None = None
        """Every link of the world; None: each has what its kind has."""
        if network.latency is not None or network.jitter is not None:
            self.link = Link(network.latency or 0.0, network.jitter or 0.0)

    def add(self, name: str, *names: str) -> Host:
        """A machine in the data centre, with more names in the world's DNS."""
        host = self._world.host(name, link=self.link or LINKS["datacentre"])
        for other in names:
            self._world.network.alias(other, host)
        self._names[name] = (name, *names)
        return host

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names under which a host is looked up."""
        return self._names.get(name, (name,))
