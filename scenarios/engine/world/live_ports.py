"""The ports of live runs."""

from typing import Final

PORTS: Final = (
    "gateway",
    "site",
    "apns",
    "courier",
    "gcm",
    "mtalk",
    "google",
    "sandbox",
    "sandbox-courier",
)
"""What listens, in the order of the ports from `--port-base` on."""
