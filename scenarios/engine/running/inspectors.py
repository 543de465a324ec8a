"""What can look into a world while it runs: see `runner.Inspector`."""

from pathlib import Path
from typing import Final

from scenarios.engine.running.context import Context
from sim.net.capture import Capture
from sim.trace.recorder import Listener
from sim.world import World

CAPTURE: Final = "capture.pcapng"


class Listening:
    """Tells somebody every event of the trace."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def attach(self, context: Context, record: Path) -> None:
        """See Inspector."""
        context.deployment.world.trace.listen(self._listener)

    def detach(self) -> None:
        """See Inspector."""


class Capturing:
    """Writes a packet capture into the record."""

    def __init__(self) -> None:
        self._capture: Capture | None = None

    def attach(self, context: Context, record: Path) -> None:
        """See Inspector."""
        world = context.deployment.world
        assert isinstance(world, World), "bad usage: a live world has no simulated network"
        self._capture = Capture(record / CAPTURE, world.network, world.ca, epoch=world.epoch)

    def detach(self) -> None:
        """See Inspector."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None
