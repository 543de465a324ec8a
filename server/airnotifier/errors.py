"""Why a client's call is not served. Which HTTP status that is, only `api/call.py` knows."""


class Refused(Exception):
    """A call is not served. `reason` is the text for the client, in AirNotifier's words."""

    def __init__(self, reason: str, logged: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.logged = logged or reason
        """What the operator reads, where AirNotifier's words for the client say something else."""
        self.token: str | None = None
        """The one that the call named, for the log."""


class InvalidRequest(Refused):
    """The call says something that cannot be meant, or by a key or an app that there is not."""


class MissingArgument(InvalidRequest):
    """An argument that the call cannot do without is absent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Missing argument {name}")


class UnknownToken(Refused):
    """The token is not registered, and the key may not register it."""


class NotConfigured(Refused):
    """The application does not have the push service that the call needs."""


class NotPermitted(Refused):
    """The key does not have the permission that the call needs."""


class AddressBlocked(Refused):
    """The administrator has blocked the caller's address."""
