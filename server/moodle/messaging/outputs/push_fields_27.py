"""The fields of a push as Moodle 2.7 sends them: the platform is among them, ids are not.

The text is escaped for HTML before it is cut, and cut by characters, not bytes; the escapes of its
JSON form count towards the second cut, so that a long text in another script leaves three dots.
"""

import hashlib
import re
import string
from html import escape
from typing import Final

from server.moodle import php_json

ENVELOPE: Final = 205
"""Characters for the text and its companions."""

_ELLIPSIS: Final = "..."
_NOT_ESCAPED = re.compile(r"&amp;#([0-9]+|x[0-9a-f]+);", re.IGNORECASE)
_MESSAGE: Final = b"0"
"""`notif` of a personal message; that of a notification is 1."""


def push_fields(
    *, text: str, date: int, site: str, kind: str, userfrom: str, platform: str
) -> list[tuple[bytes, bytes]]:
    """The fields before the token, in their order. `site`: see `site_id`."""
    alert = truncate(escaped(text), allowance(site, kind, userfrom))
    return [
        (b"alert", alert.encode()),
        (b"date", b"%d" % date),
        (b"site", site.encode()),
        (b"type", kind.encode()),
        (b"userfrom", userfrom.encode()),
        (b"device", platform.encode()),
        (b"notif", _MESSAGE),
    ]


def site_id(wwwroot: str, username: str) -> str:
    """By which the app knows the account that a push is for."""
    return hashlib.md5((wwwroot + username).encode(), usedforsecurity=False).hexdigest()


def platform_of(token: str) -> str:
    """The platform whose push service issued a token, as the app names it.

    Registrations of 2013 do not name it. 64 hexadecimal digits are a token of APNs; GCM's are
    longer and not of digits alone.
    """
    return "iOS" if len(token) == 64 and set(token) <= set(string.hexdigits) else "Android"


def escaped(text: str) -> str:
    """Moodle's `s()`: for HTML, with both quotes; numeric entities stay as they are."""
    return _NOT_ESCAPED.sub(r"&#\1;", escape(text).replace("&#x27;", "&#039;"))


def allowance(site: str, kind: str, userfrom: str) -> int:
    """Characters left for the text beside the other fields; may be below zero."""
    companions = {
        "site": site,
        "type": kind,
        "device": "xxxxxxxxxx",
        "notif": "x",
        "userfrom": userfrom,
    }
    return ENVELOPE - len(php_json.encode(companions))


def truncate(text: str, allowed: int) -> str:
    """The text, or if it needs `allowed` characters or more, the part that is sent of it."""
    if len(text) < allowed:
        return text
    cut = _substr(text, allowed - 4)
    length = len(php_json.encode(cut))
    if length > allowed:
        cut = _substr(cut, allowed - 4 - (length - len(cut)))
    return cut + _ELLIPSIS


def _substr(text: str, length: int) -> str:
    """PHP's `mb_substr(text, 0, length)`: below zero it leaves out that many at the end."""
    return text[:length] if length >= 0 else text[: max(len(text) + length, 0)]
