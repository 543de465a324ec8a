"""The one way in which the gateway says no to a client."""


class Refused(Exception):
    """A request is not served: HTTP status and the text of the JSON member `error`.

    `token` is the one that the request named, for the log.
    """

    status_of_2013 = 200
    """AirNotifier said in the body only that a call was refused."""

    def __init__(self, status: int, reason: str, logged: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.logged = logged or reason
        """What the operator reads, where AirNotifier's words for the client say something else."""
        self.token: str | None = None


class MissingArgument(Refused):
    """An argument that a call cannot do without is absent. Its framework said so: always 400."""

    status_of_2013 = 400

    def __init__(self, name: str) -> None:
        super().__init__(400, f"Missing argument {name}")
