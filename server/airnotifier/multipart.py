"""Reading a small `multipart/form-data` body (RFC 7578) that is already in memory.

Only fields with text values are understood, since no call of the gateway takes a file. Bodies are
bounded by the server's limit, so nothing here streams. A field's charset is that of its own
Content-Type, else that of the field `_charset_` (section 4.6), else that of the form.
"""

import re

from server.airnotifier.charsets import DEFAULT, charset_of, decode, known

_BOUNDARY = re.compile(
    r"""multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]+)"|([^";,\s]+))""", re.IGNORECASE
)
_DISPOSITION = re.compile(rb"^content-disposition:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_CONTENT_TYPE = re.compile(rb"^content-type:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(rb"""[;\s]name=(?:"((?:[^"\\]|\\.)*)"|([^";,\s]+))""", re.IGNORECASE)
_FILE_NAME = re.compile(rb"""[;\s]filename\*?=""", re.IGNORECASE)
_USUAL_HEAD = re.compile(rb"""Content-Disposition: form-data; name="([^"\\%\r\n]*)\"""")
"""What curl and everybody else sends for a field; other forms take the longer way."""


class MultipartError(ValueError):
    """The body does not follow the format."""


def boundary_of(content_type: str) -> str | None:
    """The boundary if this is a multipart form, else None."""
    if content_type[:19].lower() != "multipart/form-data":
        return None
    match = _BOUNDARY.match(content_type)
    return (match.group(1) or match.group(2)) if match else ""


def parse_multipart(
    body: bytes, boundary: str, *, max_parts: int, charset: str = DEFAULT
) -> list[tuple[str, str]]:
    """Names and texts of the fields in order; `charset` is the form's. Raises MultipartError."""
    if not boundary:
        raise MultipartError("no boundary")
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    # The first delimiter may lack the line end that the others begin with.
    sections = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise MultipartError("the closing boundary is missing")
    if len(sections) - 2 > max_parts:
        raise MultipartError("too many fields")
    parts = [_parse_part(section) for section in sections[1:-1]]
    for name, value, _ in parts:
        if name == b"_charset_":
            charset = known(value.decode("ascii", "replace").strip())
    return [
        (decode(name, charset), decode(value, charset_of(own, charset)))
        for name, value, own in parts
        if name != b"_charset_"
    ]


def _parse_part(section: bytes) -> tuple[bytes, bytes, str]:
    """Name and value of a field, and its Content-Type, which most have not."""
    padding, line_end, rest = section.partition(b"\r\n")
    if not line_end or padding.strip(b" \t"):
        raise MultipartError("text after a boundary")
    head, blank, value = rest.partition(b"\r\n\r\n")
    if not blank:
        raise MultipartError("a field without a value")
    usual = _USUAL_HEAD.fullmatch(head)
    if usual:
        return usual.group(1), value, ""
    own = _CONTENT_TYPE.search(head)
    return _field_name(head), value, own.group(1).decode("ascii", "replace") if own else ""


def _field_name(head: bytes) -> bytes:
    line = _DISPOSITION.search(head)
    if line is None:
        raise MultipartError("a field without Content-Disposition")
    if _FILE_NAME.search(line.group(1)):
        raise MultipartError("files are not accepted")
    match = _NAME.search(line.group(1))
    if match is None:
        raise MultipartError("a field without a name")
    name: bytes = match.group(1) if match.group(1) is not None else match.group(2)
    return name.replace(b'\\"', b'"').replace(b"%22", b'"')
