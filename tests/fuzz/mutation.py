"""Damage: to bytes, to texts, to JSON, and values that programs trip over."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final

TEXTS: Final = [
    "", " ", "\0", "\ud800", "\udcff", "\x1b[31m", "\x7f", "\u2028", "\u202e", "\ufeff", "\uffff",
    "é", "日本", "😀", "a" * 300, "a" * 70_000, "../../etc/passwd", "/dev/full", "/proc/self/mem",
    "%s%n", "$x", "$$", "${", "$matrix.x", "'", '"', "<script>", "]]>", "&amp;", "\\", "\r\nX: y",
    "null", "true", "NaN", "None", "__class__", "{{7*7}}", "; rm -rf /", "http://[::1", "[", "{",
]  # fmt: skip
NUMBERS: Final = [
    0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**18, 10**30, 10**400, -(10**400),
    0.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
WRITTEN_NUMBERS: Final = [
    "0", "1", "-1", "+1", "01", "1_0", "\u0661\u0662", "²", " 1", "1 ", "1.5", "1e3", "1e999",
    "0x10", "0o17", "NaN", "Infinity", "-0", "9" * 25, "9" * 5000, "65535", "65536", "000000080999",
    "1..2", "2..1", "1..", "..", "1...2", "999999999999999999", "1000000000000000000",
]  # fmt: skip
QUANTITIES: Final = [
    "0", "0s", "1us", "300ms", "1s", "5m", "366d", "367d", "-1s", "1 s", "1", "1e3s", "٣s", "1_0s",
    "999999999999999d", "1.000000000000001s", "50%", "0%", "100%", "101%", "0.0000001%", "256B",
    "0B", "1.5B", "4KiB", "999999999999999MiB", "1s..2s", "2s..1s", "16KiB/s", "0B/s",
]  # fmt: skip
VALUES: Final[Sequence[Any]] = [
    *TEXTS, *NUMBERS, *QUANTITIES, None, True, False, [], {}, [[]], [{}], {"": None}, [None] * 1000,
]  # fmt: skip


def damaged(rng: Random, data: bytes, pieces: Sequence[bytes] = ()) -> bytes:
    """The bytes with a few of them changed, cut out, repeated or put in."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(found) + 1)
        length = min(rng.choice((1, 1, 2, 4, 16, 200)), len(found) - at)
        match rng.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = found[at : at + length] * rng.choice((1, 2, 50))
            case 3:
                found[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8)))
            case 4 if pieces:
                found[at : at + rng.choice((0, length))] = rng.choice(pieces)
            case _:
                found[at : at + length] = rng.choice((b"\0", b"\xff", b"\x80")) * length
    return bytes(found)


def damaged_text(rng: Random, text: str, pieces: Sequence[str]) -> str:
    """The text with pieces of it cut out, repeated, and others put in."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 3, 12, 40)))
        piece = rng.choice(pieces) if rng.random() < 0.8 else text[at:end] * rng.choice((2, 3, 40))
        text = text[:at] + piece + text[end:]
    return text


def damaged_value(rng: Random, value: Any) -> Any:
    """The same document with one place of it changed: another value, a key away, a key more."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        changed = dict(value)
        match rng.randrange(12):
            case 0:
                del changed[key]
            case 1:
                changed[str(rng.choice(TEXTS))] = value[key]
            case _:
                changed[key] = damaged_value(rng, value[key])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        match rng.randrange(12):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value[: place + 1] * 2
            case _:
                return [*value[:place], damaged_value(rng, value[place]), *value[place + 1 :]]
    if isinstance(value, str) and value and rng.random() < 0.3:
        return damaged_text(rng, value, TEXTS)
    return rng.choice(VALUES)


def nested(rng: Random, opening: str = "[") -> str:
    """Brackets, as deep as bombs have them."""
    return opening * rng.choice((10, 500, 20_000, 100_000))


def as_json(rng: Random, value: Any) -> str:
    """JSON as other programs write it: with escapes, with NaN, with huge numbers."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.05:
        text = text.replace(":", ":" + nested(rng), 1)
    return text
