"""Where faults register under the name that scenario files use."""

from collections.abc import Callable

from scenarios.engine.world.faults.injection import Injection

Begin = Callable[[Injection], None]

REGISTRY: dict[str, Begin] = {}


def fault(*names: str) -> Callable[[Begin], Begin]:
    """Register what brings a fault about."""

    def register(begin: Begin) -> Begin:
        for name in names:
            REGISTRY[name] = begin
        return begin

    return register
