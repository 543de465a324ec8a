"""What a server process is told of names and of the time by this process, not by its machine.

With it the process is started by `sim.live.launcher`; a name it looks up is asked for here, where
faults may let that fail, and its calendar clock can be set while it runs. It stays the same over
the restarts of the server, as a machine does.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sim.live.skew import SharedSkew, Skew

if TYPE_CHECKING:
    from sim.live.hosts import LiveHost

_CHUNK: Final = 4096
_TOLERANCE: Final = 0.005
"""Seconds by which two clocks of one machine may seem to differ."""


class Surroundings:
    """Of one host; see the module."""

    def __init__(self, host: "LiveHost") -> None:
        self._host = host
        self._memory, path = tempfile.mkstemp(prefix="airbed-clock-")
        os.unlink(path)  # who has the descriptor has the memory
        SharedSkew.prepare(self._memory)
        self._shared = SharedSkew(self._memory)
        self._skews: list[tuple[float, Skew]] = [(0.0, Skew())]
        """Every one since it began, with the right Unix time from which on it counts."""
        self._asked: list[_Questions] = []

    def start(
        self, module: str, arguments: Sequence[str]
    ) -> tuple[list[str], tuple[int, int], socket.socket]:
        """For one more process that runs the module: its command, the descriptors it inherits, and
        what the caller has to close once it has started.
        """
        ours, theirs = socket.socketpair()
        self._asked.append(_Questions(self._host, ours))
        descriptors = (theirs.fileno(), self._memory)
        words = [sys.executable, "-m", "sim.live.launcher", *map(str, descriptors), module]
        return [*words, *arguments], descriptors, theirs

    def set_clock(self, offset: float, drift: float) -> None:
        """Set the calendar clock: `offset` seconds fast, and `drift` more each second."""
        skew = Skew(offset, drift, time.monotonic())
        self._shared.write(skew)
        self._skews.append((time.time(), skew))

    def clock_error(self) -> float:
        """Seconds by which the calendar clock is fast now."""
        return self._skews[-1][1].at(time.monotonic())

    def right_time(self, shown: float) -> float:
        """The Unix time at which the clock showed `shown`: of several possible ones the latest."""
        now = until = time.time()
        for begin, skew in reversed(self._skews):
            pace = 1 + skew.drift
            right = (shown - skew.offset + skew.drift * begin) / pace if pace > 0 else now
            if begin - _TOLERANCE <= right <= until + _TOLERANCE:
                return min(max(right, begin), until)
            until = begin
        return now

    def close(self) -> None:
        """Answer nobody any more."""
        for questions in self._asked:
            questions.close()
        self._shared.close()
        os.close(self._memory)


class _Questions:
    """The look-ups of one process."""

    def __init__(self, host: "LiveHost", sock: socket.socket) -> None:
        self._host = host
        self._socket = sock
        self._rest = b""
        sock.setblocking(False)
        self._loop: asyncio.AbstractEventLoop = host.network.loop
        self._loop.add_reader(sock, self._read)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # it was killed
            data = b""
        if not data:
            self.close()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            answer = json.dumps(self._answer(json.loads(line))).encode() + b"\n"
            try:
                self._socket.send(answer)  # short, and one at a time: the buffer takes it
            except OSError:  # it was killed before it heard the answer
                self.close()
                return

    def _answer(self, name: str) -> dict[str, str | int]:
        try:
            return {"address": self._host.network.find(name, self._host).address}
        except socket.gaierror as error:
            return {"errno": error.errno or socket.EAI_FAIL, "error": str(error.strerror)}
