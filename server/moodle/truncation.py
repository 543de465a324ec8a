"""Where the AirNotifier output of 2013 cuts a message, byte for byte.

The limit counts bytes as PHP strings do, so a cut may fall inside a character: the push then
carries invalid UTF-8. Both oddities of the original are kept because gateways have to live with
them: a cut character makes the JSON length 0, and a length below zero counts from the end.
"""

from typing import Any

from server.moodle import php_json

ENVELOPE = 205
"""Bytes for the text and its companions: APNs' 256 less what AirNotifier itself is held to add."""

_ELLIPSIS = b"..."


def allowance(urlparams: Any, message_id: int, kind: str, userfrom: str) -> int:
    """Bytes left for the text beside the other fields; may be below zero."""
    companions = {"urlparams": urlparams, "id": message_id, "type": kind, "userfrom": userfrom}
    return ENVELOPE - len(php_json.encode(companions))


def truncate(text: bytes, allowed: int) -> bytes:
    """The text, or if it needs `allowed` bytes or more, the part that is sent of it."""
    if len(text) < allowed:
        return text
    cut = _substr(text, allowed - 4)
    length = php_json.encoded_length(cut)
    if length > allowed:
        cut = _substr(cut, allowed - 4 - (length - len(cut)))
    return cut + _ELLIPSIS


def _substr(text: bytes, length: int) -> bytes:
    """PHP's `substr(text, 0, length)`: a length below zero leaves out that many at the end."""
    return text[:length] if length >= 0 else text[: max(len(text) + length, 0)]
