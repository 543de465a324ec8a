"""A server as a process of its own: started, listened to, stopped, never left behind.

The process writes its log to standard error, one JSON object a line; the pipe is read whenever the
recorder asks and whenever there is something in it. It is stopped by SIGTERM and, if it does not
end in time, by SIGKILL. Should this process die without stopping it, the system kills it (Linux);
a paused one would never hear of a SIGTERM. A Ctrl-C on the terminal reaches this process only.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

PATIENCE: Final = 20.0
"""Wall seconds from SIGTERM to SIGKILL: a gateway waits 5.5 s for APNs to be silent, and machines
are slow at times.
"""

_PR_SET_PDEATHSIG: Final = 1
_TAIL: Final = 20
_CHUNK: Final = 65_536

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerFailed(Exception):
    """A server process did not start, or ended by itself; the text says what it wrote last."""


class ServerProcess:
    """See the module. Nothing of the log is read before somebody listens."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        loop: asyncio.AbstractEventLoop,
        *,
        inherits: Collection[int] = (),
        right_time: Callable[[float], float] | None = None,
    ) -> None:
        """Start the process, with file descriptors that it `inherits`. Raises OSError if that is
        not possible.

        `right_time`: for a process whose clock is wrong, the Unix time at which it showed another.
        """
        self.name = name
        self.right_time = right_time
        self.ended: asyncio.Future[int] = loop.create_future()
        """The exit code."""
        self.tail: deque[str] = deque(maxlen=_TAIL)
        """Its last lines that are no log lines, for a message: they may contain anything."""
        self._loop = loop
        self._line: Callable[[bytes], None] = self.remember
        self._rest = b""
        self._pipe, write_end = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=write_end,
                start_new_session=True,
                pass_fds=tuple(inherits),
                preexec_fn=_dying_with(os.getpid()) if _libc is not None else None,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(write_end)

    def listen(self, line: Callable[[bytes], None], readable: Callable[[], None]) -> None:
        """`line` takes each complete line of the log; `readable` is to call `read` when there is
        something in the pipe, or when it has ended.
        """
        self._line = line
        self._loop.add_reader(self._pipe, readable)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self) -> bool:
        """Take in what stands in the pipe; whether there was anything."""
        if self._pipe < 0:
            return False
        try:
            data = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close_pipe()
            return False
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line)
        return True

    def remember(self, line: bytes) -> None:
        """Keep a line that is no log line."""
        self.tail.append(line.decode("utf-8", "replace"))

    async def stop(self, patience: float = PATIENCE) -> int:
        """SIGTERM, after `patience` wall seconds SIGKILL; its exit code."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # one that is stopped would never know
        done, _ = await asyncio.wait([self.ended], timeout=patience)
        if not done:
            self._signal(signal.SIGKILL)
        return await asyncio.shield(self.ended)

    def kill(self) -> None:
        """End it at once, without the loop; harmless when it has ended."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._close_pipe()

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _close_pipe(self) -> None:
        if self._pipe < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
        # Standard error is closed when the process ends, a moment before it can be waited for.
        code = self._process.wait()
        if not self.ended.done() and not self._loop.is_closed():
            self.ended.set_result(code)


def _dying_with(parent: int) -> Callable[[], None]:
    """What a child does between fork and exec, to end when its parent does."""

    def prepare() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended in between
            os._exit(1)

    return prepare
