"""Clients that were written by others long ago, each in a process of its own."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).with_name("clients")

Client = Callable[[dict[str, Any]], Any]
"""Gives a task to a client and returns, when awaited, what it printed."""


def interpreter() -> Path:
    """The Python of the environment that `make foreign` makes."""
    return Path(os.environ.get("AIRBED_FOREIGN_PYTHON") or ROOT / ".venv-foreign/bin/python")


@pytest.fixture(scope="session")
def foreign() -> Callable[..., Client]:
    """`foreign("pushjack", ca_file=...)` is a client; skips the test if it is not installed."""
    missing: dict[str, str] = {}

    def client(name: str, ca_file: str = "") -> Client:
        module = {"python_gcm": "gcm"}.get(name, name)
        if module not in missing:
            missing[module] = why_not(module)
        if missing[module]:
            pytest.skip(f"{name} cannot run here ({missing[module]}); make foreign installs it")

        async def run(task: dict[str, Any]) -> Any:
            # No proxy of the machine's between a client and the loopback interface.
            environment = {"NO_PROXY": "*", "REQUESTS_CA_BUNDLE": ca_file, "PATH": "/usr/bin:/bin"}
            process = await asyncio.create_subprocess_exec(
                interpreter(),
                "-W",
                "ignore",
                CLIENTS / f"{name}_client.py",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
            said, complained = await process.communicate(json.dumps(task).encode())
            assert process.returncode == 0, complained.decode()
            return json.loads(said)

        return run

    return client


def why_not(module: str) -> str:
    """Why a module cannot be imported by the clients' interpreter; empty if it can."""
    python = interpreter()
    if not python.exists():
        return f"there is no {python}"
    probe = subprocess.run(
        [python, "-W", "ignore", "-c", f"import ssl, {module}\n"
         + ("ssl.wrap_socket" if module == "pushjack" else "")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return probe.stderr.strip().splitlines()[-1] if probe.returncode else ""
