"""Clients that others wrote, against the parts as `airbed serve` starts them."""

import asyncio
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AIRBED = "import sys; from scenarios.engine.commands.cli import main; sys.exit(main())"

Foreign = Callable[..., Callable[[dict[str, Any]], Any]]


@dataclass
class Served:
    """What `airbed serve all` said: to people, and to programs."""

    lines: list[str]
    info: dict[str, Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("serve") / "info.json"
    process = subprocess.Popen(
        [sys.executable, "-c", AIRBED, "serve", "all", "--info", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("stop with"):
                break
        yield Served(lines, json.loads(path.read_text()))
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0


def ask(client: Callable[[dict[str, Any]], Any], **task: Any) -> Any:
    async def main() -> Any:
        return await client(task)

    return asyncio.run(main())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_to_try_work_as_they_are_printed(served: Served) -> None:
    commands = [line.strip() for line in served.lines if line.startswith("  curl ")]
    assert len(commands) >= 4
    for command in commands:
        result = subprocess.run(
            [*shlex.split(command), "--silent", "--show-error", "--fail", "--noproxy", "*"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, (command, result.stdout, result.stderr)
        assert "Error=" not in result.stdout


def test_pushjack_sends_again_what_followed_a_bad_token(
    served: Served, foreign: Foreign, tmp_path: Path
) -> None:
    apns = served.info["apns"]
    pem = tmp_path / "provider.pem"
    pem.write_text(apns["cert_pem"] + apns["key_pem"])
    good, bad = apns["token"], "00" * 32
    report = ask(
        foreign("pushjack"),
        port=apns["port"],
        certificate=str(pem),
        tokens=[good, bad, good],
        message="hi",
    )
    assert report["errors"] == [["APNSInvalidTokenError", 8, 1, bad]]


def test_pyfcm_and_python_gcm_send(served: Served, foreign: Foreign, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(served.info["authority"]["ca_pem"])
    gcm = served.info["gcm"]
    token, key, url = gcm["registration_id"], gcm["api_key"], gcm["url"]
    answer = ask(foreign("pyfcm", str(authority)), url=url, key=key, tokens=[token])
    assert answer["success"] == 1
    arguments = {"registration_ids": [token], "data": {"message": "hi"}}
    client = foreign("python_gcm", str(authority))
    answer = ask(client, url=url, key=key, form="json", arguments=arguments)
    assert list(answer["success"]) == [token]
