"""The gateway as a process of its own, on real sockets: started, killed, started again.

These are the only tests of the gateway outside a simulated world: a SIGKILL needs a process. They
wait for events (a log line, a frame), never for a time.
"""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from tests.databases import database_url, sql
from tests.server.airnotifier.support import HEADERS, SITE_KEY, ApnsListener, apns_token

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
"""Seconds after which a test is given up; nothing waits that long when it works."""


class Process:
    """`python -m server.airnotifier` with its log."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self.events: list[dict[str, Any]] = []
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Returns the base URL once it listens."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server.airnotifier",
            "--config",
            str(self._config),
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        started = await self.wait_for("server.started")
        return f"http://{started['host']}:{started['port']}"

    async def wait_for(self, event: str) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self._process.stderr.readline():
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == event:
                    return self.events[-1]
        raise AssertionError(f"no {event} in {self.events}")

    async def stop(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        _, rest = await self._process.communicate()
        self.events.extend(json.loads(line) for line in rest.splitlines())
        return await self._process.wait()


@pytest.fixture
def authority() -> Iterator[CertificateAuthority]:
    authority = CertificateAuthority(Seeds(1))
    yield authority
    authority.close()


def write_config(path: Path, authority: CertificateAuthority, apns_port: int) -> Path:
    identity = authority.issue("push", uid="com.moodle.app", environments=["production"])
    config = path / "gateway.json"
    apns = {
        "host": "localhost",
        "port": apns_port,
        "ca_file": authority.ca_file,
        "cert_file": identity.cert_file,
        "key_file": identity.key_file,
        "confirm_after": 0.2,
        "backoff_initial": 0.1,
        "backoff_max": 0.2,
    }
    keys = [
        {"key": HEADERS["X-AN-APP-KEY"], "permissions": ["create_token"]},
        {"key": SITE_KEY, "permissions": ["send_notification", "send_broadcast"]},
    ]
    document = {
        "port": 0,
        "database": database_url(path / "gateway.db"),
        "apps": [{"name": "moodle", "keys": keys, "apns": apns}],
    }
    config.write_text(json.dumps(document))
    return config


async def listen(listener: ApnsListener, tls: ssl.SSLContext, port: int = 0) -> asyncio.Server:
    return await asyncio.start_server(listener.serve, "localhost", port, ssl=tls)


def test_a_push_survives_kill_9_between_acceptance_and_dispatch(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    tls = authority.server_context(authority.issue("apns", names=["localhost"]))

    async def main() -> None:
        listener = ApnsListener()
        server = await listen(listener, tls)
        port = server.sockets[0].getsockname()[1]
        process = Process(write_config(tmp_path, authority, port))
        url = await process.start()
        server.close()  # from here on nothing can be dispatched
        site = {**HEADERS, "X-AN-APP-KEY": SITE_KEY}
        async with aiohttp.ClientSession() as session:
            for number in range(5):
                token = apns_token(number)
                async with session.post(f"{url}/tokens/{token}", headers=HEADERS) as answer:
                    assert answer.status == 200
                data = {"token": token, "alert": f"number {number}"}
                async with session.post(f"{url}/notification/", data=data, headers=site) as answer:
                    assert answer.status == 200
            async with session.post(
                f"{url}/broadcast", json={"alert": "all"}, headers=site
            ) as answer:
                assert answer.status == 200
        assert await process.stop(signal.SIGKILL) == -signal.SIGKILL
        assert listener.accepted == []

        server = await listen(listener, tls, port)
        process = Process(process._config)
        await process.start()
        for _ in range(10):
            await process.wait_for("push.completed")
        tokens = [apns_token(number) for number in range(5)]
        assert listener.accepted == tokens * 2
        alerts = [frame.payload["aps"]["alert"] for frame in listener.frames]
        assert alerts == [f"number {number}" for number in range(5)] + ["all"] * 5
        assert await process.stop(signal.SIGTERM) == 0
        server.close()
        await asyncio.gather(*(writer.wait_closed() for writer in listener.writers))

    asyncio.run(main())


def test_every_push_that_was_answered_survives_kill_9_and_its_number_is_not_given_again(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    async def main() -> None:
        config = write_config(tmp_path, authority, apns_port=9)  # nothing listens there
        process = Process(config)
        url = await process.start()
        answered: list[int] = []
        enough = asyncio.Event()

        async def register(session: aiohttp.ClientSession, token: str) -> None:
            async with session.post(f"{url}/tokens/{token}", headers=HEADERS) as answer:
                assert answer.status == 200

        async def push(session: aiohttp.ClientSession, token: str) -> None:
            fields = {"token": token, "alert": "hi"}
            headers = {**HEADERS, "X-AN-APP-KEY": SITE_KEY}
            async with session.post(f"{url}/notification/", data=fields, headers=headers) as answer:
                assert answer.status == 200
                answered.append(int(answer.headers["X-AN-Push-Id"]))
                if len(answered) == 100:
                    enough.set()

        async with aiohttp.ClientSession() as session:
            tokens = [apns_token(number) for number in range(20)]
            await asyncio.gather(*(register(session, token) for token in tokens))
            asked = [asyncio.create_task(push(session, tokens[n % 20])) for n in range(400)]
            await enough.wait()
            assert await process.stop(signal.SIGKILL) == -signal.SIGKILL
            await asyncio.gather(*asked, return_exceptions=True)
        stored = sql(database_url(tmp_path / "gateway.db"), "select id from outbox")
        assert {(number,) for number in answered} <= set(stored)
        assert len(answered) < 400  # it died amid them

        process = Process(config)
        url = await process.start()
        before = max(answered)
        async with aiohttp.ClientSession() as session:
            await push(session, tokens[0])
        assert answered[-1] > max(before, *(number for (number,) in stored))
        await process.stop(signal.SIGTERM)

    asyncio.run(main())


def test_a_certificate_that_is_none_is_named_at_start(tmp_path: Path) -> None:
    pem = tmp_path / "bad.pem"
    pem.write_text("not a certificate")
    config = tmp_path / "gateway.yaml"
    database = database_url(tmp_path / "gateway.db")
    config.write_text(
        f"database: '{database}'\nport: 0\n"
        f"apps: [{{name: moodle, apns: {{cert_file: {pem}, key_file: {pem}}}}}]\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "server.airnotifier", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 2
    assert "app moodle: the APNs certificate cannot be used" in result.stderr
    assert "Traceback" not in result.stderr
    assert sql(database, "select name from apps") == [("moodle",)]
