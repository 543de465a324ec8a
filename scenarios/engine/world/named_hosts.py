"""The machines of the servers and push services, with all the names under which they are known."""

from collections.abc import Mapping

from scenarios.engine.format.network_models import LinkSettings
from sim.net.links import LINKS, Link
from sim.surface import Host, World


class NamedHosts:
    """Makes hosts in a world. `network` is what the scenario says of every link, `links` what it
    says of those of single hosts.
    """

    def __init__(
        self, world: World, network: LinkSettings, links: Mapping[str, LinkSettings]
    ) -> None:
        self._world = world
        self._network = network
        self._links = links
        self._made: dict[tuple[str, str], Link] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, *names: str) -> Host:
        """A machine in the data centre, with more names in the world's DNS."""
        host = self._world.host(name, link=self.link_of(name, "datacentre"))
        for other in names:
            self._world.network.alias(other, host)
        self._names[name] = (name, *names)
        return host

    def link_of(self, name: str, kind: str) -> Link:
        """The link of a host, by its name in `links`; `kind` is what it has by default."""
        if (name, kind) not in self._made:
            link = self._network.over(LINKS[kind])
            own = self._links.get(name)
            self._made[name, kind] = link if own is None else own.over(link)
        return self._made[name, kind]

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names under which a host is looked up."""
        return self._names.get(name, (name,))
