"""The one place where the servers read the time.

Everything in `server/` that needs "now" calls these two functions, so that whoever owns the
process's clock (the operating system, or a world that simulates one) decides what time it is.
`datetime.now()` reads the C library directly and is therefore not used anywhere in `server/`.
"""

import time


def now() -> float:
    """Seconds since the Unix epoch, UTC."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start; never goes back. For durations and deadlines."""
    return time.monotonic()
