"""The push services as the gateway uses them: a codec and a client for each."""

from typing import Protocol


class PushService(Protocol):
    """What the dispatcher needs of a provider: it takes pushes from its backlog when woken."""

    def wake(self) -> None:
        """Pushes arrived in the backlog."""

    async def close(self) -> None:
        """Stop sending; wait a moment for the fate of what is under way; release everything."""
