"""curl against a gateway that runs as a process of its own, with the push services behind it."""

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apns_binary import token_of
from tests.conformance.gcm_http import registered
from tests.conformance.stage import BUNDLE, FULL_KEY, Door, Stage, live

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ROOT = Path(__file__).resolve().parents[2]
OK = '{"status": "ok"}'


@dataclass
class Bench:
    """A running gateway's URL, and the push services that it sends to."""

    url: str
    apns: Door
    gcm: Door
    stage: Stage

    async def curl(
        self, path: str, *arguments: str, stdin: bytes = b"", key: str = FULL_KEY
    ) -> str:
        """The body of the answer, a blank, and the status. `path` may be several."""
        process = await asyncio.create_subprocess_exec(
            "curl",
            *("--silent", "--show-error", "--max-time", "10", "--noproxy", "*"),
            *("--header", "X-AN-APP-NAME: moodle", "--header", f"X-AN-APP-KEY: {key}"),
            *("--location", "--write-out", " %{http_code}\n", *arguments),
            *(self.url + name for name in path.split()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate(stdin)
        assert process.returncode == 0, complained.decode()
        return said.decode().removesuffix("\n")


@asynccontextmanager
async def gateway_process(stage: Stage, apns: Door, gcm: Door, directory: Path) -> Any:
    """`python -m server.airnotifier`, stopped by SIGTERM; its URL."""
    provider = stage.ca.issue("provider", uid=BUNDLE, environments=["production"])
    settings = {
        "database": f"sqlite:///{directory / 'gateway.db'}",
        "port": 0,
        "apps": [
            {
                "name": "moodle",
                "keys": [{"key": FULL_KEY, "permissions": 15}],
                "apns": {
                    "host": apns.address,
                    "port": apns.port,
                    "ca_file": stage.ca.ca_file,
                    "cert_file": provider.cert_file,
                    "key_file": provider.key_file,
                    "confirm_after": 0.2,  # the process waits for this when it is stopped
                },
                "gcm": {
                    "url": f"https://{gcm.address}:{gcm.port}/gcm/send",
                    "api_key": "key-of-100",
                    "ca_file": stage.ca.ca_file,
                },
            }
        ],
    }
    config = directory / "gateway.json"
    config.write_text(json.dumps(settings))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.airnotifier", "--config", config),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    started: dict[str, Any] = {}
    while started.get("event") != "server.started":
        started = json.loads(await process.stderr.readline())
    rest = asyncio.create_task(process.stderr.read())
    try:
        yield f"http://{started['host']}:{started['port']}"
    finally:
        process.terminate()
        assert await process.wait() == 0
        assert b"Traceback" not in await rest


def with_bench(directory: Path, talk: Callable[[Bench], Awaitable[None]]) -> None:
    async def main(stage: Stage) -> None:
        apns, gcm = await stage.apns(), await stage.gcm()
        async with gateway_process(stage, apns, gcm, directory) as url:
            await talk(Bench(url, apns, gcm, stage))

    live(main, directory)


def test_curl_registers_sends_broadcasts_and_deletes(tmp_path: Path) -> None:
    async def talk(bench: Bench) -> None:
        apple, google = token_of(bench.apns).hex(), registered(bench.gcm)
        accepted = bench.stage.notes
        assert (await bench.curl("/")).endswith(" 200")
        for token in (apple, google):
            assert await bench.curl(f"/tokens/{token}", "--request", "POST") == f"{OK} 200"
        form = ("--data", f"token={apple}", "--data-urlencode", "alert=Grüße & <b>")
        assert await bench.curl("/notification/", *form) == f"{OK} 200"
        await accepted.until("vendor.accepted", 1)
        fields = ("--form", f"token={google}", "--form", "alert=Grüße", "--form", "id=7")
        assert await bench.curl("/notification", *fields) == f"{OK} 200"
        await accepted.until("vendor.accepted", 2)
        document = json.dumps({"alert": "all of you"})
        assert await bench.curl("/broadcast/", "--data", document) == f"{OK} 200"
        await accepted.until("vendor.accepted", 4)
        services = [note["service"] for note in accepted.of("vendor.accepted")]
        assert services[:2] == ["apns", "gcm"]
        assert sorted(services[2:]) == ["apns", "gcm"]
        gone = await bench.curl(f"/tokens/{apple}", "--request", "DELETE")
        assert gone == '{"status": "deleted"} 200'
        gone = await bench.curl(f"/tokens/{apple}", "--request", "DELETE")
        assert gone == '{"status": "Token does\'t exist"} 404'

    with_bench(tmp_path, talk)


def test_curl_reads_refusals(tmp_path: Path) -> None:
    async def talk(bench: Bench) -> None:
        for path, arguments, expected in [
            ("/tokens/testtoken", ("--data", ""), '{"error": "Invalid token"} 400'),
            ("/notification/", ("--data", "alert=x"), '{"error": "No token provided"} 400'),
            ("/notification/", (), '{"error": "Method not allowed"} 405'),
            ("/api/v2/push", ("--data", "{}"), '{"error": "Not found"} 404'),
        ]:
            assert await bench.curl(path, *arguments) == expected, path
        refused = await bench.curl("/broadcast", "--data", "alert=x", key="wrong")
        assert refused == '{"error": "Invalid access key"} 400'

    with_bench(tmp_path, talk)


MANNERS = [
    ("--http1.0",),
    ("--header", "Transfer-Encoding: chunked"),
    ("--header", "Expect: 100-continue"),
    ("--header", "Connection: close"),
    ("--compressed",),
    ("--http2",),  # an offer to upgrade, which is declined
]


def test_curl_is_answered_in_whatever_manner_it_asks(tmp_path: Path) -> None:
    async def talk(bench: Bench) -> None:
        body = f"token={token_of(bench.apns).hex()}&alert={'x' * 5000}".encode()
        for manner in MANNERS:
            arguments = ("--data-binary", "@-", *manner)
            answer = await bench.curl("/notification/", *arguments, stdin=body)
            assert answer == f"{OK} 200", manner
        await bench.stage.notes.until("vendor.accepted", len(MANNERS))

    with_bench(tmp_path, talk)


def test_curl_uses_one_connection_for_many_calls(tmp_path: Path) -> None:
    async def talk(bench: Bench) -> None:
        paths = " ".join(f"/tokens/{n:064x}" for n in range(20))
        said = await bench.curl(paths, "--data", "", "--write-out", " %{num_connects}\n")
        assert said.splitlines() == [f"{OK} 1", *[f"{OK} 0"] * 19]

    with_bench(tmp_path, talk)
