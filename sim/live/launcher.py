"""Runs a program as `python -m` would, on a machine whose names and calendar are somebody else's.

    python -m sim.live.launcher NAMES SKEW server.airnotifier --config gateway.json

NAMES is a socket on which names are looked up, SKEW memory that says how wrong the calendar clock
is (`SharedSkew`); both are file descriptors that come from `sim.live.surroundings`. The program
finds what it would find on such a machine: `socket.getaddrinfo` and `time.time` answer differently.
Only scenarios with failing look-ups or wrong clocks start servers this way.

A look-up is a line of JSON with the name; the answer is a line with an address, or with the number
and text of the error. Addresses are not looked up. Not covered: who asks the C library itself for
names or time, which our servers do not do, and OpenSSL, which has its own clock.
"""

import ipaddress
import json
import runpy
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from sim.live.skew import SharedSkew


class Names:
    """Looks names up at whoever is at the other end of the socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._stream = self._socket.makefile("rwb")
        self._one_at_a_time = threading.Lock()
        self._resolve = socket.getaddrinfo

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        """As `socket.getaddrinfo`. Raises socket.gaierror."""
        if isinstance(host, bytes):
            host = host.decode("ascii")
        if host and not _is_address(host):
            host = self._address(host)
        return self._resolve(host, port, *args, **kwargs)

    def _address(self, name: str) -> str:
        with self._one_at_a_time:
            try:
                self._stream.write(json.dumps(name).encode() + b"\n")
                self._stream.flush()
                line = self._stream.readline()
            except OSError:
                line = b""
        if not line:
            raise socket.gaierror(socket.EAI_AGAIN, f"{name}: nobody answers")
        answer = json.loads(line)
        if "address" not in answer:
            raise socket.gaierror(answer["errno"], answer["error"])
        address: str = answer["address"]
        return address


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def set_calendar(skew: SharedSkew) -> None:
    """Let `time.time` and `time.time_ns` show what that clock shows."""
    right, right_ns, monotonic = time.time, time.time_ns, time.monotonic
    time.time = lambda: right() + skew.read().at(monotonic())
    time.time_ns = lambda: right_ns() + round(skew.read().at(monotonic()) * 1e9)


def main(arguments: Sequence[str]) -> None:
    """The command line, without the program's name."""
    names, skew, module, *rest = arguments
    resolver: Any = Names(int(names)).getaddrinfo
    socket.getaddrinfo = resolver
    set_calendar(SharedSkew(int(skew)))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
