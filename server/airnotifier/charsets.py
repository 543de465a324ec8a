"""Decoding the text of a call.

UTF-8, unless a Content-Type names another charset that is known here; unknown names count as UTF-8.
Undecodable bytes become U+FFFD in forms, JSON and paths alike: a site cuts texts inside a
character, and the rest of the message should still reach the phone.
"""

import codecs
import re

DEFAULT = "utf-8"

_KNOWN = frozenset(
    ["utf-8", "ascii", "big5", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "koi8-r", "koi8-u"]
    + ["shift_jis", *(f"cp125{number}" for number in range(9))]
    + [f"iso8859-{part}" for part in range(1, 17) if part != 12]
)
"""Python's names. Supersets of ASCII only: the syntax of forms is ASCII. Not all of Python's: some
of its codecs are not character encodings, or take quadratic time."""

_CHARSET = re.compile(r""";\s*charset\s*=\s*"?([A-Za-z0-9_.:+-]{1,40})""", re.IGNORECASE)


def charset_of(content_type: str, default: str = DEFAULT) -> str:
    """The charset that a Content-Type names, as Python calls it."""
    named = _CHARSET.search(content_type)
    return default if named is None else known(named.group(1))


def known(name: str) -> str:
    """What Python calls a charset; UTF-8 where it is not known here."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        return DEFAULT
    return found if found in _KNOWN else DEFAULT


def decode(data: bytes, charset: str) -> str:
    """The text, with U+FFFD for undecodable bytes."""
    return data.decode(charset, "replace")
