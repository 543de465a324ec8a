"""The body that PHP's cURL sends for an array of fields: multipart/form-data, values as they are.

Written for the few short fields of a push, several times faster than a general form encoder. Values
are bytes and may be invalid UTF-8. The boundary is random, so no value can contain it on purpose.
"""

import secrets
from collections.abc import Iterable

_DISPOSITION = b'\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


def encode(fields: Iterable[tuple[bytes, bytes]]) -> tuple[str, bytes]:
    """The value of Content-Type, and the body."""
    boundary = "------------------------" + secrets.token_hex(8)
    delimiter = b"--" + boundary.encode()
    parts = [delimiter + _DISPOSITION % field for field in fields]
    parts.append(delimiter + b"--\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)
