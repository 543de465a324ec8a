"""Values on the command line that more than one option takes: seeds, ports, durations, addresses.

Each is read by one function here, and means the same wherever it stands: digits are 0 to 9 and
nothing else (`int` would take `1_0` and `\N{ARABIC-INDIC DIGIT ONE}`), and what a scenario file
may not say, an option may not either. All raise argparse.ArgumentTypeError.
"""

import argparse
import re
from typing import Final
from urllib.parse import urlsplit

from scenarios.engine.format.limits import MAX_SEED
from scenarios.engine.format.units import UnitError, parse_duration
from server.settings import is_http_address

LAST_PORT: Final = 65_535
_NUMBER: Final = re.compile("0|[1-9][0-9]*", re.ASCII)
_KEY: Final = re.compile("[A-Za-z0-9_-]{16,255}", re.ASCII)


def whole_number(text: str, first: int, last: int) -> int | None:
    """The number that a text is; None if it is none from `first` to `last`."""
    if _NUMBER.fullmatch(text) and len(text) <= len(str(last)) and first <= int(text) <= last:
        return int(text)
    return None


def seed(text: str) -> int:
    """A seed, as scenario files have them."""
    number = whole_number(text, 0, MAX_SEED)
    if number is None:
        if _NUMBER.fullmatch(text):
            raise argparse.ArgumentTypeError(f"this seed is too large: the largest is {MAX_SEED}")
        raise argparse.ArgumentTypeError(f"'{text}' is not a seed: write a whole number from 0")
    return number


def seeds(text: str) -> range:
    """The first and the last seed: `1..1000`."""
    first, dots, last = text.partition("..")
    if not dots:
        raise argparse.ArgumentTypeError(f"'{text}' is no range of seeds: write 1..1000")
    found = range(seed(first), seed(last) + 1)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' ends before it begins: write {last}..{first}")
    return found


def duration(text: str) -> float:
    """Seconds of a duration with its unit."""
    try:
        return parse_duration(text)
    except UnitError as error:
        text = f"{error}; {error.help}" if error.help else str(error)
        raise argparse.ArgumentTypeError(text) from None


def gateway_url(text: str) -> str:
    """The address of a gateway, without a slash at its end: scheme, host and port."""
    parts = urlsplit(text) if is_http_address(text) else None
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not the address of a gateway: write http://host:port or https://host:port,"
            f" with a port from 1 to {LAST_PORT}"
        )
    return text.rstrip("/?#")


def access_key(text: str) -> str:
    """An access key as Moodle's settings take it, long enough to be found in a record that must
    not have it."""
    if not _KEY.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"this is no access key ({len(text)} characters): write 16 to 255 letters, digits, -"
            " and _"
        )
    return text


def command_line(text: str) -> str:
    """A command for the shell."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError("there is no command in it: write one for the shell")
    return text
