"""Who takes part in a scenario, read from a plain document that may have mistakes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scenarios.engine.format.steps_catalog import Actor

RESERVED: Final = (
    *("fleet", "gateway", "site", "all"),
    # Hosts of every world, and the names under which the engine and the network speak in a trace.
    *("apns", "gcm", "operator", "engine", "network"),
)
"""Words that no phone and no user can have as a name."""

ADMIN: Final = "admin"
"""The user that every site has."""


class Cast:
    """The actors by kind: `phones` and `users` by name, `fleet` ({} if there is none)."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        site = entries(entries(data.get("world")).get("site"))
        devices = entries(data.get("devices"))
        self.users = {**entries(site.get("users")), ADMIN: ADMIN}
        self.phones = {name: entries(each) for name, each in devices.items() if name != "fleet"}
        self.fleet = entries(devices.get("fleet"))

    def names(self, kind: Actor) -> list[str]:
        """Who of a kind there is, as `by:` names them."""
        match kind:
            case "phone":
                return list(self.phones)
            case "person":
                return list(self.users)
            case "fleet":
                return ["fleet"] if self.fleet else []
            case "gateway":
                return ["gateway"]

    def kind(self, name: str) -> str | None:
        """What somebody is, for a message: 'a phone'. None for nobody."""
        if name in self.phones:
            return "a phone"
        if name in self.users:
            return "a user"
        if name == "gateway":
            return "the gateway"
        return "the fleet" if name == "fleet" and self.fleet else None


def entries(value: Any) -> Mapping[str, Any]:
    """A mapping, or an empty one if it is something else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The mappings in a list, with their places; nothing if it is no list."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield index, item
