"""Serve the gateway: `python -m server.airnotifier --config gateway.yaml`. See `server.serving`."""

import sys

from server.airnotifier.app import create_app
from server.airnotifier.settings import GatewaySettings
from server.serving import run_server

if __name__ == "__main__":
    sys.exit(run_server("airnotifier", GatewaySettings, create_app))
