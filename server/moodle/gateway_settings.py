"""Which values the administrator's AirNotifier settings can have: from the page and from the
configuration file alike.
"""

import re

from server.settings import is_http_address, is_port

_KEY = re.compile("[A-Za-z0-9_-]{1,255}", re.ASCII)
_LONGEST = 255
"""Characters."""


def complaint(name: str, value: str) -> str:
    """Why a value is not acceptable for a setting by its name in the database; empty if it is. Any
    setting may be empty.
    """
    if not value:
        return ""
    if not value.isprintable() or len(value) > _LONGEST:
        return "This value is not valid"
    if name == "airnotifierurl" and not is_http_address(value):
        if value.startswith(("http://", "https://")):
            return "This is not the address of a host"
        return "An address starts with http:// or https://"
    if name == "airnotifierport" and not is_port(value):
        return "A port is a number from 1 to 65535"
    if name.endswith("accesskey") and not _KEY.fullmatch(value):
        return "A key consists of letters, digits, - and _"
    return ""
