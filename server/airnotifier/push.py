"""A notification on its way from the gateway to a push service."""

from dataclasses import dataclass

from server.airnotifier.targets import Provider


@dataclass(slots=True, eq=False)
class Push:
    """One notification to one token, as the outbox holds it.

    `payload` is JSON text: the whole APNs payload, or the `data` object for GCM. `accepted` and
    `expires` are Unix seconds. `attempt` counts dispatches since the gateway's start; it is the
    only field that changes.
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
