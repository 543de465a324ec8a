"""How much a scenario file may ask for: every bound of a number, a duration, a size and a text.

A run may take hours; it may not take years, or all memory. What is beyond a bound is a mistake of
the file, reported at its place. `docs/scenarios.md` lists them, which a test holds to this module.
"""

from typing import Final

_KIB: Final = 1024
_DAY: Final = 86_400.0

# -- the file

MAX_BYTES: Final = 256 * _KIB
"""Bytes of a file."""
MAX_VALUES: Final = 100_000
"""Values in a file, with every alias counted as what it stands for."""
MAX_DEPTH: Final = 30
"""How deep they are nested."""
MAX_DIGITS: Final = 30
"""Digits of a number."""
MAX_CONDITION: Final = 500
"""Characters of a condition; a longer one is a program."""
MAX_CONDITION_DEPTH: Final = 40
"""Parentheses, `not` and minus signs within each other."""
MAX_NAME: Final = 50
"""Characters of a name: it is a host's, an account's and part of file names."""
MAX_TEXT: Final = 256 * _KIB
"""Characters of a text with references, once these are replaced: as many as a file has bytes."""

# -- how many runs

MAX_CELLS: Final = 1000
"""Cells of a matrix."""
MAX_CELL_VALUES: Final = 1_000_000
"""Values of all cells together: each cell has those of the file."""
MAX_CELL_TEXT: Final = 1024 * _KIB
"""Characters that the matrix puts into one cell."""
MAX_SEED: Final = 10**18 - 1
"""The largest seed, in a file and on the command line."""
MAX_RUNS: Final = 100_000
"""Runs that a file asks for: its cells, each with all its seeds."""

# -- numbers and quantities

MAX_COUNT: Final = 1_000_000
"""Any other number of things: notifications, connections, recipients."""
MAX_SIZE: Final = 1024**3
"""Bytes of a size; a rate is so much per second."""
MIN_DURATION: Final = 1e-6
"""Seconds of the shortest duration that is not 0."""
MAX_DURATION: Final = 366 * _DAY
"""Seconds of the longest one."""
MIN_NAT: Final = 1.0
"""Seconds for which a NAT remembers a connection at least; with less nothing gets through."""
MIN_HEARTBEAT: Final = 1.0
MAX_HEARTBEAT: Final = _DAY
"""Seconds between heartbeats, as a push service may tell its phones."""
MAX_DEAD_AFTER: Final = 100.0
"""Heartbeat intervals after which a silent connection counts as dead."""
MAX_CORES: Final = 1024
"""Cores of a server."""

# -- the work of one run

MAX_NAMED: Final = 1000
"""Users, named phones and faults, of each."""
MAX_PHONES: Final = 1_000_000
"""Phones of a fleet: each costs a few KiB, so that these take a large machine."""
MAX_HEARTBEATS: Final = 20_000_000
"""Heartbeats of all phones during the waits and time limits of the flow: about an hour of CPU."""
MAX_ACTIONS: Final = 2_000_000
"""Messages and broadcasts counted by recipient, steps and faults of a fleet by phone: about an
hour of CPU."""
MAX_SENT_TEXT: Final = 256 * _KIB * _KIB
"""Characters of all texts that are sent, counted by recipient."""
