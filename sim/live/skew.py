"""A calendar clock that is wrong, and how a process is told of it: in memory that both share.

The one who sets the clock writes, the process of the wrong clock reads at every look at it; so it
is wrong from the moment on at which it is set, also in a process that stands still.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Final

_FORMAT: Final = struct.Struct("ddd")
_PLACES: Final = (8, 8 + _FORMAT.size)
_SIZE: Final = _PLACES[1] + _FORMAT.size


@dataclass(frozen=True, slots=True)
class Skew:
    """By how many seconds a clock is fast: `offset` at monotonic second `since`, and `drift` more
    each second from then on.
    """

    offset: float = 0.0
    drift: float = 0.0
    since: float = 0.0

    def at(self, monotonic: float) -> float:
        """Seconds to add to the right time."""
        return self.offset + self.drift * (monotonic - self.since)


class SharedSkew:
    """A skew in memory behind a file descriptor, at first none.

    There are two places for it, and the first byte says which one counts, so that nobody reads one
    that is half written.
    """

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: of a file that `prepare` was called with; it may be closed afterwards."""
        self._memory = mmap.mmap(descriptor, _SIZE)

    @staticmethod
    def prepare(descriptor: int) -> None:
        """Give an empty file its size."""
        os.ftruncate(descriptor, _SIZE)

    def read(self) -> Skew:
        """What counts now."""
        return Skew(*_FORMAT.unpack_from(self._memory, _PLACES[self._memory[0]]))

    def write(self, skew: Skew) -> None:
        """Let this count from now on."""
        place = 1 - self._memory[0]
        _FORMAT.pack_into(self._memory, _PLACES[place], skew.offset, skew.drift, skew.since)
        self._memory[0] = place

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
