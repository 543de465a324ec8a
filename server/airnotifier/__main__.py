"""Serve the gateway: `python -m server.airnotifier --config gateway.yaml`.

Logs JSON lines on standard error; the first, `server.started`, tells the address. Stops on SIGTERM
or SIGINT after what is under way is finished. Exit code 2 for a configuration that cannot be used.
"""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from aiohttp import web

from server.airnotifier.app import create_app
from server.airnotifier.settings import GatewaySettings, SettingsError, load_settings
from server.logs import EventLog, JsonFormatter


async def serve(settings: GatewaySettings) -> None:
    """Run until a signal asks to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(create_app(settings), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        EventLog("airnotifier").event("server.started", host=host, port=port)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.airnotifier", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file")
    options = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        asyncio.run(serve(load_settings(options.config)))
    except (SettingsError, OSError) as error:
        print(f"airnotifier: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
