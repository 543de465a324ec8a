"""Reads the logs of server processes into the trace, causes before effects.

What stands in several pipes is read until a round finds nothing new: a line that was read from one
pipe may have its cause in another that was read before. Then the lines are recorded by their time.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from typing import Any, Final

from sim.live.process import ServerProcess
from sim.live.recorder import LiveRecorder

_MAX_ROUNDS: Final = 1000

LogLine = tuple[float, str, str, Mapping[str, Any]]
"""Unix time, host, kind and fields."""

Reader = Callable[[bytes], Sequence[tuple[float, str, Mapping[str, Any]]] | None]
"""Turns a line into events (Unix time, kind, fields); None for a line that is no log line."""


class ServerLogs:
    """The logs of all server processes of a world. `read`: see `Reader`."""

    def __init__(self, trace: LiveRecorder, read: Reader) -> None:
        self._trace = trace
        self._read = read
        self._processes: list[ServerProcess] = []
        self._waiting: list[LogLine] = []
        trace.read_logs = self._take_in

    def follow(self, process: ServerProcess) -> None:
        """Read the log of this one, too, from its beginning."""
        self._processes.append(process)
        process.listen(lambda line: self._take(process, line), self._trace.catch_up)

    def _take(self, process: ServerProcess, line: bytes) -> None:
        events = self._read(line)
        if events is None:
            process.remember(line)
        else:
            right = process.right_time or float
            self._waiting += [
                (right(when), process.name, kind, fields) for when, kind, fields in events
            ]

    def _take_in(self) -> None:
        for _ in range(_MAX_ROUNDS):
            if not any(process.read() for process in self._processes):
                break
        lines, self._waiting = self._waiting, []
        lines.sort(key=lambda line: line[0])
        # In no host's name: the clock of the one whose code runs now may be wrong.
        unix = Context().run(time.time)
        for when, host, kind, fields in lines:
            self._trace.record_late(unix - when, kind, host, dict(fields))
