"""What may be shown of a server's answer that was not the one hoped for.

A server may repeat what it was sent, so a private value (a token, a key) is taken out, also where
only a part of it is there. What looks like one of somebody else goes, too.
"""

import json
import re
from collections.abc import Collection
from html import unescape
from typing import Final
from urllib.parse import unquote

LONGEST: Final = 200
"""Characters of an excerpt."""

_READ: Final = 4096
"""Characters of an answer that are looked at."""
_SHORT: Final = 6
"""Characters of a word that nobody recognises a token or key by."""
_HIDDEN: Final = "***"

_SILENT = re.compile(r"<(script|style)\b[^<]*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_WORD = re.compile(r"[A-Za-z0-9_:-]+")
_OPAQUE: Final = 16
"""Characters of a word with a digit in it that is held to be a token or key."""
_TRACEBACK: Final = "Traceback (most recent call last):"


def error_in(body: bytes) -> str | None:
    """The text of `error` in a JSON object, empty if it is no text; None without one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or "error" not in document:
        return None
    return document["error"] if isinstance(document["error"], str) else ""


def excerpt(body: bytes, private: Collection[str] = (), *, location: str | None = None) -> str:
    """Where a redirect leads to; the error that a JSON object names; else the beginning of the
    text, without markup, or the last line of a traceback. Says so where there is none.
    """
    if location is not None:
        return hidden(f"a redirect to {_readable(location[:_READ])}", private)[:LONGEST]
    if not body:
        return "an empty body"
    try:
        text = error_in(body) or body.decode()
    except UnicodeDecodeError:
        return f"{len(body)} bytes that are no text"
    return hidden(_readable(text[:_READ]), private)[:LONGEST] or f"{len(body)} bytes without words"


def hidden(text: str, private: Collection[str]) -> str:
    """The text without words that are private values, are part of one, or look like one."""

    values = [value.casefold() for value in private]

    def shown(match: re.Match[str]) -> str:
        word = match[0]
        known = len(word) >= _SHORT and any(word.casefold() in value for value in values)
        opaque = len(word) >= _OPAQUE and any(map(str.isdigit, word))
        return _HIDDEN if known or opaque else word

    for value in private:
        text = text.replace(value, _HIDDEN) if value else text
    return _WORD.sub(shown, text)


def _readable(text: str) -> str:
    """On one line, as a person would read it."""
    if text.startswith(_TRACEBACK):
        text = text.strip().rpartition("\n")[2]
    if text.lstrip().startswith("<"):
        text = unescape(_TAG.sub(" ", _SILENT.sub(" ", text)))
    # A private value that stands there escaped, perhaps twice, has to be recognised.
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), unquote(unquote(text)))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
