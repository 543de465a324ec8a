"""Serving an application for real: what `python -m server.<name> --config FILE` does.

Logs are JSON lines on standard error; `server.started` tells the address. SIGTERM and
SIGINT let what is under way finish. Exit code 2 if the server cannot be started as configured.
There is no access log: query strings carry tokens and passwords.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from server.configuration_file import SettingsError, read_model
from server.database import DatabaseUnusable, explained
from server.edge import descriptors
from server.edge.edge import EDGE
from server.edge.runner import Runner
from server.exclusive import DatabaseInUse
from server.logs import EventLog
from server.private_files import readable_by_others
from server.settings import ServerSettings
from server.unexpected import log_the_unexpected, say_it_in_the_log

UNUSABLE = (SettingsError, DatabaseUnusable, DatabaseInUse, SQLAlchemyError, OSError)
"""Errors of a configuration, or of the machine that it is for; see `complain`."""


Settings = TypeVar("Settings", bound=ServerSettings)


def run_server(
    name: str, model: type[Settings], create_app: Callable[[Settings], web.Application]
) -> int:
    """The command line of the package `server.<name>`; returns the exit code. `model` is what its
    configuration file holds.
    """
    parser = argparse.ArgumentParser(prog=f"python -m server.{name}", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file")
    options = parser.parse_args()
    say_it_in_the_log(name)
    try:
        settings = read_model(options.config, model)
        asyncio.run(_serve(name, options.config, settings, create_app))
    except UNUSABLE as error:
        return complain(name, error)
    return 0


def complain(name: str, error: Exception) -> int:
    """Tell the operator what is unusable, without secrets. Returns the exit code."""
    text = explained(error) if isinstance(error, SQLAlchemyError) else str(error)
    print(f"{name}: {text}", file=sys.stderr)
    return 2


async def _serve(
    name: str, config: Path, settings: Settings, create_app: Callable[[Settings], web.Application]
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    log = EventLog(name)
    log_the_unexpected(loop, log)
    limit = descriptors.raise_limit()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    app = create_app(settings)
    runner = Runner(app, room=descriptors.room(app[EDGE], limit))
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=descriptors.backlog(limit))
        await site.start()
        host, port = runner.addresses[0][:2]
        log.event("server.started", host=host, port=port)
        for path in dict.fromkeys((config, *settings.secret_files())):
            if readable_by_others(path):
                log.trouble("file.exposed", path=str(path), advice="chmod 600")
        await stopped.wait()
    finally:
        await runner.cleanup()
