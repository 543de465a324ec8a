"""Gateways that were set up beforehand for push services at `base`, each a process of its own:
Airbed's ("ours"), and the two of `gateways/`, which others might have written ("2013", "2014").

    with external_gateway("2013", tmp_path, base := free_ports()) as gateway:
        main(["run", "--gateway", gateway.url, *gateway.arguments, file, ...])

They trust the authority of a seed, as one does who was given the certificates beforehand, and have
the application `moodle` with a key for phones and one for the site.
"""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from scenarios.engine.world.live_ports import PORTS
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from sim.net.tls_policy import LIVE_TLS

Kind = Literal["ours", "2013", "2014"]
KINDS: Final[tuple[Kind, ...]] = ("ours", "2013", "2014")

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = Path(__file__).with_name("gateways")

APP_KEY: Final = "k" * 32
SITE_KEY: Final = "s" * 32
CREATE_TOKENS, DELETE_TOKENS, SEND, BROADCAST = 1, 2, 4, 8

PATIENCE: Final = 30.0
"""Seconds for a process to listen, or to end."""


@dataclass(frozen=True)
class Running:
    """One that listens."""

    url: str
    base: int
    pid: int
    log: Path
    """What it writes to standard error; the stand-ins write as Tornado does."""

    @property
    def arguments(self) -> list[str]:
        """Of `airbed run`: everything but the scenario, the seed and where records go."""
        keys = ["--gateway-app-key", APP_KEY, "--gateway-site-key", SITE_KEY]
        return ["--gateway", self.url, *keys, "--port-base", str(self.base)]


@contextmanager
def external_gateway(
    kind: Kind,
    directory: Path,
    base: int,
    *,
    seed: int = 1,
    app_key: int = CREATE_TOKENS,
    site_key: int = CREATE_TOKENS | SEND | BROADCAST,
    gcm_key: str | None = None,
    connections: int = 1,
    port: int = 0,
) -> Iterator[Running]:
    """One of `KINDS`, on a free port unless one is given; its files go to `directory`.

    `app_key`, `site_key`: what these keys may do. `gcm_key`: another one than the push services
    know. `connections`: to APNs, of the stand-ins.
    """
    authority = CertificateAuthority(Seeds(seed), LIVE_TLS)
    certificate = authority.issue(
        "foreign", uid="com.moodle.moodlemobile", environments=["production"]
    )
    gcm_key = api_key(seed) if gcm_key is None else gcm_key
    keys = {APP_KEY: app_key, SITE_KEY: site_key}
    if kind == "ours":
        config = directory / "gateway.json"
        apns: dict[str, Any] = {"host": "127.0.0.1", "port": base + 2}
        apns |= {"ca_file": authority.ca_file, "cert_file": certificate.cert_file}
        apns |= {"key_file": certificate.key_file}
        gcm = {"url": f"https://127.0.0.1:{base + 4}/gcm/send", "ca_file": authority.ca_file}
        app = {
            "name": "moodle",
            "keys": [{"key": key, "permissions": what} for key, what in keys.items()],
            "apns": apns,
            "gcm": {**gcm, "api_key": gcm_key},
        }
        database = f"sqlite:///{directory / 'gateway.db'}"
        config.write_text(json.dumps({"database": database, "port": port, "apps": [app]}))
        command = ["-m", "server.airnotifier", "--config", str(config)]
    else:
        command = [str(PROGRAMS / f"airnotifier_{kind}.py"), "--port", str(port), "--app", "moodle"]
        for key, permissions in keys.items():
            command += ["--key", f"{key}:{permissions}"]
        command += ["--apns", f"127.0.0.1:{base + 2}", "--connections", str(connections)]
        command += ["--apns-cert", certificate.cert_file, "--apns-key", certificate.key_file]
        command += ["--gcm-url", f"https://127.0.0.1:{base + 4}/gcm/send", "--gcm-key", gcm_key]
        command += ["--ca", authority.ca_file]
    log = directory / f"gateway-{kind}.log"
    try:
        with _process(command, log) as (url, pid):
            yield Running(url, base, pid, log)
    finally:
        authority.close()


@contextmanager
def _process(arguments: Sequence[str], log: Path) -> Iterator[tuple[str, int]]:
    """Python with these arguments: its address and number, once it listens; ended afterwards."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            yield _address(process, log), process.pid
        finally:
            process.terminate()
            try:
                process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it listens: the stand-ins say so on standard output, ours in its log."""
    assert process.stdout is not None
    for _ in range(int(PATIENCE * 20)):
        ended = process.poll()
        assert ended is None, f"ended with {ended}: {log.read_text()}"
        if select.select([process.stdout], [], [], 0.05)[0]:
            line = process.stdout.readline().decode()
            assert line.startswith("listening on "), line + log.read_text()
            return line.removeprefix("listening on ").strip()
        for line in log.read_text().splitlines():
            if '"server.started"' in line:
                return f"http://127.0.0.1:{json.loads(line)['port']}"
    raise AssertionError(f"it does not listen: {log.read_text()}")


def free_ports() -> int:
    """A `--port-base` for a live run: as many ports in a row on which nobody listens. Below the
    range that systems take theirs from, and at another place in it for each process, so that test
    runs side by side do not take each other's.
    """
    count = len(PORTS)
    for attempt in range(2_000):
        base = 10_000 + (os.getpid() + attempt) * count % 20_000
        try:
            for port in range(base, base + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise AssertionError("no free ports")


def api_key(seed: int) -> str:
    """GCM's key in a deployment with this seed: the third of its keys."""
    keys = Seeds(seed).stream("deployment/keys")
    return [keys.randbytes(16).hex() for _ in range(3)][2]
