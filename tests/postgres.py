"""A PostgreSQL server of one's own, in a temporary directory, for as long as a command runs:

    python tests/postgres.py python -m pytest tests/server

The command finds its URL in AIRBED_POSTGRES. The server listens on a socket in its directory and
nowhere else. PostgreSQL refuses to run as root; then it runs as the user `postgres`, or `nobody`.
It is started without fsync: nobody pulls the plug of this machine for a test.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 60.0
"""Seconds after which a server that neither starts nor stops is given up."""
MISSING = """\
There is no PostgreSQL here: neither on PATH nor in /usr/lib/postgresql/*/bin.
On Debian or Ubuntu: sudo apt-get install postgresql
(or set AIRBED_POSTGRES to the URL of a database and run pytest yourself)"""


def programs() -> Path | None:
    """The directory of the newest server's programs, if there is one."""
    on_path = shutil.which("initdb")
    installed = [
        *([Path(on_path).resolve()] if on_path else []),  # may be a link to one of many
        *sorted(
            Path("/usr/lib/postgresql").glob("*/bin/initdb"),
            key=lambda path: [int(part) for part in path.parts[4].split(".") if part.isdigit()],
            reverse=True,
        ),
    ]
    complete = (path.parent for path in installed if (path.parent / "postgres").exists())
    return next(complete, None)


class PrivateServer:
    """A running server; leaving the context ends it and removes its directory."""

    def __init__(self) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError(MISSING)
        self._programs = found
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user = _unprivileged()
        # Not below TMPDIR: the path of a socket has 107 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="airbed-postgres-", dir="/tmp"))
        self.url = f"postgresql+psycopg://airbed@/postgres?host={self.directory}"

    def __enter__(self) -> Self:
        if self._as_user:
            os.chown(self.directory, *_ids(self._as_user["user"]))
        try:
            options = ["--auth=trust", "--username=airbed", "--encoding=UTF8", "--locale=C"]
            data = f"--pgdata={self.directory / 'data'}"
            self._call("initdb", *options, "--no-sync", data)
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its log if it does not."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.directory,
            "fsync": "off",
            "max_connections": "200",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.directory / "data", *options],
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C is for the tests; who stops them stops this
                **self._as_user,
            )
        give_up = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError(f"PostgreSQL does not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, and all sessions with it, in good order."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it on the spot; at its next start it recovers from its log."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def _answers(self) -> bool:
        command = [self._programs / "pg_isready", "-q", "-h", self.directory]
        return subprocess.run(command, check=False).returncode == 0

    def _call(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)


def _unprivileged() -> dict[str, Any]:
    """Arguments for subprocess that make somebody else of root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL refuses to run as root, and there is no other user here")


def _ids(user: int) -> tuple[int, int]:
    import pwd

    return user, pwd.getpwuid(user).pw_gid


def main() -> int:
    """Run a command with a server; its exit code."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with PrivateServer() as server:
            environment = {**os.environ, "AIRBED_POSTGRES": server.url}
            return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    except (FileNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
