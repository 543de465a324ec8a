"""What can go wrong on a phone or in a browser, as code sees it.

Refusals that a server spells out (a wrong password, a key without permission) are results, not
exceptions: see the `...Result` classes of `devices.moodle_app`. Exceptions are for what leaves
no answer, and for steps asked of a device that is in no state to do them.
"""


class DeviceError(Exception):
    """Base of everything raised in `devices`."""


class HttpError(DeviceError):
    """A request ended without a response. The text names method and address, never the query."""


class ConnectFailed(HttpError):
    """No connection: unknown name, refused, unreachable, or a failed TLS handshake."""


class RequestTimeout(HttpError):
    """The whole request (connecting included) took longer than its timeout."""


class ConnectionLost(HttpError):
    """The connection ended before the response was complete; the server may have acted on it."""


class InvalidResponse(HttpError):
    """The peer's bytes are not HTTP/1.1, or the response exceeds the limit."""


class FrameError(DeviceError):
    """Bytes on a push connection that the protocol does not allow; the connection is closed."""


class NotPossible(DeviceError):
    """The device cannot do this now (for instance: tap a notification that is not there)."""


class UnexpectedAnswer(DeviceError):
    """A server's answer that the client cannot make sense of (not JSON, a page without a form)."""


class NothingReceived(DeviceError):
    """No matching notification reached the phone in time."""
