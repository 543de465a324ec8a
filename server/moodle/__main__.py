"""Serve a site: `python -m server.moodle --config site.yaml`. See `server.serving`."""

import sys

from server.moodle.app import create_app
from server.moodle.settings import SiteSettings
from server.serving import run_server

if __name__ == "__main__":
    sys.exit(run_server("moodle", SiteSettings, create_app))
