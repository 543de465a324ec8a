"""The one way in which the gateway says no to a client."""


class Refused(Exception):
    """A request is not served: HTTP status and the text of the JSON member `error`.

    `token` is the one that the request named, for the log.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.token: str | None = None
