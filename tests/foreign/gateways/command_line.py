"""What both gateways are told when they are started, and how they run until they are stopped."""

import argparse
import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True)
class Options:
    """One gateway with one application."""

    port: int
    app: str
    keys: dict[str, int]
    """Access keys with their permissions: 1 create tokens, 2 delete them, 4 send, 8 broadcast."""
    apns: tuple[str, int]
    apns_cert: str
    apns_key: str
    connections: int
    gcm_url: str
    gcm_key: str
    ca: str
    """A file of certificates for GCM. APNs is not verified, as in those years."""


def parse(description: str) -> Options:
    """Read sys.argv."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--app", required=True, help="the application's name")
    parser.add_argument("--key", action="append", required=True, metavar="KEY:PERMISSIONS")
    parser.add_argument("--apns", required=True, metavar="HOST:PORT")
    parser.add_argument("--apns-cert", required=True, help="PEM, of the application")
    parser.add_argument("--apns-key", required=True)
    parser.add_argument("--connections", type=int, default=1, help="to APNs")
    parser.add_argument("--gcm-url", required=True)
    parser.add_argument("--gcm-key", required=True)
    parser.add_argument("--ca", required=True, help="PEM; trusted for GCM")
    found = vars(parser.parse_args())
    keys = (key.rpartition(":") for key in found.pop("key"))
    host, _, port = found.pop("apns").rpartition(":")
    return Options(
        keys={key: int(permissions) for key, _, permissions in keys},
        apns=(host, int(port)),
        **found,
    )


def apns_tls(options: Options) -> ssl.SSLContext:
    """With the application's certificate; whoever answers is believed."""
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.load_cert_chain(options.apns_cert, options.apns_key)
    return tls


def serve(make: Callable[[], Awaitable[web.Application]], port: int) -> None:
    """Listen on loopback, say so on standard output, run until SIGTERM or SIGINT."""
    asyncio.run(_serve(make, port))


async def _serve(make: Callable[[], Awaitable[web.Application]], port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(await make(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stop.wait()
    await runner.cleanup()
