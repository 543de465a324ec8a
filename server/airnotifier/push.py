"""A notification on its way from the gateway to a push service."""

from dataclasses import dataclass

from server.airnotifier.targets import Provider


@dataclass(slots=True, eq=False)
class Push:
    """One notification to one token, as the outbox holds it.

    `payload` is JSON text: the whole APNs payload, or the `data` object for GCM. `accepted` and
    `expires` are Unix seconds.

    What changes: `attempt` counts dispatches since the gateway's start. `writes` counts how often
    it was written without its outcome becoming known; one that an earlier process left counts as
    written once. `counted` is what the outbox says of that, perhaps with the next write in it.
    """

    id: int
    app: str
    provider: Provider
    token: str
    payload: str
    collapse_key: str | None
    broadcast: int | None
    accepted: float
    expires: int
    attempt: int = 0
    writes: int = 0
    counted: int = 0
