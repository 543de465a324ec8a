"""The site as a process of its own: it tells where it listens, answers, and stops when told to."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp

from tests.databases import database_url

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
"""Seconds after which the test is given up; it waits for events."""


def test_a_site_tells_its_address_answers_a_watcher_and_stops_on_sigterm(tmp_path: Path) -> None:
    config = tmp_path / "site.json"
    settings = {"wwwroot": "http://school.example/moodle", "host": "127.0.0.1", "port": 0}
    settings["database"] = database_url(tmp_path / "site.db")
    config.write_text(json.dumps(settings))

    async def story() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.moodle", "--config", str(config),
            cwd=ROOT, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            async with asyncio.timeout(PATIENCE):
                started = json.loads(await process.stderr.readline())
                assert started["event"] == "server.started"
                url = f"http://{started['host']}:{started['port']}/health"
                async with aiohttp.ClientSession() as client, client.get(url) as health:
                    assert (health.status, await health.json()) == (200, {"status": "ok"})
                process.send_signal(signal.SIGTERM)
                await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        assert process.returncode is not None
        return process.returncode

    assert asyncio.run(story()) == 0
