"""The binary APNs protocol, provider side: bytes only, no I/O.

Source: Apple, "Local and Remote Notification Programming Guide", appendix "Legacy Notification
Format" (command 1, the enhanced format) and "Binary Provider API" (error-response packet and its
status codes). All integers are big-endian.

This encoder is the gateway's own: the push service it talks to decodes with other code.
"""

import struct
from dataclasses import dataclass

COMMAND_ENHANCED = 1
COMMAND_ERROR = 8
ERROR_PACKET_SIZE = 6

INVALID_TOKEN = 8
SHUTDOWN = 10

STATUS_NAMES = {
    0: "no_error",
    1: "processing_error",
    2: "missing_token",
    3: "missing_topic",
    4: "missing_payload",
    5: "invalid_token_size",
    6: "invalid_topic_size",
    7: "invalid_payload_size",
    INVALID_TOKEN: "invalid_token",
    SHUTDOWN: "shutdown",
    128: "protocol_error",
    255: "unknown_error",
}

_HEAD = struct.Struct(">BIIH")
_LENGTH = struct.Struct(">H")
_ERROR = struct.Struct(">BBI")


@dataclass(frozen=True, slots=True)
class ErrorPacket:
    """The only thing the gateway of Apple ever says. It closes the connection afterwards.

    `identifier` names the offending notification, or with SHUTDOWN the last accepted one.
    """

    status: int
    identifier: int

    @property
    def reason(self) -> str:
        """The status in words, as logs show it."""
        return STATUS_NAMES.get(self.status, f"status_{self.status}")


def encode(identifier: int, expiry: int, token: bytes, payload: bytes) -> bytes:
    """One notification in the enhanced format.

    `identifier` is 32 bits, `expiry` Unix seconds (0: do not store), `token` 32 bytes. Raises
    struct.error for numbers that do not fit.
    """
    return b"".join(
        (
            _HEAD.pack(COMMAND_ENHANCED, identifier, expiry, len(token)),
            token,
            _LENGTH.pack(len(payload)),
            payload,
        )
    )


def decode_error(data: bytes) -> ErrorPacket | None:
    """The packet at the start of what the server sent.

    None while it is incomplete. Raises ValueError if this is something else.
    """
    if data and data[0] != COMMAND_ERROR:
        raise ValueError(f"command {data[0]} is no error packet")
    if len(data) < ERROR_PACKET_SIZE:
        return None
    _, status, identifier = _ERROR.unpack_from(data)
    return ErrorPacket(status, identifier)
