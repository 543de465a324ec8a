"""Why a gateway refused, in words that may be logged.

A gateway may repeat what it was sent: the text of a message, names, tokens, the key. A word of its
answer that occurs in one of these is left out, and so is what looks like a token or key.
"""

import json
import re
from collections.abc import Collection, Mapping
from html import unescape
from typing import Final
from urllib.parse import unquote_plus

LONGEST: Final = 200
"""Characters that are kept."""

_READ: Final = 4096
"""Characters of an answer that are looked at."""
_TELLING: Final = 4
"""Letters of a word of ASCII that tells of what it is taken from. Other scripts say as much with
one character."""
_LEFT_OUT: Final = "***"

_TAG = re.compile(r"<[^<>]*>")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_WORD = re.compile(r"\w+")
_OPAQUE: Final = 16
"""Characters of a word with a digit in it that is held to be a token or key."""
_TRACEBACK: Final = "Traceback (most recent call last):"


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, private: Collection[str]
) -> str | None:
    """Why the gateway did not take a push or broadcast; None if it did.

    It did if the status is 2xx, but for a JSON object with an `error`, which is how it refused in
    2013, and for a page of HTML, which is from somebody else.
    """
    error = _error(body)
    is_page = body.lstrip()[:1] == b"<"
    if 200 <= status < 300 and error is None and not is_page:
        return None
    location = headers.get("Location")
    if 300 <= status < 400 and location is not None:
        text = f"a redirect to {location}"
    elif not body:
        return "an empty body"
    elif any(len(value) > _READ for value in private):
        return f"{len(body)} bytes"  # to look for each of its words in these would take long
    else:
        text = error or body.decode("utf-8", "replace")
    return _without(_readable(text[:_READ]), private)[:LONGEST]


def _error(body: bytes) -> str | None:
    """The text of `error` in a JSON object, empty if it is no text; None without one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or "error" not in document:
        return None
    return document["error"] if isinstance(document["error"], str) else ""


def _readable(text: str) -> str:
    if text.startswith(_TRACEBACK):
        text = text.strip().rpartition("\n")[2]
    if text.lstrip().startswith("<"):
        text = _TAG.sub(" ", text)
    # What was sent and stands there escaped, perhaps twice, has to be recognised.
    text = unquote_plus(unquote_plus(unescape(text), errors="replace"), errors="replace")
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _without(text: str, private: Collection[str]) -> str:
    values = [value.casefold() for value in private]
    for value in private:
        text = text.replace(value, _LEFT_OUT) if len(value) >= _TELLING else text

    def shown(match: re.Match[str]) -> str:
        word = match[0].casefold()
        tells = len(word) >= _TELLING or not word.isascii()
        known = tells and any(word in value for value in values)
        opaque = len(word) >= _OPAQUE and any(map(str.isdigit, word))
        return _LEFT_OUT if known or opaque else match[0]

    return _WORD.sub(shown, text)
