"""What the exit code of `airbed` says; scripts rely on it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    """A scenario was run and did not go as it says."""
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    """A mistake of Airbed, not of the user."""
    INVALID = 4
    """Bad usage, or a scenario file with mistakes."""
    NOTHING_SELECTED = 5
    """No scenario there, or none with these tags."""
