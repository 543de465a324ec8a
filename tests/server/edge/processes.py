"""Both servers as processes of their own, and a peer that says whatever a test wants it to say."""

import contextlib
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.databases import database_url

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
"""Seconds after which a test is given up; nothing takes so long when it works."""
KEY = "k" * 32
SERVERS = ("airnotifier", "moodle")


def settings_of(name: str, folder: Path) -> dict[str, Any]:
    """What a server needs to be started, with one application or one user."""
    common = {
        "port": 0,
        "database": database_url(folder / f"{name}.db"),
        "trusted_proxies": ["127.0.0.9"],
        # For requests that never end.
        "http": {"head_timeout": 0.3, "body_timeout": 0.3, "idle_timeout": 0.3},
    }
    if name == "airnotifier":
        key = {"key": KEY, "permissions": 15}
        gcm = {"url": "http://127.0.0.1:9/gcm/send", "api_key": "AIza", "backoff_initial": 60}
        return {**common, "apps": [{"name": "moodle", "keys": [key], "gcm": gcm}]}
    root = {"username": "root", "password": "Root-1", "firstname": "R", "lastname": "T"}
    return {
        **common,
        "wwwroot": "http://school.example",
        "users": [{**root, "role": "admin"}],
        "password_hash": {"time_cost": 1, "memory_cost": 8},
    }


@dataclass
class Process:
    """A server that runs. `said`: all that it wrote, once it has stopped."""

    name: str
    running: "subprocess.Popen[bytes]"
    port: int = 0
    lines: list[bytes] = field(default_factory=list)
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Wait until it serves; from then on keep reading its log, so that the pipe never fills."""
        log = self.running.stderr
        assert log is not None
        for line in log:
            self.lines.append(line)
            said = json.loads(line)
            if said["event"] == "server.started":
                self.port = said["port"]
                break

        def read() -> None:
            self.lines.extend(log)

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=PATIENCE, source_address=(source, 0)
        )

    def ask(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """Send bytes, and read until the server closes."""
        with self.connect(source) as peer:
            # It may have refused the beginning and closed, before the end was sent.
            with contextlib.suppress(ConnectionError):
                peer.sendall(request)
            return read_all(peer)

    def stop(self) -> int:
        """SIGTERM. Returns the exit code."""
        self.running.send_signal(signal.SIGTERM)
        code = self.running.wait(PATIENCE)
        if self.reader is not None:
            self.reader.join(PATIENCE)
        return code

    def end(self) -> None:
        """Let go of its log."""
        if self.reader is not None:
            self.reader.join()
        if self.running.stderr is not None:
            self.running.stderr.close()

    @property
    def said(self) -> bytes:
        return b"".join(self.lines)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log about one event."""
        lines = [json.loads(line) for line in self.lines]
        return [line for line in lines if line["event"] == name]


def read_all(peer: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := peer.recv(65_536):
            answer += part
    return answer


@contextmanager
def serving(
    name: str,
    folder: Path,
    *,
    descriptors: int | None = None,
    within: Sequence[str] = (),
    **settings: Any,
) -> Iterator[Process]:
    """A server as it is deployed, killed in the end if it has not been stopped. `within`: the
    command that becomes the one that follows it.
    """
    config = folder / f"{name}.json"
    config.write_text(json.dumps({**settings_of(name, folder), **settings}))

    def limit() -> None:
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    running = subprocess.Popen(
        [*within, sys.executable, "-m", f"server.{name}", "--config", str(config)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        preexec_fn=limit,
    )
    assert running.stderr is not None
    process = Process(name, running)
    try:
        process.start()
        yield process
    finally:
        running.kill()
        running.wait()
        process.end()
