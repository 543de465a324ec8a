"""Serve a site: `python -m server.moodle --config site.yaml`.

Logs are JSON lines on stderr; the first, `server.started`, tells the address.
"""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from server.logs import EventLog, JsonFormatter
from server.moodle.app import create_app
from server.moodle.config_file import ConfigError, read_model
from server.moodle.settings import SiteSettings


async def serve(settings: SiteSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in progress."""
    # No access log: query strings carry tokens and passwords.
    runner = web.AppRunner(create_app(settings), access_log=None)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        EventLog("moodle").event("server.started", host=host, port=port)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m server.moodle", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        settings = read_model(arguments.config, SiteSettings)
        asyncio.run(serve(settings))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
