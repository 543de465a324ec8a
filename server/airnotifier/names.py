"""What channels and collapse keys may be called."""

from collections.abc import Sequence

from server.airnotifier.errors import InvalidRequest

DEFAULT_CHANNEL = "default"
MAX_NAME_LENGTH = 255
MAX_CHANNELS = 100
"""Of one token, by one call."""


def check_name(argument: str, name: str) -> None:
    """Raises InvalidRequest."""
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidRequest(
            f"Invalid argument {argument}: up to 255 printable characters expected"
        )


def channel_names(names: Sequence[str]) -> list[str]:
    """The channels that somebody named; without any it is `default`. Raises InvalidRequest."""
    if len(names) > MAX_CHANNELS:
        raise InvalidRequest("Invalid argument channel: too many channels")
    for name in names:
        check_name("channel", name)
    return list(names) or [DEFAULT_CHANNEL]
