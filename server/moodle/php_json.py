"""JSON as PHP's `json_encode` writes it by default.

It differs from Python's compact ASCII form in two characters: a slash is escaped, DEL is not.
Clients do not mind; the length of a text in this form decides where a push is cut.
"""

import json
import re
from typing import Any

_DEL = re.compile(r"(\\\\)|\\u007f")
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def encode(value: Any) -> str:
    """The JSON text of a value made of dict, list, str, int, bool and None."""
    text = _encode(value).replace("/", "\\/")
    if "\\u007f" in text:
        text = _DEL.sub(lambda match: match[1] or "\x7f", text)
    return text


def encoded_length(text: bytes) -> int:
    """Bytes of a string's JSON form including the quotes; 0 if it is not UTF-8.

    PHP returns false for invalid UTF-8, and the length of false is 0.
    """
    try:
        return len(encode(text.decode("utf-8")))
    except UnicodeDecodeError:
        return 0
