"""Why shipped scenarios fail against the stand-ins, in the gateway's terms: read from the records
of such runs, once. `gateway_table.py` holds what comes out against it.
"""

from typing import Final

from tests.foreign.external_gateways import Kind

_NO_DEVICE: Final = "it takes a push without `device` for one to iOS: 400"
_BROADCAST_500: Final = "it answers every broadcast with 500"
_BEHIND_BAD: Final = (
    "APNs discards what is written behind the bad token; it does not send that again"
)
_NO_RETRY: Final = "it passes GCM's failure on to the site and does not try again"
_OPEN: Final = "it was connected to APNs before the certificate went bad, and stays connected"
_NO_CLEANING: Final = "it keeps a token that GCM called `NotRegistered`, and asks for it again"
_NO_CANONICAL: Final = "it overlooks the canonical id in GCM's answer: the user gets it twice"
_OLD_TOKEN: Final = "it keeps the old token, and APNs discards the push to the new one behind it"
_NOT_AGAIN: Final = (
    "it sends nothing again that a closed connection leaves in doubt, and none of it arrives twice"
)

_REASONS: Final[dict[tuple[Kind, str, str], str]] = {
    ("2013", "broadcast", ""): "a broadcast on any channel but `default` goes to all tokens",
    ("2013", "certificate_expired", "ios"): _OPEN,
    ("2013", "certificate_expired", "android"): _NO_RETRY,
    ("2013", "gcm_unavailable", ""): _NO_RETRY,
    ("2013", "invalid_token_black_box", "position=0"): _BEHIND_BAD,
    ("2013", "invalid_token_black_box", "position=37"): _BEHIND_BAD,
    ("2013", "token_rotation_black_box", "ios"): _OLD_TOKEN,
    ("2013", "token_rotation_black_box", "android"): _NO_CANONICAL,
    ("2013", "token_rotation", "android"): _NO_CANONICAL,
    ("2013", "reinstall", "android"): _NO_CANONICAL,
    ("2013", "uninstalled_app_black_box", "android"): _NO_CLEANING,
    ("2013", "apns_silent_close", ""): _NOT_AGAIN,
    ("2014", "apns_silent_close", ""): _NOT_AGAIN,
    ("2014", "token_rotation_black_box", "ios"): _OLD_TOKEN,
    ("2014", "broadcast", ""): _BROADCAST_500,
    ("2014", "certificate_expired", "ios"): _OPEN,
    ("2014", "invalid_token_black_box", "position=0"): _BEHIND_BAD,
    ("2014", "invalid_token_black_box", "position=37"): _BEHIND_BAD,
    ("2014", "register_with_site_key", ""): _BROADCAST_500,
    ("2014", "slow_network", ""): _NO_DEVICE,
    ("2014", "gcm_unavailable", ""): _NO_DEVICE,
    **{
        ("2014", name, "android"): _NO_DEVICE
        for name in (
            "certificate_expired",
            "encrypted_phones",
            "phone_dead_path",
            "phone_handover",
            "phone_offline",
            "reinstall",
            "site_crash",
            "ten_steps",
            "token_rotation",
            "token_rotation_black_box",
            "uninstalled_app_black_box",
        )
    },
}
"""By gateway, scenario and what stands in the names of the cells."""


def reason(kind: Kind, scenario: str, cell: str) -> str | None:
    """Why this cell fails; None if it should pass."""
    for (gateway, name, part), why in _REASONS.items():
        if (gateway, name) == (kind, scenario) and part in cell:
            return why
    return None
